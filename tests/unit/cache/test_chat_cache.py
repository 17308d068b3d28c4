"""Chat ids in CacheTable: every time compared on read, and no reply replaced by one that was requested earlier."""

from random import SystemRandom
from statistics import mean

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chat_lookup.cache.chat_cache import Cache
from chat_lookup.cache.rows import FRESH_NEGATIVE, FRESH_POSITIVE, USABLE_POSITIVE
from chat_lookup.clock import CLOCKS_APART, HOUR
from chat_lookup.entity import EntityRef
from tests.support.fakes import MEMBER_ID, FixedRandom, ManualClock, Stores

DEAL = EntityRef("CRM", "DEAL|1663")


def cache_of(stores: Stores, clock: ManualClock, share: float = 0.5) -> Cache:
    return Cache(stores.cache_rows, clock, FixedRandom(share))


@pytest.fixture
def cache(stores: Stores, clock: ManualClock) -> Cache:
    return cache_of(stores, clock)


def put(cache: Cache, chat_id: int | None, *, asked_at: float, ref: EntityRef = DEAL, generation: int = 1) -> None:
    cache.put(MEMBER_ID, generation, ref, chat_id, method="im.chat.get", asked_at=asked_at)


def chat_id(cache: Cache, ref: EntityRef = DEAL, generation: int = 1) -> int | None:
    row = cache.get(MEMBER_ID, generation, ref)
    return row.chat_id if row else None


# -- times -------------------------------------------------------------------------------------------------------------


def test_row_is_absent_before_the_first_reply(cache: Cache) -> None:
    assert cache.get(MEMBER_ID, 1, DEAL) is None


def test_row_is_read_as_it_was_written(cache: Cache, clock: ManualClock) -> None:
    made = cache.put(MEMBER_ID, 1, DEAL, 1437, method="imbot.chat.get", asked_at=clock.now()).row
    read = cache.get(MEMBER_ID, 1, DEAL)
    assert read is not None
    assert (read.ref, read.chat_id, read.method, read.source) == (DEAL, 1437, "imbot.chat.get", "portal")
    for one, other in ((read.asked_at, made.asked_at), (read.fresh_until, made.fresh_until)):
        assert abs(one - other) < 1e-5


@pytest.mark.parametrize(
    ("chat_id", "seconds", "fresh", "usable"),
    [
        (1437, 0, True, True),
        (1437, FRESH_POSITIVE - 1, True, True),
        (1437, FRESH_POSITIVE + 1, False, True),
        (1437, USABLE_POSITIVE - 1, False, True),
        (1437, USABLE_POSITIVE + 1, False, False),
        (None, 0, True, False),
        (None, FRESH_NEGATIVE - 1, True, False),
        (None, FRESH_NEGATIVE + 1, False, False),
    ],
)
def test_positive_reply_is_fresh_for_a_day_and_usable_for_a_week_and_negative_one_fresh_for_a_minute(
    cache: Cache, clock: ManualClock, chat_id: int | None, seconds: float, fresh: bool, usable: bool
) -> None:
    put(cache, chat_id, asked_at=clock.now())
    clock.advance(seconds)
    row = cache.get(MEMBER_ID, 1, DEAL)
    assert row is not None
    assert (row.fresh(clock.now()), row.usable(clock.now())) == (fresh, usable)


@pytest.mark.parametrize(("share", "factor"), [(0.0, 0.9), (1.0, 1.1)])
@pytest.mark.parametrize("chat_id", [1437, None])
def test_times_are_spread_by_a_tenth_at_most(
    stores: Stores, clock: ManualClock, share: float, factor: float, chat_id: int | None
) -> None:
    fresh = FRESH_POSITIVE if chat_id else FRESH_NEGATIVE
    usable = USABLE_POSITIVE if chat_id else FRESH_NEGATIVE
    asked_at = clock.now()
    row = cache_of(stores, clock, share).put(MEMBER_ID, 1, DEAL, chat_id, method="im.chat.get", asked_at=asked_at).row
    assert row.fresh_until - asked_at == pytest.approx(fresh * factor)
    assert row.usable_until - asked_at == pytest.approx(usable * factor)


