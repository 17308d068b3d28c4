"""What a trusted event teaches the cache, and when the portal is asked for an entity that the event omits."""

from typing import Any

import pytest

from chat_lookup.bitrix24.event_names import EventKind
from chat_lookup.cache.learned_rows import FRESH_LEARNED
from chat_lookup.cache.rows import FRESH_POSITIVE, USABLE_POSITIVE
from chat_lookup.clock import Deadline
from chat_lookup.config import EventsTeach
from chat_lookup.entity import EntityRef
from chat_lookup.errors import StoreUnavailable
from chat_lookup.events.cache_warming import CHAT_GET, REMEMBERED_FOR
from chat_lookup.events.model import EventChat, Record
from chat_lookup.portals.portal import Portal, PortalState
from tests.support.events.bot_questions import GROUP, OPEN_LINE, PERSONAL, message
from tests.support.events.teaching import warming
from tests.support.fakes import MEMBER_ID, FakeBitrix24, ManualClock, Output, Stores
from tests.support.in_process_service import DEAL, Service, build, find
from tests.support.portals.known_portal import BOT

BOUND = GROUP._replace(entity_type="CRM", entity_id="DEAL|1663")
WARMING_KINDS = set(EventKind) - {EventKind.APPLICATION, EventKind.OTHER}


def shown(chat_id: int = 1437, **fields: str) -> dict[str, object]:
    """A chat as `imbot.v2.Chat.get` shows it."""
    entity = {"entityType": "CRM", "entityId": "DEAL|1663", **fields}
    return {"chat": {"id": chat_id, "dialogId": f"chat{chat_id}", "type": "chat", **entity}}


class Worker:
    """One process that warms the cache."""

    def __init__(self, service: Service, stores: Stores, portal: Portal) -> None:
        self.service = service
        self.portal = portal
        self.warming = warming(service, stores, EventsTeach.TRUST)

    def learn(self, chat: EventChat | None = GROUP, *, seconds: float = 25, **fields: Any) -> EntityRef | None:
        """Process an event that was received just now."""
        record = message("hello", chat=chat, **fields)  # type: ignore[arg-type]  # None is for events without one
        return self.learn_from(record._replace(received_at=self.service.clock.now()), seconds)

    def learn_from(self, record: Record, seconds: float = 25) -> EntityRef | None:
        with self.service.telemetry.invocation("test"):
            return self.warming.learn(self.portal, record, Deadline.after(seconds, self.service.clock))


@pytest.fixture
def worker(service: Service, stores: Stores, portal: Portal) -> Worker:
    return Worker(service, stores, portal)


@pytest.fixture
def other(stores: Stores, clock: ManualClock, bitrix24: FakeBitrix24, worker: Worker) -> Worker:
    """Another process with the same stores."""
    return Worker(build(stores, clock, bitrix24, worker.service.telemetry), stores, worker.portal)


# -- the event contains the entity -------------------------------------------------------------------------------------


@pytest.mark.parametrize("api", ["v1", "v2"])
def test_look_up_after_the_event_makes_no_call(worker: Worker, service: Service, portal: Portal, api: str) -> None:
    assert worker.learn(BOUND, api=api) == DEAL
    found = find(service, portal)
    assert (found.chat_id, found.source) == (1437, "event")
    assert service.bitrix24.calls == []


@pytest.mark.parametrize("kind", sorted(WARMING_KINDS))
def test_entity_is_learned_from_every_kind_of_event_in_a_chat(worker: Worker, kind: EventKind) -> None:
    assert worker.learn(BOUND, kind=kind) == DEAL


def test_an_open_line_is_an_entity_too(worker: Worker, output: Output) -> None:
    assert worker.learn(OPEN_LINE) == EntityRef("LINES", "livechat|22|1775|599")
    assert output.lines[-1]["learned"] == "filled"
    assert "livechat" not in output.text


def test_learned_row_is_fresh_from_the_time_when_the_event_was_received(worker: Worker, clock: ManualClock) -> None:
    record = message("hello", chat=BOUND)._replace(received_at=clock.now())
    clock.advance(FRESH_LEARNED / 2)
    worker.learn_from(record)
    row = worker.service.cache.get(MEMBER_ID, worker.portal.generation, DEAL)
    assert row is not None
    assert row.fresh_until == pytest.approx(clock.now() + FRESH_LEARNED / 2)


