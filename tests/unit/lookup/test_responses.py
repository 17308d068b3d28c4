"""The responses of look-ups: the fields of the contract, null where a value is missing."""

import pytest

from chat_lookup.bootstrap.services import Services
from chat_lookup.portals.portal import Portal
from tests.support.fakes import FakeBitrix24, ManualClock
from tests.support.lookup_function import PAIR, body, http, refused


@pytest.fixture
def key(booted: Services, portal: Portal) -> str:
    return booted.keys.create(portal.member_id, "crm sync", ["lookup", "details"], None)[0]


# -- looking up --------------------------------------------------------------------------------------------------------


def test_response_of_a_look_up_follows_the_contract(key: str, bitrix24: FakeBitrix24, clock: ManualClock) -> None:
    bitrix24.answers("im.chat.get", {"ID": 1437})
    response = http("GET /v1/chats", PAIR, key=key)
    assert response["statusCode"] == 200
    assert response["headers"]["content-type"] == "application/json"
    first = {
        "entity_type": "CRM",
        "entity_id": "DEAL|1663",
        "chat_id": 1437,
        "dialog_id": "chat1437",
        "source": "portal",
        "method": "im.chat.get",
        "age_seconds": 0,
    }
    assert body(response) == first
    clock.advance(3)
    assert body(http("GET /v1/chats", PAIR, key=key)) == first | {"source": "cache", "age_seconds": 3}
    assert len(bitrix24.calls) == 1


def test_not_found_is_a_404_with_a_hint(key: str, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("im.chat.get", None)
    problem = refused(
        http("GET /v1/chats", "entity_type=DEAL&entity_id=1663", key=key), 404, "chat-not-found"
    )  # fmt: skip
    assert "DEAL|1663" in problem["hint"]


def test_details_that_are_refused_are_null(key: str, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("im.chat.get", 1437)
    for method in ("im.dialog.get", "imbot.dialog.get"):
        bitrix24.fails(method, "ACCESS_ERROR", 403)
    answer = body(http("GET /v1/chats", f"{PAIR}&expand=chat", key=key))
    assert (answer["chat_id"], answer["chat"]) == (1437, None)


# -- reverse look-up ---------------------------------------------------------------------------------------------------


def test_reverse_look_up_returns_the_entity_and_the_details(key: str, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers(
        "im.dialog.get",
        {"id": 1437, "type": "chat", "name": "Tyres", "owner": 1, "entity_type": "CRM", "entity_id": "DEAL|1663"},
    )
    answer = body(http("GET /v1/chats/{chat_id}", key=key, pathParameters={"chat_id": "1437"}))
    assert (answer["entity_type"], answer["entity_id"], answer["chat_id"]) == ("CRM", "DEAL|1663", 1437)
    assert answer["chat"] == {"type": "chat", "title": "Tyres", "owner_id": 1, "members": None}
