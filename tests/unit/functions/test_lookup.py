"""GET and DELETE /v1/chats, the reverse and /health, as API Gateway invokes them."""

from urllib.parse import quote, urlencode

import pytest

from chat_lookup.bootstrap import process
from chat_lookup.bootstrap.services import Services
from chat_lookup.portals.portal import Portal
from tests.support.fakes import FakeBitrix24, ManualClock
from tests.support.gateway import PAIR, body, http, refused


@pytest.fixture
def key(booted: Services, portal: Portal) -> str:
    return booted.keys.create(portal.member_id, "crm sync", ["lookup", "details"], None)[0]


# -- looking up --------------------------------------------------------------------------------------------------------


def test_a_look_up_answers_as_the_contract_says(key: str, bitrix24: FakeBitrix24, clock: ManualClock) -> None:
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


@pytest.mark.parametrize("entity_id", ["Чат 😀|1", "a+b&c=d", "a%7Cb", "a,b", "  x  ", "😀" * 255])
def test_the_pair_arrives_to_the_last_character(key: str, bitrix24: FakeBitrix24, entity_id: str) -> None:
    bitrix24.answers("im.chat.get", 7)
    for spaces in (quote, None):
        pair = {"entity_type": "Тип", "entity_id": entity_id, "fresh": "true"}
        query = urlencode(pair, quote_via=spaces) if spaces else urlencode(pair)  # %20 and +
        assert body(http("GET /v1/chats", query, key=key))["entity_id"] == entity_id
        assert bitrix24.calls[-1].params == {"ENTITY_TYPE": "Тип", "ENTITY_ID": entity_id}


