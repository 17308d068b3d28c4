"""What an event does to a cache row: it fills, confirms or marks it stale, and never changes the id of a usable row."""

import pytest

from chat_lookup.cache.chat_cache import Cache
from chat_lookup.cache.learned_rows import FRESH_LEARNED, LearnedRows, LearnOutcome
from chat_lookup.cache.rows import CHAT, USABLE_POSITIVE, Row
from chat_lookup.clock import CLOCKS_APART, HOUR
from chat_lookup.entity import EntityRef
from tests.support.fakes import MEMBER_ID, FixedRandom, ManualClock, Stores
from tests.support.in_process_service import DEAL

DAY = 24 * HOUR


@pytest.fixture
def cache(stores: Stores, clock: ManualClock) -> Cache:
    return Cache(stores.cache_rows, clock, FixedRandom())


@pytest.fixture
def learned(cache: Cache, stores: Stores, clock: ManualClock) -> LearnedRows:
    return LearnedRows(cache, stores.cache_rows, clock, FixedRandom())


@pytest.fixture
def rows(cache: Cache, learned: LearnedRows, clock: ManualClock) -> "Rows":
    return Rows(cache, learned, clock)


class Rows:
    """Writes and reads the one row of a deal."""

    def __init__(self, cache: Cache, learned: LearnedRows, clock: ManualClock) -> None:
        self.cache = cache
        self.learned = learned
        self.clock = clock

    def store_reply(self, chat_id: int | None, *, ago: float = 0) -> None:
        """Store the portal's reply to a request that was made `ago` seconds before."""
        self.cache.put(MEMBER_ID, 1, DEAL, chat_id, method="im.chat.get", asked_at=self.clock.now() - ago)

    def learn(self, chat_id: int, *, ago: float = 0) -> LearnOutcome:
        """Process an event that was received `ago` seconds before."""
        return self.learned.learn(MEMBER_ID, 1, DEAL, chat_id, self.clock.now() - ago)

    @property
    def row(self) -> Row:
        row = self.cache.get(MEMBER_ID, 1, DEAL)
        assert row is not None
        return row

    @property
    def stored(self) -> tuple[int | None, str, bool]:
        """The id, its source, and whether it is served without a call."""
        row = self.row
        return row.chat_id, row.source, row.fresh(self.clock.now())


# -- filling -----------------------------------------------------------------------------------------------------------


def test_event_fills_missing_row(rows: Rows, clock: ManualClock) -> None:
    assert rows.learn(1437) is LearnOutcome.FILLED
    assert rows.stored == (1437, "event", True)
    assert rows.row.asked_at == pytest.approx(clock.now())
    clock.advance(FRESH_LEARNED + 1)
    assert (rows.row.fresh(clock.now()), rows.row.usable(clock.now())) == (False, True)
    clock.advance(USABLE_POSITIVE)
    assert not rows.row.usable(clock.now())


def test_event_fills_negative_row(rows: Rows, clock: ManualClock) -> None:
    rows.store_reply(None)
    clock.advance(1)
    assert rows.learn(1437) is LearnOutcome.FILLED
    assert rows.stored == (1437, "event", True)


def test_event_fills_row_that_is_no_longer_usable(rows: Rows, clock: ManualClock) -> None:
    rows.store_reply(1)
    clock.advance(USABLE_POSITIVE + 1)
    assert rows.learn(2) is LearnOutcome.FILLED
    assert rows.stored == (2, "event", True)


def test_event_fills_forgotten_row(rows: Rows, clock: ManualClock) -> None:
    rows.cache.forget(MEMBER_ID, 1, DEAL)
    clock.advance(1)
    assert rows.learn(2) is LearnOutcome.FILLED


def test_event_fills_row_from_a_clock_that_ran_ahead(rows: Rows) -> None:
    rows.store_reply(1, ago=-2 * CLOCKS_APART)
    assert rows.learn(2) is LearnOutcome.FILLED
    assert rows.stored == (2, "event", True)


