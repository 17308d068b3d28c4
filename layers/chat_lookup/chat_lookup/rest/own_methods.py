"""Methods by which clients test their connection, `user.current` and `server.time`: for every key, and nearly free."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from threading import Event, Lock
from typing import Final

from chat_lookup.bitrix24.client import Command, OperatingTime
from chat_lookup.calls.operating_budget import WINDOW
from chat_lookup.clock import Clock, Deadline
from chat_lookup.errors import PortalUnavailable
from chat_lookup.http import php_arrays
from chat_lookup.portals.portal import Portal, PortalState
from chat_lookup.rest.errors import Refusal, RestFailures
from chat_lookup.rest.forwarding import Forwarding
from chat_lookup.rest.responses import RestOutcome, Result, time_of
from chat_lookup.ttl_cache import Memory

USER_CURRENT: Final = "user.current"
SERVER_TIME: Final = "server.time"
OWN_METHODS: Final = frozenset({USER_CURRENT, SERVER_TIME})
_PROFILE: Final = Command("profile", {})
_FIELDS: Final = ("ID", "NAME", "LAST_NAME", "ADMIN")
"""What is passed on of a profile: whose rights the calls have, and no more of a person."""

AskProfile = Callable[[Portal, Deadline], RestOutcome]


class OwnMethods:
    """Returns the outcomes of the service's own methods."""

    def __init__(self, forwarding: Forwarding, failures: RestFailures, clock: Clock) -> None:
        def ask(portal: Portal, deadline: Deadline) -> RestOutcome:
            (outcome,) = forwarding.outcomes(portal, [_PROFILE], deadline, changing=False)
            return outcome

        self._profiles = Profiles(ask, failures, clock)
        self._clock = clock

    def outcome(self, portal: Portal, method: str, deadline: Deadline) -> RestOutcome:
        """The outcome of one of `OWN_METHODS`."""
        began = self._clock.now()
        value: object = datetime.fromtimestamp(began, UTC).isoformat(timespec="seconds")
        if method == USER_CURRENT:
            profile = self._profiles.of(portal, deadline)
            if isinstance(profile, Refusal):
                return profile
            value = _user(php_arrays.entries(profile.value))
        # As the portal reports of a method of which nothing was used.
        return Result(value, time_of(began, self._clock.now(), OperatingTime(0.0, began + WINDOW)))


def _user(profile: Mapping[str, object]) -> Mapping[str, object] | list[object]:
    return php_arrays.as_json({name: profile[name] for name in _FIELDS if name in profile})


class _Flight:
    """A call that is under way, and its outcome as soon as there is one."""

    def __init__(self) -> None:
        self.landed = Event()
        self.outcome: RestOutcome | None = None


class Profiles:
    """The profiles of the users in whose names portals are called, each requested once in 30 seconds by a process.

    Concurrent callers share one call and its outcome; only a result is remembered.
    """

    def __init__(self, ask: AskProfile, failures: RestFailures, clock: Clock) -> None:
        self._ask = ask
        self._failures = failures
        self._results: Memory[tuple[str, int], Result] = Memory(clock)
        self._flights: dict[str, _Flight] = {}
        self._lock = Lock()

    def of(self, portal: Portal, deadline: Deadline) -> RestOutcome:
        """The outcome of `profile`. A closed portal is not answered for: its state decides."""
        key = (portal.member_id, portal.generation)
        with self._lock:
            known = self._results.get(key) if portal.state is PortalState.ACTIVE else None
            if known is not None:
                return known
            flight = self._flights.get(portal.member_id)
            leads = flight is None
            if flight is None:
                flight = self._flights[portal.member_id] = _Flight()
        return self._led(flight, portal, deadline) if leads else self._followed(flight, deadline)

    def _led(self, flight: _Flight, portal: Portal, deadline: Deadline) -> RestOutcome:
        try:
            outcome = flight.outcome = self._ask(portal, deadline)
            if isinstance(outcome, Result):
                self._results.put((portal.member_id, portal.generation), outcome)
            return outcome
        finally:
            # After the result is stored: who comes now finds it.
            with self._lock:
                del self._flights[portal.member_id]
            flight.landed.set()

    def _followed(self, flight: _Flight, deadline: Deadline) -> RestOutcome:
        flight.landed.wait(deadline.left())
        late = PortalUnavailable("The portal has not answered another request for this user in time", retry_after=1.0)
        return flight.outcome or self._failures.refusal(late)
