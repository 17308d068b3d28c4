"""The chats of objects, as API Gateway and Lambda invoke the functions."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from chat_lookup.bootstrap.services import Services
from chat_lookup.errors import InvalidRequest
from chat_lookup.portals.portal import Portal
from functions.direct import app as direct
from tests.support.fakes import FakeBitrix24, lambda_context
from tests.support.in_process_service import Service, with_scopes
from tests.support.lookup_function import body, http, refused
from tests.support.portals.crm_content import FakeCrm, FakeLine

ONE = "GET /v1/objects/{type}/{id}/chats"
BATCH = "POST /v1/objects/chats/batch"
ANSWER = {
    "entity_type": "CRM",
    "entity_id": "DEAL|1663",
    "chats": [
        {"chat_id": 1437, "dialog_id": "chat1437", "kind": "discussion", "of": "DEAL|1663"},
        {
            "chat_id": 1763,
            "dialog_id": "chat1763",
            "kind": "open_line",
            "of": "CONTACT|42",
            "connector": "telegrambot",
            "connector_title": "Telegrambot",
            "active": True,
        },
    ],
    "parts": [
        {"of": "DEAL|1663", "discussion": "found", "open_lines": "none"},
        {"of": "CONTACT|42", "discussion": "none", "open_lines": "found"},
    ],
    "truncated": False,
    "source": "portal",
    "age_seconds": 0,
}
Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def portal(service: Service) -> Portal:
    return with_scopes(service, "im", "imopenlines", "crm")


@pytest.fixture(autouse=True)
def crm(bitrix24: FakeBitrix24) -> FakeCrm:
    content = FakeCrm(
        {"DEAL|1663": 1437}, {"CONTACT|42": [FakeLine(1763, active=True)]}, {"DEAL|1663": [42]}, gone={"DEAL|404"}
    )
    content.behind(bitrix24)
    return content


@pytest.fixture
def key(booted: Services, portal: Portal) -> str:
    return booted.keys.create(portal.member_id, "crm sync", ["lookup"], None)[0]


@pytest.fixture
def ask(key: str) -> Ask:
    """Asks for one object, with the key or with the given fields."""

    def asked(kind: str = "deal", number: str = "1663", query: str = "", **fields: Any) -> dict[str, Any]:
        return http(ONE, query, **{"key": key, "pathParameters": {"type": kind, "id": number}, **fields})

    return asked


@pytest.fixture(params=["text", "base64"])
def post(request: pytest.FixtureRequest, key: str) -> Ask:
    def posted(content: object, **fields: Any) -> dict[str, Any]:
        raw, encoded = json.dumps(content), request.param == "base64"
        sent = base64.b64encode(raw.encode()).decode() if encoded else raw
        return http(BATCH, **{"key": key, "body": sent, "isBase64Encoded": encoded, **fields})

    return posted


def test_object_is_answered_with_its_chats_and_what_became_of_each_part(ask: Ask) -> None:
    response = ask()
    assert (response["statusCode"], body(response)) == (200, ANSWER)


def test_options_are_those_of_the_query(ask: Ask, bitrix24: FakeBitrix24) -> None:
    alone = body(ask("DEAL", "1663", "relatives=False&closed=0&fresh=TRUE"))
    assert (alone["chats"], alone["parts"]) == (ANSWER["chats"][:1], ANSWER["parts"][:1])  # type: ignore[index]
    assert len(bitrix24.calls) == 1


@pytest.mark.parametrize(
    ("kind", "number", "query"),
    [
        ("deals", "1663", ""), ("deal", "0", ""), ("deal", "x", ""), ("deal", "-1", ""), ("deal", "7.5", ""),
        ("deal", "\u0667", ""), ("deal", "1" * 16, ""), ("deal", "", ""), ("dynamic_", "5", ""),
        ("deal", "1663", "relatives=maybe"), ("deal", "1663", "closed="), ("deal", "1663", "expand=chat"),
        ("deal", "1663", "fresh=true&fresh=true"),
    ],
)  # fmt: skip
def test_unknown_type_bad_id_and_bad_option_are_invalid(ask: Ask, kind: str, number: str, query: str) -> None:
    refused(ask(kind, number, query), 400, "invalid-request")


def test_object_that_there_is_not_is_not_found(ask: Ask) -> None:
    refused(ask("deal", "404"), 404, "object-not-found")


def test_users_token_is_refused(ask: Ask, post: Ask, key: str) -> None:
    headers = {"authorization": f"Bearer {key}", "x-bitrix24-token": "t0ken0fauser"}
    refused(ask(headers=headers), 400, "invalid-request")
    refused(post({"objects": [{"type": "deal", "id": 1}]}, headers=headers), 400, "invalid-request")


def test_key_needs_the_scope_lookup(ask: Ask, booted: Services, portal: Portal) -> None:
    other, _ = booted.keys.create(portal.member_id, "x", ["details", "rest"], None)
    refused(ask(key=other), 403, "scope-missing")


def test_objects_of_a_batch_are_answered_in_order_each_with_its_own_outcome(post: Ask) -> None:
    objects = [
        {"type": "deal", "id": 1663},
        {"type": "Deal", "id": "404"},
        {"type": "deals", "id": 1},
        {"type": "deal"},
        7,
    ]
    found, missing, *broken = body(post({"objects": objects}))["results"]
    assert found == ANSWER
    assert (missing["entity_id"], missing["chats"], missing["problem"]["status"]) == ("DEAL|404", None, 404)
    assert [(each["entity_id"], each["chats"], each["problem"]["status"]) for each in broken] == [(None, None, 400)] * 3


@pytest.mark.parametrize(
    "content",
    [
        {}, {"objects": []}, {"objects": {}}, {"objects": [{"type": "deal", "id": 1}] * 201}, {"objects": None},
        {"objects": [{"type": "deal", "id": 1}], "closed": "no"}, {"objects": [{"type": "deal", "id": 1}], "expand": 1},
    ],
)  # fmt: skip
def test_batch_without_objects_or_with_unknown_fields_is_invalid(post: Ask, content: object) -> None:
    refused(post(content), 400, "invalid-request")


@pytest.mark.usefixtures("booted")
def test_direct_invocation_answers_the_same_and_an_object_that_there_is_not_is_a_result(portal: Portal) -> None:
    def invoke(number: int, **fields: object) -> dict[str, object]:
        event = {"portal": portal.member_id, "object": {"type": "deal", "id": number}, **fields}
        return direct.handler(event, lambda_context())

    assert invoke(1663) == ANSWER
    missing = invoke(404, relatives=False)
    assert (missing["entity_id"], missing["chats"]) == ("DEAL|404", None)


@pytest.mark.usefixtures("booted")
def test_direct_invocation_for_many_objects_answers_as_the_batch_does(portal: Portal) -> None:
    def invoke(objects: object, **fields: object) -> dict[str, object]:
        event = {"portal": portal.member_id, "objects": objects, **fields}
        return direct.handler(event, lambda_context())

    results = invoke([{"type": "deal", "id": 1663}, {"type": "deals", "id": 1}], closed=True)["results"]
    assert isinstance(results, list)
    assert results[0] == ANSWER
    assert results[1]["problem"]["status"] == 400
    many_wrong: tuple[object, ...] = ([], {}, 7, [{}] * 201)
    for wrong in many_wrong:
        with pytest.raises(InvalidRequest):
            invoke(wrong)
    with pytest.raises(InvalidRequest):
        invoke([{"type": "deal", "id": 1}], lookups=[])


@pytest.mark.parametrize(
    "link", ["https%3A%2F%2Facme.bitrix24.com%2Fcrm%2Fdeal%2Fdetails%2F1663%2F", "/crm/deal/details/1663/"]
)
def test_look_up_by_a_link_is_that_of_its_pair(key: str, link: str) -> None:
    found = body(http("GET /v1/chats", f"url={link}", key=key))
    assert (found["entity_type"], found["entity_id"], found["chat_id"]) == ("CRM", "DEAL|1663", 1437)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("url=https://other.example/crm/deal/details/5/", "link-of-another-portal"),
        ("url=https://acme.bitrix24.com/", "link-not-understood"),
        ("url=https://acme.bitrix24.com/online/?IM_DIALOG=chat1437", "invalid-request"),
        ("url=/crm/deal/details/5/&entity_type=CRM", "invalid-request"),
        ("url=/crm/deal/details/5/&entity_type=CRM&entity_id=DEAL%7C5", "invalid-request"),
        ("url=/crm/deal/details/5/&url=/crm/deal/details/6/", "invalid-request"),
        ("url=", "link-not-understood"),
    ],
)
def test_link_that_shows_no_object_here_is_refused(key: str, bitrix24: FakeBitrix24, query: str, code: str) -> None:
    refused(http("GET /v1/chats", query, key=key), 400, code)
    assert bitrix24.calls == []


LINE = {
    "id": 1764,
    "dialog_id": "chat1764",
    "type": "lines",
    "name": "Guest",
    "owner": 1,
    "entity_type": "LINES",
    "entity_id": "telegrambot|2|209607941|744",
    "entity_data_1": "Y|DEAL|1663|N|N|343|1773682918|0|0|0",
    "entity_data_2": "LEAD|0|COMPANY|0|CONTACT|42|DEAL|1663",
}


@pytest.mark.parametrize("chat_id", ["1764", "chat1764"])
def test_reverse_of_an_open_line_has_its_conversation_and_its_objects(
    booted: Services, portal: Portal, bitrix24: FakeBitrix24, chat_id: str
) -> None:
    bitrix24.answers("im.dialog.get", LINE)
    key, _ = booted.keys.create(portal.member_id, "x", ["details"], None)
    found = body(http("GET /v1/chats/{chat_id}", key=key, pathParameters={"chat_id": chat_id}))
    assert found["crm"] == [{"type": "CONTACT", "id": 42}, {"type": "DEAL", "id": 1663}]
    assert found["open_line"] == {
        "connector": "telegrambot",
        "line": 2,
        "session_id": 343,
        "operator_id": 1,
        "active": True,
    }


def test_reverse_of_another_chat_has_neither(booted: Services, portal: Portal, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("im.dialog.get", {**LINE, "entity_type": "CRM", "entity_id": "DEAL|1663"})
    key, _ = booted.keys.create(portal.member_id, "x", ["details"], None)
    found = body(http("GET /v1/chats/{chat_id}", key=key, pathParameters={"chat_id": "1764"}))
    assert found.keys().isdisjoint({"crm", "open_line"})


def test_batch_of_look_ups_expands_each_chat_for_a_key_with_that_scope(
    booted: Services, portal: Portal, key: str, bitrix24: FakeBitrix24
) -> None:
    bitrix24.answers("im.dialog.get", {"id": 1437, "type": "crm", "name": "Deal", "user_counter": 3})
    content = json.dumps(
        {"lookups": [{"entity_type": "CRM", "entity_id": f"DEAL|{n}"} for n in (1663, 5)], "expand": "chat"}
    )
    both, _ = booted.keys.create(portal.member_id, "x", ["lookup", "details"], None)
    found, missing = body(http("POST /v1/chats/batch", key=both, body=content))["results"]
    assert found["chat"] == {"type": "crm", "title": "Deal", "owner_id": None, "members": 3}
    assert missing["chat_id"] is None
    refused(http("POST /v1/chats/batch", key=key, body=content), 403, "scope-missing")


def test_object_and_objects_in_one_invocation_are_refused(portal: Portal) -> None:
    one = {"type": "deal", "id": 1663}
    with pytest.raises(InvalidRequest, match="object and objects"):
        direct.handler({"portal": portal.member_id, "object": one, "objects": [one]}, lambda_context())


@pytest.mark.parametrize(
    ("given", "detail"),
    [
        ({}, "type is missing"),
        ({"type": "deal"}, "id is missing"),
        ({"type": "deal", "id": None}, "id is null"),
        ({"type": "deal", "id": ""}, "id is empty"),
        ({"type": "deal", "id": 1.5}, "id must be a positive whole number"),
        ({"type": "deal", "id": 5, "ID": 5}, "ID is an unknown field"),
    ],
)
def test_object_that_is_given_wrongly_has_the_field_in_its_problem(
    key: str, given: dict[str, object], detail: str
) -> None:
    [result] = body(http(BATCH, key=key, body=json.dumps({"objects": [given]})))["results"]
    assert result["problem"]["detail"] == detail