def test_rows_stored_together_do_not_expire_together(stores: Stores, clock: ManualClock) -> None:
    cache = Cache(stores.cache_rows, clock, SystemRandom())
    refs = [EntityRef("CRM", f"DEAL|{number}") for number in range(1, 41)]
    rows = [cache.put(MEMBER_ID, 1, ref, 7, method="im.chat.get", asked_at=clock.now()).row for ref in refs]
    lasts = [row.fresh_until - row.asked_at for row in rows]
    assert len(set(lasts)) == len(lasts)
    assert mean(lasts) == pytest.approx(FRESH_POSITIVE, rel=0.05)


def test_row_is_removed_only_after_its_usable_time(stores: Stores, cache: Cache, clock: ManualClock) -> None:
    put(cache, 1437, asked_at=clock.now())
    (item,) = stores.dynamodb.scan(TableName=stores.cache_table)["Items"]
    assert float(item["expires_at"]["N"]) > clock.now() + USABLE_POSITIVE
    assert item["expires_at"]["N"].isdecimal()  # DynamoDB's TTL takes whole seconds only


refs = st.builds(
    EntityRef,
    *[st.text(st.sampled_from('ab0|#",\\[] é😀'), min_size=1, max_size=6).filter(lambda text: text != "0")] * 2,
)


# -- which reply is stored ---------------------------------------------------------------------------------------------


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(answers=st.lists(st.tuples(st.integers(0, 20), st.one_of(st.none(), st.integers(1, 9))), min_size=1, max_size=6))
def test_reply_requested_last_is_stored_in_any_order_of_arrival(
    cache: Cache, clock: ManualClock, answers: list[tuple[int, int | None]]
) -> None:
    began = clock.now()
    ref = EntityRef("CRM", f"DEAL|{began}")
    clock.advance(20)
    for after, found in answers:
        put(cache, found, asked_at=began + after, ref=ref)
    last = max(after for after, _ in answers)
    # Of several requested at the same moment the one that arrived last is stored.
    assert chat_id(cache, ref) == [found for after, found in answers if after == last][-1]
    clock.advance(1)


def test_repeating_a_write_whose_response_was_lost_is_harmless(cache: Cache, clock: ManualClock) -> None:
    asked_at = clock.now()
    put(cache, 1437, asked_at=asked_at)
    put(cache, 1437, asked_at=asked_at)
    assert chat_id(cache) == 1437


def test_row_from_a_clock_that_ran_ahead_is_not_used_and_is_replaced(cache: Cache, clock: ManualClock) -> None:
    put(cache, 1, asked_at=clock.now() + CLOCKS_APART + 3600)
    assert chat_id(cache) is None
    put(cache, 2, asked_at=clock.now())
    assert chat_id(cache) == 2


def test_a_row_from_a_clock_that_is_a_little_ahead_is_used(cache: Cache, clock: ManualClock) -> None:
    put(cache, 1, asked_at=clock.now() + CLOCKS_APART - 1)
    assert chat_id(cache) == 1


@pytest.mark.parametrize("later", [None, 7], ids=["null", "id"])
@pytest.mark.parametrize("reply", [None, 1437], ids=["null", "id"])
def test_write_that_lost_returns_the_later_row(
    cache: Cache, clock: ManualClock, reply: int | None, later: int | None
) -> None:
    put(cache, later, asked_at=clock.now())
    kept = cache.put(MEMBER_ID, 1, DEAL, reply, method="im.chat.get", asked_at=clock.now() - 1)
    assert kept.lost
    assert kept.stored == cache.get(MEMBER_ID, 1, DEAL)
    assert (kept.row.chat_id, kept.stored and kept.stored.chat_id) == (reply, later)


