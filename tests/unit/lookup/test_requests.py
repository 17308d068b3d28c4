"""Look-up requests read from a query: each error names its parameter."""

import pytest

from chat_lookup.bootstrap.services import Services
from chat_lookup.portals.portal import Portal
from tests.support.fakes import FakeBitrix24
from tests.support.lookup_function import PAIR, http, refused


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
        (f"{PAIR}&fresh=True", "fresh"),
        ("entity_type=%ff", "UTF-8"),
    ],
)
def test_bad_input_is_a_400_that_names_the_parameter(key: str, bitrix24: FakeBitrix24, query: str, named: str) -> None:
    assert named in refused(http("GET /v1/chats", query, key=key), 400, "invalid-request")["detail"]
    assert bitrix24.calls == []


# -- deletion, reverse look-up -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["entity_type=CRM", f"{PAIR}&fresh=true", f"{PAIR}&{PAIR}"])
def test_deletion_requires_an_exact_pair(key: str, query: str) -> None:
    refused(http("DELETE /v1/chats", query, key=key), 400, "invalid-request")


@pytest.mark.parametrize("chat_id", ["0", "-1", "abc", "1.5", "9" * 16, "", "chat1437", "٣"])
def test_invalid_chat_id_is_a_400(key: str, chat_id: str) -> None:
    response = http("GET /v1/chats/{chat_id}", key=key, pathParameters={"chat_id": chat_id})
    assert "chat_id" in refused(response, 400, "invalid-request")["detail"]


def test_reverse_look_up_accepts_no_parameters(key: str) -> None:
    response = http("GET /v1/chats/{chat_id}", "expand=chat", key=key, pathParameters={"chat_id": "7"})
    refused(response, 400, "invalid-request")
