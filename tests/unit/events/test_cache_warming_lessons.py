"""What an event teaches, by mode, type and author: the source and the chat of the look-up that follows."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import pytest

from chat_lookup.bitrix24.event_names import EventKind
from chat_lookup.config import EventsTeach
from chat_lookup.entity import EntityRef
from chat_lookup.events.cache_warming import CHAT_GET
from chat_lookup.events.model import EventMessage, EventUser
from chat_lookup.portals.portal import Portal
from tests.support.events.bot_questions import EMPLOYEE, GROUP
from tests.support.events.teaching import OF_THE_EVENT, Worker
from tests.support.fakes import FakeBitrix24, Stores
from tests.support.in_process_service import DEAL, Service, find

OF_THE_PORTAL: Final = 1
GET: Final = "im.chat.get"

MODULES: Final = [
    DEAL,
    EntityRef("TASKS", "8293"),
    EntityRef("TASKS_TASK", "8293"),
    EntityRef("SONET_GROUP", "133"),
    EntityRef("LINES", "telegrambot|2|209607941|744"),
    EntityRef("LIVECHAT", "livechat|22"),
    EntityRef("CALENDAR", "5"),
    EntityRef("MAIL", "5"),
    EntityRef("CALL", "5"),
    EntityRef("VIDEOCONF", "5"),
    EntityRef("crm", "DEAL|1663"),
    EntityRef("CRM ", "DEAL|1663"),
]
OWN: Final = [
    EntityRef("ORDER", "5"),
    EntityRef("CHAT", "13"),
    EntityRef("CRM_ORDER", "1"),
    EntityRef("OPENLINES", "1"),
]
NEVER: Final = [EntityRef("CALL", "UNIFY_CALL_CHAT"), EntityRef("Call", "unify_call_chat"), EntityRef("TASK", "5")]

OUTSIDER: Final = EventUser(99, employee=False)
UNDESCRIBED: Final = EventUser(27)
AUTHORS: Final[Mapping[str, tuple[str, dict[str, Any]]]] = {
    "employee": ("trusted", {"user": EMPLOYEE}),
    "system": ("trusted", {"user": None, "message": EventMessage(789, "hello", 0, system=True)}),
    "system, with the user of its token": (
        "trusted",
        {"user": UNDESCRIBED, "message": EventMessage(789, "hello", 0, system=True)},
    ),
    "outsider": ("outsider", {"user": OUTSIDER}),
    "outsider in a message that looks like the system's": (
        "outsider",
        {"user": OUTSIDER, "message": EventMessage(789, "hello", 99, system=True)},
    ),
    "outsider who answers the system": (
        "outsider",
        {"user": OUTSIDER, "kind": EventKind.REACTION, "message": EventMessage(789, "hello", 0, system=True)},
    ),
    "undescribed": ("unknown", {"user": UNDESCRIBED, "api": "v1", "kind": EventKind.JOIN, "message": None}),
    "undescribed, with a message of the system's": (
        "unknown",
        {"user": UNDESCRIBED, "kind": EventKind.MESSAGE_DELETE, "message": EventMessage(789, "", 0, system=True)},
    ),
    "no user": ("unknown", {"user": None, "api": "v1", "message": EventMessage(789, "hello", None)}),
}


@pytest.fixture
def worker(service: Service, stores: Stores, portal: Portal) -> Worker:
    return Worker(service, stores, portal)


def expected(teach: EventsTeach, ref: EntityRef, author: str) -> tuple[int, str]:
    """The chat and the source of the first look-up after an event."""
    trusted, outsider = author == "trusted", author == "outsider"
    if teach is EventsTeach.OFF or ref in NEVER or (teach is EventsTeach.TRUST and not trusted):
        return OF_THE_PORTAL, "portal"
    if teach is EventsTeach.HINT and (ref in MODULES or outsider):
        return OF_THE_PORTAL, "cache"
    return OF_THE_EVENT, "event"


@pytest.mark.parametrize("author", AUTHORS)
@pytest.mark.parametrize("teach", list(EventsTeach))
def test_look_up_after_an_event_has_the_source_of_its_mode_type_and_author(
    worker: Worker, service: Service, portal: Portal, bitrix24: FakeBitrix24, teach: EventsTeach, author: str
) -> None:
    bitrix24.answers(GET, {"ID": OF_THE_PORTAL})
    described, fields = AUTHORS[author]
    found, wanted = {}, {}
    for ref in [*MODULES, *OWN, *NEVER]:
        replace(worker, teach=teach).work(ref, **fields)
        asked = len(bitrix24.calls)
        answer = find(service, portal, ref)
        found[ref] = (answer.chat_id, answer.source, len(bitrix24.calls) - asked)
        chat_id, source = expected(teach, ref, described)
        wanted[ref] = (chat_id, source, int(source == "portal"))
    assert found == wanted


@pytest.mark.parametrize("teach", list(EventsTeach))
def test_entity_that_v2_omits_is_taught_by_the_same_rules(
    worker: Worker, service: Service, portal: Portal, bitrix24: FakeBitrix24, teach: EventsTeach
) -> None:
    shown = {"id": OF_THE_EVENT, "dialogId": f"chat{OF_THE_EVENT}", "entityType": "CRM", "entityId": "DEAL|1663"}
    bitrix24.answers(CHAT_GET, {"chat": shown})
    bitrix24.answers(GET, {"ID": OF_THE_PORTAL})
    replace(worker, teach=teach).work(DEAL, chat=GROUP._replace(chat_id=OF_THE_EVENT))
    answer = find(service, portal)
    assert (answer.chat_id, answer.source) == expected(teach, DEAL, "trusted")
