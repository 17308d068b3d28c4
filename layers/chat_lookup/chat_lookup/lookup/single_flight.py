"""Single flight: of all callers with the same miss the lease holder calls, the others read its row (design 5)."""

import json
import logging
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from random import Random
from typing import Final, Protocol

from chat_lookup.cache.leases import LEASE, CacheQuery, Lease, StoredLease
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
"""Temporary failures: the last known answer is returned meanwhile. Not where the portal revoked a right."""
_FIRST_STEP: Final = 0.05
_GROWTH: Final = 1.6
_LONGEST_STEP: Final = 0.5
_JITTER: Final = (0.5, 1.5)
"""Pauses, in seconds, between two reads of a waiting caller; times a random factor, so that not all read at once."""
_TOO_LATE: Final = 0.1
"""Seconds before the deadline at which waiting ends: time to respond."""
_LATE_ENOUGH: Final = 0.5
"""Seconds by which the lease must grow to be extended: less is not worth the write."""
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
"""Failures of the lease holder that fail all waiting callers, too, if the portal replied with them."""
_ERROR: Final = "said"
"""The field of a lease's stored failure that contains the error."""


class LeaseStore(Protocol):
    """The store of leases: `cache.leases.Leases`."""

    def read(self, wanted: CacheQuery) -> StoredLease: ...

    def claim(self, wanted: CacheQuery, owner: str) -> StoredLease: ...

    def extend(self, wanted: CacheQuery, owner: str, until: float) -> None: ...

    def release(self, wanted: CacheQuery, owner: str, failure: str = "") -> None: ...


class Turn:
    """One caller's turn to call the portal. `asked_at` is the moment of the call, as far as known yet (Unix seconds).

    `kept` is whether the reply's row was stored, which ends the lease.
    """

    def __init__(self, began: float, extend: Callable[[float], None] | None = None) -> None:
        self.asked_at = began
        self.kept = True
        self._began = began
        self._until = began + LEASE
        self._extend = extend

    def on_slot(self, at: float) -> None:
        """Receive the moment of a call's slot; extends the lease, so that a waiting holder is not taken for dead."""
        if self.asked_at == self._began:
            self.asked_at = max(self._began, at)
        if self._extend is not None and at + LEASE > self._until + _LATE_ENOUGH:
            self._until = at + LEASE
            self._extend(self._until)


class Misses:
    """Settles a miss: calls the portal, or waits for the lease holder."""

    def __init__(self, leases: LeaseStore, telemetry: Telemetry, clock: Clock, random: Random) -> None:
        self._leases = leases
        self._telemetry = telemetry
        self._clock = clock
        self._random = random

    def settle(
        self, wanted: CacheQuery, known: Row | None, ask: Callable[[Turn], Row], deadline: Deadline
    ) -> tuple[Row, str]:
        """The row that answers, and its source: portal, cache, event or stale.

        `known` is the pair's row as read before; `ask` calls the portal, stores its reply, and returns the row that
        answers: the reply's, or a later one. The source of a row that
        the caller waited for is portal, too. Raises what `ask` raises, the portal's error to the lease holder,
        `PortalBusy` where the holder's slot lies past the deadline, `PortalUnavailable` at the deadline, or the error
        of `no_time_left` where there was no time to wait at all.
        """
        owner, watched, step = uuid.uuid4().hex, Lease(), _FIRST_STEP
        while True:
            try:
                current = self._look(wanted, owner, watched)
            except FAILED as error:
                # Without a lease the portal may be called twice, which is better than not at all.
                self._telemetry.note(level=logging.WARNING, lease_error=type(error).__name__)
                return self._or_stale(wanted, known, lambda: ask(Turn(self._clock.now())))
            row, now = current.row, self._clock.now()
            if row is not None and wanted.is_satisfied_by(row, now):
                return row, _source(row, waited=watched.owner != "")
            if current.lease.owner == owner:
                return self._or_stale(wanted, row, partial(self._leased, wanted, owner, ask))
            if row is not None and wanted.allows_stale(row, now):
                return row, "stale"
            if not watched.owner and deadline.left() <= _TOO_LATE:
                raise no_time_left()
            watched = current.lease
            self._wait(watched, step * self._random.uniform(*_JITTER), deadline)
            step = min(step * _GROWTH, _LONGEST_STEP)

    def _look(self, wanted: CacheQuery, owner: str, watched: Lease) -> StoredLease:
        """The stored row and lease; claims the lease, unless the watched holder still has it."""
        if watched.owner:
            current, now = self._leases.read(wanted), self._clock.now()
            if current.lease.owner == watched.owner and current.lease.failure:
                _raise_shared(current.lease.failure, wanted.how)
            if wanted.is_satisfied_by(current.row, now) or not current.lease.free(now):
                return current
        return self._leases.claim(wanted, owner)

    def _wait(self, lease: Lease, pause: float, deadline: Deadline) -> None:
        """Sleep one step, at most until there is just time to respond. Raises if the holder's slot comes too late."""
        soon = max(1.0, lease.until - self._clock.now())
        if lease.until - LEASE > deadline.at:
            raise PortalBusy("The portal's rate limit has no free slot before the deadline", retry_after=soon)
        left = deadline.left() - _TOO_LATE
        if left <= 0:
            raise PortalUnavailable(
                "The portal has not answered another request for this pair in time", retry_after=soon
            )
        self._clock.sleep(min(pause, left))

    def _leased(self, wanted: CacheQuery, owner: str, ask: Callable[[Turn], Row]) -> Row:
        """Call as the lease holder. Storing the row ends the lease; where it could not be stored it is released."""
        turn = Turn(self._clock.now(), lambda until: self._leases.extend(wanted, owner, until))
        try:
            row = ask(turn)
        except BaseException as error:
            self._leases.release(wanted, owner, _shareable(error, wanted.how))
            raise
        if not turn.kept:
            self._leases.release(wanted, owner)
        return row

    def _or_stale(self, wanted: CacheQuery, known: Row | None, asked: Callable[[], Row]) -> tuple[Row, str]:
        try:
            row = asked()
        except STALE_FOR as failure:
            if known is None or not wanted.allows_stale(known, self._clock.now()):
                raise
            self._telemetry.note(level=logging.WARNING, problem=failure.code)
            return known, "stale"
        return row, _source(row, waited=True)


def _source(row: Row, *, waited: bool) -> str:
    if row.source == EVENT:
        return EVENT
    return PORTAL if waited else "cache"


def _shareable(error: BaseException, how: str) -> str:
    """A failure as stored for waiting callers; empty for what only this attempt met: no slot, no connection."""
    if not isinstance(error, ChatLookupError) or error.portal_error is None or error.code not in _SHARED:
        return ""
    content = {"detail": error.detail, "portal_error": error.portal_error, "retry_after": error.retry_after}
    return json.dumps({"how": how, "code": error.code, _ERROR: content})


def _raise_shared(failure: str, how: str) -> None:
    """Raise the portal's error to the lease holder, unless that called with other options."""
    left = json.loads(failure)
    if left["how"] == how:
        raise _SHARED[left["code"]](**left[_ERROR])
