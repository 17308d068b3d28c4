"""What an event does to a row of the cache: it fills, confirms or makes stale, and never moves a usable row's id."""

from dataclasses import replace

import pytest

from chat_lookup.cache.chat_cache import Cache
from chat_lookup.cache.event_hints import FRESH_HEARD, Heard, Hearing
from chat_lookup.cache.rows import HOUR, USABLE_POSITIVE, Row
from chat_lookup.clock import CLOCKS_APART
from chat_lookup.entity import EntityRef
from tests.support.fakes import MEMBER_ID, FixedRandom, ManualClock, Stores
from tests.support.in_process_service import DEAL

DAY = 24 * HOUR


@pytest.fixture
def cache(stores: Stores, clock: ManualClock) -> Cache:
    return Cache(stores.cache_rows, clock, FixedRandom())


@pytest.fixture
def hearing(cache: Cache, stores: Stores, clock: ManualClock) -> Hearing:
    return Hearing(cache, stores.cache_rows, clock, FixedRandom())


@pytest.fixture
def rows(cache: Cache, hearing: Hearing, clock: ManualClock) -> "Rows":
    return Rows(cache, hearing, clock)


class Rows:
    """The one row of a deal, written and read in a few words."""

    def __init__(self, cache: Cache, hearing: Hearing, clock: ManualClock) -> None:
        self.cache = cache
        self.hearing = hearing
        self.clock = clock

    def says(self, chat_id: int | None, *, ago: float = 0) -> None:
        """The portal answers what it was asked for so long ago."""
        self.cache.put(MEMBER_ID, 1, DEAL, chat_id, method="im.chat.get", asked_at=self.clock.now() - ago)

    def hears(self, chat_id: int, *, ago: float = 0) -> Heard:
        """An event is worked that was received so long ago."""
        return self.hearing.heard(MEMBER_ID, 1, DEAL, chat_id, self.clock.now() - ago)

    @property
    def row(self) -> Row:
        row = self.cache.get(MEMBER_ID, 1, DEAL)
        assert row is not None
        return row

    @property
    def stands(self) -> tuple[int | None, str, bool]:
        """The id, who said it, and whether it is served without asking."""
        row = self.row
        return row.chat_id, row.source, row.fresh(self.clock.now())


# -- filling -----------------------------------------------------------------------------------------------------------


def test_an_event_fills_what_was_never_asked_for(rows: Rows, clock: ManualClock) -> None:
    assert rows.hears(1437) is Heard.FILLED
    assert rows.stands == (1437, "event", True)
    assert rows.row.asked_at == pytest.approx(clock.now())
    clock.advance(FRESH_HEARD + 1)
    assert (rows.row.fresh(clock.now()), rows.row.usable(clock.now())) == (False, True)
    clock.advance(USABLE_POSITIVE)
    assert not rows.row.usable(clock.now())


def test_an_event_fills_what_was_not_found(rows: Rows, clock: ManualClock) -> None:
    rows.says(None)
    clock.advance(1)
    assert rows.hears(1437) is Heard.FILLED
    assert rows.stands == (1437, "event", True)


def test_an_event_fills_what_is_past_its_use(rows: Rows, clock: ManualClock) -> None:
    rows.says(1)
    clock.advance(USABLE_POSITIVE + 1)
    assert rows.hears(2) is Heard.FILLED
    assert rows.stands == (2, "event", True)


def test_an_event_fills_what_was_forgotten_before(rows: Rows, clock: ManualClock) -> None:
    rows.cache.forget(MEMBER_ID, 1, DEAL)
    clock.advance(1)
    assert rows.hears(2) is Heard.FILLED


def test_an_event_fills_a_row_from_a_clock_that_ran_ahead(rows: Rows) -> None:
    rows.says(1, ago=-2 * CLOCKS_APART)
    assert rows.hears(2) is Heard.FILLED
    assert rows.stands == (2, "event", True)


def test_the_entity_of_a_chat_that_an_event_named_is_known(rows: Rows) -> None:
    rows.hears(1437)
    assert rows.cache.entity_of(MEMBER_ID, 1, 1437) == DEAL


# -- confirming --------------------------------------------------------------------------------------------------------


def test_an_event_makes_a_stale_row_fresh_for_an_hour(rows: Rows, clock: ManualClock) -> None:
    rows.says(1437)
    before = rows.row
    clock.advance(2 * DAY)
    assert rows.hears(1437) is Heard.CONFIRMED
    assert rows.row == replace(before, fresh_until=rows.row.fresh_until)
    assert rows.row.fresh_until == pytest.approx(clock.now() + FRESH_HEARD)


def test_an_event_that_says_what_is_known_changes_nothing(rows: Rows, clock: ManualClock) -> None:
    rows.says(1437)
    before = rows.row
    clock.advance(1)
    assert rows.hears(1437) is Heard.KNOWN
    assert rows.row == before


def test_nothing_is_fresh_beyond_its_use(rows: Rows, clock: ManualClock) -> None:
    rows.says(1437)
    clock.advance(USABLE_POSITIVE - FRESH_HEARD / 2)
    assert rows.hears(1437) is Heard.KNOWN
    assert not rows.row.fresh(clock.now())


# -- contradicting -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [1.0, 2 * DAY])
def test_an_event_of_another_chat_leaves_the_id_and_makes_the_row_stale(
    rows: Rows, clock: ManualClock, seconds: float
) -> None:
    rows.says(1)
    clock.advance(seconds)
    assert rows.hears(2) is Heard.CONTRADICTED
    assert rows.stands == (1, "portal", False)
    assert rows.row.usable(clock.now())


