"""Replies of the portal that come too late to be stored: the later row answers, and is remembered in their place."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import pytest

from chat_lookup.cache.learned_rows import LearnedRows
from chat_lookup.entity import EntityRef
from chat_lookup.errors import ChatLookupError, ChatNotFound
from chat_lookup.lookup.model import Found
from chat_lookup.portals.portal import Portal
from tests.support.fakes import MEMBER_ID, FakeBitrix24, FixedRandom, ManualClock, Output, Stores
from tests.support.in_process_service import Service, find, find_many

ORDER: Final = EntityRef("ORDER", "1")
OF_REPLY: Final = 1
OF_LATER: Final = 2
NOT_FOUND: Final = (None, "")

Answered = tuple[int | None, str]
"""A chat's id with the source of the answer; `NOT_FOUND` without one."""


@dataclass(frozen=True, slots=True)
class Others:
    """Other processes, which write the row while a look-up of this one is under way."""

    service: Service
    portal: Portal
    learned: LearnedRows
    clock: ManualClock

    def event(self) -> None:
        """An event of the pair's new chat is received and learned."""
        self.learned.learn(MEMBER_ID, self.portal.generation, ORDER, OF_LATER, self.clock.now())

    def found(self) -> None:
        """A later look-up finds a chat."""
        self._reply(OF_LATER)

    def not_found(self) -> None:
        """A later look-up finds none."""
        self._reply(None)

    def forget(self) -> None:
        """A client deletes the answer."""
        self.service.cache.forget(MEMBER_ID, self.portal.generation, ORDER)

    def distrust(self) -> None:
        """An event of the pair's new chat is received, but not learned."""
        self.service.cache.distrust_null(MEMBER_ID, self.portal.generation, ORDER, self.clock.now())

    def nothing(self) -> None:
        """No other process writes the row."""

    def _reply(self, chat_id: int | None) -> None:
        self.service.cache.put(
            MEMBER_ID, self.portal.generation, ORDER, chat_id, method="im.chat.get", asked_at=self.clock.now()
        )


@pytest.fixture
def others(another_process: Service, portal: Portal, stores: Stores, clock: ManualClock) -> Others:
    learned = LearnedRows(another_process.cache, stores.cache_rows, clock, FixedRandom())
    return Others(another_process, portal, learned, clock)


def single(service: Service, portal: Portal, *, fresh: bool = False) -> Answered:
    try:
        return _read(find(service, portal, ORDER, fresh=fresh))
    except ChatNotFound as error:
        return _read(error)


def in_a_batch(service: Service, portal: Portal, *, fresh: bool = False) -> Answered:
    pairs = [EntityRef("ORDER", "2"), ORDER, EntityRef("ORDER", "3")]
    return _read(find_many(service, portal, pairs, fresh=fresh)[1])


def _read(outcome: Found | ChatLookupError) -> Answered:
    if isinstance(outcome, Found):
        return outcome.chat_id, outcome.source
    assert isinstance(outcome, ChatNotFound), outcome
    return NOT_FOUND


Ask = Callable[..., Answered]
Happening = Callable[[Others], None]

WAYS: Final[Mapping[str, Ask]] = {"single": single, "batch": in_a_batch}
LATER: Final[Mapping[str, tuple[Happening, Answered | None, bool]]] = {
    # What happens meanwhile, the answer in the place of the reply (None for the reply's own), and whether a `fresh`
    # look-up has that answer, too: an event is no reply of the portal.
    "event": (Others.event, (OF_LATER, "event"), False),
    "found": (Others.found, (OF_LATER, "portal"), True),
    "not found": (Others.not_found, NOT_FOUND, True),
    "deleted": (Others.forget, None, False),
    "distrusted": (Others.distrust, None, False),
    "nothing": (Others.nothing, None, False),
}


by_way = pytest.mark.parametrize("way", WAYS)
by_later = pytest.mark.parametrize("later", LATER)
by_reply = pytest.mark.parametrize("reply", [None, OF_REPLY], ids=["null", "id"])