def test_entity_of_a_chat_is_known_after_an_event(rows: Rows) -> None:
    rows.learn(1437)
    assert rows.cache.entity_of(MEMBER_ID, 1, 1437) == DEAL


# -- confirming --------------------------------------------------------------------------------------------------------


def test_event_makes_stale_row_fresh_for_an_hour(rows: Rows, clock: ManualClock) -> None:
    rows.store_reply(1437)
    before = rows.row
    clock.advance(2 * DAY)
    assert rows.learn(1437) is LearnOutcome.CONFIRMED
    assert rows.row == before._replace(fresh_until=rows.row.fresh_until)
    assert rows.row.fresh_until == pytest.approx(clock.now() + FRESH_LEARNED)


def test_event_with_the_stored_id_leaves_a_fresh_row_unchanged(rows: Rows, clock: ManualClock) -> None:
    rows.store_reply(1437)
    before = rows.row
    clock.advance(1)
    assert rows.learn(1437) is LearnOutcome.KNOWN
    assert rows.row == before


def test_event_does_not_make_a_row_fresh_beyond_its_usable_time(rows: Rows, clock: ManualClock) -> None:
    rows.store_reply(1437)
    clock.advance(USABLE_POSITIVE - FRESH_LEARNED / 2)
    assert rows.learn(1437) is LearnOutcome.KNOWN
    assert not rows.row.fresh(clock.now())


# -- contradicting -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [1.0, 2 * DAY])
def test_event_with_another_id_keeps_the_stored_id_and_marks_the_row_stale(
    rows: Rows, clock: ManualClock, seconds: float
) -> None:
    rows.store_reply(1)
    clock.advance(seconds)
    assert rows.learn(2) is LearnOutcome.CONTRADICTED
    assert rows.stored == (1, "portal", False)
    assert rows.row.usable(clock.now())


def test_second_event_with_another_id_keeps_the_first_id_and_marks_the_row_stale(
    rows: Rows, clock: ManualClock
) -> None:
    rows.learn(1)
    clock.advance(1)
    assert rows.learn(2) is LearnOutcome.CONTRADICTED
    assert rows.stored == (1, "event", False)


# -- late events -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chat_id", [1, 2, None])
def test_event_received_before_the_request_changes_nothing(rows: Rows, clock: ManualClock, chat_id: int | None) -> None:
    rows.store_reply(chat_id)
    before = rows.row
    clock.advance(1)
    assert rows.learn(2, ago=10) is LearnOutcome.LATE
    assert rows.row == before


def test_event_received_before_a_forget_does_not_restore_the_row(rows: Rows, clock: ManualClock) -> None:
    rows.cache.forget(MEMBER_ID, 1, DEAL)
    clock.advance(1)
    assert rows.learn(1437, ago=10) is LearnOutcome.LATE
    assert rows.row.chat_id is None


def test_event_received_hours_ago_fills_a_stale_row_that_serves_only_while_the_portal_fails(
    rows: Rows, clock: ManualClock
) -> None:
    assert rows.learn(1437, ago=5 * HOUR) is LearnOutcome.FILLED
    assert (rows.row.fresh(clock.now()), rows.row.usable(clock.now())) == (False, True)


def test_event_received_more_than_a_week_ago_is_ignored(rows: Rows, cache: Cache) -> None:
    assert rows.learn(1437, ago=USABLE_POSITIVE + 1) is LearnOutcome.LATE
    assert cache.get(MEMBER_ID, 1, DEAL) is None


def test_event_from_a_clock_that_runs_ahead_counts_as_received_now(rows: Rows, clock: ManualClock) -> None:
    assert rows.learn(1437, ago=-3600) is LearnOutcome.FILLED
    assert rows.row.asked_at == pytest.approx(clock.now())


