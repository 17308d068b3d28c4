"""What events teach the cache: the chat of a pair, as a hint that never displaces what the portal said (design 5).

Anyone may bind a chat to any pair (bitrix24.md 9, row 8), and a pair may have two chats (5.9). So an event fills what
is absent, "not found" or past its use; the id of a row that may be served it never moves.
"""

from collections.abc import Mapping
from enum import StrEnum
from random import Random
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from chat_lookup.cache.chat_cache import Cache
from chat_lookup.cache.rows import EVENT, HOUR, SPREAD, USABLE_POSITIVE, Row, from_item, to_item
from chat_lookup.clock import CLOCKS_APART, Clock
from chat_lookup.dynamodb import condition_failed, number, old_item
from chat_lookup.entity import EntityRef
from chat_lookup.errors import StoreUnavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import UniversalAttributeValueTypeDef

FRESH_HEARD: Final = HOUR
_CONTENTION: Final = 8


class Heard(StrEnum):
    """What an event that names a chat and its pair means for what is known of the pair."""

    FILLED = "filled"
    CONFIRMED = "confirmed"
    """A stale row of the same id is fresh again."""
    CONTRADICTED = "contradicted"
    """A row of another id is stale from now on, so that the portal is asked."""
    KNOWN = "known"
    LATE = "late"
    """Something later stands, or the event lay about for too long to tell anything."""


def weigh(row: Row | None, told: Row, now: float) -> Heard:
    """What to make of the row that an event `told`, where `row` stands."""
    if not told.usable(now) or (row is not None and row.asked_at > told.asked_at):
        return Heard.LATE
    if row is None or not row.usable(now):
        return Heard.FILLED
    if row.chat_id != told.chat_id:
        return Heard.CONTRADICTED
    # Nothing is fresh beyond its use: a row near that is left to be filled anew.
    gains = told.fresh(now) and not row.fresh(now) and row.usable(told.fresh_until)
    return Heard.CONFIRMED if gains else Heard.KNOWN


_CONDITIONS: Final[Mapping[Heard, str]] = {
    Heard.FILLED: "attribute_not_exists(asked_at) OR asked_at > :ahead"
    " OR (asked_at <= :heard_at AND (attribute_not_exists(chat_id) OR usable_until <= :now))",
    Heard.CONFIRMED: "chat_id = :heard_id AND asked_at <= :heard_at AND fresh_until <= :now AND usable_until > :until",
    Heard.CONTRADICTED: "attribute_exists(chat_id) AND chat_id <> :heard_id AND asked_at <= :heard_at"
    " AND fresh_until > :now AND usable_until > :now",
}
"""What `weigh` found, said again of the row as it stands when it is written."""


class Hearing:
    """The writes that events cause in CacheTable."""

    def __init__(self, cache: Cache, dynamodb: "DynamoDBClient", table: str, clock: Clock, random: Random) -> None:
        self._cache = cache
        self._dynamodb = dynamodb
        self._table = table
        self._clock = clock
        self._random = random

    def heard(self, member_id: str, generation: int, ref: EntityRef, chat_id: int, heard_at: float) -> Heard:
        """Learn from an event, received at `heard_at` (Unix seconds), that a chat carries a pair.

        Safe to repeat: what the first write left makes a second one needless. Raises `StoreUnavailable` where others
        write the row all the time.
        """
        now = round(self._clock.now(), 6)  # as it is stored, so that conditions and `weigh` compare alike
        told = self._told(ref, chat_id, min(round(heard_at, 6), now))
        row = self._cache.get(member_id, generation, ref, consistent=True)
        for _ in range(_CONTENTION):
            heard = weigh(row, told, now)
            stale_already = heard is Heard.CONTRADICTED and row is not None and not row.fresh(now)
            if heard not in _CONDITIONS or stale_already:
                return heard
            try:
                self._write(heard, to_item(member_id, generation, told), told, now)
            except ClientError as error:
                if not condition_failed(error):
                    raise
                row = from_item(old_item(error), ref, now)
            else:
                return heard
        raise StoreUnavailable(retry_after=1)

    def _told(self, ref: EntityRef, chat_id: int, at: float) -> Row:
        spread = 1 + self._random.uniform(-SPREAD, SPREAD)
        fresh_until, usable_until = (round(at + seconds * spread, 6) for seconds in (FRESH_HEARD, USABLE_POSITIVE))
        return Row(ref, chat_id, EVENT, EVENT, at, fresh_until, usable_until)

    def _write(self, heard: Heard, item: "dict[str, UniversalAttributeValueTypeDef]", told: Row, now: float) -> None:
        """One conditional write that turns the row into what `heard` says; `item` is the row that the event told."""
        key = {"pk": item.pop("pk")}
        sets = {
            Heard.FILLED: item,
            Heard.CONFIRMED: {"fresh_until": item["fresh_until"]},
            Heard.CONTRADICTED: {"fresh_until": number(now)},
        }[heard]
        assignments = [f"#{name} = :{name}" for name in sets]
        values = {f":{name}": value for name, value in sets.items()}
        if heard is Heard.FILLED:
            # When the portal, or a forgetting, had its last word: what was said before that does not come back.
            assignments.append("stood_at = if_not_exists(asked_at, :never)")
            values[":never"] = number(0)
        bounds = {
            ":heard_id": item["chat_id"],
            ":heard_at": number(told.asked_at),
            ":until": number(told.fresh_until),
            ":now": number(now),
            ":ahead": number(now + CLOCKS_APART),
        }
        condition = _CONDITIONS[heard]
        self._dynamodb.update_item(
            TableName=self._table,
            Key=key,
            UpdateExpression="SET " + ", ".join(assignments),
            ConditionExpression=condition,
            ExpressionAttributeNames={f"#{name}": name for name in sets},
            # A value that no expression uses is refused.
            ExpressionAttributeValues=values | {name: each for name, each in bounds.items() if name in condition},
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