# -- the event contains no entity --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "chat",
    [
        None,
        PERSONAL,
        PERSONAL._replace(entity_type="CRM", entity_id="DEAL|1663"),
        EventChat(dialog_id="27"),
        BOUND._replace(chat_id=None),
    ],
    ids=["no chat", "personal", "personal with a pair", "only a user", "no id"],
)
def test_without_a_chat_that_may_have_an_entity_nothing_is_learned(
    worker: Worker, stores: Stores, chat: EventChat | None
) -> None:
    assert worker.learn(chat) is None
    assert worker.service.bitrix24.calls == []
    assert "CHAT#" not in str(stores.dynamodb.scan(TableName=stores.cache_table)["Items"])


@pytest.mark.parametrize("kind", [EventKind.APPLICATION, EventKind.OTHER])
def test_nothing_is_learned_from_events_outside_a_bots_chats(worker: Worker, kind: EventKind) -> None:
    assert worker.learn(BOUND, kind=kind) is None


@pytest.mark.parametrize(
    ("entity_type", "entity_id"),
    [("THREAD", ""), ("", "DEAL|1663"), ("CRM", "0"), ("CRM", "x" * 256), ("CRM", "DEAL\x001")],
)
def test_incomplete_or_invalid_pair_is_no_entity(worker: Worker, entity_type: str, entity_id: str) -> None:
    assert worker.learn(GROUP._replace(entity_type=entity_type, entity_id=entity_id), api="v1") is None
    assert worker.service.bitrix24.calls == []


# -- the portal is asked -----------------------------------------------------------------------------------------------


