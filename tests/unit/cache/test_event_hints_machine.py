"""Any order of answers, events and forgettings, asked for or received at any time: what the rules promise holds."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from chat_lookup.cache.chat_cache import Cache
from chat_lookup.cache.event_hints import Hearing
from chat_lookup.cache.rows import FRESH_POSITIVE, HOUR, Row
from chat_lookup.entity import EntityRef
from tests.support.fakes import MEMBER_ID, FixedRandom, ManualClock, Stores
from tests.support.stores.memory_table import memory_stores

CHATS = st.integers(1, 3)
AGO = st.sampled_from([0.0, 1.0, 5.0, 29.0])
"""Seconds that an answer may have been on its way, or an event in the queue."""


class AnyOrder(RuleBasedStateMachine):
    """One pair. Beside the table stands what the portal, or a forgetting, said last by the time of asking."""

    pairs = 0

    def __init__(self, stores: Stores) -> None:
        super().__init__()
        self._clock = ManualClock()
        self._cache = Cache(stores.cache_rows, self._clock, FixedRandom())
        self._hearing = Hearing(self._cache, stores.cache_rows, self._clock, FixedRandom())

    @initialize()
    def begin(self) -> None:
        AnyOrder.pairs += 1
        self._ref = EntityRef("CRM", f"DEAL|{AnyOrder.pairs}")
        self._last_word: tuple[float, int | None] | None = None
        self._heard_of: set[int] = set()

    def _row(self) -> Row | None:
        return self._cache.get(MEMBER_ID, 1, self._ref)

    def _said(self, at: float, chat_id: int | None) -> None:
        if self._last_word is None or at >= self._last_word[0]:
            self._last_word = (at, chat_id)

    @rule(chat_id=st.none() | CHATS, ago=AGO)
    def the_portal_answers(self, chat_id: int | None, ago: float) -> None:
        at = self._clock.now() - ago
        self._cache.put(MEMBER_ID, 1, self._ref, chat_id, method="im.chat.get", asked_at=at)
        self._said(at, chat_id)

    @rule(chat_id=CHATS, ago=AGO)
    def an_event_is_worked(self, chat_id: int, ago: float) -> None:
        before = self._row()
        self._hearing.heard(MEMBER_ID, 1, self._ref, chat_id, self._clock.now() - ago)
        self._heard_of.add(chat_id)
        after = self._row()
        if before is not None and before.usable(self._clock.now()):
            assert after is not None
            assert (after.chat_id, after.source) == (before.chat_id, before.source)

    @rule()
    def somebody_forgets(self) -> None:
        self._cache.forget(MEMBER_ID, 1, self._ref)
        self._said(self._clock.now(), None)

    @rule(seconds=st.sampled_from([0.001, 2.0, 40.0, HOUR, FRESH_POSITIVE]))
    def time_passes(self, seconds: float) -> None:
        self._clock.advance(seconds)

    @precondition(lambda self: self._last_word is not None and self._last_word[1] is not None)
    @invariant()
    def an_id_that_the_portal_gave_last_stands_while_it_may_be_served(self) -> None:
        row = self._row()
        assert row is not None
        assert self._last_word is not None
        asked_at, chat_id = self._last_word
        if self._clock.now() < asked_at + 6 * FRESH_POSITIVE:
            assert (row.source, row.chat_id) == ("portal", chat_id)

    @invariant()
    def no_id_is_served_that_nobody_said_last(self) -> None:
        row = self._row()
        if row is None or row.chat_id is None:
            return
        if row.source == "event":
            assert row.chat_id in self._heard_of
        else:
            assert self._last_word is not None
            assert row.chat_id == self._last_word[1]


@pytest.fixture
def stores() -> Stores:
    return memory_stores()


def test_no_order_of_answers_and_events_breaks_what_the_rules_promise(stores: Stores) -> None:
    class OnTheseStores(AnyOrder):
        def __init__(self) -> None:
            super().__init__(stores)

    run_state_machine_as_test(OnTheseStores, settings=settings(max_examples=40, stateful_step_count=20, deadline=None))
