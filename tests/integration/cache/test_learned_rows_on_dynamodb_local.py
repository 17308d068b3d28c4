"""Concurrent portal replies and forged events, on the real engine: an event never replaces the portal's reply."""

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pytest

from chat_lookup.cache.chat_cache import Cache
from chat_lookup.cache.learned_rows import LearnedRows, LearnOutcome
from chat_lookup.clock import SystemClock
from chat_lookup.dynamodb import Table
from chat_lookup.entity import EntityRef
from tests.support.fakes import MEMBER_ID
from tests.support.stores.tables import Tables

pytestmark = pytest.mark.dynamodb_local

ROUNDS: Final = 40
FORGED: Final = 6
"""Events per round, each with another chat id, that reach as many workers together with the portal's reply."""
CHAT_OF_THE_PORTAL: Final = 1437


class Process:
    """One worker or one look-up, with its own connection to the table."""

    def __init__(self, tables: Tables, seed: int) -> None:
        clock, client = SystemClock(), tables.client()
        self._random = random.Random(seed)  # noqa: S311 - delays, no secret
        self._clock = clock
        self._cache = Cache(Table(client, tables.cache), clock, self._random)
        self._learned = LearnedRows(self._cache, Table(client, tables.cache), clock, self._random)

    def answer(self, ref: EntityRef, chat_id: int | None, asked_at: float) -> None:
        self._clock.sleep(self._random.uniform(0, 0.004))
        self._cache.put(MEMBER_ID, 1, ref, chat_id, method="im.chat.get", asked_at=asked_at)

    def receive(self, ref: EntityRef, chat_id: int) -> LearnOutcome:
        self._clock.sleep(self._random.uniform(0, 0.004))
        return self._learned.learn(MEMBER_ID, 1, ref, chat_id, self._clock.now() - self._random.uniform(0, 2))

    def row(self, ref: EntityRef) -> tuple[int | None, str]:
        row = self._cache.get(MEMBER_ID, 1, ref, consistent=True)
        assert row is not None
        return row.chat_id, row.source


@pytest.fixture
def processes(real_tables: Tables) -> list[Process]:
    return [Process(real_tables, seed) for seed in range(FORGED + 1)]


def test_chat_id_of_the_portal_is_kept_against_concurrent_forged_events(processes: list[Process]) -> None:
    clock = SystemClock()
    portal, *workers = processes
    with ThreadPoolExecutor(FORGED + 1) as pool:
        for number in range(ROUNDS):
            ref = EntityRef("CRM", f"DEAL|{number}")
            began = clock.now() - 1
            forged = [pool.submit(worker.receive, ref, 1 + each) for each, worker in enumerate(workers)]
            answer = pool.submit(portal.answer, ref, CHAT_OF_THE_PORTAL, began)
            outcomes = [each.result() for each in forged]
            answer.result()
            assert portal.row(ref) == (CHAT_OF_THE_PORTAL, "portal")
            assert outcomes.count(LearnOutcome.FILLED) <= 1
            # An event after the reply does not replace it either.
            assert workers[0].receive(ref, 7) in (LearnOutcome.CONTRADICTED, LearnOutcome.LATE)
            assert portal.row(ref) == (CHAT_OF_THE_PORTAL, "portal")


def test_one_of_several_concurrent_events_fills_an_empty_row(processes: list[Process]) -> None:
    with ThreadPoolExecutor(FORGED) as pool:
        for number in range(ROUNDS):
            ref = EntityRef("CRM", f"LEAD|{number}")
            forged = [pool.submit(worker.receive, ref, 1 + each) for each, worker in enumerate(processes[1:])]
            outcomes = [each.result() for each in forged]
            assert outcomes.count(LearnOutcome.FILLED) == 1
            assert processes[0].row(ref) == (1 + outcomes.index(LearnOutcome.FILLED), "event")
