"""The pace of one portal, shared by every process: reservations of slots in one item of CacheTable (design 5, Pace).

First come, first served, without polling: a reservation is one conditional write, and its arithmetic is `gcra`'s.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from chat_lookup.calls.gcra import LEAST, QUIET, Pace, Share, Standing
from chat_lookup.clock import CLOCKS_APART, Clock, Deadline
from chat_lookup.dynamodb import condition_failed, number, old_item, read_number, read_whole, text
from chat_lookup.errors import ChatLookupError, PortalBusy, PortalUnavailable, StoreUnavailable
from chat_lookup.observability.aws_failures import FAILED, no_time_left
from chat_lookup.ttl_cache import Memory

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import UniversalAttributeValueTypeDef

    from chat_lookup.dynamodb import Item

    Values = dict[str, UniversalAttributeValueTypeDef]

_GARBAGE_AFTER: Final = 24 * 3600
_CONTENTION: Final = 8
_LONG_SLEEP: Final = 1.0
_AS_GOOD: Final = 1.0
"""Seconds by which a pause that is written down may end before the one that a portal asks for."""

_BUSY: Final = "SET tat = tat + :interval, rate = :rate, burst = :burst, expires_at = :expires_at"
_IF_BUSY: Final = "tat >= :now AND tat <= :horizon AND (attribute_not_exists(rate) OR rate = :rate)"
_IDLE: Final = "SET tat = :next, full_at = :full_at, rate = :rate, burst = :burst, expires_at = :expires_at"
_IF_IDLE: Final = "attribute_not_exists(tat) OR tat < :now"
_IF_AS_SEEN: Final = "tat = :seen"
_ASKED: Final = ", asked_at = :now"
_IF_QUIET: Final = " AND (attribute_not_exists(asked_at) OR asked_at <= :quiet OR asked_at > :ahead)"
_LOWER: Final = (
    "SET blocked_until = :until, factor = :factor, lowered_at = :lowered_at, unavailable = :unavailable, "
    "expires_at = :expires_at"
)
_IF_NOT_LOWERED_SINCE: Final = "(attribute_not_exists(lowered_at) OR lowered_at = :lowered_before)"
_PUSH: Final = ", tat = :full, rate = :rate, burst = :burst"
_IF_NOT_FULL: Final = " AND (attribute_not_exists(tat) OR tat < :full)"


class Limiter:
    """Reservations in the item `LIMIT#<member_id>`."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str, clock: Clock) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._clock = clock
        self._last_seen: Memory[str, Standing] = Memory(clock, seconds=3600)
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
        """Reserve a slot, sleep until it, and answer the seconds waited; `on_slot` is told before when it is.

        Raises `PortalBusy` with an honest `retry_after` when no slot lies before the deadline, or so many wait already
        that no other caller may, `PortalUnavailable` where the portal asked for a pause because it is out of service,
        and what `no_time_left` says where the time went elsewhere; nothing is reserved then, and the portal is not
        called.
        """
        began, waited = self._clock.now(), False
        while True:
            if self._clock.now() >= deadline.at:
                raise PortalBusy(retry_after=1.0) if waited else no_time_left()
            try:
                slot = self._reserve(member_id, pace, share, deadline)
            except FAILED:
                slot = self._alone(member_id, pace, deadline)
            if on_slot is not None:
                on_slot(slot)
            asleep = slot - self._clock.now()
            self._clock.sleep(asleep)
            # Others had their turns meanwhile: if one of them was refused, this slot lies in the pause that followed.
            # A whole batch is worth that look after the shortest sleep.
            short = 0.0 if share is Share.BULK else min(_LONG_SLEEP, pace.interval)
            if asleep <= short or not self._paused(member_id, pace, slot):
                return max(0.0, slot - began)
            waited = True

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
        transition: Callable[[Standing, float], Standing],
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
            pace = replace(pace, factor=seen.factor_at(now))
            quiet = share is Share.BULK and seen.quiet(now)
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

    def _alone(self, member_id: str, pace: Pace, deadline: Deadline) -> float:
        """A slot by this process's own count, while the shared one cannot be had: no burst, and a part of the pace that
        leaves the other processes theirs (docs/decisions/015)."""
        now = self._clock.now()
        seen = self._seen(member_id).credible(pace, now)
        if seen.blocked_until > deadline.at > now:
            raise _refusal(seen, now, seen.blocked_until - deadline.at)
        slot = max(now, seen.blocked_until, self._next_alone.get(member_id) or now)
        if slot > deadline.at:
            raise no_time_left() if now >= deadline.at else StoreUnavailable(retry_after=max(1.0, slot - deadline.at))
        self._next_alone.put(member_id, slot + replace(pace, factor=LEAST).interval)
        return slot

    def _paused(self, member_id: str, pace: Pace, slot: float) -> bool:
        """Whether others were refused meanwhile, so that a slot lies in a pause; no, if the store does not say."""
        try:
            return self._read(member_id, pace).blocked(slot)
        except FAILED:
            return False

    def _advance(
        self, member_id: str, pace: Pace, share: Share, now: float, horizon: float, row: Standing, seen: Standing
    ) -> tuple[bool, Standing]:
        """One reservation. If its answer is lost after the commit and it is sent again, a slot is wasted: no more.

        `seen` is what of the `row` is to be believed, in the pace of today. Where they differ in what is reserved, the
        row is written anew in the place of the one that was seen.
        """
        found = now if seen.tat is None else max(now, seen.tat)
        values = {":rate": number(pace.rate), ":burst": number(pace.burst)}
        update, condition = _IDLE, _IF_IDLE
        if row.tat is not None and row.tat >= now and seen.tat != row.tat:
            condition = _IF_AS_SEEN
            full_at = now if seen.tat is None else seen.full_at
            values |= {":next": number(found + pace.interval), ":full_at": number(full_at), ":seen": number(row.tat)}
        elif seen.tat is not None and seen.tat >= now:
            update, condition = _BUSY, _IF_BUSY
            values |= {":interval": number(pace.interval), ":now": number(now), ":horizon": number(horizon)}
            if share is Share.BULK and seen.quiet(now):
                condition += _IF_QUIET
                values |= {":quiet": number(now - QUIET), ":ahead": number(now + CLOCKS_APART)}
        else:
            values |= {":next": number(found + pace.interval), ":full_at": number(now), ":now": number(now)}
        if share is Share.INTERACTIVE:
            update += _ASKED
            values[":now"] = number(now)
        return self._write(member_id, now, update, condition, values)

    def _lower(self, member_id: str, row: Standing, seen: Standing, lowered: Standing) -> tuple[bool, Standing]:
        """Write a refusal down. Sent again after its answer was lost, it meets itself, and that is as good."""
        now = lowered.lowered_at
        update, condition = _LOWER, _IF_NOT_LOWERED_SINCE
        values = {
            ":until": number(lowered.blocked_until),
            ":factor": number(lowered.factor),
            ":lowered_at": number(now),
            ":unavailable": number(int(lowered.unavailable)),
            ":lowered_before": number(row.lowered_at),
        }
        if lowered.tat is not None and lowered.tat != row.tat:
            update += _PUSH
            values[":full"] = number(lowered.tat)
            values |= {":rate": number(lowered.rate), ":burst": number(lowered.burst)}
            if row.tat is None or seen.tat == row.tat:
                condition += _IF_NOT_FULL
            else:
                condition += f" AND {_IF_AS_SEEN}"
                values |= {":seen": number(row.tat)}
        return self._write(member_id, now, update, condition, values)

    def _write(
        self, member_id: str, now: float, expression: str, condition: str, values: "Values"
    ) -> tuple[bool, Standing]:
        """One conditional write. Answers whether it held, and the row that stands now."""
        try:
            answer = self._dynamodb.update_item(
                TableName=self._table,
                Key=_key(member_id),
                UpdateExpression=expression,
                ConditionExpression=condition,
                ExpressionAttributeValues={**values, ":expires_at": number(int(now) + _GARBAGE_AFTER)},
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if not condition_failed(error):
                raise
            return False, self._remembered(member_id, old_item(error))
        return True, self._remembered(member_id, answer["Attributes"])

    def _read(self, member_id: str, pace: Pace) -> Standing:
        item = self._dynamodb.get_item(TableName=self._table, Key=_key(member_id), ConsistentRead=True).get("Item", {})
        return self._remembered(member_id, item).credible(pace, self._clock.now())

    def _seen(self, member_id: str) -> Standing:
        return self._last_seen.get(member_id) or Standing()

    def _remembered(self, member_id: str, item: "Item") -> Standing:
        standing = _standing(item)
        self._last_seen.put(member_id, standing)
        return standing


def _refusal(seen: Standing, now: float, seconds: float) -> ChatLookupError:
    """What a caller gets that may not have a slot: during a pause the portal's own end of it, not what is left of it
    after the caller's patience (design 16, Closing)."""
    retry_after = max(1.0, seconds, seen.blocked_until - now)
    if seen.blocked(now) and seen.unavailable:
        return PortalUnavailable("The portal is out of service and asked not to be called yet", retry_after=retry_after)
    return PortalBusy(retry_after=retry_after)


def _key(member_id: str) -> "Values":
    return {"pk": text(f"LIMIT#{member_id}")}


def _standing(item: "Item") -> Standing:
    return Standing(
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
