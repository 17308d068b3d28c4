"""The pace of one portal, shared by every process: reservations of slots in one item of CacheTable (design 5, Pace).

First come, first served, without polling: a reservation is one conditional write, and its arithmetic is `gcra`'s.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from chat_lookup.calls.gcra import FAR_AHEAD, Pace, Share, Standing
from chat_lookup.clock import Clock, Deadline
from chat_lookup.dynamodb import condition_failed, number, old_item, read_number, text
from chat_lookup.errors import PortalBusy
from chat_lookup.ttl_cache import Memory

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import UniversalAttributeValueTypeDef

    from chat_lookup.dynamodb import Item

    Values = dict[str, UniversalAttributeValueTypeDef]

_GARBAGE_AFTER: Final = 24 * 3600
_CONTENTION: Final = 8
_LONG_SLEEP: Final = 1.0

_BUSY: Final = "SET tat = tat + :interval, expires_at = :expires_at"
_IF_BUSY: Final = "tat >= :now AND tat <= :horizon"
_IDLE: Final = "SET tat = :next, full_at = :now, expires_at = :expires_at"
_IF_IDLE: Final = "attribute_not_exists(tat) OR tat < :now OR tat > :absurd"
_LOWER: Final = "SET blocked_until = :until, factor = :factor, lowered_at = :lowered_at, expires_at = :expires_at"
_IF_NOT_LOWERED_SINCE: Final = "(attribute_not_exists(lowered_at) OR lowered_at = :seen OR blocked_until > :ahead)"
_PUSH: Final = ", tat = :full"
_IF_NOT_FULL: Final = " AND (attribute_not_exists(tat) OR tat < :full OR tat > :absurd)"


class Limiter:
    """Reservations in the item `LIMIT#<member_id>`."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str, clock: Clock) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._clock = clock
        self._last_seen: Memory[str, Standing] = Memory(clock, seconds=3600)

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
        that nobody else may; nothing is reserved then, and the portal is not called.
        """
        began = self._clock.now()
        while True:
            slot = self._reserve(member_id, pace, share, deadline)
            if on_slot is not None:
                on_slot(slot)
            asleep = slot - self._clock.now()
            self._clock.sleep(asleep)
            # Others had their turns meanwhile: if one of them was refused, this slot lies in the pause that followed.
            # A whole batch is worth that look after the shortest sleep.
            short = 0.0 if share is Share.BULK else min(_LONG_SLEEP, pace.interval)
            if asleep <= short or not self._read(member_id, pace).blocked(slot):
                return max(0.0, slot - began)

    def refused(self, member_id: str, pace: Pace, error_reset_at: float | None = None) -> None:
        """Learn that the portal refused a call that had a slot (QUERY_LIMIT_EXCEEDED): others use up its limit, too.

        All callers pause, and go on at half the pace for a while. Several refusals at once count as one. A portal that
        named the end of it (`error_reset_at`, Unix time) is given that time, up to a minute.
        """
        seen = self._seen(member_id)
        for _ in range(_CONTENTION):
            now = self._clock.now()
            seen = seen.credible(pace, now)
            if seen.blocked(now):
                return
            held, seen = self._lower(member_id, pace, seen, seen.lowered(pace, now, error_reset_at))
            if held:
                return

    def _reserve(self, member_id: str, pace: Pace, share: Share, deadline: Deadline) -> float:
        seen = self._seen(member_id)
        for _ in range(_CONTENTION):
            # To the microsecond, as the store keeps it: what holds here and not there would be tried again in vain.
            now = round(self._clock.now(), 6)
            if now >= deadline.at:
                raise PortalBusy(retry_after=1.0)
            seen = seen.credible(pace, now)
            pace = replace(pace, factor=seen.factor_at(now))
            horizon = round(pace.horizon(share, now, deadline.at), 6)
            # `tat` only grows: what was too far ahead when last seen is so still, without asking (design 5).
            if seen.tat is not None and seen.tat > horizon:
                raise PortalBusy(retry_after=max(1.0, seen.tat - horizon))
            held, seen = self._advance(member_id, pace, now, horizon, busy=seen.tat is not None and seen.tat >= now)
            if held and seen.tat is not None:
                return min(pace.slot(share, now, seen.tat - pace.interval, seen.full_at), deadline.at)
        # Only a clock that runs apart from the others' could come here: each failure showed a newer row.
        raise PortalBusy(retry_after=1.0)

    def _advance(self, member_id: str, pace: Pace, now: float, horizon: float, *, busy: bool) -> tuple[bool, Standing]:
        """One reservation. If its answer is lost after the commit and it is sent again, a slot is wasted: no more."""
        if busy:
            values = {":interval": number(pace.interval), ":now": number(now), ":horizon": number(horizon)}
            return self._write(member_id, now, _BUSY, _IF_BUSY, values)
        values = {":next": number(now + pace.interval), ":now": number(now), ":absurd": number(pace.absurd(now))}
        return self._write(member_id, now, _IDLE, _IF_IDLE, values)

    def _lower(self, member_id: str, pace: Pace, seen: Standing, lowered: Standing) -> tuple[bool, Standing]:
        """Write a refusal down. Sent again after its answer was lost, it meets itself, and that is as good."""
        now = lowered.lowered_at
        values = {
            ":until": number(lowered.blocked_until),
            ":factor": number(lowered.factor),
            ":lowered_at": number(now),
            ":seen": number(seen.lowered_at),
            ":ahead": number(now + FAR_AHEAD),
        }
        if lowered.tat is None or lowered.tat == seen.tat:
            return self._write(member_id, now, _LOWER, _IF_NOT_LOWERED_SINCE, values)
        values |= {":full": number(lowered.tat), ":absurd": number(pace.absurd(now))}
        return self._write(member_id, now, _LOWER + _PUSH, _IF_NOT_LOWERED_SINCE + _IF_NOT_FULL, values)

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


def _key(member_id: str) -> "Values":
    return {"pk": text(f"LIMIT#{member_id}")}


def _standing(item: "Item") -> Standing:
    return Standing(
        tat=read_number(item, "tat"),
        blocked_until=read_number(item, "blocked_until") or 0.0,
        factor=read_number(item, "factor") or 1.0,
        lowered_at=read_number(item, "lowered_at") or 0.0,
        full_at=read_number(item, "full_at") or 0.0,
    )
