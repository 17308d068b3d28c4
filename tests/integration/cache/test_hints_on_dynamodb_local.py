"""Hints beside look-ups, on the real engine: one process asks, and no "not found" from before an event serves."""

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pytest

from chat_lookup.cache.chat_cache import Cache
from chat_lookup.cache.leases import CacheQuery, Leases
from chat_lookup.cache.rows import Kept
from chat_lookup.clock import SKEW, SystemClock
from chat_lookup.dynamodb import Table
from chat_lookup.entity import EntityRef
from tests.support.fakes import MEMBER_ID
from tests.support.stores.tables import Tables

pytestmark = pytest.mark.dynamodb_local

ROUNDS: Final = 15
WORKERS: Final = 6
CHAT: Final = 1437


class Process:
    """One worker or one look-up, with its own connection to the table."""

    def __init__(self, tables: Tables, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - delays, no secret
        self._clock = SystemClock()
        table = Table(tables.client(), tables.cache)
        self.cache = Cache(table, self._clock, self._random)
        self.leases = Leases(table, self._clock)

    def soon(self) -> None:
        self._clock.sleep(self._random.uniform(0, 0.004))

    def claim(self, ref: EntityRef, at: float) -> bool:
        self.soon()
        return self.leases.claim_for_hint(CacheQuery(MEMBER_ID, 1, ref, since=at)).held

    def look_up(self, ref: EntityRef, owner: str) -> bool:
        """Whether a look-up takes its lease."""
        self.soon()
        return self.leases.claim(CacheQuery(MEMBER_ID, 1, ref), owner).lease.owner == owner

    def reply(self, ref: EntityRef, chat_id: int | None, at: float) -> Kept:
        self.soon()
        return self.cache.put(MEMBER_ID, 1, ref, chat_id, method="im.chat.get", asked_at=at)

    def distrust(self, ref: EntityRef, at: float) -> None:
        self.soon()
        self.cache.distrust_null(MEMBER_ID, 1, ref, at)


@pytest.fixture
def processes(real_tables: Tables) -> list[Process]:
    return [Process(real_tables, seed) for seed in range(WORKERS + 1)]


def test_one_of_several_workers_claims_a_pair_and_no_look_up_is_kept_from_its_lease(processes: list[Process]) -> None:
    one, *workers = processes
    with ThreadPoolExecutor(WORKERS + 1) as pool:
        for number in range(ROUNDS):
            ref, at = EntityRef("CRM", f"DEAL|{number}"), SystemClock().now()
            claims = [pool.submit(worker.claim, ref, at) for worker in workers]
            assert [claim.result() for claim in claims].count(True) == 1
            assert one.look_up(ref, "a look-up")
            assert not workers[0].claim(ref, at)


def test_null_from_before_an_event_does_not_serve_in_any_order(processes: list[Process]) -> None:
    one, *others = processes
    clock = SystemClock()
    with ThreadPoolExecutor(WORKERS + 1) as pool:
        for number in range(ROUNDS):
            ref, event = EntityRef("CRM", f"LEAD|{number}"), clock.now()
            nulls = [pool.submit(each.reply, ref, None, event - 0.01 * n) for n, each in enumerate(others, start=1)]
            pool.submit(one.distrust, ref, event).result()
            replies = [null.result() for null in nulls]
            row = one.cache.get(MEMBER_ID, 1, ref, consistent=True)
            assert row is None or not row.fresh(clock.now())
            assert all(reply.stored is None or reply.stored.chat_id is None for reply in replies)
            # Neither a later null nor an id is kept out.
            assert not one.reply(ref, None, event + SKEW).lost
            assert not others[0].reply(ref, CHAT, event + 2 * SKEW).lost


def test_of_concurrent_replies_each_that_lost_has_a_later_one(processes: list[Process]) -> None:
    clock = SystemClock()
    chats: list[int | None] = [None, *range(1, WORKERS + 1)]
    with ThreadPoolExecutor(WORKERS + 1) as pool:
        for number in range(ROUNDS):
            ref, began = EntityRef("TASKS_TASK", str(number + 1)), clock.now() - 1
            replies = list(
                pool.map(
                    Process.reply,
                    processes,
                    [ref] * len(processes),
                    chats,
                    [began + 0.01 * n for n in range(WORKERS + 1)],
                )
            )
            for kept in replies:
                assert kept.stored is not None
                assert kept.stored.asked_at > kept.row.asked_at - 1e-5  # the store keeps microseconds
                assert kept.lost == (kept.stored.chat_id != kept.row.chat_id)
