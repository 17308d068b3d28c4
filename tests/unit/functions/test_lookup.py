"""GET and DELETE /v1/chats, the reverse and /health, as API Gateway invokes them."""

from urllib.parse import quote, urlencode

import pytest

from chat_lookup.bootstrap import process
from chat_lookup.bootstrap.services import Services
from chat_lookup.portals.portal import Portal
from tests.support.fakes import FakeBitrix24, ManualClock
from tests.support.lookup_function import PAIR, body, http, refused


@pytest.fixture
def key(booted: Services, portal: Portal) -> str:
    return booted.keys.create(portal.member_id, "crm sync", ["lookup", "details"], None)[0]


# -- looking up --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("entity_id", ["Чат 😀|1", "a+b&c=d", "a%7Cb", "a,b", "  x  ", "😀" * 255])
def test_pair_is_sent_to_the_portal_unchanged(key: str, bitrix24: FakeBitrix24, entity_id: str) -> None:
    bitrix24.answers("im.chat.get", 7)
    for spaces in (quote, None):
        pair = {"entity_type": "Тип", "entity_id": entity_id, "fresh": "true"}
        query = urlencode(pair, quote_via=spaces) if spaces else urlencode(pair)  # %20 and +
        assert body(http("GET /v1/chats", query, key=key))["entity_id"] == entity_id
        assert bitrix24.calls[-1].params == {"ENTITY_TYPE": "Тип", "ENTITY_ID": entity_id}


def test_options_reach_the_portal(key: str, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("imbot.chat.get", 1437)
    bitrix24.answers("imbot.v2.Chat.get", {"chat": {"id": 1437, "name": "Tyres", "owner": 1, "userCounter": 3}})
    answer = body(http("GET /v1/chats", f"{PAIR}&method=imbot&bot_id=17&expand=chat&fresh=true", key=key))
    assert answer["chat"] == {"type": "", "title": "Tyres", "owner_id": 1, "members": 3}
    assert answer["method"] == "imbot.chat.get"
    assert [called.params.get("BOT_ID") or called.params.get("botId") for called in bitrix24.calls] == [17, 17]


@pytest.mark.parametrize(
    ("code", "status", "shown", "problem"),
    [
        ("QUERY_LIMIT_EXCEEDED", 503, 429, "portal-busy"),
        ("INTERNAL_SERVER_ERROR", 500, 503, "portal-unavailable"),
        ("OVERLOAD_LIMIT", 503, 503, "portal-blocked"),
        ("APPLICATION_NOT_FOUND", 401, 403, "portal-not-installed"),
        ("insufficient_scope", 403, 502, "portal-misconfigured"),
        ("ACCESS_ERROR", 403, 403, "chat-not-accessible"),
        ("INVALID_ARG_VALUE", 400, 400, "portal-refused"),
    ],
)
def test_refusal_of_the_portal_is_reported_with_its_code(
    key: str, bitrix24: FakeBitrix24, code: str, status: int, shown: int, problem: str
) -> None:
    for method in ("im.chat.get", "imbot.chat.get"):
        bitrix24.fails(method, code, status)
    response = http("GET /v1/chats", PAIR, key=key)
    assert refused(response, shown, problem)["portal_error"] == code
    assert ("retry-after" in response["headers"]) == (shown in (429, 503))
    assert "description by the portal" not in response["body"]


# -- forgetting, the reverse, health -----------------------------------------------------------------------------------


def test_deleted_answer_is_requested_again(key: str, bitrix24: FakeBitrix24, clock: ManualClock) -> None:
    bitrix24.answers("im.chat.get", 7)
    http("GET /v1/chats", PAIR, key=key)
    response = http("DELETE /v1/chats", PAIR, key=key)
    assert (response["statusCode"], response["body"]) == (204, "")
    clock.advance(0.01)
    assert body(http("GET /v1/chats", PAIR, key=key))["source"] == "portal"


def test_inaccessible_chat_is_a_403_with_the_cached_entity(key: str, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("im.chat.get", 1437)
    http("GET /v1/chats", PAIR, key=key)
    for method in ("im.dialog.get", "imbot.dialog.get"):
        bitrix24.fails(method, "ACCESS_ERROR", 403)
    problem = refused(
        http("GET /v1/chats/{chat_id}", key=key, pathParameters={"chat_id": "1437"}), 403, "chat-not-accessible"
    )
    assert problem["known"] == {"entity_type": "CRM", "entity_id": "DEAL|1663"}


@pytest.mark.usefixtures("booted")
def test_health_needs_no_key_and_no_portal(bitrix24: FakeBitrix24, monkeypatch: pytest.MonkeyPatch) -> None:
    def must_not_be_built() -> None:
        raise AssertionError("health needs no services")

    monkeypatch.setattr(process, "services", must_not_be_built)
    assert http("HEAD /health")["statusCode"] == 200
    response = http("GET /health")
    assert response["statusCode"] == 200
    assert body(response).keys() == {"status", "version", "layer"}
    assert body(response)["status"] == "ok"
    assert bitrix24.calls == []
