"""Leases on rows of CacheTable: who gets one, what the loser is told, and what readers and events see of them."""

import pytest

from chat_lookup.cache.chat_cache import Cache
from chat_lookup.cache.event_hints import Heard, Hearing
from chat_lookup.cache.leases import LEASE, LONGEST, Leases, Wanted
from chat_lookup.cache.rows import FRESH_POSITIVE
from chat_lookup.clock import CLOCKS_APART, SKEW
from chat_lookup.dynamodb import Table
from tests.support.fakes import MEMBER_ID, FixedRandom, ManualClock, Stores
from tests.support.in_process_service import DEAL

WANTED = Wanted(MEMBER_ID, 1, DEAL)


@pytest.fixture
def leases(stores: Stores, clock: ManualClock) -> Leases:
    return Leases(stores.cache_rows, clock)


@pytest.fixture
def cache(stores: Stores, clock: ManualClock) -> Cache:
    return Cache(stores.cache_rows, clock, FixedRandom())


@pytest.fixture
def hearing(cache: Cache, stores: Stores, clock: ManualClock) -> Hearing:
    return Hearing(cache, stores.cache_rows, clock, FixedRandom())


def answer(cache: Cache, chat_id: int | None, asked_at: float) -> None:
    cache.put(MEMBER_ID, 1, DEAL, chat_id, method="im.chat.get", asked_at=asked_at)


def fresh_since(moment: float) -> Wanted:
    return Wanted(MEMBER_ID, 1, DEAL, since=moment)


# -- claiming ----------------------------------------------------------------------------------------------------------


def test_whoever_comes_first_has_the_lease_and_the_next_is_told_whose_it_is(leases: Leases, clock: ManualClock) -> None:
    first = leases.claim(WANTED, "first").lease
    assert first.owner == "first"
    assert first.until == pytest.approx(clock.now() + LEASE)
    assert leases.claim(WANTED, "second").lease == first
    assert leases.read(WANTED).lease == first


def test_a_claim_that_is_sent_again_after_its_answer_was_lost_holds(leases: Leases) -> None:
    assert leases.claim(WANTED, "first").lease == leases.claim(WANTED, "first").lease


def test_a_claim_tells_the_row_that_stands_whether_it_holds_or_not(
    leases: Leases, cache: Cache, clock: ManualClock
) -> None:
    answer(cache, 1437, clock.now() - 2 * FRESH_POSITIVE)
    for owner in ("first", "second"):
        row = leases.claim(WANTED, owner).row
        assert row is not None
        assert row.chat_id == 1437


def test_where_an_answer_stands_that_serves_nothing_is_claimed(
    leases: Leases, cache: Cache, clock: ManualClock
) -> None:
    answer(cache, 1437, clock.now())
    standing = leases.claim(WANTED, "late")
    assert standing.lease.owner == ""
    assert WANTED.served_by(standing.row, clock.now())


def test_a_row_from_a_clock_that_ran_ahead_serves_nobody(leases: Leases, cache: Cache, clock: ManualClock) -> None:
    answer(cache, 1437, clock.now() + 2 * CLOCKS_APART)
    assert leases.claim(WANTED, "first").lease.owner == "first"


def test_a_lease_ends_only_when_it_is_over_by_every_clock(leases: Leases, clock: ManualClock) -> None:
    leases.claim(WANTED, "dead")
    clock.advance(LEASE + SKEW - 0.01)
    assert leases.claim(WANTED, "heir").lease.owner == "dead"
    clock.advance(0.02)
    assert leases.claim(WANTED, "heir").lease.owner == "heir"


def test_a_lease_from_a_clock_that_ran_ahead_keeps_nobody(leases: Leases, clock: ManualClock) -> None:
    leases.claim(WANTED, "wrong")
    leases.extend(WANTED, "wrong", clock.now() + 2 * LONGEST)
    assert leases.claim(WANTED, "right").lease.owner == "right"


def test_pairs_portals_and_generations_are_leased_apart(leases: Leases) -> None:
    leases.claim(WANTED, "first")
    assert leases.claim(Wanted(MEMBER_ID, 2, DEAL), "second").lease.owner == "second"
    assert leases.claim(Wanted("f" * 32, 1, DEAL), "third").lease.owner == "third"


# -- wanting it fresh --------------------------------------------------------------------------------------------------


def test_what_was_asked_for_before_does_not_serve_who_wants_it_fresh(
    leases: Leases, cache: Cache, clock: ManualClock
) -> None:
    answer(cache, 1437, clock.now())
    assert leases.claim(fresh_since(clock.now() + 1), "first").lease.owner == "first"


