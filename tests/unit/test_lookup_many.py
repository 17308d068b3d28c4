"""Many look-ups at once, and what operators see of each."""

from typing import Any

import pytest

from chat_lookup.cache import FRESH_POSITIVE
from chat_lookup.clock import Deadline
from chat_lookup.entity import EntityRef
from chat_lookup.errors import ChatLookupError, ChatNotFound, InvalidRequest, PortalUnavailable
from chat_lookup.lookup import Found, Options
from chat_lookup.records import Portal
from tests.building import Service, find
from tests.fakes import MEMBER_ID, WEBHOOK_CODE, FakeBitrix24, ManualClock, Output

LINE = EntityRef("LINES", "whatsapp|2|79161234567|744")


def asked(bitrix24: FakeBitrix24) -> int:
    return len(bitrix24.calls)


# -- many --------------------------------------------------------------------------------------------------------------


def test_many_are_answered_in_order_each_with_its_own_outcome_and_each_pair_once(
    service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    known = {"DEAL|1": 11, "DEAL|2": 12}
    bitrix24.answers_by("im.chat.get", lambda params: known.get(str(params["ENTITY_ID"])))
    broken = InvalidRequest("entity_id is empty")
    refs: list[EntityRef | ChatLookupError] = [
        EntityRef("CRM", "DEAL|2"),
        broken,
        EntityRef("CRM", "DEAL|3"),
        EntityRef("CRM", "DEAL|1"),
        EntityRef("CRM", "DEAL|2"),
        EntityRef("CRM", "DEAL|3"),
    ]
    outcomes = list(service.lookup.find_many(portal, refs, Options(), Deadline.after(10, service.clock)))
    chats = [outcome.chat_id if isinstance(outcome, Found) else type(outcome) for outcome in outcomes]
    assert chats == [12, InvalidRequest, ChatNotFound, 11, 12, ChatNotFound]
    assert asked(bitrix24) == 3


def test_one_failure_among_many_fails_no_other(service: Service, portal: Portal, bitrix24: FakeBitrix24) -> None:
    def reply(params: Any) -> object:
        if params["ENTITY_ID"] == "DEAL|2":
            bitrix24.fails("nothing", "INTERNAL_SERVER_ERROR", 500)
            return bitrix24.call(bitrix24.calls[0].endpoint, "nothing", {}, Deadline.after(1, service.clock))
        return 7

    bitrix24.answers_by("im.chat.get", reply)
    refs = [EntityRef("CRM", f"DEAL|{number}") for number in (1, 2, 3)]
    outcomes = list(service.lookup.find_many(portal, refs, Options(), Deadline.after(10, service.clock)))
    assert [type(outcome) for outcome in outcomes] == [Found, PortalUnavailable, Found]


# -- what operators see ------------------------------------------------------------------------------------------------


def test_each_look_up_is_counted_by_its_source_and_told_on_one_line(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, clock: ManualClock, output: Output
) -> None:
    bitrix24.seconds = 0.2
    bitrix24.answers("im.chat.get", 1437)
    find(service, portal)
    find(service, portal)
    clock.advance(FRESH_POSITIVE + 1)
    bitrix24.fails("im.chat.get", "TRANSPORT", 0)
    find(service, portal)
    with pytest.raises(PortalUnavailable):
        find(service, portal, EntityRef("CRM", "DEAL|7"))
    assert [line["source"] for line in output.lines] == ["portal", "cache", "stale", "none"]
    for source in ("portal", "cache", "stale", "none"):
        assert output.metric("Lookups", source=source) == 1
    assert output.metric("LookupLatency", source="portal") == pytest.approx(200)
    assert output.metric("LookupLatency", source="cache") == 0
    first = output.lines[0]
    assert (first["portal"], first["entity_type"], first["entity_id"], first["chat_id"]) == (
        MEMBER_ID,
        "CRM",
        "DEAL|1663",
        1437,
    )
    assert WEBHOOK_CODE not in output.text


def test_no_telephone_number_of_an_open_line_is_on_a_line(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, output: Output
) -> None:
    bitrix24.answers("im.chat.get", 1437)
    find(service, portal, LINE)
    service.lookup.forget(portal, LINE)
    assert output.lines
    assert "79161234567" not in output.text
