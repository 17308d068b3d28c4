"""Rows of the cache: their keys, their ages, and how they are written."""

import hashlib
import json
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Final, NamedTuple

from chat_lookup.clock import CLOCKS_APART, DAY, HOUR
from chat_lookup.dynamodb import number, read_number, read_text, read_whole, text
from chat_lookup.entity import EntityRef

if TYPE_CHECKING:
    from chat_lookup.dynamodb import Item, Values

FRESH_POSITIVE: Final = DAY
USABLE_POSITIVE: Final = 7 * DAY
FRESH_NEGATIVE: Final = 60.0
"""Short, because chats are made on demand: null today can be an id tomorrow (bitrix24.md 1.1)."""
SPREAD: Final = 0.10
"""Freshness varies by this share, so that rows that were stored together do not expire together."""
BY_CHAT: Final = "by_chat"
CHAT: Final = "CHAT"
LIST: Final = "LIST"
"""How the keys of rows begin: of a pair's chat, and of an object's list of chats."""
PORTAL: Final = "portal"
EVENT: Final = "event"
"""The sources of a row: a reply of the portal, or an event."""


class Row(NamedTuple):
    """What is known of one pair. `chat_id` is None for "not found"; times are Unix seconds.

    `content` is what an object's list has in the place of a chat id: text that the room `objects` writes and reads.
    """

    ref: EntityRef
    chat_id: int | None
    method: str
    source: str
    asked_at: float
    fresh_until: float
    usable_until: float
    content: str = ""

    @property
    def kind(self) -> str:
        return LIST if self.content else CHAT

    def fresh(self, now: float) -> bool:
        return now < self.fresh_until

    def usable(self, now: float) -> bool:
        """Whether it may be served as stale when the portal fails; only positive answers may."""
        return (self.chat_id is not None or self.content != "") and now < self.usable_until

    def for_this_caller_only(self) -> "Row":
        """The same, for the one caller that waits for it: it serves no other, now or later."""
        return self._replace(fresh_until=self.asked_at, usable_until=self.asked_at)


class Hint(NamedTuple):
    """What an event names: a chat and its pair, and when the event was received (Unix seconds)."""

    ref: EntityRef
    chat_id: int
    at: float


class Kept(NamedTuple):
    """What became of the row of a portal's reply that was to be stored.

    `stored` is the row that is stored now: the reply's own, or the later one that the write lost to; None where what is
    stored later holds no answer.
    """

    row: Row
    stored: Row | None

    @property
    def lost(self) -> bool:
        return self.stored is not self.row


def cache_key(member_id: str, generation: int, ref: EntityRef, kind: str = CHAT) -> str:
    """The row's key; `kind` is CHAT or LIST. With a hash: ids are opaque text, and no separator is safe (design 4)."""
    pair = json.dumps([ref.entity_type, ref.entity_id]).encode()
    digest = urlsafe_b64encode(hashlib.sha256(pair).digest()).rstrip(b"=").decode()
    return f"{kind}#{member_id}#{generation}#{digest}"


def chat_key(member_id: str, generation: int, chat_id: int) -> str:
    """The key of the index `by_chat`: the entity that a chat id was last found for."""
    return f"{member_id}#{generation}#{chat_id}"


def to_item(member_id: str, generation: int, row: Row) -> "Values":
    """A row as it is stored."""
    item = {
        "pk": text(cache_key(member_id, generation, row.ref, row.kind)),
        "entity_type": text(row.ref.entity_type),
        "entity_id": text(row.ref.entity_id),
        "method": text(row.method),
        "source": text(row.source),
        "asked_at": number(row.asked_at),
        "fresh_until": number(row.fresh_until),
        "usable_until": number(row.usable_until),
        "expires_at": number(int(row.usable_until + HOUR)),
    }
    if row.content:
        item["content"] = text(row.content)
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
        content=read_text(item, "content") or "",
    )
    return row if row.asked_at <= now + CLOCKS_APART else None
