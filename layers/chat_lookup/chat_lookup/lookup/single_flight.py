"""One miss is asked once, however many ask: one holds the lease and calls, the others take what he gets (design 5)."""

import json
import logging
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from random import Random
from typing import Final, Protocol

from chat_lookup.cache.leases import LEASE, Lease, Standing, Wanted
from chat_lookup.cache.rows import EVENT, PORTAL, Row
from chat_lookup.clock import Clock, Deadline
from chat_lookup.errors import (
    ChatLookupError,
    ChatNotAccessible,
    DeadlineReached,
    PortalBlocked,
    PortalBusy,
    PortalMisconfigured,
    PortalNotInstalled,
    PortalReauthorise,
    PortalRefused,
    PortalUnavailable,
    StoreUnavailable,
)
from chat_lookup.observability.aws_failures import FAILED, no_time_left
from chat_lookup.observability.telemetry import Telemetry

STALE_FOR: Final = (PortalUnavailable, PortalBusy, PortalBlocked, StoreUnavailable, DeadlineReached)
"""Failures that pass: the last known answer serves meanwhile. Where the portal took a right away, it does not."""
_FIRST_STEP: Final = 0.05
_GROWTH: Final = 1.6
_LONGEST_STEP: Final = 0.5
_JITTER: Final = (0.5, 1.5)
"""Steps, in seconds, in which a loser looks for an answer; times a factor, so that not all look at once."""
_TOO_LATE: Final = 0.1
"""Seconds before the deadline at which waiting ends: time to say so."""
_LATE_ENOUGH: Final = 0.5
"""Seconds by which a slot must lie ahead for the lease to be extended: less is not worth the write."""
_SHARED: Final[Mapping[str, type[ChatLookupError]]] = {
    kind.code: kind
    for kind in (
        ChatNotAccessible,
        PortalBlocked,
        PortalBusy,
        PortalMisconfigured,
        PortalNotInstalled,
        PortalReauthorise,
        PortalRefused,
        PortalUnavailable,
    )
}
"""Failures of one that are the failures of all who waited with him, if the portal said them."""


class LeaseStore(Protocol):
    """Where leases are kept: `leases.Leases`."""

    def read(self, wanted: Wanted) -> Standing: ...

    def claim(self, wanted: Wanted, owner: str) -> Standing: ...

    def extend(self, wanted: Wanted, owner: str, until: float) -> None: ...

    def release(self, wanted: Wanted, owner: str, failure: str = "") -> None: ...


class Turn:
    """Somebody's turn to ask the portal. `asked_at` is when he does, as far as is known yet (Unix seconds).

    `kept` is whether the answer was stored, which ends the lease.
    """

    def __init__(self, began: float, extend: Callable[[float], None] | None = None) -> None:
        self.asked_at = began
        self.kept = True
        self._began = began
        self._until = began + LEASE
        self._extend = extend

    def on_slot(self, at: float) -> None:
        """Learn that a call waits for its slot, so that he who waits for it is not taken for dead."""
        if self.asked_at == self._began:
            self.asked_at = max(self._began, at)
        if self._extend is not None and at + LEASE > self._until + _LATE_ENOUGH:
            self._until = at + LEASE
            self._extend(self._until)


