"""The pace of one portal, shared by every process: reservations of slots in one item of CacheTable (design 5, Pace).

First come, first served, without polling: a reservation is one conditional write, and its arithmetic is `gcra`'s.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from chat_lookup.calls.gcra import LEAST, QUIET, Pace, RateState, Share
from chat_lookup.clock import CLOCKS_APART, Clock, Deadline
from chat_lookup.dynamodb import (
    Condition,
    Table,
    absent,
    all_of,
    any_of,
    at_least,
    at_most,
    equals,
    greater,
    less,
    number,
    read_number,
    read_whole,
    text,
)
from chat_lookup.errors import ChatLookupError, PortalBusy, PortalUnavailable, StoreUnavailable
from chat_lookup.observability.aws_failures import FAILED, no_time_left
from chat_lookup.ttl_cache import Memory

if TYPE_CHECKING:
    from chat_lookup.dynamodb import Item, Values

_GARBAGE_AFTER: Final = 24 * 3600
_CONTENTION: Final = 8
_LONG_SLEEP: Final = 1.0
_AS_GOOD: Final = 1.0
"""Seconds by which a stored pause may end before the one that a portal asks for."""


class Limiter:
    """Reservations in the item `LIMIT#<member_id>`."""

    def __init__(self, table: Table, clock: Clock) -> None:
        self._table = table
        self._clock = clock
        self._last_seen: Memory[str, RateState] = Memory(clock, seconds=3600)
        self._next_alone: Memory[str, float] = Memory(clock, seconds=60)

    def wait(
        self,
        member_id: str,
        pace: Pace,
        share: Share,
        deadline: Deadline,
        *,
        on_slot: Callable[[float], None] | None = None,
    ) -> float:
        """Reserve a slot, sleep until it, and return the seconds waited; `on_slot` gets the slot's moment before.

        Raises `PortalBusy` with an honest `retry_after` when no slot lies before the deadline, or so many wait already
        that no other caller may, `PortalUnavailable` where the portal asked for a pause because it is out of service,
        and the error of `no_time_left` where the time went elsewhere; nothing is reserved then, and the portal is not
        called.
        """
        began, waited = self._clock.now(), False
        while True:
            if self._clock.now() >= deadline.at:
                raise PortalBusy(retry_after=1.0) if waited else no_time_left()
            try:
                slot = self._reserve(member_id, pace, share, deadline)
            except FAILED:
                slot = self._alone(member_id, pace, share, deadline)
            if on_slot is not None:
                on_slot(slot)
            asleep = slot - self._clock.now()
            self._clock.sleep(asleep)
            # Others called meanwhile: if one of them was refused, this slot lies in the pause that followed. A whole
            # batch is worth that read after the shortest sleep.
            short = 0.0 if share is Share.BULK else min(_LONG_SLEEP, pace.interval)
            if asleep <= short or not self._paused(member_id, pace, slot):
                return max(0.0, slot - began)
            waited = True

    def state_of(self, member_id: str, pace: Pace) -> RateState:
        """The row as it is stored now, for a report. Raises botocore's exceptions."""
        return _row(self._table.get(_key(member_id), consistent=True)).credible(pace, self._clock.now())

    def refused(self, member_id: str, pace: Pace, retry_at: float | None = None) -> None:
        """Learn that the portal refused a call that had a slot (QUERY_LIMIT_EXCEEDED): others use up its limit, too.

        All callers pause, and go on at half the pace for a while. Several refusals at once count as one. A portal that
        named the end of it (`retry_at`, Unix time) is given that time, up to ten minutes.
        """
        self._pause(member_id, pace, retry_at, lambda seen, now: seen.lowered(pace, now, retry_at))

    def closed(self, member_id: str, pace: Pace, retry_at: float) -> None:
        """Learn that the portal is out of service and asked not to be called before `retry_at` (503, `Retry-After`).

        All callers pause; their pace stays as it was.
        """
        self._pause(member_id, pace, retry_at, lambda seen, now: seen.closed(pace, now, retry_at))

    def _pause(
        self,
        member_id: str,
        pace: Pace,
        retry_at: float | None,
        transition: Callable[[RateState, float], RateState],
    ) -> None:
        row = self._seen(member_id)
        for _ in range(_CONTENTION):
            now = self._clock.now()
            seen = row.credible(pace, now)
            if seen.blocked(now) and (retry_at or 0.0) <= seen.blocked_until + _AS_GOOD:
                return
            held, row = self._lower(member_id, row, seen, transition(seen, now))
            if held:
                return

    def _reserve(self, member_id: str, pace: Pace, share: Share, deadline: Deadline) -> float:
        row = self._seen(member_id)
        for _ in range(_CONTENTION):
            # To the microsecond, as the store keeps it: what holds here and not there would be tried again in vain.
            now = round(self._clock.now(), 6)
            if now >= deadline.at:
                raise no_time_left()
            seen = row.credible(pace, now)
            pace = pace._replace(factor=seen.factor_at(now))
            quiet = share is not Share.INTERACTIVE and seen.quiet(now)
            horizon = pace.horizon(share, now, deadline.at, quiet=quiet, blocked_until=seen.blocked_until)
            horizon = round(horizon, 6)
            # `tat` only grows: what was too far ahead when last seen is so still, without asking (design 5).
            if seen.tat is not None and seen.tat > horizon:
                raise _refusal(seen, now, seen.tat - horizon)
            held, row = self._advance(member_id, pace, share, now, horizon, row, seen)
            if held and row.tat is not None:
                slot = pace.slot(share, now, row.tat - pace.interval, row.full_at, quiet=quiet)
                return min(slot, deadline.at)
        # Only a clock that runs apart from the others' could come here: each failure showed a newer row.
        raise PortalBusy(retry_after=1.0)

    def _alone(self, member_id: str, pace: Pace, share: Share, deadline: Deadline) -> float:
        """A slot by this process's own count, while the shared one cannot be had: no burst, and a part of the pace that
        leaves the other processes theirs (docs/decisions/015)."""
        now = self._clock.now()
        seen = self._seen(member_id).credible(pace, now)
        if seen.blocked_until > deadline.at > now:
            raise _refusal(seen, now, seen.blocked_until - deadline.at)
        slot = max(now, seen.blocked_until, self._next_alone.get(member_id) or now)
        if slot > (now if share is Share.BACKGROUND else deadline.at):
            raise no_time_left() if now >= deadline.at else StoreUnavailable(retry_after=max(1.0, slot - deadline.at))
        self._next_alone.put(member_id, slot + pace._replace(factor=LEAST).interval)
        return slot

    def _paused(self, member_id: str, pace: Pace, slot: float) -> bool:
        """Whether others were refused meanwhile, so that a slot lies in a pause; no, if the store does not answer."""
        try:
            return self._read(member_id, pace).blocked(slot)
        except FAILED:
            return False

    def _advance(
        self, member_id: str, pace: Pace, share: Share, now: float, horizon: float, row: RateState, seen: RateState
    ) -> tuple[bool, RateState]:
        """One reservation. If its answer is lost after the commit and it is sent again, a slot is wasted: no more.

        `seen` is what of the `row` is to be believed, in the pace of today. Where they differ in what is reserved, the
        row is written anew in the place of the one that was seen.
        """
        next_tat = number((now if seen.tat is None else max(now, seen.tat)) + pace.interval)
        fields = {"rate": number(pace.rate), "burst": number(pace.burst)}
        if share is Share.INTERACTIVE:
            fields["asked_at"] = number(now)
        if row.tat is not None and row.tat >= now and seen.tat != row.tat:
            fields |= {"tat": next_tat, "full_at": number(now if seen.tat is None else seen.full_at)}
            return self._write(member_id, now, fields, equals("tat", number(row.tat)))
        if seen.tat is not None and seen.tat >= now:
            conditions = [
                at_least("tat", number(now)),
                at_most("tat", number(horizon)),
                any_of(absent("rate"), equals("rate", number(pace.rate))),
            ]
            if share is not Share.INTERACTIVE and seen.quiet(now):
                conditions.append(_quiet(now))
            return self._write(member_id, now, fields, all_of(*conditions), add={"tat": number(pace.interval)})
        fields |= {"tat": next_tat, "full_at": number(now)}
        return self._write(member_id, now, fields, _less_or_absent("tat", now))

    def _lower(self, member_id: str, row: RateState, seen: RateState, lowered: RateState) -> tuple[bool, RateState]:
        """Store a refusal. Sent again after its answer was lost, it meets itself, and that is as good."""
        fields = {
            "blocked_until": number(lowered.blocked_until),
            "factor": number(lowered.factor),
            "lowered_at": number(lowered.lowered_at),
            "unavailable": number(int(lowered.unavailable)),
        }
        conditions = [any_of(absent("lowered_at"), equals("lowered_at", number(row.lowered_at)))]
        if lowered.tat is not None and lowered.tat != row.tat:
            fields |= {
                "tat": number(lowered.tat),
                "rate": number(lowered.rate),
                "burst": number(lowered.burst),
            }
            if row.tat is None or seen.tat == row.tat:
                conditions.append(_less_or_absent("tat", lowered.tat))
            else:
                conditions.append(equals("tat", number(row.tat)))
        return self._write(member_id, lowered.lowered_at, fields, all_of(*conditions))

    def _write(
        self, member_id: str, now: float, fields: "Values", condition: Condition, *, add: "Values | None" = None
    ) -> tuple[bool, RateState]:
        """One conditional write. Returns whether it held, and the row that is stored now."""
        fields["expires_at"] = number(int(now) + _GARBAGE_AFTER)
        held, item = self._table.update(_key(member_id), fields, add=add, condition=condition, returning=True)
        return held, self._remembered(member_id, item)

    def _read(self, member_id: str, pace: Pace) -> RateState:
        item = self._table.get(_key(member_id), consistent=True)
        return self._remembered(member_id, item).credible(pace, self._clock.now())

    def _seen(self, member_id: str) -> RateState:
        return self._last_seen.get(member_id) or RateState()

    def _remembered(self, member_id: str, item: "Item") -> RateState:
        row = _row(item)
        self._last_seen.put(member_id, row)
        return row


