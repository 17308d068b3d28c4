"""Look-up requests read from a query: each error names its parameter."""

import pytest

from chat_lookup.bootstrap.services import Services
from chat_lookup.portals.portal import Portal
from tests.support.fakes import FakeBitrix24
from tests.support.lookup_function import PAIR, body, http, refused


@pytest.fixture
def key(booted: Services, portal: Portal) -> str:
    return booted.keys.create(portal.member_id, "crm sync", ["lookup", "details"], None)[0]


# -- looking up --------------------------------------------------------------------------------------------------------


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
        (f"{PAIR}&entity_id=7", "entity_id is given 2 times"),
        (f"{PAIR}&entityid=7", "entityid"),
        (f"{PAIR}&method=both", "method"),
        (f"{PAIR}&bot_id=x", "bot_id"),
        (f"{PAIR}&bot_id=", "bot_id"),
        (f"{PAIR}&expand=all", "expand"),
        (f"{PAIR}&expand=", "expand"),
        (f"{PAIR}&fresh=yes", "fresh"),
        (f"{PAIR}&fresh=", "fresh"),
        (f"{PAIR}&fresh=2", "fresh"),
        (f"{PAIR}&ENTITY_ID=7", "entity_id and ENTITY_ID are the same parameter"),
        ("ENTITY_TYPE=CRM", "entity_id is missing"),
        ("ENTITY_TYPE=&ENTITY_ID=7", "entity_type is empty"),
        (f"{PAIR}&EXPAND=chat", "is an unknown parameter; known are entity_type, entity_id, method, bot_id, expand"),
        ("entity_type=%ff", "UTF-8"),
    ],
)
def test_bad_input_is_a_400_that_names_the_parameter(key: str, bitrix24: FakeBitrix24, query: str, named: str) -> None:
    assert named in refused(http("GET /v1/chats", query, key=key), 400, "invalid-request")["detail"]
    assert bitrix24.calls == []


@pytest.mark.parametrize("query", ["ENTITY_TYPE=CRM&ENTITY_ID=DEAL%7C1663", "entity_type=CRM&ENTITY_ID=DEAL%7C1663"])
def test_pair_is_read_in_the_platforms_own_spelling(key: str, bitrix24: FakeBitrix24, query: str) -> None:
    bitrix24.answers("im.chat.get", 1437)
    assert body(http("GET /v1/chats", query, key=key))["entity_id"] == "DEAL|1663"
    assert http("DELETE /v1/chats", query, key=key)["statusCode"] == 204


@pytest.mark.parametrize(
    ("value", "source"),
    [
        *((each, "portal") for each in ("1", "true", "TRUE", "True")),
        *((each, "cache") for each in ("0", "false", "FALSE")),
    ],
)
def test_flag_is_read_in_each_usual_form(key: str, bitrix24: FakeBitrix24, value: str, source: str) -> None:
    bitrix24.answers("im.chat.get", 1437)
    http("GET /v1/chats", PAIR, key=key)
    assert body(http("GET /v1/chats", f"{PAIR}&fresh={value}", key=key))["source"] == source


# -- deletion, reverse look-up -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["entity_type=CRM", f"{PAIR}&fresh=true", f"{PAIR}&{PAIR}"])
def test_deletion_requires_an_exact_pair(key: str, query: str) -> None:
    refused(http("DELETE /v1/chats", query, key=key), 400, "invalid-request")


@pytest.mark.parametrize(
    "chat_id", ["0", "-1", "abc", "1.5", "9" * 16, "", "chat", "chat0", "chatchat1", "sg133", "Chat7", "٣"]
)
def test_invalid_chat_id_is_a_400(key: str, chat_id: str) -> None:
    response = http("GET /v1/chats/{chat_id}", key=key, pathParameters={"chat_id": chat_id})
    assert "chat_id" in refused(response, 400, "invalid-request")["detail"]


@pytest.mark.parametrize("chat_id", ["1437", "chat1437"])
def test_chat_is_named_by_its_id_or_its_dialogs(key: str, bitrix24: FakeBitrix24, chat_id: str) -> None:
    bitrix24.answers("im.dialog.get", {"id": 1437, "name": "Tyres", "type": "chat", "owner": 1, "user_counter": 3})
    answer = body(http("GET /v1/chats/{chat_id}", key=key, pathParameters={"chat_id": chat_id}))
    assert (answer["chat_id"], answer["dialog_id"]) == (1437, "chat1437")


def test_reverse_look_up_accepts_no_parameters(key: str) -> None:
    response = http("GET /v1/chats/{chat_id}", "expand=chat", key=key, pathParameters={"chat_id": "7"})
    refused(response, 400, "invalid-request")