class Misses:
    """Settles a miss: asks, or waits for whoever asks already."""

    def __init__(self, leases: LeaseStore, telemetry: Telemetry, clock: Clock, random: Random) -> None:
        self._leases = leases
        self._telemetry = telemetry
        self._clock = clock
        self._random = random

    def settle(
        self, wanted: Wanted, known: Row | None, ask: Callable[[Turn], Row], deadline: Deadline
    ) -> tuple[Row, str]:
        """The row that answers, and its source: portal, cache, event or stale.

        `known` is what was read of the pair before; `ask` asks the portal and stores its answer. Whoever waited for
        another's answer has it from the portal, too. Raises what `ask` raises, what the portal said to him who was
        waited for, `PortalBusy` where his slot lies past the deadline, or `PortalUnavailable` when that comes; where
        there was no time to wait at all, what `no_time_left` says.
        """
        owner, watched, step = uuid.uuid4().hex, Lease(), _FIRST_STEP
        while True:
            try:
                standing = self._look(wanted, owner, watched)
            except FAILED as error:
                # Without a lease the portal may be asked twice, which is better than not at all.
                self._telemetry.note(level=logging.WARNING, unleased=type(error).__name__)
                return self._or_stale(wanted, known, lambda: ask(Turn(self._clock.now())))
            row, now = standing.row, self._clock.now()
            if row is not None and wanted.served_by(row, now):
                return row, _source(row, waited=watched.owner != "")
            if standing.lease.owner == owner:
                return self._or_stale(wanted, row, partial(self._leased, wanted, owner, ask))
            if row is not None and wanted.may_be_stale(row, now):
                return row, "stale"
            if not watched.owner and deadline.left() <= _TOO_LATE:
                raise no_time_left()
            watched = standing.lease
            self._wait(watched, step * self._random.uniform(*_JITTER), deadline)
            step = min(step * _GROWTH, _LONGEST_STEP)

    def _look(self, wanted: Wanted, owner: str, watched: Lease) -> Standing:
        """What stands now; and the lease claimed, unless he who is watched still holds it."""
        if watched.owner:
            standing, now = self._leases.read(wanted), self._clock.now()
            if standing.lease.owner == watched.owner and standing.lease.failure:
                _raise_shared(standing.lease.failure, wanted.how)
            if wanted.served_by(standing.row, now) or not standing.lease.free(now):
                return standing
        return self._leases.claim(wanted, owner)

    def _wait(self, lease: Lease, pause: float, deadline: Deadline) -> None:
        """One step. No further than to where something can still be answered, and not at all for what comes later."""
        soon = max(1.0, lease.until - self._clock.now())
        if lease.until - LEASE > deadline.at:
            raise PortalBusy("The portal is to be asked, but its limit leaves no room in time", retry_after=soon)
        left = deadline.left() - _TOO_LATE
        if left <= 0:
            raise PortalUnavailable("The portal is being asked, and has not answered in time", retry_after=soon)
        self._clock.sleep(min(pause, left))

    def _leased(self, wanted: Wanted, owner: str, ask: Callable[[Turn], Row]) -> Row:
        """Ask as the holder. The answer ends the lease; where a later one stands already, that serves who waits."""
        turn = Turn(self._clock.now(), lambda until: self._leases.extend(wanted, owner, until))
        try:
            row = ask(turn)
        except BaseException as error:
            self._leases.release(wanted, owner, _shareable(error, wanted.how))
            raise
        if not turn.kept:
            self._leases.release(wanted, owner)
        return row

    def _or_stale(self, wanted: Wanted, known: Row | None, asked: Callable[[], Row]) -> tuple[Row, str]:
        try:
            return asked(), PORTAL
        except STALE_FOR as failure:
            if known is None or not wanted.may_be_stale(known, self._clock.now()):
                raise
            self._telemetry.note(level=logging.WARNING, problem=failure.code)
            return known, "stale"


def _source(row: Row, *, waited: bool) -> str:
    if row.source == EVENT:
        return EVENT
    return PORTAL if waited else "cache"


def _shareable(error: BaseException, how: str) -> str:
    """A failure as it is left for those who wait; empty for what only this attempt met: no slot, no connection."""
    if not isinstance(error, ChatLookupError) or error.portal_error is None or error.code not in _SHARED:
        return ""
    said = {"detail": error.detail, "portal_error": error.portal_error, "retry_after": error.retry_after}
    return json.dumps({"how": how, "code": error.code, "said": said})


def _raise_shared(failure: str, how: str) -> None:
    """Raise what the portal said to another, unless he asked in another way."""
    left = json.loads(failure)
    if left["how"] == how:
        raise _SHARED[left["code"]](**left["said"])