def test_not_found_is_a_404_with_a_hint(key: str, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("im.chat.get", None)
    problem = refused(
        http("GET /v1/chats", "entity_type=DEAL&entity_id=1663", key=key), 404, "chat-not-found"
    )  # fmt: skip
    assert "DEAL|1663" in problem["hint"]


def test_options_reach_the_portal(key: str, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("imbot.chat.get", 1437)
    bitrix24.answers("imbot.v2.Chat.get", {"chat": {"id": 1437, "name": "Tyres", "owner": 1, "userCounter": 3}})
    answer = body(http("GET /v1/chats", f"{PAIR}&method=imbot&bot_id=17&expand=chat&fresh=true", key=key))
    assert answer["chat"] == {"type": "", "title": "Tyres", "owner_id": 1, "members": 3}
    assert answer["method"] == "imbot.chat.get"
    assert [called.params.get("BOT_ID") or called.params.get("botId") for called in bitrix24.calls] == [17, 17]


def test_details_that_are_refused_are_null(key: str, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("im.chat.get", 1437)
    for method in ("im.dialog.get", "imbot.dialog.get"):
        bitrix24.fails(method, "ACCESS_ERROR", 403)
    answer = body(http("GET /v1/chats", f"{PAIR}&expand=chat", key=key))
    assert (answer["chat_id"], answer["chat"]) == (1437, None)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("entity_type=CRM", "entity_id is missing"),
        ("entity_id=7", "entity_type is missing"),
        ("", "entity_type is missing"),
        ("entity_type=&entity_id=7", "entity_type is empty"),
        ("entity_type=CRM&entity_id=0", "entity_id"),
        ("entity_type=CRM&entity_id=%00", "entity_id"),
        (f"entity_type=CRM&entity_id={'x' * 256}", "entity_id"),
        (f"{PAIR}&entity_id=7", "entity_id stands 2 times"),
        (f"{PAIR}&entityid=7", "entityid"),
        (f"{PAIR}&method=both", "method"),
        (f"{PAIR}&bot_id=x", "bot_id"),
        (f"{PAIR}&bot_id=", "bot_id"),
        (f"{PAIR}&expand=all", "expand"),
        (f"{PAIR}&expand=", "expand"),
        (f"{PAIR}&fresh=yes", "fresh"),
        (f"{PAIR}&fresh=True", "fresh"),
        ("entity_type=%ff", "UTF-8"),
    ],
)
def test_bad_input_is_a_400_that_names_the_parameter(key: str, bitrix24: FakeBitrix24, query: str, named: str) -> None:
    assert named in refused(http("GET /v1/chats", query, key=key), 400, "invalid-request")["detail"]
    assert bitrix24.calls == []


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
def test_what_a_portal_refuses_is_told_with_its_code(
    key: str, bitrix24: FakeBitrix24, code: str, status: int, shown: int, problem: str
) -> None:
    for method in ("im.chat.get", "imbot.chat.get"):
        bitrix24.fails(method, code, status)
    response = http("GET /v1/chats", PAIR, key=key)
    assert refused(response, shown, problem)["portal_error"] == code
    assert ("retry-after" in response["headers"]) == (shown in (429, 503))
    assert "what the portal said" not in response["body"]


# -- forgetting, the reverse, health -----------------------------------------------------------------------------------


def test_a_forgotten_answer_is_asked_for_again(key: str, bitrix24: FakeBitrix24, clock: ManualClock) -> None:
    bitrix24.answers("im.chat.get", 7)
    http("GET /v1/chats", PAIR, key=key)
    response = http("DELETE /v1/chats", PAIR, key=key)
    assert (response["statusCode"], response["body"]) == (204, "")
    clock.advance(0.01)
    assert body(http("GET /v1/chats", PAIR, key=key))["source"] == "portal"


@pytest.mark.parametrize("query", ["entity_type=CRM", f"{PAIR}&fresh=true", f"{PAIR}&{PAIR}"])
def test_what_to_forget_must_be_said_exactly(key: str, query: str) -> None:
    refused(http("DELETE /v1/chats", query, key=key), 400, "invalid-request")


def test_the_reverse_tells_the_entity_and_the_details(key: str, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers(
        "im.dialog.get",
        {"id": 1437, "type": "chat", "name": "Tyres", "owner": 1, "entity_type": "CRM", "entity_id": "DEAL|1663"},
    )
    answer = body(http("GET /v1/chats/{chat_id}", key=key, pathParameters={"chat_id": "1437"}))
    assert (answer["entity_type"], answer["entity_id"], answer["chat_id"]) == ("CRM", "DEAL|1663", 1437)
    assert answer["chat"] == {"type": "chat", "title": "Tyres", "owner_id": 1, "members": None}


def test_a_chat_that_is_closed_to_us_is_a_403_with_what_the_cache_knows(key: str, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("im.chat.get", 1437)
    http("GET /v1/chats", PAIR, key=key)
    for method in ("im.dialog.get", "imbot.dialog.get"):
        bitrix24.fails(method, "ACCESS_ERROR", 403)
    problem = refused(
        http("GET /v1/chats/{chat_id}", key=key, pathParameters={"chat_id": "1437"}), 403, "chat-not-accessible"
    )
    assert problem["known"] == {"entity_type": "CRM", "entity_id": "DEAL|1663"}


@pytest.mark.parametrize("chat_id", ["0", "-1", "abc", "1.5", "9" * 16, "", "chat1437", "٣"])
def test_a_chat_id_that_is_none_is_a_400(key: str, chat_id: str) -> None:
    response = http("GET /v1/chats/{chat_id}", key=key, pathParameters={"chat_id": chat_id})
    assert "chat_id" in refused(response, 400, "invalid-request")["detail"]


def test_the_reverse_takes_no_parameters(key: str) -> None:
    response = http("GET /v1/chats/{chat_id}", "expand=chat", key=key, pathParameters={"chat_id": "7"})
    refused(response, 400, "invalid-request")


@pytest.mark.usefixtures("booted")
def test_health_needs_no_key_and_no_portal(bitrix24: FakeBitrix24, monkeypatch: pytest.MonkeyPatch) -> None:
    def must_not_be_built() -> None:
        raise AssertionError("health needs no services")

    monkeypatch.setattr(process, "services", must_not_be_built)
    response = http("GET /health")
    assert response["statusCode"] == 200
    assert body(response).keys() == {"status", "layer"}
    assert body(response)["status"] == "ok"
    assert bitrix24.calls == []
