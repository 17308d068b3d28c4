"""Rows by the page: within DynamoDB's limits, with unprocessed keys read again, and never past the deadline."""

import threading
from collections.abc import Mapping
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from chat_lookup.cache.bulk_cache import AT_ONCE, PAGE, CachePages
from chat_lookup.cache.chat_cache import Cache
from chat_lookup.cache.rows import cache_key
from chat_lookup.clock import Deadline, SystemClock
from chat_lookup.dynamodb import Table
from chat_lookup.entity import EntityRef
from tests.support.fakes import MEMBER_ID, FixedRandom, ManualClock, Stores
from tests.support.processes.waiting import until

REFS = [EntityRef("CRM", f"DEAL|{number}") for number in range(1, 351)]
THROTTLED = ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "BatchGetItem")


class Watched:
    """DynamoDB that leaves keys unprocessed or fails as the test sets it, and counts parallel writes."""

    def __init__(self, stores: Stores) -> None:
        self._dynamodb = stores.dynamodb
        self._lock = threading.Lock()
        self._inside = 0
        self.most_inside = 0
        self.pages: list[int] = []
        self.takes = PAGE
        """Keys of a page that are processed; the others are returned as unprocessed."""
        self.failing: set[str] = set()
        """Pages that contain one of these keys fail."""
        self.held = threading.Event()
        self.held.set()

    def batch_get_item(self, RequestItems: Mapping[str, Any]) -> Any:  # noqa: N803 - the client's own name
        ((table, request),) = RequestItems.items()
        keys = request["Keys"]
        with self._lock:
            self.pages.append(len(keys))
            if any(key["pk"]["S"] in self.failing for key in keys):
                raise THROTTLED
            answer = self._dynamodb.batch_get_item(RequestItems={table: {"Keys": keys[: self.takes]}})
        left = keys[self.takes :]
        return {**answer, "UnprocessedKeys": {table: {"Keys": left}} if left else {}}

    def put_item(self, **request: Any) -> Any:
        with self._lock:
            self._inside += 1
            self.most_inside = max(self.most_inside, self._inside)
        assert self.held.wait(timeout=30)
        with self._lock:
            self._inside -= 1
            if request["Item"]["pk"]["S"] in self.failing:
                raise THROTTLED
            return self._dynamodb.put_item(**request)


@pytest.fixture
def dynamodb(stores: Stores) -> Watched:
    return Watched(stores)


@pytest.fixture
def pages(stores: Stores, dynamodb: Watched, clock: ManualClock) -> CachePages:
    cache = Cache(Table(cast("Any", dynamodb), stores.cache_table), clock, FixedRandom())
    return CachePages(cache, Table(cast("Any", dynamodb), stores.cache_table), clock, FixedRandom())


def key(ref: EntityRef) -> str:
    return cache_key(MEMBER_ID, 1, ref)


def keep(pages: CachePages, clock: ManualClock, *refs: EntityRef) -> int:
    """Store a row of each pair; returns how many were not stored."""
    puts = [pages.put(MEMBER_ID, 1, ref, 7, method="im.chat.get", asked_at=clock.now()) for ref in refs]
    return len(puts) - len(pages.finish(puts, Deadline.after(30, clock)))


def read(pages: CachePages, clock: ManualClock) -> tuple[set[EntityRef], int]:
    rows, unread = pages.read(MEMBER_ID, 1, REFS, Deadline.after(30, clock))
    assert all(row.ref == ref for ref, row in rows.items())
    return set(rows), unread


def test_rows_written_in_parallel_are_read_by_the_page(
    pages: CachePages, dynamodb: Watched, clock: ManualClock
) -> None:
    assert keep(pages, clock, *REFS[::3]) == 0
    assert read(pages, clock) == (set(REFS[::3]), 0)
    assert sorted(dynamodb.pages) == [50, 100, 100, 100]


def test_unprocessed_keys_are_read_after_growing_pauses(
    pages: CachePages, dynamodb: Watched, clock: ManualClock
) -> None:
    keep(pages, clock, *REFS)
    dynamodb.takes = 30
    assert read(pages, clock) == (set(REFS), 0)
    # Three pages are read in four parts, and one in two; the pauses are half of the longest there may be.
    assert sorted(clock.slept) == pytest.approx([0.025] * 4 + [0.05] * 3 + [0.1] * 3)


def test_keys_left_unprocessed_to_the_end_count_as_unread(
    pages: CachePages, dynamodb: Watched, clock: ManualClock
) -> None:
    keep(pages, clock, *REFS)
    dynamodb.takes = 10
    known, unread = read(pages, clock)
    assert (len(known), unread) == (200, 150)


def test_failed_page_costs_no_other_page(pages: CachePages, dynamodb: Watched, clock: ManualClock) -> None:
    keep(pages, clock, *REFS)
    dynamodb.failing = {key(REFS[0])}
    known, unread = read(pages, clock)
    assert (known, unread) == (set(REFS[100:]), 100)


def test_failed_write_is_counted_and_costs_no_other_write(
    pages: CachePages, dynamodb: Watched, clock: ManualClock
) -> None:
    dynamodb.failing = {key(REFS[0]), key(REFS[1])}
    assert keep(pages, clock, *REFS[:10]) == 2
    dynamodb.failing = set()
    assert read(pages, clock)[0] == set(REFS[2:10])


def test_parallel_writes_are_limited_and_finish_ends_at_the_deadline(
    pages: CachePages, dynamodb: Watched, clock: ManualClock
) -> None:
    dynamodb.held.clear()
    puts = [pages.put(MEMBER_ID, 1, ref, 7, method="im.chat.get", asked_at=clock.now()) for ref in REFS[:40]]
    until(lambda: dynamodb.most_inside == AT_ONCE)
    assert pages.finish(puts, Deadline.after(0.05, SystemClock())) == []
    dynamodb.held.set()
    assert dynamodb.most_inside == AT_ONCE
    assert sum(put.cancelled() for put in puts) == 40 - AT_ONCE


def test_programming_error_is_not_taken_for_a_store_failure(
    pages: CachePages, dynamodb: Watched, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistaken(**_: object) -> None:
        raise TypeError("ours")

    monkeypatch.setattr(dynamodb, "batch_get_item", mistaken)
    with pytest.raises(TypeError):
        read(pages, clock)