def test_of_two_events_the_first_ones_id_stays_and_the_portal_is_asked(rows: Rows, clock: ManualClock) -> None:
    rows.hears(1)
    clock.advance(1)
    assert rows.hears(2) is Heard.CONTRADICTED
    assert rows.stands == (1, "event", False)


# -- what comes late ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", [1, 2, None])
def test_an_event_says_nothing_of_what_was_asked_for_after_it_was_received(
    rows: Rows, clock: ManualClock, said: int | None
) -> None:
    rows.says(said)
    before = rows.row
    clock.advance(1)
    assert rows.hears(2, ago=10) is Heard.LATE
    assert rows.row == before


def test_an_event_from_before_a_forgetting_does_not_bring_back_what_was_forgotten(
    rows: Rows, clock: ManualClock
) -> None:
    rows.cache.forget(MEMBER_ID, 1, DEAL)
    clock.advance(1)
    assert rows.hears(1437, ago=10) is Heard.LATE
    assert rows.row.chat_id is None


def test_an_event_that_lay_for_some_hours_fills_a_row_that_serves_only_while_the_portal_fails(
    rows: Rows, clock: ManualClock
) -> None:
    assert rows.hears(1437, ago=5 * HOUR) is Heard.FILLED
    assert (rows.row.fresh(clock.now()), rows.row.usable(clock.now())) == (False, True)


def test_an_event_that_lay_for_more_than_a_week_tells_nothing(rows: Rows, cache: Cache) -> None:
    assert rows.hears(1437, ago=USABLE_POSITIVE + 1) is Heard.LATE
    assert cache.get(MEMBER_ID, 1, DEAL) is None


def test_an_event_from_a_clock_that_runs_ahead_counts_as_of_now(rows: Rows, clock: ManualClock) -> None:
    assert rows.hears(1437, ago=-3600) is Heard.FILLED
    assert rows.row.asked_at == pytest.approx(clock.now())


# -- the portal's word -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ago", [0.0, 5.0])
def test_an_id_from_the_portal_displaces_what_an_event_told_whenever_it_was_asked_for(
    rows: Rows, clock: ManualClock, ago: float
) -> None:
    clock.advance(10)
    rows.hears(2, ago=2)
    rows.says(1, ago=ago)
    assert rows.stands == (1, "portal", True)


def test_a_null_asked_for_before_the_event_does_not_hide_the_new_chat(rows: Rows, clock: ManualClock) -> None:
    rows.hears(2)
    clock.advance(1)
    rows.says(None, ago=5)
    assert rows.stands == (2, "event", True)


def test_a_null_asked_for_after_the_event_stands(rows: Rows, clock: ManualClock) -> None:
    rows.hears(2)
    clock.advance(1)
    rows.says(None)
    assert rows.row.chat_id is None


@pytest.mark.parametrize("last_word", ["forgotten", "not found"])
def test_no_earlier_answer_comes_back_through_an_event_in_between(
    rows: Rows, clock: ManualClock, last_word: str
) -> None:
    if last_word == "forgotten":
        rows.cache.forget(MEMBER_ID, 1, DEAL)
    else:
        rows.says(None)
    clock.advance(1)
    rows.hears(2)
    rows.says(1, ago=5)
    assert rows.stands == (2, "event", True)


# -- once more ---------------------------------------------------------------------------------------------------------


def test_the_same_event_once_more_changes_nothing(rows: Rows, clock: ManualClock) -> None:
    for before, chat_id in ((None, 2), (2, 2), (1, 2)):
        rows.cache.forget(MEMBER_ID, 1, DEAL)
        if before is not None:
            rows.says(before)
            clock.advance(2 * DAY if before == chat_id else 1)
        clock.advance(1)
        rows.hears(chat_id)
        after = rows.row
        clock.advance(30)
        assert rows.hears(chat_id, ago=30) in (Heard.KNOWN, Heard.CONTRADICTED)
        assert rows.row == after


def test_portals_and_generations_hear_nothing_of_each_other(rows: Rows, hearing: Hearing, clock: ManualClock) -> None:
    rows.hears(1)
    assert hearing.heard(MEMBER_ID, 2, DEAL, 2, clock.now()) is Heard.FILLED
    assert hearing.heard("f" * 32, 1, DEAL, 3, clock.now()) is Heard.FILLED
    assert rows.stands == (1, "event", True)


class ReadBefore(Cache):
    """A read that others overtake before its reader writes: it tells what stood then."""

    seen: Row | None = None

    def get(self, member_id: str, generation: int, ref: EntityRef, *, consistent: bool = False) -> Row | None:
        del member_id, generation, ref
        assert consistent, "a read that lags behind might tell of nothing to write where there is"
        return self.seen


@pytest.mark.parametrize(
    ("stood", "stands", "heard"),
    [(None, 1, Heard.CONTRADICTED), (None, 2, Heard.KNOWN), (2, None, Heard.FILLED), (2, 1, Heard.CONTRADICTED)],
)
def test_what_others_wrote_since_the_read_is_weighed_anew(
    stores: Stores, rows: Rows, clock: ManualClock, stood: int | None, stands: int | None, heard: Heard
) -> None:
    overtaken = ReadBefore(stores.cache_rows, clock, FixedRandom())
    if stood is not None:
        rows.says(stood)
        overtaken.seen = rows.row
    clock.advance(2 * DAY)
    rows.says(stands)
    clock.advance(1)
    hearing = Hearing(overtaken, stores.cache_rows, clock, FixedRandom())
    assert hearing.heard(MEMBER_ID, 1, DEAL, 2, clock.now()) is heard
    assert rows.row.chat_id == (stands or 2)
