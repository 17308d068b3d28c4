"""Look-ups by direct invocation: as a state machine, another function or `sam local invoke` sends them."""

from typing import Any

import pytest

from chat_lookup.bootstrap.services import Services
from chat_lookup.errors import (
    ChatLookupError,
    DeadlineReached,
    InvalidRequest,
    PortalBusy,
    PortalNotInstalled,
    PortalUnavailable,
)
from chat_lookup.portals.portal import Portal
from functions.direct import app
from tests.support.fakes import MEMBER_ID, FakeBitrix24, Output, lambda_context
from tests.support.in_process_service import Service, install

PAIR = {"entity_type": "CRM", "entity_id": "DEAL|1663"}


@pytest.fixture(autouse=True)
def _installed(booted: Services, portal: Portal) -> None:
    assert booted.portals.get(portal.member_id)


def invoke(event: object, seconds: float = 60) -> dict[str, Any]:
    return app.handler(event, lambda_context(seconds))


# -- one ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("portal_named", [{}, {"portal": MEMBER_ID}, {"portal": "acme.bitrix24.com"}, {"portal": None}])
@pytest.mark.parametrize("pair", [PAIR, {"ENTITY_TYPE": "CRM", "ENTITY_ID": "DEAL|1663"}])
def test_pair_is_accepted_in_either_spelling_and_the_portal_is_optional(
    bitrix24: FakeBitrix24, portal_named: dict[str, Any], pair: dict[str, Any]
) -> None:
    bitrix24.answers("im.chat.get", 1437)
    assert invoke({**portal_named, **pair}) == {
        **PAIR,
        "chat_id": 1437,
        "dialog_id": "chat1437",
        "source": "portal",
        "method": "im.chat.get",
        "age_seconds": 0,
    }


def test_missing_chat_is_returned_and_not_raised(bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("im.chat.get", None)
    answer = invoke({"entity_type": "DEAL", "entity_id": "1663"})
    assert (answer["entity_type"], answer["entity_id"], answer["chat_id"]) == ("DEAL", "1663", None)
    assert answer["problem"]["type"].endswith(":chat-not-found")
    assert "DEAL|1663" in answer["problem"]["hint"]


def test_id_may_be_a_number_as_in_the_platforms_samples(bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("im.chat.get", 7)
    assert invoke({"ENTITY_TYPE": "SONET_GROUP", "ENTITY_ID": 133})["entity_id"] == "133"
    assert bitrix24.calls[0].params["ENTITY_ID"] == "133"


@pytest.mark.parametrize("bot", [{"bot_id": 17}, {"BOT_ID": 17}, {"BOT_ID": "17"}])
def test_options_reach_the_portal(bitrix24: FakeBitrix24, bot: dict[str, Any]) -> None:
    bitrix24.answers("imbot.chat.get", 1437)
    bitrix24.answers("imbot.v2.Chat.get", {"chat": {"id": 1437, "name": "Tyres"}})
    answer = invoke({**PAIR, **bot, "method": "imbot", "expand": "chat", "fresh": True})
    assert (answer["method"], answer["chat"]["title"]) == ("imbot.chat.get", "Tyres")
    assert bitrix24.calls[0].params["BOT_ID"] == 17


# -- faults ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "named"),
    [
        ({}, "entity_type is missing"),
        ({"entity_type": "CRM"}, "entity_id is missing"),
        ({**PAIR, "ENTITY_ID": "7"}, "entity_id and ENTITY_ID"),
        ({**PAIR, "entity_id": ["7"]}, "entity_id must be text"),
        ({**PAIR, "entity_id": True}, "entity_id must be text"),
        ({**PAIR, "entity_id": 1.5}, "entity_id must be text"),
        ({**PAIR, "entity_id": 0}, "entity_id"),
        ({**PAIR, "entity_id": "a\nb"}, "entity_id"),
        ({**PAIR, "portal": 7}, "portal must be text"),
        ({**PAIR, "method": "both"}, "method"),
        ({**PAIR, "method": 7}, "method"),
        ({**PAIR, "bot_id": "x"}, "bot_id"),
        ({**PAIR, "expand": "all"}, "expand"),
        ({**PAIR, "expand": True}, "expand"),
        ({**PAIR, "fresh": "true"}, "fresh"),
        ({**PAIR, "fresh": None}, "fresh"),
        ({**PAIR, "entiti_id": "7"}, "entiti_id"),
        ({**PAIR, "lookups": [PAIR]}, "entity_type"),
        ({"lookups": []}, "lookups"),
        ({"lookups": {}}, "lookups"),
        ({"lookups": "x"}, "lookups"),
        ({"lookups": [PAIR] * 1001}, "lookups"),
        ([], "JSON object"),
        (None, "JSON object"),
        ("x", "JSON object"),
    ],
)
def test_invalid_event_raises_an_error_that_names_the_field(
    bitrix24: FakeBitrix24, output: Output, event: object, named: str
) -> None:
    with pytest.raises(InvalidRequest, match=named):
        invoke(event)
    assert bitrix24.calls == []
    assert [line["problem"] for line in output.lines] == ["invalid-request"]


def test_portal_that_is_not_installed_raises() -> None:
    with pytest.raises(PortalNotInstalled):
        invoke({**PAIR, "portal": "unknown.bitrix24.com"})


def test_portal_is_required_where_none_is_the_default(service: Service, bitrix24: FakeBitrix24) -> None:
    other = install(service, member_id="f" * 32, domain="globex.bitrix24.com")
    service.portals.delete(other)
    service.portals.save(other)
    bitrix24.answers("im.chat.get", 7)
    with pytest.raises(InvalidRequest, match="portal is missing"):
        invoke(PAIR)
    assert invoke({**PAIR, "portal": "globex.bitrix24.com"})["chat_id"] == 7


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [("QUERY_LIMIT_EXCEEDED", 503, PortalBusy), ("INTERNAL_SERVER_ERROR", 500, PortalUnavailable)],
)
def test_failure_of_the_portal_raises_the_error_name_that_a_state_machine_matches(
    bitrix24: FakeBitrix24, code: str, status: int, error: type[ChatLookupError]
) -> None:
    bitrix24.fails("im.chat.get", code, status)
    with pytest.raises(error) as raised:
        invoke(PAIR)
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None
    assert "description by the portal" not in str(raised.value)


