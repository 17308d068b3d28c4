"""The pace of one portal, shared by every process: reservations of slots in one item of CacheTable (design 5, Pace).

GCRA: the item holds a theoretical arrival time `tat`. With interval T = 1/rate and burst B, a caller that moves `tat`
on by T holds the slot `tat - (B-1)*T` of the `tat` he found: he sleeps until then and calls. First come, first served,
without polling.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from chat_lookup.clock import Clock, Deadline
from chat_lookup.errors import PortalBusy
from chat_lookup.items import condition_failed, number, old_item, read_number, text
from chat_lookup.memory import Memory

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MARGIN: Final = 0.10
"""Share of the burst never used: eight processes passed the level by 4 of 50 through jitter alone (design 5)."""
BULK_SHARE: Final = 0.8
BULK_PATIENCE: Final = 1.0
"""Seconds ahead that bulk work may reserve: so that it never stands in front of somebody who waits."""
_GARBAGE_AFTER: Final = 24 * 3600
_CONTENTION: Final = 8
_ABSURD: Final = 3600.0
"""Seconds that no caller waits: a slot so far ahead was reserved by a clock that ran wrong, and counts as none."""


class Share(StrEnum):
    """The classes of callers; they differ only in how far ahead they may reserve."""

    INTERACTIVE = "interactive"
    BULK = "bulk"


@dataclass(frozen=True, slots=True)
class Pace:
    """A portal's limit: `rate` requests a second, `burst` at once (bitrix24.md 6.1)."""

    rate: float
    burst: int

    @property
    def interval(self) -> float:
        return 1 / self.rate

    def reach(self, share: Share) -> float:
        """How far `tat` may lie ahead of a slot, in seconds: the burst that this class may use, less one."""
        usable = max(1, math.floor(self.burst * (1 - MARGIN)))
        if share is Share.BULK:
            usable = max(1, math.floor(usable * BULK_SHARE))
        return (usable - 1) * self.interval

    def horizon(self, share: Share, now: float, latest: float) -> float:
        """The latest `tat` that a caller may find and still hold a slot no later than `latest`."""
        bound = min(latest, now + BULK_PATIENCE) if share is Share.BULK else latest
        return bound + self.reach(share)

    def slot(self, share: Share, now: float, tat: float) -> float:
        """When the caller who found this `tat` may call: now, or later."""
        return max(now, tat - self.reach(share))

    def absurd(self, now: float) -> float:
        """What no `tat` comes to by reservations alone, however large the burst."""
        return now + self.reach(Share.INTERACTIVE) + _ABSURD


class Limiter:
    """Reservations in the item `LIMIT#<member_id>`."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str, clock: Clock) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._clock = clock
        self._last_seen: Memory[str, float] = Memory(clock, seconds=3600)

    def wait(self, member_id: str, pace: Pace, share: Share, deadline: Deadline) -> float:
        """Reserve a slot, sleep until it, and answer the seconds waited.

        Raises `PortalBusy` with an honest `retry_after` when no slot lies before the deadline; nothing is reserved
        then, and the portal is not called.
        """
        now = self._clock.now()
        slot = self._reserve(member_id, pace, share, deadline)
        self._clock.sleep(slot - self._clock.now())
        return max(0.0, slot - now)

    def _reserve(self, member_id: str, pace: Pace, share: Share, deadline: Deadline) -> float:
        tat = self._last_seen.get(member_id)
        for _ in range(_CONTENTION):
            now = self._clock.now()
            horizon = pace.horizon(share, now, deadline.at)
            if tat is not None and tat > pace.absurd(now):
                tat = None
            if now >= deadline.at:
                raise PortalBusy(retry_after=1.0)
            # `tat` only grows: what was too far ahead when last seen is so still, without asking (design 5).
            if tat is not None and tat > horizon:
                raise PortalBusy(retry_after=max(1.0, tat - horizon))
            held, tat = self._advance(member_id, pace, now, horizon, busy=tat is not None and tat >= now)
            if tat is not None:
                self._last_seen.put(member_id, tat)
                if held:
                    return pace.slot(share, now, tat - pace.interval)
        # Only a clock that runs apart from the others' could come here: each failure showed a newer row.
        raise PortalBusy(retry_after=1.0)

    def _advance(
        self, member_id: str, pace: Pace, now: float, horizon: float, *, busy: bool
    ) -> tuple[bool, float | None]:
        """One conditional write. Answers whether it held, and the `tat` that stands now as far as is known."""
        if busy:
            expression = "SET tat = tat + :interval, expires_at = :expires_at"
            condition = "tat >= :now AND tat <= :horizon"
            values = {":interval": number(pace.interval), ":now": number(now), ":horizon": number(horizon)}
        else:
            expression = "SET tat = :next, expires_at = :expires_at"
            condition = "attribute_not_exists(tat) OR tat < :now OR tat > :absurd"
            values = {
                ":next": number(now + pace.interval),
                ":now": number(now),
                ":absurd": number(pace.absurd(now)),
            }
        values[":expires_at"] = number(int(now) + _GARBAGE_AFTER)
        try:
            answer = self._dynamodb.update_item(
                TableName=self._table,
                Key={"pk": text(f"LIMIT#{member_id}")},
                UpdateExpression=expression,
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
                ReturnValues="UPDATED_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if not condition_failed(error):
                raise
            return False, read_number(old_item(error), "tat")
        return True, read_number(answer["Attributes"], "tat")