def test_write_that_held_returns_its_own_row(cache: Cache, clock: ManualClock) -> None:
    kept = cache.put(MEMBER_ID, 1, DEAL, 1437, method="im.chat.get", asked_at=clock.now())
    assert not kept.lost
    assert kept.stored is kept.row


# -- a "not found" that an event puts in doubt -------------------------------------------------------------------------


def distrust(cache: Cache, clock: ManualClock, *, ago: float = 0.0) -> None:
    cache.distrust_null(MEMBER_ID, 1, DEAL, clock.now() - ago)


def fresh(cache: Cache, clock: ManualClock) -> bool:
    row = cache.get(MEMBER_ID, 1, DEAL)
    return row is not None and row.fresh(clock.now())


def test_stored_null_from_before_the_event_is_no_longer_fresh(cache: Cache, clock: ManualClock) -> None:
    put(cache, None, asked_at=clock.now() - 1)
    assert fresh(cache, clock)
    distrust(cache, clock)
    assert not fresh(cache, clock)


def test_null_on_its_way_since_before_the_event_is_not_stored(cache: Cache, clock: ManualClock) -> None:
    distrust(cache, clock)
    kept = cache.put(MEMBER_ID, 1, DEAL, None, method="im.chat.get", asked_at=clock.now() - 1)
    assert (kept.lost, kept.stored, cache.get(MEMBER_ID, 1, DEAL)) == (True, None, None)


@pytest.mark.parametrize(("chat_id", "after"), [(None, 0.0), (None, 1.0), (7, -1.0), (7, 1.0)])
def test_id_and_a_null_from_after_the_event_are_stored(
    cache: Cache, clock: ManualClock, chat_id: int | None, after: float
) -> None:
    distrust(cache, clock)
    put(cache, chat_id, asked_at=clock.now() + after)
    assert fresh(cache, clock)
    distrust(cache, clock, ago=2)
    assert fresh(cache, clock)


@pytest.mark.parametrize(("chat_id", "ago"), [(7, 10.0), (None, -1.0)], ids=["an id", "a later null"])
def test_distrust_changes_neither_an_id_nor_a_later_null(
    cache: Cache, clock: ManualClock, chat_id: int | None, ago: float
) -> None:
    put(cache, chat_id, asked_at=clock.now() - ago)
    before = cache.get(MEMBER_ID, 1, DEAL)
    distrust(cache, clock)
    assert cache.get(MEMBER_ID, 1, DEAL) == before


def test_distrust_by_a_clock_that_ran_ahead_ends(cache: Cache, stores: Stores, clock: ManualClock) -> None:
    ahead = ManualClock(clock.now() + CLOCKS_APART + 3600)
    cache_of(stores, ahead, 0.5).distrust_null(MEMBER_ID, 1, DEAL, ahead.now())
    put(cache, None, asked_at=clock.now())
    assert fresh(cache, clock)


# -- forget ------------------------------------------------------------------------------------------------------------


def test_forgotten_row_is_neither_fresh_nor_usable(cache: Cache, clock: ManualClock) -> None:
    put(cache, 1437, asked_at=clock.now())
    cache.forget(MEMBER_ID, 1, DEAL)
    row = cache.get(MEMBER_ID, 1, DEAL)
    assert row is None or not (row.fresh(clock.now()) or row.usable(clock.now()))
    assert cache.entity_of(MEMBER_ID, 1, 1437) is None


def test_reply_requested_before_a_forget_is_not_stored(cache: Cache, clock: ManualClock) -> None:
    asked_at = clock.now()
    clock.advance(2)
    cache.forget(MEMBER_ID, 1, DEAL)
    clock.advance(1)
    put(cache, 1437, asked_at=asked_at)
    assert chat_id(cache) is None


