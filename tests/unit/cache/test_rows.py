"""A row's key and the pair stored in it: no two pairs, portals or generations share a row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_lookup.cache.chat_cache import Cache
from chat_lookup.cache.rows import cache_key
from chat_lookup.dynamodb import text
from chat_lookup.entity import EntityRef
from tests.support.fakes import MEMBER_ID, FixedRandom, ManualClock, Stores

DEAL = EntityRef("CRM", "DEAL|1663")
EMOJI = EntityRef("😀" * 255, "😎" * 255)
LONGEST_KEY = 2048
"""Bytes of a partition key (design 4)."""


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


def test_pairs_that_differ_only_in_the_position_of_a_separator_never_share_a_row(
    stores: Stores, cache: Cache, clock: ManualClock
) -> None:
    pairs = [("A#B", "C"), ("A", "B#C"), ("A|B", "C"), ("A", "B|C"), ('A","B', "C"), ("A", 'B","C'), ("AB", "C")]
    for number, (entity_type, entity_id) in enumerate(pairs, start=1):
        put(cache, number, asked_at=clock.now(), ref=EntityRef(entity_type, entity_id))
    for number, (entity_type, entity_id) in enumerate(pairs, start=1):
        assert chat_id(cache, EntityRef(entity_type, entity_id)) == number
    assert stores.dynamodb.scan(TableName=stores.cache_table)["Count"] == len(pairs)


refs = st.builds(
    EntityRef,
    *[st.text(st.sampled_from('ab0|#",\\[] é😀'), min_size=1, max_size=6).filter(lambda text: text != "0")] * 2,
)


@given(refs, refs)
def test_two_pairs_have_the_same_key_only_if_they_are_equal(one: EntityRef, other: EntityRef) -> None:
    assert (cache_key(MEMBER_ID, 1, one) == cache_key(MEMBER_ID, 1, other)) == (one == other)


def test_portals_and_generations_never_share_a_row(cache: Cache, clock: ManualClock) -> None:
    put(cache, 1, asked_at=clock.now())
    assert chat_id(cache, generation=2) is None
    assert cache.get("f" * 32, 1, DEAL) is None
    assert cache_key("a", 11, DEAL) != cache_key("a#1", 1, DEAL)


def test_pair_of_the_longest_emoji_is_stored_within_the_limits_of_keys(
    stores: Stores, cache: Cache, clock: ManualClock
) -> None:
    put(cache, 1437, asked_at=clock.now(), ref=EMOJI)
    assert chat_id(cache, EMOJI) == 1437
    assert cache.entity_of(MEMBER_ID, 1, 1437) == EMOJI
    (item,) = stores.dynamodb.scan(TableName=stores.cache_table)["Items"]
    for name in ("pk", "chat"):
        assert len(item[name]["S"].encode()) < LONGEST_KEY / 8


def test_row_with_another_pair_than_its_key_is_ignored(stores: Stores, cache: Cache, clock: ManualClock) -> None:
    put(cache, 1437, asked_at=clock.now())
    stores.cache_rows.update({"pk": text(cache_key(MEMBER_ID, 1, DEAL))}, {"entity_id": text("DEAL|7")})
    assert cache.get(MEMBER_ID, 1, DEAL) is None
