"""The cache's rules hold for any order of replies, events and forget calls, requested or received at any time."""

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
from chat_lookup.cache.learned_rows import LearnedRows
from chat_lookup.cache.rows import FRESH_POSITIVE, Row
from chat_lookup.clock import HOUR
from chat_lookup.entity import EntityRef
from tests.support.fakes import MEMBER_ID, FixedRandom, ManualClock, Stores

CHATS = st.integers(1, 3)
AGO = st.sampled_from([0.0, 1.0, 5.0, 29.0])
"""Seconds that a reply may have been under way, or an event in the queue."""


class AnyOrder(RuleBasedStateMachine):
    """One pair. The model keeps the latest reply of the portal, or a forget call, by the time of the request."""

    pairs = 0

    def __init__(self, stores: Stores) -> None:
        super().__init__()
        self._clock = ManualClock()
        self._cache = Cache(stores.cache_rows, self._clock, FixedRandom())
        self._learned = LearnedRows(self._cache, stores.cache_rows, self._clock, FixedRandom())

    @initialize()
    def begin(self) -> None:
        AnyOrder.pairs += 1
        self._ref = EntityRef("CRM", f"DEAL|{AnyOrder.pairs}")
        self._latest: tuple[float, int | None] | None = None
        self._event_ids: set[int] = set()

    def _row(self) -> Row | None:
        return self._cache.get(MEMBER_ID, 1, self._ref)

    def _note_reply(self, at: float, chat_id: int | None) -> None:
        if self._latest is None or at >= self._latest[0]:
            self._latest = (at, chat_id)

    @rule(chat_id=st.none() | CHATS, ago=AGO)
    def portal_replies(self, chat_id: int | None, ago: float) -> None:
        at = self._clock.now() - ago
        self._cache.put(MEMBER_ID, 1, self._ref, chat_id, method="im.chat.get", asked_at=at)
        self._note_reply(at, chat_id)

    @rule(chat_id=CHATS, ago=AGO)
    def event_is_processed(self, chat_id: int, ago: float) -> None:
        before = self._row()
        self._learned.learn(MEMBER_ID, 1, self._ref, chat_id, self._clock.now() - ago)
        self._event_ids.add(chat_id)
        after = self._row()
        if before is not None and before.usable(self._clock.now()):
            assert after is not None
            assert (after.chat_id, after.source) == (before.chat_id, before.source)

    @rule()
    def row_is_forgotten(self) -> None:
        self._cache.forget(MEMBER_ID, 1, self._ref)
        self._note_reply(self._clock.now(), None)

    @rule(seconds=st.sampled_from([0.001, 2.0, 40.0, HOUR, FRESH_POSITIVE]))
    def time_passes(self, seconds: float) -> None:
        self._clock.advance(seconds)

    @precondition(lambda self: self._latest is not None and self._latest[1] is not None)
    @invariant()
    def latest_id_of_the_portal_is_stored_while_it_is_usable(self) -> None:
        row = self._row()
        assert row is not None
        assert self._latest is not None
        asked_at, chat_id = self._latest
        if self._clock.now() < asked_at + 6 * FRESH_POSITIVE:
            assert (row.source, row.chat_id) == ("portal", chat_id)

    @invariant()
    def stored_id_comes_from_an_event_or_from_the_latest_reply(self) -> None:
        row = self._row()
        if row is None or row.chat_id is None:
            return
        if row.source == "event":
            assert row.chat_id in self._event_ids
        else:
            assert self._latest is not None
            assert row.chat_id == self._latest[1]


def test_cache_rules_hold_for_any_order_of_replies_and_events(stores: Stores) -> None:
    class OnTheseStores(AnyOrder):
        def __init__(self) -> None:
            super().__init__(stores)

    run_state_machine_as_test(OnTheseStores, settings=settings(max_examples=40, stateful_step_count=20, deadline=None))
