"""An event in an open line forgets the lists of the objects that it names: the next answer for them asks the portal."""

import pytest

from chat_lookup.config import EventsTeach
from chat_lookup.events.model import EventChat, Record
from chat_lookup.objects.lists import FRESH_LIST
from chat_lookup.portals.portal import Portal
from tests.support.events.bot_questions import message
from tests.support.events.teaching import warming
from tests.support.fakes import FakeBitrix24, ManualClock, Stores
from tests.support.in_process_service import Service, list_chats
from tests.support.portals.crm_content import FakeCrm, FakeLine, named

DEAL, OTHER, CONTACT = named("DEAL|7"), named("DEAL|8"), named("CONTACT|42")
LINE = EventChat(1777, "chat1777", "lines", open_line=True, entity_type="LINES", entity_id="livechat|22|1775|599")


@pytest.fixture(autouse=True)
def _a_line_of_the_deal(crm: FakeCrm) -> None:
    crm.contacts["DEAL|7"] = [42]
    crm.lines["DEAL|7"] = [FakeLine(1777)]


def event(service: Service, *bound: str) -> Record:
    return message("hello", chat=LINE._replace(crm=bound))._replace(received_at=service.clock.now())


@pytest.mark.parametrize("teach", EventsTeach)
def test_list_of_an_object_that_an_event_names_is_asked_anew_and_no_other(
    service: Service,
    another_process: Service,
    portal: Portal,
    stores: Stores,
    bitrix24: FakeBitrix24,
    teach: EventsTeach,
) -> None:
    for each in (DEAL, OTHER):
        list_chats(service, portal, each)
    warming(service, stores, teach).forget_lists(portal, event(service, "DEAL|7"))
    service.clock.advance(1)
    for process in (service, another_process):
        bitrix24.calls.clear()
        assert list_chats(process, portal, DEAL).age_seconds <= 1
        assert list_chats(process, portal, OTHER).source == "cache"
        assert len(bitrix24.calls) == (process is service)


def test_list_of_a_relative_that_an_event_names_is_asked_anew_alone(
    service: Service, portal: Portal, stores: Stores, bitrix24: FakeBitrix24, crm: FakeCrm, clock: ManualClock
) -> None:
    list_chats(service, portal, DEAL)
    crm.lines["CONTACT|42"] = [FakeLine(1800, active=True)]
    warming(service, stores, EventsTeach.HINT).forget_lists(portal, event(service, "CONTACT|42"))
    clock.advance(1)
    bitrix24.calls.clear()
    assert [each.chat_id for each in list_chats(service, portal, DEAL).chats] == [1777, 1800]
    assert [len(call.params["cmd"]) for call in bitrix24.calls] == [3]  # type: ignore[arg-type]  # a list


def test_list_on_its_way_when_an_event_names_its_object_is_not_kept(
    service: Service, portal: Portal, stores: Stores, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    def meanwhile(_: object) -> object:
        clock.advance(0.5)
        warming(service, stores, EventsTeach.HINT).forget_lists(portal, event(service, "DEAL|7"))
        return {"item": {"id": 7}}

    bitrix24.answers_by("crm.item.get", meanwhile)
    list_chats(service, portal, DEAL)
    bitrix24.answers("crm.item.get", {"item": {"id": 7}})
    clock.advance(1)
    assert list_chats(service, portal, DEAL).source == "portal"
    assert list_chats(service, portal, DEAL).source == "cache"


def test_forgotten_list_is_served_while_the_portal_fails(
    service: Service, portal: Portal, stores: Stores, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    first = list_chats(service, portal, DEAL)
    warming(service, stores, EventsTeach.HINT).forget_lists(portal, event(service, "DEAL|7"))
    clock.advance(FRESH_LIST / 2)
    bitrix24.refuses("INTERNAL_SERVER_ERROR", 500)
    stale = list_chats(service, portal, DEAL)
    assert (stale.source, stale.chats) == ("stale", first.chats)


def test_late_event_does_not_forget_a_list_that_was_asked_for_after_it(
    service: Service, portal: Portal, stores: Stores, clock: ManualClock
) -> None:
    late = event(service, "DEAL|7")
    clock.advance(10)
    list_chats(service, portal, DEAL)
    warming(service, stores, EventsTeach.HINT).forget_lists(portal, late)
    assert list_chats(service, portal, DEAL).source == "cache"