def test_chat_is_requested_once_if_v2_omits_the_entity(
    worker: Worker, service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    bitrix24.answers(CHAT_GET, shown())
    assert [worker.learn() for _ in range(3)] == [DEAL] * 3
    assert [(call.method, call.params) for call in bitrix24.calls] == [
        (CHAT_GET, {"botId": BOT, "dialogId": "chat1437"})
    ]
    assert find(service, portal).source == "event"


def test_another_process_finds_the_entity_in_the_cache(worker: Worker, other: Worker, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers(CHAT_GET, shown())
    assert (worker.learn(), other.learn()) == (DEAL, DEAL)
    assert len(bitrix24.calls) == 1


def test_chat_that_a_look_up_found_is_neither_requested_nor_confirmed_by_itself(
    worker: Worker, service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    bitrix24.answers("im.chat.get", {"ID": 1437})
    find(service, portal)
    before = service.cache.get(MEMBER_ID, portal.generation, DEAL)
    assert worker.learn() == DEAL
    assert service.cache.get(MEMBER_ID, portal.generation, DEAL) == before
    assert bitrix24.methods == ["im.chat.get"]


def test_stale_row_is_requested_again_and_confirmed(
    worker: Worker, service: Service, portal: Portal, clock: ManualClock, bitrix24: FakeBitrix24
) -> None:
    bitrix24.answers("im.chat.get", {"ID": 1437})
    bitrix24.answers(CHAT_GET, shown())
    find(service, portal)
    clock.advance(2 * FRESH_POSITIVE)
    assert worker.learn() == DEAL
    assert find(service, portal).source == "cache"
    assert bitrix24.methods == ["im.chat.get", CHAT_GET]


@pytest.mark.parametrize(
    "answer", [shown(entityId=""), shown(entityType="THREAD", entityId=""), shown(chat_id=7), {"chat": None}]
)
def test_a_chat_without_an_entity_is_remembered_as_such(
    worker: Worker, bitrix24: FakeBitrix24, clock: ManualClock, answer: object
) -> None:
    bitrix24.answers(CHAT_GET, answer)
    assert [worker.learn() for _ in range(3)] == [None] * 3
    assert len(bitrix24.calls) == 1
    clock.advance(REMEMBERED_FOR)
    worker.learn()
    assert len(bitrix24.calls) == 2


def test_purge_clears_remembered_chats(worker: Worker, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers(CHAT_GET, shown())
    worker.learn()
    worker.portal = worker.portal._replace(generation=worker.portal.generation + 1)
    worker.learn()
    assert len(bitrix24.calls) == 2


@pytest.mark.parametrize(
    "fields",
    [{"api": "v1"}, {"bot_ids": (7,)}, {"bot_ids": ()}],
    ids=["v1 contains it if there is one", "another bot's event", "no bot's"],
)
def test_chat_is_requested_only_for_an_event_of_the_portals_own_v2_bot(worker: Worker, fields: dict[str, Any]) -> None:
    assert worker.learn(**fields) is None
    assert worker.service.bitrix24.calls == []


def test_chat_is_not_requested_without_a_bot(worker: Worker) -> None:
    worker.portal = worker.portal._replace(bot_id=None)
    assert worker.learn() is None


@pytest.mark.parametrize("state", [PortalState.REAUTHORISE, PortalState.RENAMED, PortalState.STOPPED])
def test_closed_portal_is_not_called_but_its_events_are_learned(worker: Worker, state: PortalState) -> None:
    worker.portal = worker.portal._replace(state=state, retry_at=worker.service.clock.now() + 60)
    assert worker.learn() is None
    assert worker.learn(BOUND) == DEAL
    assert worker.service.bitrix24.calls == []


# -- failures ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["ACCESS_DENIED", "BOT_NOT_FOUND", "insufficient_scope"])
def test_refused_chat_has_no_entity_and_is_not_requested_again(
    worker: Worker, bitrix24: FakeBitrix24, output: Output, code: str
) -> None:
    bitrix24.fails(CHAT_GET, code, 403)
    assert [worker.learn() for _ in range(2)] == [None, None]
    assert len(bitrix24.calls) == 1
    assert output.lines[0]["entity_lookup_error"] == output.lines[0]["portal_error"] == code


@pytest.mark.parametrize(
    ("code", "status"), [("TRANSPORT", 0), ("TIMEOUT", 0), ("HTTP_5XX", 502), ("QUERY_LIMIT_EXCEEDED", 503)]
)
def test_chat_is_requested_again_at_the_next_event_after_a_temporary_failure(
    worker: Worker, bitrix24: FakeBitrix24, clock: ManualClock, code: str, status: int
) -> None:
    bitrix24.fails(CHAT_GET, code, status)
    assert worker.learn() is None
    bitrix24.answers(CHAT_GET, shown())
    clock.advance(60)  # the pause after a refusal is over
    assert worker.learn() == DEAL


def test_an_answer_that_cannot_be_read_is_counted(worker: Worker, bitrix24: FakeBitrix24, output: Output) -> None:
    bitrix24.answers(CHAT_GET, "<html>")
    assert worker.learn() is None
    assert output.metric("PortalErrors", code="PROTOCOL") == 1


def test_chat_is_not_requested_while_interactive_callers_use_the_burst(
    worker: Worker, service: Service, portal: Portal, bitrix24: FakeBitrix24, clock: ManualClock, output: Output
) -> None:
    bitrix24.answers("im.chat.get", None)
    for number in range(45):  # all that the burst holds for interactive callers
        service.calls.call(portal, "im.chat.get", {"ENTITY_ID": number}, Deadline.after(10, clock))
    assert worker.learn() is None
    assert CHAT_GET not in bitrix24.methods
    assert output.lines[-1]["entity_lookup_error"] == "portal-busy"


def test_request_of_a_chat_ends_within_five_seconds(worker: Worker, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers(CHAT_GET, shown())
    worker.learn(seconds=25)
    assert bitrix24.deadlines == [pytest.approx(4.5, abs=0.1)]  # and half a second for what is written after it


def test_store_failure_is_raised_so_that_the_record_comes_again(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: object) -> None:
        raise StoreUnavailable

    monkeypatch.setattr(worker.service.tokens, "grant", down)
    with pytest.raises(StoreUnavailable):
        worker.learn()


def test_event_processed_after_its_usable_time_fills_no_row(worker: Worker, clock: ManualClock) -> None:
    record = message("hello", chat=BOUND)._replace(received_at=clock.now())
    clock.advance(USABLE_POSITIVE + 1)
    assert worker.learn_from(record) == DEAL
    assert worker.service.cache.get(MEMBER_ID, worker.portal.generation, DEAL) is None