def meanwhile(bitrix24: FakeBitrix24, clock: ManualClock, happening: Callable[[], None], reply: object) -> None:
    """While the portal's reply is on its way, something happens once."""
    due = [happening]

    def answer(params: Mapping[str, object]) -> object:
        if params["ENTITY_ID"] == ORDER.entity_id and due:
            clock.advance(0.5)
            due.pop()()
            clock.advance(0.5)
        return reply

    bitrix24.answers_by("im.chat.get", answer)


@pytest.mark.parametrize("fresh", [False, True], ids=["usual", "fresh"])
@by_reply
@by_later
@by_way
def test_later_row_answers_in_the_place_of_a_reply_that_lost(
    service: Service,
    portal: Portal,
    others: Others,
    bitrix24: FakeBitrix24,
    clock: ManualClock,
    way: str,
    later: str,
    reply: int | None,
    fresh: bool,
) -> None:
    happening, answer, for_fresh = LATER[later]
    own = (reply, "portal") if reply else NOT_FOUND
    # An event does not replace what the portal answers about a chat that was there before.
    loses = not (later in ("event", "distrusted") and reply)
    meanwhile(bitrix24, clock, lambda: happening(others), reply)
    expected = answer if answer is not None and loses and (for_fresh or not fresh) else own
    assert WAYS[way](service, portal, fresh=fresh) == expected


@by_reply
@by_later
@by_way
def test_process_of_a_reply_that_lost_answers_like_others_afterwards(
    service: Service,
    portal: Portal,
    others: Others,
    bitrix24: FakeBitrix24,
    clock: ManualClock,
    way: str,
    later: str,
    reply: int | None,
) -> None:
    happening, _, _ = LATER[later]
    meanwhile(bitrix24, clock, lambda: happening(others), reply)
    WAYS[way](service, portal)
    bitrix24.answers("im.chat.get", 3)  # for a repeated look-up
    elsewhere = single(others.service, portal)
    # Where the row is to be asked for again, the first of the two asked.
    assert single(service, portal) == ((3, "cache") if elsewhere == (3, "portal") else elsewhere)


@by_way
def test_not_found_that_lost_is_not_returned_from_memory(
    service: Service, portal: Portal, others: Others, bitrix24: FakeBitrix24, clock: ManualClock, way: str
) -> None:
    meanwhile(bitrix24, clock, others.event, None)
    assert WAYS[way](service, portal) == (OF_LATER, "event")
    asked = len(bitrix24.calls)
    assert single(service, portal) == (OF_LATER, "event")
    assert len(bitrix24.calls) == asked


@pytest.mark.parametrize("later", ["deleted", "distrusted"])
def test_answer_that_is_stored_nowhere_is_asked_for_again(
    service: Service, portal: Portal, others: Others, bitrix24: FakeBitrix24, clock: ManualClock, later: str
) -> None:
    meanwhile(bitrix24, clock, lambda: LATER[later][0](others), None)
    assert single(service, portal) == NOT_FOUND
    bitrix24.answers("im.chat.get", OF_LATER)
    assert single(service, portal) == (OF_LATER, "portal")


def test_fresh_look_up_leaves_no_answer_in_memory_that_lost(
    service: Service, portal: Portal, others: Others, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    bitrix24.answers("im.chat.get", OF_REPLY)
    single(service, portal)
    meanwhile(bitrix24, clock, others.forget, None)
    assert single(service, portal, fresh=True) == NOT_FOUND
    bitrix24.answers("im.chat.get", OF_LATER)
    assert single(service, portal) == (OF_LATER, "portal")


def test_lease_of_a_reply_that_lost_is_released(
    service: Service, portal: Portal, others: Others, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    meanwhile(bitrix24, clock, others.distrust, None)
    single(service, portal)
    clock.slept.clear()
    bitrix24.answers("im.chat.get", OF_LATER)
    assert single(others.service, portal) == (OF_LATER, "portal")
    assert sum(clock.slept) < 0.001


@by_way
def test_each_look_up_counts_once_with_the_source_of_its_answer(
    service: Service,
    portal: Portal,
    others: Others,
    bitrix24: FakeBitrix24,
    clock: ManualClock,
    output: Output,
    way: str,
) -> None:
    meanwhile(bitrix24, clock, others.event, None)
    WAYS[way](service, portal)
    assert output.metric("Lookups", source="event") == 1
    assert len(output.values("Lookups", source="event")) == len(output.values("LookupLatency", source="event")) == 1