# -- many --------------------------------------------------------------------------------------------------------------


def test_lookups_are_answered_in_order_with_an_outcome_each(bitrix24: FakeBitrix24) -> None:
    bitrix24.answers_by("im.chat.get", lambda params: 7 if params["ENTITY_ID"] == "DEAL|1" else None)
    lookups = [
        {"entity_type": "CRM", "entity_id": "DEAL|2"},
        {"ENTITY_TYPE": "CRM", "ENTITY_ID": "DEAL|1"},
        {"entity_type": "CRM", "entity_id": "0"},
        {"entity_type": "CRM"},
        "nonsense",
        {"entity_type": "CRM", "entity_id": "DEAL|1", "extra": 1},
        {"entity_type": "CRM", "entity_id": "DEAL|1"},
    ]
    results = invoke({"lookups": lookups})["results"]
    assert [each["chat_id"] for each in results] == [None, 7, None, None, None, None, 7]
    problems = [each.get("problem", {}).get("type", "").rpartition(":")[2] for each in results]
    assert problems == ["chat-not-found", "", *["invalid-request"] * 4, ""]
    assert results[2]["entity_id"] == "0"  # as given, so that the caller can match it
    assert bitrix24.methods == ["batch"]


def test_failure_of_one_look_up_is_reported_in_its_item(bitrix24: FakeBitrix24) -> None:
    bitrix24.fails("im.chat.get", "QUERY_LIMIT_EXCEEDED", 503)
    (result,) = invoke({"lookups": [PAIR]})["results"]
    assert (result["chat_id"], result["entity_id"]) == (None, "DEAL|1663")
    assert result["problem"]["portal_error"] == "QUERY_LIMIT_EXCEEDED"
    assert result["problem"]["retry_after"] == 25


def test_options_and_details_apply_to_all_lookups(bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("imbot.chat.get", 1437)
    bitrix24.answers("imbot.v2.Chat.get", {"chat": {"id": 1437, "name": "Tyres"}})
    lookups = [PAIR, {"entity_type": "CRM", "entity_id": "DEAL|2"}]
    answer = invoke({"lookups": lookups, "method": "imbot", "bot_id": 17, "expand": "chat", "fresh": True})
    assert [(each["method"], each["chat"]["title"]) for each in answer["results"]] == [("imbot.chat.get", "Tyres")] * 2


def test_pairs_without_time_left_are_reported_with_a_problem_each(bitrix24: FakeBitrix24, output: Output) -> None:
    bitrix24.seconds = 8
    bitrix24.answers("im.chat.get", 7)
    lookups = [{"entity_type": "CRM", "entity_id": f"DEAL|{number}"} for number in range(1, 201)]
    results = invoke({"lookups": lookups}, seconds=30)["results"]
    assert [each["chat_id"] for each in results] == [7] * 150 + [None] * 50
    late = [each["problem"] for each in results[150:]]
    assert {(each["type"].rpartition(":")[2], each["status"], each["retry_after"]) for each in late} == {
        ("deadline", 503, 1)
    }
    assert (output.metric("Lookups", source="portal"), output.metric("Lookups", source="none")) == (150, 50)


@pytest.mark.parametrize("seconds", [0.2, 0.5, 1.0, 1.5, 2.0])
def test_invocation_without_time_left_makes_no_call_and_reports_the_deadline(
    bitrix24: FakeBitrix24, seconds: float
) -> None:
    for event in (PAIR, PAIR | {"expand": "chat"}):
        with pytest.raises(DeadlineReached):
            invoke(event, seconds=seconds)
    for each in invoke({"lookups": [PAIR]}, seconds=seconds)["results"]:
        assert each["problem"]["type"].endswith(":deadline")
    assert bitrix24.calls == []
