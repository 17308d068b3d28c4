"""Look-ups by direct invocation: for Step Functions, other functions and `sam local invoke` (design 3.3)."""

import json
from typing import Any

import pytest

from chat_lookup.errors import ChatLookupError
from tests.support.reply_checks import PROBLEM, counted, found, only_line
from tests.support.repository import ROOT
from tests.support.service import Service

DEAL = {"entity_type": "CRM", "entity_id": "DEAL|1663"}
NO_DEAL = {"entity_type": "CRM", "entity_id": "DEAL|404404"}
OTHER = {"entity_type": "CHAT", "entity_id": "13"}


def failure(service: Service, event: object) -> Exception:
    """Invoke with an event that must fail; return the error after the checks that hold for every error."""
    with pytest.raises(ChatLookupError) as caught:
        service.direct(event)
    error = caught.value
    assert (error.__cause__, error.__context__) == (None, None)
    code = service.stack.target.endpoint.base_url.rstrip("/").rpartition("/")[2]
    assert code not in str(error) + repr(error)
    return error


def name_of(error: Exception) -> str:
    """Return the name that a state machine matches."""
    return type(error).__name__


def test_direct_answer_equals_the_http_answer(service: Service) -> None:
    directly = service.direct(DEAL)

    assert directly["source"] == "portal"
    over_http = found(service.look_up("CRM", "DEAL|1663"))
    assert directly == {**over_http, "source": "portal"}


def test_portal_is_given_by_member_id_by_domain_or_by_default(service: Service) -> None:
    domain = service.stack.target.endpoint.host

    answers = [
        service.direct({"portal": service.member_id, **DEAL}),
        service.direct({"portal": domain, **DEAL}),
        service.direct(DEAL),
    ]

    assert [answer["chat_id"] for answer in answers] == [1437] * 3
    assert len(service.calls()) == 1


@pytest.mark.parametrize("portal", ["0123456789abcdef0123456789abcdef", "unknown.bitrix24.com", "x"])
def test_unknown_portal_is_not_installed(service: Service, portal: str) -> None:
    assert name_of(failure(service, {"portal": portal, **DEAL})) == "PortalNotInstalled"


def test_two_portals_have_separate_answers(service: Service) -> None:
    webhook_url = service.stack.target.endpoint.base_url
    service.admin("portal.add_webhook", webhook_url=webhook_url, member_id="another")

    assert service.direct({"portal": "another", **DEAL})["source"] == "portal"
    assert service.direct(DEAL)["source"] == "portal"
    assert service.direct({"portal": "another", **DEAL})["source"] == "cache"


def test_platform_spelling_of_the_fields_is_accepted(service: Service) -> None:
    answer = service.direct({"ENTITY_TYPE": "TASKS_TASK", "ENTITY_ID": 8293, "BOT_ID": 39, "method": "imbot"})

    assert (answer["chat_id"], answer["entity_id"]) == (1582, "8293")
    (call,) = service.calls()
    assert call["params"] == {"ENTITY_TYPE": "TASKS_TASK", "ENTITY_ID": "8293", "BOT_ID": 39}


def test_expand_and_fresh_are_accepted_as_over_http(service: Service) -> None:
    service.direct(DEAL)

    answer = service.direct({**DEAL, "expand": "chat", "fresh": True})

    assert (answer["source"], answer["chat"]["title"]) == ("portal", "Deal: 200 office chairs")


def test_not_found_is_returned_and_not_raised(service: Service) -> None:
    answer = service.direct(NO_DEAL)

    assert answer["chat_id"] is None
    assert (answer["entity_type"], answer["entity_id"]) == ("CRM", "DEAL|404404")
    assert (answer["problem"]["type"], answer["problem"]["status"]) == (PROBLEM + "chat-not-found", 404)


FAILURES: dict[str, tuple[dict[str, object], str]] = {
    "cut": ({"drop": True}, "PortalUnavailable"),
    "uninstalled": ({"error": "APPLICATION_NOT_FOUND"}, "PortalNotInstalled"),
}


@pytest.mark.parametrize(("fault", "name"), FAILURES.values(), ids=FAILURES)
def test_failure_is_raised_under_its_own_name(service: Service, fault: dict[str, object], name: str) -> None:
    service.control("/faults", {"method": "*", **fault})

    assert name_of(failure(service, DEAL)) == name
    assert counted(service, "Lookups", source="none") == 1


@pytest.mark.parametrize(
    ("event", "word"),
    [
        ("CRM", "object"),
        ({**DEAL, "ENTITY_TYPE": "CRM"}, "entity_type"),
        ({**DEAL, "entity": "x"}, "entity"),
        ({"lookups": []}, "lookups"),
    ],
)
def test_invalid_event_is_refused_with_the_faulty_field(service: Service, event: object, word: str) -> None:
    error = failure(service, event)

    assert name_of(error) == "InvalidRequest"
    assert word in str(error)
    assert service.calls() == []


def test_several_look_ups_are_answered_in_order_each_with_its_outcome(service: Service) -> None:
    lookups = [
        DEAL,
        NO_DEAL,
        {"ENTITY_TYPE": "CHAT", "ENTITY_ID": 13},
        {"entity_type": "CRM"},
        DEAL,
        "nonsense",
        {"entity_type": "CRM", "entity_id": "0"},
    ]

    results = service.direct({"lookups": lookups})["results"]

    assert [result["chat_id"] for result in results] == [1437, None, 2725, None, 1437, None, None]
    problems = [result.get("problem", {}).get("type", "").removeprefix(PROBLEM) for result in results]
    assert problems == ["", "chat-not-found", "", "invalid-request", "", "invalid-request", "invalid-request"]
    (call,) = service.calls()
    assert (call["method"], len(call["params"]["cmd"])) == ("batch", 3)


def test_look_up_of_several_that_fails_once_is_repeated(service: Service) -> None:
    service.control("/faults", {"method": "im.chat.get", "error": "INTERNAL_SERVER_ERROR", "times": 1})

    results = service.direct({"lookups": [DEAL, OTHER]})["results"]

    assert [result["chat_id"] for result in results] == [1437, 2725]
    assert [call["method"] for call in service.calls()] == ["batch", "im.chat.get"]


def test_look_up_of_several_that_always_fails_gets_its_problem_after_three_batches(service: Service) -> None:
    service.control("/faults", {"method": "im.chat.get", "error": "INTERNAL_SERVER_ERROR"})

    results = service.direct({"lookups": [DEAL, OTHER]})["results"]

    assert {result["problem"]["type"] for result in results} == {PROBLEM + "portal-unavailable"}
    assert {result["problem"]["portal_error"] for result in results} == {"INTERNAL_SERVER_ERROR"}
    assert [call["method"] for call in service.calls()] == ["batch"] * 3


def test_direct_invocation_logs_one_line(service: Service) -> None:
    service.direct(DEAL)

    line = only_line(service)
    assert (line["message"], line["source"], line["portal"]) == ("direct", "portal", service.member_id)
    assert line["request_id"]


def sample(name: str) -> Any:
    return json.loads((ROOT / "events" / name).read_text("utf-8"))


@pytest.mark.parametrize("name", ["direct-lookup.json", "direct-lookup-platform-spelling.json"])
def test_sample_event_is_answered_by_the_demo_portal(service: Service, name: str) -> None:
    assert service.direct(sample(name))["chat_id"] > 0


def test_sample_event_of_several_look_ups_is_answered_by_the_demo_portal(service: Service) -> None:
    assert any(result["chat_id"] for result in service.direct(sample("direct-lookup-many.json"))["results"])