def test_reply_requested_after_a_forget_is_stored(cache: Cache, clock: ManualClock) -> None:
    cache.forget(MEMBER_ID, 1, DEAL)
    clock.advance(0.001)
    put(cache, 1437, asked_at=clock.now())
    assert chat_id(cache) == 1437


def test_forget_applies_to_a_row_from_a_clock_that_is_a_little_ahead(cache: Cache, clock: ManualClock) -> None:
    put(cache, 1437, asked_at=clock.now() + 10)
    cache.forget(MEMBER_ID, 1, DEAL)
    assert chat_id(cache) is None


def test_forget_leaves_other_pairs_unchanged(cache: Cache, clock: ManualClock) -> None:
    other = EntityRef("CRM", "DEAL|7")
    put(cache, 1, asked_at=clock.now())
    put(cache, 2, asked_at=clock.now(), ref=other)
    cache.forget(MEMBER_ID, 1, DEAL)
    assert chat_id(cache, other) == 2


def test_mark_of_a_forget_outlives_any_request(stores: Stores, cache: Cache, clock: ManualClock) -> None:
    cache.forget(MEMBER_ID, 1, DEAL)
    (item,) = stores.dynamodb.scan(TableName=stores.cache_table)["Items"]
    assert float(item["expires_at"]["N"]) >= clock.now() + HOUR - 1


# -- the reverse -------------------------------------------------------------------------------------------------------


def test_the_entity_of_a_chat_is_known_by_the_chat_id(cache: Cache, clock: ManualClock) -> None:
    put(cache, 1437, asked_at=clock.now())
    assert cache.entity_of(MEMBER_ID, 1, 1437) == DEAL


def test_the_entity_of_a_chat_is_not_known_to_another_portal_generation_or_chat(
    cache: Cache, clock: ManualClock
) -> None:
    put(cache, 1437, asked_at=clock.now())
    assert cache.entity_of("f" * 32, 1, 1437) is None
    assert cache.entity_of(MEMBER_ID, 2, 1437) is None
    assert cache.entity_of(MEMBER_ID, 1, 143) is None


def test_entity_bound_to_another_chat_since_is_not_returned(cache: Cache, clock: ManualClock) -> None:
    put(cache, 1437, asked_at=clock.now())
    clock.advance(1)
    put(cache, 2000, asked_at=clock.now())
    assert cache.entity_of(MEMBER_ID, 1, 1437) is None
    assert cache.entity_of(MEMBER_ID, 1, 2000) == DEAL


def test_entity_that_lost_its_chat_is_not_returned(cache: Cache, clock: ManualClock) -> None:
    put(cache, 1437, asked_at=clock.now())
    clock.advance(1)
    put(cache, None, asked_at=clock.now())
    assert cache.entity_of(MEMBER_ID, 1, 1437) is None


def test_entity_is_not_returned_after_its_usable_time_although_its_row_is_removed_hours_later(
    cache: Cache, clock: ManualClock
) -> None:
    put(cache, 1437, asked_at=clock.now())
    clock.advance(USABLE_POSITIVE + 1)
    assert cache.entity_of(MEMBER_ID, 1, 1437) is None


def test_row_past_its_usable_time_does_not_hide_another_of_the_same_chat(cache: Cache, clock: ManualClock) -> None:
    others = [EntityRef("CHAT", f"old {number}") for number in range(5)]
    for ref in others:
        put(cache, 1437, asked_at=clock.now(), ref=ref)
    clock.advance(USABLE_POSITIVE + 1)
    put(cache, 1437, asked_at=clock.now())
    assert cache.entity_of(MEMBER_ID, 1, 1437) == DEAL


def test_entity_from_a_clock_that_ran_ahead_is_not_returned(cache: Cache, clock: ManualClock) -> None:
    put(cache, 1437, asked_at=clock.now() + 2 * CLOCKS_APART)
    assert cache.entity_of(MEMBER_ID, 1, 1437) is None
