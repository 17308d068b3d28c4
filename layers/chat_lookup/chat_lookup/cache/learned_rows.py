"""What the cache learns from events: the chat of a pair, as a row that never replaces a portal's reply (design 5).

Anyone may bind a chat to any pair (bitrix24.md 9, row 8), and a pair may have two chats (5.9). So an event fills what
is absent, "not found" or past its use; it never changes the id of a row that may be served.
"""

from enum import StrEnum
from random import Random
from typing import TYPE_CHECKING, Final

from chat_lookup.cache.chat_cache import Cache
from chat_lookup.cache.rows import EVENT, SPREAD, USABLE_POSITIVE, Row, from_item, to_item
from chat_lookup.clock import CLOCKS_APART, HOUR, Clock
from chat_lookup.dynamodb import (
    Condition,
    StoredOr,
    Table,
    Written,
    absent,
    all_of,
    any_of,
    at_most,
    differs,
    equals,
    greater,
    number,
    present,
)
from chat_lookup.entity import EntityRef
from chat_lookup.errors import StoreUnavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import UniversalAttributeValueTypeDef

FRESH_LEARNED: Final = HOUR
_CONTENTION: Final = 8


class LearnOutcome(StrEnum):
    """What an event that names a chat and its pair changes in the cache's row of the pair."""

    FILLED = "filled"
    CONFIRMED = "confirmed"
    """A stale row of the same id is fresh again."""
    CONTRADICTED = "contradicted"
    """A row of another id is stale from now on, so that the portal is asked."""
    KNOWN = "known"
    LATE = "late"
    """Something later is stored, or the event waited for too long to be of use."""


_WRITTEN: Final = frozenset({LearnOutcome.FILLED, LearnOutcome.CONFIRMED, LearnOutcome.CONTRADICTED})


def weigh(row: Row | None, learned: Row, now: float) -> LearnOutcome:
    """What to do with the row `learned` from an event, where `row` is stored."""
    if not learned.usable(now) or (row is not None and row.asked_at > learned.asked_at):
        return LearnOutcome.LATE
    if row is None or not row.usable(now):
        return LearnOutcome.FILLED
    if row.chat_id != learned.chat_id:
        return LearnOutcome.CONTRADICTED
    # Nothing is fresh beyond its use: a row near that is left to be filled anew.
    gains = learned.fresh(now) and not row.fresh(now) and row.usable(learned.fresh_until)
    return LearnOutcome.CONFIRMED if gains else LearnOutcome.KNOWN


class LearnedRows:
    """The writes that events cause in CacheTable."""

    def __init__(self, cache: Cache, table: Table, clock: Clock, random: Random) -> None:
        self._cache = cache
        self._table = table
        self._clock = clock
        self._random = random

    def learn(self, member_id: str, generation: int, ref: EntityRef, chat_id: int, received_at: float) -> LearnOutcome:
        """Learn from an event, received at `received_at` (Unix seconds), that a chat carries a pair.

        Safe to repeat: what the first write left makes a second one needless. Raises `StoreUnavailable` where others
        write the row all the time.
        """
        now = round(self._clock.now(), 6)  # as it is stored, so that conditions and `weigh` compare alike
        learned = self._learned(ref, chat_id, min(round(received_at, 6), now))
        row = self._cache.get(member_id, generation, ref, consistent=True)
        for _ in range(_CONTENTION):
            outcome = weigh(row, learned, now)
            stale_already = outcome is LearnOutcome.CONTRADICTED and row is not None and not row.fresh(now)
            if outcome not in _WRITTEN or stale_already:
                return outcome
            written = self._write(outcome, member_id, generation, learned, now)
            if written.held:
                return outcome
            row = from_item(written.item, ref, now)
        raise StoreUnavailable(retry_after=1)

    def _learned(self, ref: EntityRef, chat_id: int, at: float) -> Row:
        spread = 1 + self._random.uniform(-SPREAD, SPREAD)
        fresh_until, usable_until = (round(at + seconds * spread, 6) for seconds in (FRESH_LEARNED, USABLE_POSITIVE))
        return Row(ref, chat_id, EVENT, EVENT, at, fresh_until, usable_until)

    def _write(self, outcome: LearnOutcome, member_id: str, generation: int, learned: Row, now: float) -> Written:
        """One conditional write that changes the row as `outcome` has it."""
        item = to_item(member_id, generation, learned)
        key = {"pk": item.pop("pk")}
        fields: dict[str, UniversalAttributeValueTypeDef | StoredOr]
        if outcome is LearnOutcome.FILLED:
            # When the portal's reply, or a forgetting, was stored last: no reply of before that comes back.
            fields = {**item, "stood_at": StoredOr("asked_at", number(0))}
        else:
            fields = {"fresh_until": item["fresh_until"] if outcome is LearnOutcome.CONFIRMED else number(now)}
        return self._table.update(key, fields, condition=_condition(outcome, learned, now))


def _condition(outcome: LearnOutcome, learned: Row, now: float) -> Condition:
    """What `weigh` found, as a condition on the row that is stored when it is written."""
    chat_id, present_moment = number(learned.chat_id or 0), number(now)
    not_later = at_most("asked_at", number(learned.asked_at))
    if outcome is LearnOutcome.FILLED:
        of_no_use = any_of(absent("chat_id"), at_most("usable_until", present_moment))
        ahead = greater("asked_at", number(now + CLOCKS_APART))
        return any_of(absent("asked_at"), ahead, all_of(not_later, of_no_use))
    if outcome is LearnOutcome.CONFIRMED:
        return all_of(
            equals("chat_id", chat_id),
            not_later,
            at_most("fresh_until", present_moment),
            greater("usable_until", number(learned.fresh_until)),
        )
    return all_of(
        present("chat_id"),
        differs("chat_id", chat_id),
        not_later,
        greater("fresh_until", present_moment),
        greater("usable_until", present_moment),
    )