# -- replies of the portal ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ago", [0.0, 5.0])
def test_id_from_the_portal_replaces_id_from_an_event_whenever_it_was_requested(
    rows: Rows, clock: ManualClock, ago: float
) -> None:
    clock.advance(10)
    rows.learn(2, ago=2)
    rows.store_reply(1, ago=ago)
    assert rows.stored == (1, "portal", True)


def test_null_requested_before_the_event_does_not_replace_its_id(rows: Rows, clock: ManualClock) -> None:
    rows.learn(2)
    clock.advance(1)
    rows.store_reply(None, ago=5)
    assert rows.stored == (2, "event", True)


def test_null_requested_after_the_event_replaces_its_id(rows: Rows, clock: ManualClock) -> None:
    rows.learn(2)
    clock.advance(1)
    rows.store_reply(None)
    assert rows.row.chat_id is None


@pytest.mark.parametrize("last_write", ["forgotten", "not found"])
def test_reply_requested_before_a_forget_or_null_does_not_replace_the_id_of_a_later_event(
    rows: Rows, clock: ManualClock, last_write: str
) -> None:
    if last_write == "forgotten":
        rows.cache.forget(MEMBER_ID, 1, DEAL)
    else:
        rows.store_reply(None)
    clock.advance(1)
    rows.learn(2)
    rows.store_reply(1, ago=5)
    assert rows.stored == (2, "event", True)


# -- repeated events ---------------------------------------------------------------------------------------------------


def test_repeated_event_changes_nothing(rows: Rows, clock: ManualClock) -> None:
    for before, chat_id in ((None, 2), (2, 2), (1, 2)):
        rows.cache.forget(MEMBER_ID, 1, DEAL)
        if before is not None:
            rows.store_reply(before)
            clock.advance(2 * DAY if before == chat_id else 1)
        clock.advance(1)
        rows.learn(chat_id)
        after = rows.row
        clock.advance(30)
        assert rows.learn(chat_id, ago=30) in (LearnOutcome.KNOWN, LearnOutcome.CONTRADICTED)
        assert rows.row == after


def test_events_of_other_portals_and_generations_leave_the_row_unchanged(
    rows: Rows, learned: LearnedRows, clock: ManualClock
) -> None:
    rows.learn(1)
    assert learned.learn(MEMBER_ID, 2, DEAL, 2, clock.now()) is LearnOutcome.FILLED
    assert learned.learn("f" * 32, 1, DEAL, 3, clock.now()) is LearnOutcome.FILLED
    assert rows.stored == (1, "event", True)


class ReadBefore(Cache):
    """A read that is outdated before its reader writes: it returns the row as it was."""

    seen: Row | None = None

    def get(
        self, member_id: str, generation: int, ref: EntityRef, *, consistent: bool = False, kind: str = CHAT
    ) -> Row | None:
        del member_id, generation, ref, kind
        assert consistent, "an eventually consistent read could hide a needed write"
        return self.seen


@pytest.mark.parametrize(
    ("seen", "stored", "outcome"),
    [
        (None, 1, LearnOutcome.CONTRADICTED),
        (None, 2, LearnOutcome.KNOWN),
        (2, None, LearnOutcome.FILLED),
        (2, 1, LearnOutcome.CONTRADICTED),
    ],
)
def test_row_written_after_the_read_is_evaluated_again(
    stores: Stores, rows: Rows, clock: ManualClock, seen: int | None, stored: int | None, outcome: LearnOutcome
) -> None:
    overtaken = ReadBefore(stores.cache_rows, clock, FixedRandom())
    if seen is not None:
        rows.store_reply(seen)
        overtaken.seen = rows.row
    clock.advance(2 * DAY)
    rows.store_reply(stored)
    clock.advance(1)
    learned = LearnedRows(overtaken, stores.cache_rows, clock, FixedRandom())
    assert learned.learn(MEMBER_ID, 1, DEAL, 2, clock.now()) is outcome
    assert rows.row.chat_id == (stored or 2)
