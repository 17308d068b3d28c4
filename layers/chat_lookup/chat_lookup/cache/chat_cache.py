"""Chat ids in CacheTable: positive answers, short-lived "not found", and what may be served when the portal fails.

TTL only collects garbage, hours late: every time is compared on read (design 4).
"""

import hashlib
import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from chat_lookup.clock import Clock
from chat_lookup.dynamodb import condition_failed, number, read_number, read_text, read_whole, text
from chat_lookup.entity import EntityRef

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import UniversalAttributeValueTypeDef

    from chat_lookup.dynamodb import Item

HOUR: Final = 3600.0
FRESH_POSITIVE: Final = 24 * HOUR
USABLE_POSITIVE: Final = 7 * 24 * HOUR
FRESH_NEGATIVE: Final = 60.0
"""Short, because chats are made on demand: null today can be an id tomorrow (bitrix24.md 1.1)."""
SPREAD: Final = 0.10
"""Freshness varies by this share, so that what was stored together does not lapse together."""
CLOCKS_APART: Final = 60.0
"""Seconds that two processes' clocks may differ. A row from further ahead was written by a clock that ran wrong."""
BY_CHAT: Final = "by_chat"
PORTAL: Final = "portal"
EVENT: Final = "event"
"""The sources of a row: who said it."""
_PAIRS_TRIED: Final = 10
"""How many pairs of one chat are looked at: few chats have two."""


@dataclass(frozen=True, slots=True)
class Row:
    """What is known of one pair. `chat_id` is None for "not found"; times are Unix seconds."""

    ref: EntityRef
    chat_id: int | None
    method: str
    source: str
    asked_at: float
    fresh_until: float
    usable_until: float

    def fresh(self, now: float) -> bool:
        return now < self.fresh_until

    def usable(self, now: float) -> bool:
        """Whether it may be served as stale when the portal fails; only positive answers may."""
        return self.chat_id is not None and now < self.usable_until


def cache_key(member_id: str, generation: int, ref: EntityRef) -> str:
    """The row's key. A hash, because ids are opaque text and no separator is safe (design 4)."""
    pair = json.dumps([ref.entity_type, ref.entity_id]).encode()
    digest = urlsafe_b64encode(hashlib.sha256(pair).digest()).rstrip(b"=").decode()
    return f"CHAT#{member_id}#{generation}#{digest}"


def chat_key(member_id: str, generation: int, chat_id: int) -> str:
    """The key of the index `by_chat`: the entity that a chat id was last found for."""
    return f"{member_id}#{generation}#{chat_id}"


