"""Leases on rows of CacheTable: which claim gets one, what the others return, and what readers and events see."""

import pytest

from chat_lookup.cache.chat_cache import Cache
from chat_lookup.cache.learned_rows import LearnedRows, LearnOutcome
from chat_lookup.cache.leases import LEASE, LONGEST, CacheQuery, Leases
from chat_lookup.cache.rows import FRESH_POSITIVE
from chat_lookup.clock import CLOCKS_APART, SKEW
from chat_lookup.dynamodb import Table
from tests.support.fakes import MEMBER_ID, FixedRandom, ManualClock, Stores
from tests.support.in_process_service import DEAL

WANTED = CacheQuery(MEMBER_ID, 1, DEAL)


@pytest.fixture
def leases(stores: Stores, clock: ManualClock) -> Leases:
    return Leases(stores.cache_rows, clock)


@pytest.fixture
def cache(stores: Stores, clock: ManualClock) -> Cache:
    return Cache(stores.cache_rows, clock, FixedRandom())


@pytest.fixture
def learned(cache: Cache, stores: Stores, clock: ManualClock) -> LearnedRows:
    return LearnedRows(cache, stores.cache_rows, clock, FixedRandom())


def store_reply(cache: Cache, chat_id: int | None, asked_at: float) -> None:
    cache.put(MEMBER_ID, 1, DEAL, chat_id, method="im.chat.get", asked_at=asked_at)


def fresh_since(moment: float) -> CacheQuery:
    return CacheQuery(MEMBER_ID, 1, DEAL, since=moment)


# -- claiming ----------------------------------------------------------------------------------------------------------


def test_first_claim_gets_the_lease_and_the_next_returns_its_owner(leases: Leases, clock: ManualClock) -> None:
    first = leases.claim(WANTED, "first").lease
    assert first.owner == "first"
    assert first.until == pytest.approx(clock.now() + LEASE)
    assert leases.claim(WANTED, "second").lease == first
    assert leases.read(WANTED).lease == first


def test_repeated_claim_after_a_lost_response_returns_the_same_lease(leases: Leases) -> None:
    assert leases.claim(WANTED, "first").lease == leases.claim(WANTED, "first").lease


def test_claim_returns_the_stored_row_whether_it_gets_the_lease_or_not(
    leases: Leases, cache: Cache, clock: ManualClock
) -> None:
    store_reply(cache, 1437, clock.now() - 2 * FRESH_POSITIVE)
    for owner in ("first", "second"):
        row = leases.claim(WANTED, owner).row
        assert row is not None
        assert row.chat_id == 1437


def test_claim_gets_no_lease_if_a_stored_reply_satisfies_it(leases: Leases, cache: Cache, clock: ManualClock) -> None:
    store_reply(cache, 1437, clock.now())
    stored = leases.claim(WANTED, "late")
    assert stored.lease.owner == ""
    assert WANTED.is_satisfied_by(stored.row, clock.now())


def test_row_from_a_clock_that_ran_ahead_satisfies_no_claim(leases: Leases, cache: Cache, clock: ManualClock) -> None:
    store_reply(cache, 1437, clock.now() + 2 * CLOCKS_APART)
    assert leases.claim(WANTED, "first").lease.owner == "first"


def test_lease_expires_only_when_it_is_over_by_every_clock(leases: Leases, clock: ManualClock) -> None:
    leases.claim(WANTED, "dead")
    clock.advance(LEASE + SKEW - 0.01)
    assert leases.claim(WANTED, "heir").lease.owner == "dead"
    clock.advance(0.02)
    assert leases.claim(WANTED, "heir").lease.owner == "heir"


def test_lease_from_a_clock_that_ran_ahead_blocks_no_claim(leases: Leases, clock: ManualClock) -> None:
    leases.claim(WANTED, "wrong")
    leases.extend(WANTED, "wrong", clock.now() + 2 * LONGEST)
    assert leases.claim(WANTED, "right").lease.owner == "right"


def test_pairs_portals_and_generations_have_separate_leases(leases: Leases) -> None:
    leases.claim(WANTED, "first")
    assert leases.claim(CacheQuery(MEMBER_ID, 2, DEAL), "second").lease.owner == "second"
    assert leases.claim(CacheQuery("f" * 32, 1, DEAL), "third").lease.owner == "third"


# -- fresh queries -----------------------------------------------------------------------------------------------------


def test_fresh_query_is_not_satisfied_by_a_reply_requested_before(
    leases: Leases, cache: Cache, clock: ManualClock
) -> None:
    store_reply(cache, 1437, clock.now())
    assert leases.claim(fresh_since(clock.now() + 1), "first").lease.owner == "first"


def test_fresh_query_is_satisfied_by_a_reply_requested_since(leases: Leases, cache: Cache, clock: ManualClock) -> None:
    store_reply(cache, 1437, clock.now())
    assert leases.claim(fresh_since(clock.now() - 1), "first").lease.owner == ""


def test_fresh_query_is_not_satisfied_by_an_event_received_since(
    leases: Leases, learned: LearnedRows, clock: ManualClock
) -> None:
    learned.learn(MEMBER_ID, 1, DEAL, 1437, clock.now())
    assert leases.claim(fresh_since(clock.now() - 1), "first").lease.owner == "first"


