"""One object: its chats in two requests, from the cache for a minute, stale for a day where the portal fails."""

from typing import TYPE_CHECKING, cast

import pytest

from chat_lookup.errors import (
    ChatLookupError,
    ChatNotAccessible,
    ObjectNotFound,
    PortalBusy,
    PortalMisconfigured,
    PortalUnavailable,
)
from chat_lookup.objects.lists import FRESH_LIST, USABLE_LIST
from chat_lookup.objects.model import ObjectChats, PartState
from chat_lookup.objects.portal_objects import PortalObject
from chat_lookup.portals.portal import Portal
from tests.support.fakes import FakeBitrix24, ManualClock, Output, Stores
from tests.support.in_process_service import Service, install, list_chats, with_scopes
from tests.support.portals.crm_content import FakeCrm, FakeLine, named, refused

if TYPE_CHECKING:
    from tests.support.stores.memory_dynamodb import MemoryDynamoDB

DEAL = named("DEAL|1663")


def chats(answer: ObjectChats) -> list[tuple[int, str, bool | None]]:
    return [(each.chat_id, each.of, each.line.active if each.line else None) for each in answer.chats]


def states(answer: ObjectChats) -> list[tuple[str, str, str]]:
    return [(each.of, each.discussion.value, each.open_lines.value) for each in answer.parts]


@pytest.fixture
def full(crm: FakeCrm) -> FakeCrm:
    """A deal with a discussion, two lines, two contacts and a company."""
    crm.discussions |= {"DEAL|1663": 1437, "COMPANY|7": 1500}
    crm.lines |= {
        "DEAL|1663": [FakeLine(1763, active=True), FakeLine(1700)],
        "CONTACT|42": [FakeLine(1763, active=True), FakeLine(1800, active=True, connector="livechat")],
        "COMPANY|7": [FakeLine(0), FakeLine(1900)],
    }
    crm.contacts["DEAL|1663"] = [42, 43]
    crm.companies["DEAL|1663"] = [7]
    return crm


