"""Chat ids in CacheTable: positive answers, short-lived "not found", and what may be served when the portal fails;
and lists of an object's chats, which have their own keys.

TTL only collects garbage, hours late: every time is compared on read (design 4).
"""

from random import Random
from typing import Final

from chat_lookup.cache.rows import (
    BY_CHAT,
    CHAT,
    FRESH_NEGATIVE,
    FRESH_POSITIVE,
    PORTAL,
    SPREAD,
    USABLE_POSITIVE,
    Kept,
    Row,
    cache_key,
    chat_key,
    from_item,
    to_item,
)
from chat_lookup.clock import CLOCKS_APART, HOUR, Clock
from chat_lookup.dynamodb import (
    StoredOr,
    Table,
    absent,
    all_of,
    any_of,
    at_most,
    begins_with,
    equals,
    greater,
    less,
    number,
    read_text,
    text,
)
from chat_lookup.entity import EntityRef

KINDS: Final = ("CHAT", "LIST", "PERSON", "PROFILE", "ANSWER", "OPERATING", "LIMIT", "CIRCUIT", "SIGN")
"""How the keys of a portal's rows begin, in whichever room; an installation's lock ends by itself."""
_PAIRS_TRIED: Final = 10
"""How many pairs of one chat are read: few chats have two."""


class Cache:
    """The rows of CacheTable that hold chat ids."""

    def __init__(self, table: Table, clock: Clock, random: Random) -> None:
        self._table = table
        self._clock = clock
        self._random = random

    def get(
        self, member_id: str, generation: int, ref: EntityRef, *, consistent: bool = False, kind: str = CHAT
    ) -> Row | None:
        """One read, eventually consistent by default; None for a row that is absent or of another pair."""
        key = {"pk": text(cache_key(member_id, generation, ref, kind))}
        return from_item(self._table.get(key, consistent=consistent), ref, self._clock.now())

    def put(
        self, member_id: str, generation: int, ref: EntityRef, chat_id: int | None, *, method: str, asked_at: float
    ) -> Kept:
        """Store the portal's reply of `asked_at`, unless a later one is stored already."""
        return self.keep(member_id, generation, self.answered(ref, chat_id, method=method, asked_at=asked_at))

    def answered(self, ref: EntityRef, chat_id: int | None, *, method: str, asked_at: float) -> Row:
        """The row of the portal's reply of `asked_at`, not stored."""
        fresh, usable = (FRESH_POSITIVE, USABLE_POSITIVE) if chat_id is not None else (FRESH_NEGATIVE, FRESH_NEGATIVE)
        spread = 1 + self._random.uniform(-SPREAD, SPREAD)
        return Row(ref, chat_id, method, PORTAL, asked_at, asked_at + fresh * spread, asked_at + usable * spread)

    def keep(self, member_id: str, generation: int, row: Row, *, hint_until: float = 0.0) -> Kept:
        """Store a row of a portal's reply, unless a later one is stored already, which is in the result then.

        An id replaces what an event taught since, if nothing later was there before (`stood_at`, see `learned_rows`); a
        null does not: the chat may be new. For the same reason a null is not stored where an event named a chat of the
        pair since (`distrust_null`). A claim because of a hint outlives its reply with `hint_until` (see `leases`).
        Repeating the write is harmless: its condition admits our own earlier success (design 4).
        """
        now = self._clock.now()
        asked_at, ahead = number(row.asked_at), number(now + CLOCKS_APART)
        admitted = any_of(absent("asked_at"), at_most("asked_at", asked_at), greater("asked_at", ahead))
        if row.chat_id is not None:
            admitted = any_of(admitted, at_most("stood_at", asked_at))
        else:
            trusted = [absent("hinted_at"), at_most("hinted_at", asked_at), greater("hinted_at", ahead)]
            admitted = all_of(admitted, any_of(*trusted))
        claim = {"hint_until": number(hint_until)} if hint_until else {}
        written = self._table.put({**to_item(member_id, generation, row), **claim}, admitted)
        return Kept(row, row if written.held else from_item(written.item, row.ref, now))

    def distrust_null(self, member_id: str, generation: int, ref: EntityRef, at: float, kind: str = CHAT) -> None:
        """Let no "not found", or no list of the object, serve as fresh that was asked for before `at`, when an event
        named a chat of the pair.

        Neither one that is stored, nor one that is on its way. Rows with an id, and later ones, stay as they are.
        """
        now = self._clock.now()
        hinted_at = number(at)
        self._table.update(
            {"pk": text(cache_key(member_id, generation, ref, kind))},
            {
                "hinted_at": hinted_at,
                "fresh_until": number(now),
                "expires_at": StoredOr("expires_at", number(int(now + HOUR))),
            },
            condition=all_of(absent("chat_id"), any_of(absent("asked_at"), less("asked_at", hinted_at))),
        )

    def forget(self, member_id: str, generation: int, ref: EntityRef) -> None:
        """Forget the stored answer. A mark stays: an answer asked for earlier cannot come back."""
        now = self._clock.now()
        mark = Row(ref, None, "", "forgotten", now, now, now)
        self._table.put(to_item(member_id, generation, mark))

    def forget_portal(self, member_id: str) -> int:
        """Delete every row of a portal, by scan; how many answers there were. For operators, never on a request's path.

        Other rooms' rows, too: limits, circuit, signs, claims and people.
        """
        answers = 0
        names = [f"{kind}#{member_id}" for kind in KINDS]
        ours = any_of(*[equals("pk", text(name)) for name in names], *[begins_with("pk", f"{name}#") for name in names])
        for item in self._table.scan(ours, only="pk"):
            self._table.delete({"pk": item["pk"]})
            answers += (read_text(item, "pk") or "").startswith("CHAT#")
        return answers

    def entity_of(self, member_id: str, generation: int, chat_id: int, *, fresh: bool = False) -> EntityRef | None:
        """A pair that a chat id was found for and that may still be served; None if the cache knows none.

        With `fresh` only one that may be served without asking.
        """
        now = self._clock.now()
        chat = equals("chat", text(chat_key(member_id, generation, chat_id)))
        for item in self._table.query(chat, index=BY_CHAT, limit=_PAIRS_TRIED):
            ref = EntityRef(read_text(item, "entity_type") or "", read_text(item, "entity_id") or "")
            # The index lags behind and holds no times: the row itself decides.
            row = self.get(member_id, generation, ref)
            if row is not None and row.chat_id == chat_id and (row.fresh(now) if fresh else row.usable(now)):
                return ref
        return None