def _refusal(seen: RateState, now: float, seconds: float) -> ChatLookupError:
    """The error of a caller that may not have a slot: during a pause with the portal's own end of it, not with what is
    left of it after the caller's patience (design 16, Closing)."""
    retry_after = max(1.0, seconds, seen.blocked_until - now)
    if seen.blocked(now) and seen.unavailable:
        return PortalUnavailable("The portal is out of service and asked not to be called yet", retry_after=retry_after)
    return PortalBusy(retry_after=retry_after)


def _less_or_absent(name: str, value: float) -> Condition:
    return any_of(absent(name), less(name, number(value)))


def _quiet(now: float) -> Condition:
    """No interactive caller for a while, by clocks that do not run wrong (`gcra`)."""
    ahead = greater("asked_at", number(now + CLOCKS_APART))
    return any_of(absent("asked_at"), at_most("asked_at", number(now - QUIET)), ahead)


def _key(member_id: str) -> "Values":
    return {"pk": text(f"LIMIT#{member_id}")}


def _row(item: "Item") -> RateState:
    return RateState(
        tat=read_number(item, "tat"),
        blocked_until=read_number(item, "blocked_until") or 0.0,
        factor=read_number(item, "factor") or 1.0,
        lowered_at=read_number(item, "lowered_at") or 0.0,
        full_at=read_number(item, "full_at") or 0.0,
        rate=read_number(item, "rate") or 0.0,
        burst=read_whole(item, "burst") or 0,
        asked_at=read_number(item, "asked_at") or 0.0,
        unavailable=bool(read_number(item, "unavailable")),
    )