# -- what is listed ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("full")
def test_deal_is_answered_with_its_chats_and_those_of_its_contacts_and_company_in_two_requests(
    service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    answer = list_chats(service, portal, DEAL)
    assert chats(answer) == [
        (1437, "DEAL|1663", None),
        (1763, "DEAL|1663", True),
        (1700, "DEAL|1663", False),
        (1800, "CONTACT|42", True),
        (1500, "COMPANY|7", None),
        (1900, "COMPANY|7", False),
    ]
    assert states(answer) == [
        ("DEAL|1663", "found", "found"),
        ("CONTACT|42", "none", "found"),
        ("CONTACT|43", "none", "none"),
        ("COMPANY|7", "found", "found"),
    ]
    assert (answer.truncated, answer.source, answer.age_seconds) == (False, "portal", 0)
    assert [len(call.params["cmd"]) for call in bitrix24.calls] == [4, 9]  # type: ignore[arg-type]  # lists


@pytest.mark.usefixtures("full")
def test_without_relatives_one_request_is_made_and_without_closed_lines_the_active_ones_are_listed(
    service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    answer = list_chats(service, portal, DEAL, relatives=False, closed=False)
    assert chats(answer) == [(1437, "DEAL|1663", None), (1763, "DEAL|1663", True)]
    assert len(bitrix24.calls) == 1
    assert chats(list_chats(service, portal, DEAL, relatives=False)) == [*chats(answer), (1700, "DEAL|1663", False)]
    assert len(bitrix24.calls) == 1


def test_line_part_is_none_where_only_closed_lines_are_left_out(service: Service, portal: Portal, crm: FakeCrm) -> None:
    crm.lines["DEAL|1663"] = [FakeLine(1700)]
    assert states(list_chats(service, portal, DEAL, closed=False)) == [("DEAL|1663", "none", "none")]


def test_object_without_chats_is_answered_with_an_empty_list(service: Service, portal: Portal, crm: FakeCrm) -> None:
    assert crm.discussions == {}
    answer = list_chats(service, portal, DEAL)
    assert (answer.chats, states(answer)) == ((), [("DEAL|1663", "none", "none")])


@pytest.mark.parametrize("kind", ["QUOTE", "SMART_INVOICE", "DYNAMIC_128", "TASK", "SONET_GROUP"])
def test_open_lines_are_not_asked_for_types_that_they_do_not_know(
    service: Service, portal: Portal, crm: FakeCrm, bitrix24: FakeBitrix24, kind: str
) -> None:
    bitrix24.answers("tasks.task.get", {"task": {"id": "5"}})
    pair = f"{kind}|5" if kind not in ("TASK", "SONET_GROUP") else f"{kind} 5"
    crm.discussions[pair.replace("TASK ", "TASKS_TASK ")] = 1437
    crm.contacts[f"{kind}|5"] = [42]
    answer = list_chats(service, portal, PortalObject(kind, 5))
    assert (answer.chats[0].chat_id, answer.parts[0].open_lines) == (1437, PartState.NONE)
    of_crm = kind not in ("TASK", "SONET_GROUP")
    assert [each.of for each in answer.parts[1:]] == (["CONTACT|42"] if of_crm else [])


@pytest.mark.parametrize("name", ["SMART_INVOICE|5", "DYNAMIC_31|5"])
def test_smart_invoice_is_asked_for_by_both_of_its_names_at_once(
    service: Service, portal: Portal, crm: FakeCrm, bitrix24: FakeBitrix24, name: str
) -> None:
    crm.discussions[name] = 1437
    assert list_chats(service, portal, named("SMART_INVOICE|5")).chats[0].chat_id == 1437
    assert len(bitrix24.calls) == 1


def test_chat_that_a_task_names_itself_is_its_discussion(
    service: Service, portal: Portal, crm: FakeCrm, bitrix24: FakeBitrix24
) -> None:
    assert crm.discussions == {}
    bitrix24.answers("tasks.task.get", {"task": {"id": "5", "chatId": "1500"}})
    assert list_chats(service, portal, PortalObject("TASK", 5)).chats[0].chat_id == 1500


@pytest.mark.parametrize(("contacts", "companies", "truncated"), [(15, 1, False), (16, 1, True), (15, 2, True)])
def test_answer_has_fifteen_contacts_and_one_company_at_most(
    service: Service,
    portal: Portal,
    crm: FakeCrm,
    bitrix24: FakeBitrix24,
    contacts: int,
    companies: int,
    truncated: bool,
) -> None:
    crm.contacts["DEAL|1663"] = list(range(100, 100 + contacts))
    crm.companies["DEAL|1663"] = list(range(7, 7 + companies))
    answer = list_chats(service, portal, DEAL)
    assert [each.of for each in answer.parts[1:]] == [*(f"CONTACT|{each}" for each in range(100, 115)), "COMPANY|7"]
    assert (answer.truncated, len(bitrix24.calls)) == (truncated, 2)
    assert not list_chats(service, portal, DEAL, relatives=False).truncated


# -- parts that are refused --------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("full")
def test_part_that_the_portal_refuses_fails_no_other(service: Service, portal: Portal, crm: FakeCrm) -> None:
    crm.closed |= {"CONTACT|42"}
    answer = list_chats(service, portal, DEAL)
    assert states(answer)[1] == ("CONTACT|42", "refused", "refused")
    assert (answer.parts[1].problem, answer.source) == (None, "portal")
    assert [each.of for each in answer.chats] == ["DEAL|1663"] * 3 + ["COMPANY|7"] * 2


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize("known", [True, False], ids=["scopes known", "scopes unknown"])
def test_part_is_not_granted_where_its_scope_is_missing(
    service: Service, crm: FakeCrm, bitrix24: FakeBitrix24, known: bool
) -> None:
    crm.lacking |= {"imopenlines", "crm"}
    portal = install(service, scopes=frozenset({"im"}) if known else None)
    answer = list_chats(service, portal, DEAL)
    assert states(answer) == [("DEAL|1663", "found", "not_granted")]
    assert answer.parts[0].relatives is PartState.NOT_GRANTED
    assert bitrix24.methods == (["im.chat.get"] if known else ["batch"])


def test_missing_scope_is_remembered(service: Service, portal: Portal, crm: FakeCrm) -> None:
    crm.lacking |= {"imopenlines"}
    list_chats(service, portal, DEAL)
    current = service.portals.read(portal.member_id)
    assert current is not None
    assert not current.grants("imopenlines")


@pytest.mark.usefixtures("full")
def test_object_that_may_not_be_read_is_answered_with_its_relatives_refused(
    service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    bitrix24.fails("crm.item.get", "ACCESS_DENIED", 400)
    answer = list_chats(service, portal, DEAL)
    assert [(each.of, each.relatives) for each in answer.parts] == [("DEAL|1663", PartState.REFUSED)]
    assert list_chats(service, portal, DEAL, relatives=False).parts[0].relatives is None


def test_error_of_the_objects_own_part_is_raised_where_no_part_is_answered(
    service: Service, portal: Portal, crm: FakeCrm
) -> None:
    crm.closed |= {"DEAL|1663"}
    with pytest.raises(ChatNotAccessible) as raised:
        list_chats(service, portal, DEAL)
    assert raised.value.portal_error == "ACCESS_ERROR"


def test_portal_that_grants_no_method_is_misconfigured(service: Service, crm: FakeCrm) -> None:
    assert crm.lacking == set()
    portal = with_scopes(service, "crm")
    service.bitrix24.fails("im.chat.get", "insufficient_scope", 403)
    service.bitrix24.fails("imbot.chat.get", "insufficient_scope", 403)
    with pytest.raises(PortalMisconfigured):
        list_chats(service, portal, DEAL)


def test_closed_object_is_answered_by_what_its_relatives_have(service: Service, portal: Portal, crm: FakeCrm) -> None:
    crm.contacts["DEAL|1663"] = [42]
    crm.lines["CONTACT|42"] = [FakeLine(1800)]
    service.bitrix24.fails("im.chat.get", "ACCESS_ERROR", 403)
    crm.closed |= set()

    def only_of_contacts(params: object) -> object:
        assert isinstance(params, dict)
        if params["CRM_ENTITY_TYPE"] == "deal":
            raise refused("imopenlines.crm.chat.get", "ACCESS_DENIED", 403)
        return [{"CHAT_ID": "1800", "CONNECTOR_ID": "livechat", "CONNECTOR_TITLE": "Live Chat"}]

    service.bitrix24.answers_by("imopenlines.crm.chat.get", only_of_contacts)
    assert states(list_chats(service, portal, DEAL)) == [
        ("DEAL|1663", "refused", "refused"),
        ("CONTACT|42", "refused", "found"),
    ]


@pytest.mark.usefixtures("full")
def test_object_that_the_portal_does_not_have_is_not_found_for_a_minute_even_where_it_left_chats(
    service: Service, portal: Portal, crm: FakeCrm, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    crm.gone |= {"DEAL|1663"}
    for _ in range(2):
        with pytest.raises(ObjectNotFound):
            list_chats(service, portal, DEAL)
    assert len(bitrix24.calls) == 1
    clock.advance(FRESH_LIST + 1)
    bitrix24.refuses("INTERNAL_SERVER_ERROR", 500)
    with pytest.raises(PortalUnavailable):
        list_chats(service, portal, DEAL)


# -- the cache ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("full")
def test_answer_is_from_the_cache_for_a_minute_in_every_process(
    service: Service, another_process: Service, portal: Portal, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    first = list_chats(service, portal, DEAL)
    clock.advance(FRESH_LIST - 1)
    again = list_chats(another_process, portal, DEAL)
    assert (again.chats, again.parts) == (first.chats, first.parts)
    assert (again.source, again.age_seconds, len(bitrix24.calls)) == ("cache", int(FRESH_LIST) - 1, 2)
    clock.advance(2)
    assert (list_chats(service, portal, DEAL).source, len(bitrix24.calls)) == ("portal", 4)


@pytest.mark.usefixtures("full")
def test_answer_is_as_old_as_its_oldest_list_and_asks_for_no_list_that_is_fresh(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    list_chats(service, portal, named("CONTACT|42"))
    clock.advance(20)
    bitrix24.calls.clear()
    answer = list_chats(service, portal, DEAL)
    assert (answer.source, answer.age_seconds) == ("cache", 20)
    assert [len(call.params["cmd"]) for call in bitrix24.calls] == [4, 6]  # type: ignore[arg-type]  # lists


@pytest.mark.usefixtures("full")
def test_list_is_not_fresh_beyond_those_of_its_relatives_so_that_one_caller_asks_for_all(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    list_chats(service, portal, named("CONTACT|42"))
    clock.advance(20)
    list_chats(service, portal, DEAL)
    clock.advance(FRESH_LIST - 19)
    bitrix24.calls.clear()
    answer = list_chats(service, portal, DEAL)
    assert [len(call.params["cmd"]) for call in bitrix24.calls] == [4, 3]  # type: ignore[arg-type]  # lists
    assert answer.age_seconds == int(FRESH_LIST) - 19


@pytest.mark.usefixtures("full")
def test_fresh_answer_asks_for_every_list(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    list_chats(service, portal, DEAL)
    clock.advance(5)
    answer = list_chats(service, portal, DEAL, fresh=True)
    assert (answer.source, answer.age_seconds, len(bitrix24.calls)) == ("portal", 0, 4)


@pytest.mark.usefixtures("full")
def test_last_answer_is_served_for_a_day_while_the_portal_fails(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    first = list_chats(service, portal, DEAL)
    bitrix24.refuses("INTERNAL_SERVER_ERROR", 500)
    clock.advance(USABLE_LIST - 60)
    stale = list_chats(service, portal, DEAL)
    assert (stale.source, stale.chats) == ("stale", first.chats)
    clock.advance(120)
    with pytest.raises(PortalUnavailable):
        list_chats(service, portal, DEAL)


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize("method", ["im.chat.get", "imopenlines.crm.chat.get", "crm.item.get"])
def test_list_with_a_part_that_failed_is_incomplete_and_not_stored(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, crm: FakeCrm, method: str
) -> None:
    bitrix24.fails("imbot.chat.get", "OPERATION_TIME_LIMIT", 429)
    bitrix24.fails(method, "OPERATION_TIME_LIMIT", 429)
    answer = list_chats(service, portal, DEAL)
    assert isinstance(answer.parts[0].problem, PortalBusy)
    crm.behind(bitrix24)
    service.clock.advance(700)
    assert all(each.problem is None for each in list_chats(service, portal, DEAL).parts)


@pytest.mark.usefixtures("full")
def test_stale_list_is_served_rather_than_an_incomplete_one(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    first = list_chats(service, portal, DEAL)
    clock.advance(FRESH_LIST + 10)
    bitrix24.fails("imopenlines.crm.chat.get", "OPERATION_TIME_LIMIT", 429)
    answer = list_chats(service, portal, DEAL)
    assert (answer.source, answer.chats) == ("stale", first.chats)


# -- at once -----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("full")
def test_other_processes_wait_while_one_asks_for_the_object_and_its_relatives(
    service: Service, another_process: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    outcomes: list[object] = []

    def meanwhile(_: object) -> object:
        bitrix24.answers("crm.item.get", {"item": {"id": 1663, "contactIds": [42], "companyId": 7}})
        with pytest.raises(ChatLookupError) as raised:
            list_chats(another_process, portal, DEAL, seconds=1)
        outcomes.append(raised.value.code)
        return {"item": {"id": 1663, "contactIds": [42], "companyId": 7}}

    bitrix24.answers_by("crm.item.get", meanwhile)
    list_chats(service, portal, DEAL)
    assert outcomes == ["portal-unavailable"]
    assert (list_chats(another_process, portal, DEAL).source, len(bitrix24.calls)) == ("cache", 2)


def test_caller_without_a_slot_before_the_deadline_gets_the_portals_limit(
    service: Service, portal: Portal, crm: FakeCrm
) -> None:
    assert crm.gone == set()
    drain(service, portal)
    with pytest.raises(PortalBusy) as raised:
        list_chats(service, portal, DEAL, seconds=1.2)
    assert raised.value.retry_after is not None


def drain(service: Service, portal: Portal) -> None:
    """Use up the portal's burst, and the slots of the next seconds."""
    for number in range(100, 164):
        list_chats(service, portal, PortalObject("SONET_GROUP", number), relatives=False, seconds=30)


# -- what is logged and kept -------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("full")
def test_neither_log_nor_cache_has_anything_of_the_item_but_ids(
    service: Service, portal: Portal, stores: Stores, output: Output
) -> None:
    list_chats(service, portal, DEAL)
    rows = cast("MemoryDynamoDB", stores.dynamodb).items(stores.cache_table)
    assert any("LIST#" in str(row) for row in rows)
    printed = f"{output.lines} {output.blobs} {rows}"
    assert "example.com" not in printed
    assert "+1555" not in printed
    assert output.metric("ObjectLookups", source="portal") == 1
