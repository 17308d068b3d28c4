"""The user in whose name a portal is called, requested once in 30 seconds by all processes together.

The row `PROFILE#<member_id>#<generation>` of CacheTable has the lease of the process that calls the portal, and the
outcome of the last call. A process that waited for a call takes its outcome, be it a refusal; others take a fresh
result.
"""

import json
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from chat_lookup.clock import CLOCKS_APART, SKEW, Clock, Deadline
from chat_lookup.dynamodb import (
    Table,
    absent,
    all_of,
    any_of,
    at_most,
    equals,
    greater,
    less,
    number,
    read_number,
    read_text,
    text,
)
from chat_lookup.errors import PortalUnavailable
from chat_lookup.observability.aws_failures import FAILED
from chat_lookup.portals.portal import Portal, PortalState
from chat_lookup.rest.errors import Refusal, RestFailures
from chat_lookup.rest.responses import RestOutcome, Result
from chat_lookup.ttl_cache import SECONDS

if TYPE_CHECKING:
    from chat_lookup.dynamodb import Item, Values

AskProfile = Callable[[Portal, Deadline], RestOutcome]
"""Calls `profile`, and leaves in the result what may be stored."""

_LONGEST: Final = 60.0
"""Seconds that no function runs: a lease that ends so far ahead was claimed by a clock that ran wrong."""
_KEPT: Final = 600.0
"""Seconds after which a row may be collected."""
_STEP: Final = 0.2
"""Seconds between two reads of a process that waits."""
_TOO_LATE: Final = 0.1
"""Seconds before the deadline at which waiting ends: time to respond."""


class _ProfileRow(NamedTuple):
    """A row as it is read."""

    owner: str
    lease_until: float
    fresh_until: float
    outcome: RestOutcome | None

    def fresh(self, now: float) -> bool:
        return now < self.fresh_until <= now + SECONDS + CLOCKS_APART

    def free(self, now: float) -> bool:
        """Whether the lease is over for certain, by either of two clocks."""
        return not now - SKEW <= self.lease_until <= now + _LONGEST


class Profiles:
    """Returns profiles of users, each of one portal."""

    def __init__(self, ask: AskProfile, failures: RestFailures, table: Table, clock: Clock) -> None:
        self._ask = ask
        self._failures = failures
        self._table = table
        self._clock = clock

    def of(self, portal: Portal, deadline: Deadline) -> RestOutcome:
        """The outcome of `profile`. Nothing stored is returned for a closed portal: its state decides."""
        if portal.state is PortalState.ACTIVE:
            # Without the store each process calls the portal, which is better than none.
            with suppress(*FAILED):
                return self._shared(portal, deadline)
        return self._ask(portal, deadline)

    def _shared(self, portal: Portal, deadline: Deadline) -> RestOutcome:
        key: Values = {"pk": text(f"PROFILE#{portal.member_id}#{portal.generation}")}
        owner, watched = uuid.uuid4().hex, ""
        while True:
            stored, now = _stored(self._table.get(key, consistent=True)), self._clock.now()
            if stored.outcome is not None and (stored.fresh(now) or stored.owner == watched):
                return stored.outcome
            if stored.free(now) and self._claims(key, owner, deadline):
                outcome = self._ask(portal, deadline)
                self._finish(key, owner, outcome)
                return outcome
            watched = stored.owner
            left = deadline.left() - _TOO_LATE
            if left <= 0:
                late = PortalUnavailable("The portal has not answered another request in time", retry_after=1.0)
                return self._failures.refusal(late)
            self._clock.sleep(min(_STEP, left))

    def _claims(self, key: "Values", owner: str, deadline: Deadline) -> bool:
        """Take the lease until the call's end, unless it is taken or a fresh result is stored."""
        now = self._clock.now()
        free = any_of(
            absent("lease_until"),
            less("lease_until", number(now - SKEW)),
            greater("lease_until", number(now + _LONGEST)),
            # Our own write, whose answer was lost.
            equals("owner", text(owner)),
        )
        not_fresh = any_of(
            absent("fresh_until"),
            at_most("fresh_until", number(now)),
            greater("fresh_until", number(now + SECONDS + CLOCKS_APART)),
        )
        fields = {
            "owner": text(owner),
            "lease_until": number(deadline.at),
            "expires_at": number(int(now + _KEPT)),
        }
        remove = ("outcome", "fresh_until")
        return self._table.update(key, fields, remove=remove, condition=all_of(free, not_fresh)).held

    def _finish(self, key: "Values", owner: str, outcome: RestOutcome) -> None:
        """Store the outcome and end the lease, if it is still the owner's; best effort."""
        fresh_until = self._clock.now() + SECONDS if isinstance(outcome, Result) else 0.0
        fields = {
            "outcome": text(_written(outcome)),
            "fresh_until": number(fresh_until),
            "lease_until": number(0),
        }
        with suppress(*FAILED):
            self._table.update(key, fields, condition=equals("owner", text(owner)))


def _stored(item: "Item") -> _ProfileRow:
    written = read_text(item, "outcome")
    return _ProfileRow(
        read_text(item, "owner") or "",
        read_number(item, "lease_until") or 0.0,
        read_number(item, "fresh_until") or 0.0,
        None if written is None else _read(written),
    )


def _written(outcome: RestOutcome) -> str:
    return json.dumps(outcome._asdict() if isinstance(outcome, Refusal) else {"value": outcome.value})


def _read(written: str) -> RestOutcome:
    fields = json.loads(written)
    return Result(fields["value"], {}) if "value" in fields else Refusal(**fields)