class Cache:
    """The rows of CacheTable that hold chat ids."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str, clock: Clock, random: Random) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._clock = clock
        self._random = random

    def get(self, member_id: str, generation: int, ref: EntityRef, *, consistent: bool = False) -> Row | None:
        """One read, eventually consistent unless told; None for a row that is absent or speaks of another pair."""
        key = {"pk": text(cache_key(member_id, generation, ref))}
        item = self._dynamodb.get_item(TableName=self._table, Key=key, ConsistentRead=consistent).get("Item", {})
        return from_item(item, ref, self._clock.now())

    def put(
        self, member_id: str, generation: int, ref: EntityRef, chat_id: int | None, *, method: str, asked_at: float
    ) -> Row:
        """Keep what the portal said at `asked_at`, unless a later answer stands already. Returns the row as made.

        An id displaces what an event told since, if nothing later stood before that (`stood_at`, see `hearing`); a null
        does not: the chat may be new.
        Repeating the write is harmless: its condition admits our own earlier success (design 4).
        """
        fresh, usable = (FRESH_POSITIVE, USABLE_POSITIVE) if chat_id is not None else (FRESH_NEGATIVE, FRESH_NEGATIVE)
        spread = 1 + self._random.uniform(-SPREAD, SPREAD)
        row = Row(ref, chat_id, method, PORTAL, asked_at, asked_at + fresh * spread, asked_at + usable * spread)
        admitted = "attribute_not_exists(asked_at) OR asked_at <= :asked_at OR asked_at > :ahead"
        if chat_id is not None:
            admitted += " OR stood_at <= :asked_at"
        try:
            self._dynamodb.put_item(
                TableName=self._table,
                Item=to_item(member_id, generation, row),
                ConditionExpression=admitted,
                ExpressionAttributeValues={
                    ":asked_at": number(row.asked_at),
                    ":ahead": number(self._clock.now() + CLOCKS_APART),
                },
            )
        except ClientError as error:
            if not condition_failed(error):
                raise
        return row

    def forget(self, member_id: str, generation: int, ref: EntityRef) -> None:
        """Forget one answer, whichever stands. A mark stays, so that one asked for earlier cannot come back."""
        now = self._clock.now()
        mark = Row(ref, None, "", "forgotten", now, now, now)
        self._dynamodb.put_item(TableName=self._table, Item=to_item(member_id, generation, mark))

    def forget_portal(self, member_id: str) -> int:
        """Delete every row of a portal, by scan; how many there were. For operators, never on a request's path."""
        rows = 0
        for page in self._dynamodb.get_paginator("scan").paginate(
            TableName=self._table,
            FilterExpression="begins_with(pk, :rows)",
            ExpressionAttributeValues={":rows": text(f"CHAT#{member_id}#")},
            ProjectionExpression="pk",
        ):
            for item in page["Items"]:
                self._dynamodb.delete_item(TableName=self._table, Key={"pk": item["pk"]})
                rows += 1
        return rows

    def entity_of(self, member_id: str, generation: int, chat_id: int, *, fresh: bool = False) -> EntityRef | None:
        """A pair that a chat id was found for and that may still be served; None if the cache knows none.

        With `fresh` only one that may be served without asking.
        """
        now = self._clock.now()
        items = self._dynamodb.query(
            TableName=self._table,
            IndexName=BY_CHAT,
            KeyConditionExpression="chat = :chat",
            ExpressionAttributeValues={":chat": text(chat_key(member_id, generation, chat_id))},
            Limit=_PAIRS_TRIED,
        )["Items"]
        for item in items:
            ref = EntityRef(read_text(item, "entity_type") or "", read_text(item, "entity_id") or "")
            # The index lags behind and holds no times: the row itself decides.
            row = self.get(member_id, generation, ref)
            if row is not None and row.chat_id == chat_id and (row.fresh(now) if fresh else row.usable(now)):
                return ref
        return None


def to_item(member_id: str, generation: int, row: Row) -> "dict[str, UniversalAttributeValueTypeDef]":
    """A row as it is stored."""
    item = {
        "pk": text(cache_key(member_id, generation, row.ref)),
        "entity_type": text(row.ref.entity_type),
        "entity_id": text(row.ref.entity_id),
        "method": text(row.method),
        "source": text(row.source),
        "asked_at": number(row.asked_at),
        "fresh_until": number(row.fresh_until),
        "usable_until": number(row.usable_until),
        "expires_at": number(int(row.usable_until + HOUR)),
    }
    if row.chat_id is not None:
        item["chat_id"] = number(row.chat_id)
        item["chat"] = text(chat_key(member_id, generation, row.chat_id))
    return item


def from_item(item: "Item", ref: EntityRef, now: float) -> Row | None:
    """The row that is stored; None for one that is absent, of another pair, or from a clock that ran ahead."""
    if not item or (read_text(item, "entity_type"), read_text(item, "entity_id")) != (ref.entity_type, ref.entity_id):
        return None
    row = Row(
        ref=ref,
        chat_id=read_whole(item, "chat_id"),
        method=read_text(item, "method") or "",
        source=read_text(item, "source") or PORTAL,
        asked_at=read_number(item, "asked_at") or 0.0,
        fresh_until=read_number(item, "fresh_until") or 0.0,
        usable_until=read_number(item, "usable_until") or 0.0,
    )
    return row if row.asked_at <= now + CLOCKS_APART else None
