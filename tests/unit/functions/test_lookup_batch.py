"""POST /v1/chats/batch, as API Gateway invokes it: bodies as text and in base64."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from chat_lookup.bootstrap.services import Services
from chat_lookup.lookup.requests import LARGEST_BODY
from chat_lookup.portals.portal import Portal
from tests.support.fakes import FakeBitrix24
from tests.support.lookup_function import body, http, refused

PAIR = {"entity_type": "CRM", "entity_id": "DEAL|1663"}
ROUTE = "POST /v1/chats/batch"

Post = Callable[..., dict[str, Any]]


@pytest.fixture
def key(booted: Services, portal: Portal) -> str:
    return booted.keys.create(portal.member_id, "crm sync", ["lookup"], None)[0]


@pytest.fixture(params=["text", "base64"])
def post(request: pytest.FixtureRequest, key: str) -> Post:
    """Posts a body, an object or raw bytes, with the key or with the given fields."""

    def posted(content: object, **fields: Any) -> dict[str, Any]:
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        encoded = request.param == "base64"
        sent = base64.b64encode(raw).decode() if encoded else raw.decode()
        return http(ROUTE, **{"key": key, "body": sent, "isBase64Encoded": encoded, **fields})

    return posted


def test_pairs_are_answered_in_order_each_like_a_single_look_up(post: Post, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers_by("im.chat.get", lambda params: 1437 if params["ENTITY_ID"] == "DEAL|1663" else None)
    response = post({"lookups": [{"entity_type": "DEAL", "entity_id": "7"}, PAIR, {"entity_id": "x"}, PAIR]})
    assert (response["statusCode"], response["headers"]["content-type"]) == (200, "application/json")
    missing, found, broken, again = body(response)["results"]
    assert found == again
    assert found == {
        **PAIR,
        "chat_id": 1437,
        "dialog_id": "chat1437",
        "source": "portal",
        "method": "im.chat.get",
        "age_seconds": 0,
    }
    assert (missing["chat_id"], missing["problem"]["status"]) == (None, 404)
    assert "DEAL|7" in missing["problem"]["hint"]
    assert (broken["entity_type"], broken["entity_id"]) == (None, "x")
    assert broken["problem"]["detail"] == "entity_type is missing"
    assert bitrix24.methods == ["batch"]


def test_batch_accepts_the_options_of_a_single_look_up(post: Post, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("imbot.chat.get", 7)
    for _ in range(2):
        response = post({"lookups": [PAIR], "method": "imbot", "bot_id": 17, "fresh": True})
        assert body(response)["results"][0]["source"] == "portal"
    assert [call.params["BOT_ID"] for call in bitrix24.calls] == [17, 17]


@pytest.mark.parametrize(
    ("pair", "detail"),
    [
        ({"entity_id": "7"}, "entity_type is missing"),
        ({"entity_type": "", "entity_id": "7"}, "entity_type is empty"),
        ({"entity_type": "CRM", "ENTITY_ID": ""}, "ENTITY_ID is empty"),
        ({"entity_type": "CRM", "entity_id": None}, "entity_id is null"),
        ({"entity_type": "CRM", "entity_id": True}, "entity_id must be text"),
        ({"entity_type": "CRM", "entity_id": 0}, 'entity_id is "0", which the platform treats as not given'),
    ],
)
def test_item_that_is_no_pair_has_a_problem_that_names_the_field(post: Post, pair: dict[str, Any], detail: str) -> None:
    (item,) = body(post({"lookups": [pair]}))["results"]
    assert item["problem"]["detail"] == detail


def test_item_may_have_the_platforms_spelling_and_a_number_for_an_id(post: Post, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("im.chat.get", 7)
    pairs = [{"ENTITY_TYPE": "SONET_GROUP", "ENTITY_ID": 133}, {"entity_type": "SONET_GROUP", "entity_id": 133.0}]
    assert [each["entity_id"] for each in body(post({"lookups": pairs}))["results"]] == ["133", "133"]


def test_thousand_pairs_are_sent_in_twenty_requests(post: Post, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers_by("im.chat.get", lambda params: str(params["ENTITY_ID"]).removeprefix("DEAL|"))
    pairs = [{"entity_type": "CRM", "entity_id": f"DEAL|{number}"} for number in range(1, 1001)]
    results = body(post({"lookups": pairs}))["results"]
    assert [each["chat_id"] for each in results] == list(range(1, 1001))
    assert len(bitrix24.calls) == 20


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b"[" * 200_000, "JSON"),
        (b'{"lookups": [' + b"9" * 5_000 + b"]}", "JSON"),
        ([PAIR], "JSON object"),
        ("x", "JSON object"),
        ({}, "lookups"),
        ({"lookups": []}, "lookups"),
        ({"lookups": PAIR}, "lookups"),
        ({"lookups": [PAIR] * 1001}, "1000"),
        ({"lookups": [PAIR], "method": "both"}, "method"),
        ({"lookups": [PAIR], "method": 7}, "method"),
        ({"lookups": [PAIR], "bot_id": "x"}, "bot_id"),
        ({"lookups": [PAIR], "fresh": "true"}, "fresh"),
        ({"lookups": [PAIR], "fresh": None}, "fresh is null"),
        ({"lookups": [PAIR], "method": None}, "method is null"),
        ({"lookups": [PAIR], "bot_id": ""}, "bot_id is empty"),
        ({"lookups": None}, "lookups is null"),
        ({"lookups": [PAIR], "expand": "all"}, "expand"),
        ({"lookups": [PAIR], "portal": "x"}, "portal"),
    ],
)
def test_bad_input_is_a_400_that_names_the_field(
    post: Post, bitrix24: FakeBitrix24, content: object, named: str
) -> None:
    assert named in refused(post(content), 400, "invalid-request")["detail"]
    assert bitrix24.calls == []


def test_body_that_is_no_text_is_a_400(key: str) -> None:
    sent = base64.b64encode(b'{"lookups": "\xff"}').decode()
    response = http(ROUTE, key=key, body=sent, isBase64Encoded=True)
    assert "JSON" in refused(response, 400, "invalid-request")["detail"]


def test_body_over_a_megabyte_is_a_413_and_one_just_below_is_read(post: Post, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("im.chat.get", 7)
    content = json.dumps({"lookups": [PAIR]}).encode()
    assert post(content + b" " * (LARGEST_BODY - len(content)))["statusCode"] == 200
    refused(post(content + b" " * (LARGEST_BODY - len(content) + 1)), 413, "body-too-large")


def test_batch_accepts_no_parameters(post: Post) -> None:
    refused(post({"lookups": [PAIR]}, query="fresh=true"), 400, "invalid-request")


def test_batch_without_a_key_with_the_scope_is_refused(post: Post, booted: Services, portal: Portal) -> None:
    refused(post({"lookups": [PAIR]}, key=None), 401, "key-rejected")
    details = booted.keys.create(portal.member_id, "page", ["details"], None)[0]
    refused(post({"lookups": [PAIR]}, key=details), 403, "scope-missing")


def test_token_of_a_user_is_refused_because_no_answer_would_be_bound_to_it(
    post: Post, key: str, bitrix24: FakeBitrix24
) -> None:
    headers = {"x-api-key": key, "X-Bitrix24-Token": "s0me-us3rs-access-t0ken"}
    problem = refused(post({"lookups": [PAIR]}, headers=headers), 400, "invalid-request")
    assert "X-Bitrix24-Token" in problem["detail"]
    assert bitrix24.calls == []


def test_batch_has_twenty_five_seconds(post: Post, bitrix24: FakeBitrix24) -> None:
    bitrix24.seconds = 11
    bitrix24.answers("im.chat.get", 7)
    pairs = [{"entity_type": "CRM", "entity_id": f"DEAL|{number}"} for number in range(1, 151)]
    results = body(post({"lookups": pairs}))["results"]
    assert [each["chat_id"] for each in results] == [7] * 100 + [None] * 50
    assert {each["problem"]["type"].rpartition(":")[2] for each in results[100:]} == {"deadline"}