def test_what_was_asked_for_since_does(leases: Leases, cache: Cache, clock: ManualClock) -> None:
    answer(cache, 1437, clock.now())
    assert leases.claim(fresh_since(clock.now() - 1), "first").lease.owner == ""


def test_what_an_event_told_since_does_not(leases: Leases, hearing: Hearing, clock: ManualClock) -> None:
    hearing.heard(MEMBER_ID, 1, DEAL, 1437, clock.now())
    assert leases.claim(fresh_since(clock.now() - 1), "first").lease.owner == "first"


def test_nor_does_the_mark_that_a_forgetting_leaves(leases: Leases, cache: Cache, clock: ManualClock) -> None:
    cache.forget(MEMBER_ID, 1, DEAL)
    assert leases.claim(fresh_since(clock.now() - 1), "first").lease.owner == "first"


# -- extending and ending ----------------------------------------------------------------------------------------------


def test_a_lease_can_be_extended_by_its_owner_only(leases: Leases, clock: ManualClock) -> None:
    leases.claim(WANTED, "first")
    leases.extend(WANTED, "second", clock.now() + 50)
    assert leases.read(WANTED).lease.until == pytest.approx(clock.now() + LEASE)
    leases.extend(WANTED, "first", clock.now() + 13)
    clock.advance(12)
    assert leases.claim(WANTED, "second").lease.owner == "first"


def test_the_answer_ends_the_lease(leases: Leases, cache: Cache, clock: ManualClock) -> None:
    leases.claim(WANTED, "first")
    answer(cache, 1437, clock.now())
    standing = leases.read(WANTED)
    assert standing.lease.owner == ""
    assert WANTED.served_by(standing.row, clock.now())


def test_a_lease_that_is_released_is_free_at_once_and_says_what_the_portal_said(leases: Leases) -> None:
    leases.claim(WANTED, "first")
    leases.release(WANTED, "first", "what the portal said")
    assert leases.read(WANTED).lease.failure == "what the portal said"
    next_one = leases.claim(WANTED, "second").lease
    assert (next_one.owner, next_one.failure) == ("second", "")


def test_whose_lease_was_taken_over_releases_nothing(leases: Leases, clock: ManualClock) -> None:
    leases.claim(WANTED, "slow")
    clock.advance(LEASE + SKEW + 0.1)
    taken_over = leases.claim(WANTED, "heir").lease
    leases.release(WANTED, "slow", "too late")
    assert leases.read(WANTED).lease == taken_over


def test_stores_in_trouble_fail_neither_extending_nor_releasing(
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
    leases: Leases, cache: Cache, hearing: Hearing, clock: ManualClock
) -> None:
    leases.claim(WANTED, "first")
    assert hearing.heard(MEMBER_ID, 1, DEAL, 1437, clock.now()) is Heard.FILLED
    row = cache.get(MEMBER_ID, 1, DEAL)
    assert row is not None
    assert (row.chat_id, row.source) == (1437, "event")


def test_whoever_forgets_frees_the_pair_for_asking_anew(leases: Leases, cache: Cache, clock: ManualClock) -> None:
    leases.claim(WANTED, "first")
    asked_at = clock.now()
    clock.advance(0.1)
    cache.forget(MEMBER_ID, 1, DEAL)
    answer(cache, 1437, asked_at)  # asked for before it was forgotten
    assert leases.claim(WANTED, "second").lease.owner == "second"


def test_a_lease_changes_nothing_of_the_row(leases: Leases, cache: Cache, clock: ManualClock) -> None:
    answer(cache, 1437, clock.now() - 2 * FRESH_POSITIVE)
    before = cache.get(MEMBER_ID, 1, DEAL)
    leases.claim(WANTED, "first")
    leases.extend(WANTED, "first", clock.now() + 10)
    assert cache.get(MEMBER_ID, 1, DEAL) == before
    assert cache.entity_of(MEMBER_ID, 1, 1437) == DEAL
    leases.release(WANTED, "first")
    assert cache.get(MEMBER_ID, 1, DEAL) == before


def test_a_lease_that_nothing_followed_is_garbage_within_hours(
    stores: Stores, leases: Leases, clock: ManualClock
) -> None:
    leases.claim(WANTED, "first")
    (item,) = stores.dynamodb.scan(TableName=stores.cache_table)["Items"]
    assert clock.now() + LEASE < float(item["expires_at"]["N"]) < clock.now() + 2 * 3600
    assert item["expires_at"]["N"].isdecimal()