def test_fresh_query_is_not_satisfied_by_the_mark_of_a_forget(leases: Leases, cache: Cache, clock: ManualClock) -> None:
    cache.forget(MEMBER_ID, 1, DEAL)
    assert leases.claim(fresh_since(clock.now() - 1), "first").lease.owner == "first"


# -- queries for a method ----------------------------------------------------------------------------------------------


def test_query_for_a_method_is_satisfied_by_its_replies_only(leases: Leases, cache: Cache, clock: ManualClock) -> None:
    cache.put(MEMBER_ID, 1, DEAL, 1437, method="im.chat.get", asked_at=clock.now())
    same, other = (CacheQuery(MEMBER_ID, 1, DEAL, method=each) for each in ("im.chat.get", "imbot.chat.get"))
    for wanted, serves in ((same, True), (other, False)):
        stored = leases.claim(wanted, "first")
        assert wanted.is_satisfied_by(stored.row, clock.now()) is serves
        assert wanted.allows_stale(stored.row, clock.now()) is serves
        assert (stored.lease.owner == "first") is not serves


# -- extending and ending ----------------------------------------------------------------------------------------------


def test_lease_is_extended_by_its_owner_only(leases: Leases, clock: ManualClock) -> None:
    leases.claim(WANTED, "first")
    leases.extend(WANTED, "second", clock.now() + 50)
    assert leases.read(WANTED).lease.until == pytest.approx(clock.now() + LEASE)
    leases.extend(WANTED, "first", clock.now() + 13)
    clock.advance(12)
    assert leases.claim(WANTED, "second").lease.owner == "first"


def test_stored_reply_ends_the_lease(leases: Leases, cache: Cache, clock: ManualClock) -> None:
    leases.claim(WANTED, "first")
    store_reply(cache, 1437, clock.now())
    stored = leases.read(WANTED)
    assert stored.lease.owner == ""
    assert WANTED.is_satisfied_by(stored.row, clock.now())


def test_released_lease_is_free_at_once_and_contains_the_failure(leases: Leases) -> None:
    leases.claim(WANTED, "first")
    leases.release(WANTED, "first", "the portal's error")
    assert leases.read(WANTED).lease.failure == "the portal's error"
    next_one = leases.claim(WANTED, "second").lease
    assert (next_one.owner, next_one.failure) == ("second", "")


def test_release_by_the_former_owner_of_a_lease_changes_nothing(leases: Leases, clock: ManualClock) -> None:
    leases.claim(WANTED, "slow")
    clock.advance(LEASE + SKEW + 0.1)
    taken_over = leases.claim(WANTED, "heir").lease
    leases.release(WANTED, "slow", "too late")
    assert leases.read(WANTED).lease == taken_over


def test_store_failures_are_not_raised_by_extend_and_release(
    stores: Stores, clock: ManualClock, leases: Leases
) -> None:
    broken = Leases(Table(stores.dynamodb, "NoSuchTable"), clock)
    broken.extend(WANTED, "first", clock.now() + 10)
    broken.release(WANTED, "first")
    assert leases.read(WANTED).lease.owner == ""


# -- beside the row ----------------------------------------------------------------------------------------------------


def test_a_row_that_has_only_a_lease_is_absent_for_readers(leases: Leases, cache: Cache) -> None:
    leases.claim(WANTED, "first")
    assert cache.get(MEMBER_ID, 1, DEAL) is None
    assert leases.read(WANTED).row is None


def test_an_event_fills_a_row_that_has_only_a_lease(
    leases: Leases, cache: Cache, learned: LearnedRows, clock: ManualClock
) -> None:
    leases.claim(WANTED, "first")
    assert learned.learn(MEMBER_ID, 1, DEAL, 1437, clock.now()) is LearnOutcome.FILLED
    row = cache.get(MEMBER_ID, 1, DEAL)
    assert row is not None
    assert (row.chat_id, row.source) == (1437, "event")


def test_forget_frees_the_pair_for_a_new_claim(leases: Leases, cache: Cache, clock: ManualClock) -> None:
    leases.claim(WANTED, "first")
    asked_at = clock.now()
    clock.advance(0.1)
    cache.forget(MEMBER_ID, 1, DEAL)
    store_reply(cache, 1437, asked_at)  # requested before the forget
    assert leases.claim(WANTED, "second").lease.owner == "second"


def test_lease_leaves_the_rest_of_the_row_unchanged(leases: Leases, cache: Cache, clock: ManualClock) -> None:
    store_reply(cache, 1437, clock.now() - 2 * FRESH_POSITIVE)
    before = cache.get(MEMBER_ID, 1, DEAL)
    leases.claim(WANTED, "first")
    leases.extend(WANTED, "first", clock.now() + 10)
    assert cache.get(MEMBER_ID, 1, DEAL) == before
    assert cache.entity_of(MEMBER_ID, 1, 1437) == DEAL
    leases.release(WANTED, "first")
    assert cache.get(MEMBER_ID, 1, DEAL) == before


def test_lease_without_a_reply_expires_in_the_table_within_hours(
    stores: Stores, leases: Leases, clock: ManualClock
) -> None:
    leases.claim(WANTED, "first")
    (item,) = stores.dynamodb.scan(TableName=stores.cache_table)["Items"]
    assert clock.now() + LEASE < float(item["expires_at"]["N"]) < clock.now() + 2 * 3600
    assert item["expires_at"]["N"].isdecimal()
