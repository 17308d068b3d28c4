"""Which callers may look up, and the answers to invalid requests."""

import base64

import pytest

from chat_lookup.bootstrap import process
from chat_lookup.bootstrap.services import Services
from chat_lookup.errors import ServiceMisconfigured
from chat_lookup.portals.portal import Portal
from tests.support.fakes import MEMBER_ID, FakeBitrix24, ManualClock, Output
from tests.support.lookup_function import PAIR, http, refused


@pytest.fixture
def key(booted: Services, portal: Portal) -> str:
    return booted.keys.create(portal.member_id, "crm sync", ["lookup", "details"], None)[0]


# -- keys and scopes ---------------------------------------------------------------------------------------------------


GUARDED = [("GET /v1/chats", PAIR), ("DELETE /v1/chats", PAIR), ("GET /v1/chats/{chat_id}", "")]


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize(("route", "query"), GUARDED)
@pytest.mark.parametrize("sent", [None, "clk_" + "a" * 43, "nonsense", ""])
def test_request_without_a_valid_key_gets_no_information(
    bitrix24: FakeBitrix24, route: str, query: str, sent: str | None
) -> None:
    response = http(route, query, key=sent, pathParameters={"chat_id": "7"})
    refused(response, 401, "key-rejected")
    assert response["headers"]["www-authenticate"] == "Bearer"
    assert bitrix24.calls == []


@pytest.mark.usefixtures("booted")
def test_wrong_key_is_reported_before_any_parameter(portal: Portal) -> None:
    assert portal.member_id == MEMBER_ID
    refused(http("GET /v1/chats", "entity_type=", key="clk_" + "a" * 43), 401, "key-rejected")


def test_scopes_limit_the_routes_of_a_key(booted: Services, portal: Portal, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("im.chat.get", 1437)
    bitrix24.answers("im.dialog.get", {"id": 1437})
    lookup, _ = booted.keys.create(portal.member_id, "a", ["lookup"], None)
    details, _ = booted.keys.create(portal.member_id, "b", ["details"], None)
    assert http("GET /v1/chats", PAIR, key=lookup)["statusCode"] == 200
    assert http("DELETE /v1/chats", PAIR, key=lookup)["statusCode"] == 204
    refused(http("GET /v1/chats", f"{PAIR}&expand=chat", key=lookup), 403, "scope-missing")
    path = {"chat_id": "1437"}
    refused(http("GET /v1/chats/{chat_id}", key=lookup, pathParameters=path), 403, "scope-missing")
    assert http("GET /v1/chats/{chat_id}", key=details, pathParameters=path)["statusCode"] == 200
    refused(http("GET /v1/chats", PAIR, key=details), 403, "scope-missing")


def test_key_is_read_from_either_header_in_any_case(key: str, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("im.chat.get", 7)
    for headers in ({"X-API-Key": key}, {"x-api-key": key}, {"Authorization": f"bearer {key}"}):
        assert http("GET /v1/chats", PAIR, headers=headers)["statusCode"] == 200


def test_look_ups_in_a_stopped_portal_are_refused_without_a_retry_time(
    key: str, portal: Portal, booted: Services, bitrix24: FakeBitrix24
) -> None:
    booted.portals.states.stop(portal)
    for route, query in GUARDED:
        response = http(route, query, key=key, pathParameters={"chat_id": "7"})
        problem = refused(response, 503, "portal-stopped")
        assert "retry-after" not in response["headers"]
        assert "retry_after" not in problem
    assert bitrix24.calls == []
    booted.portals.states.start(portal)
    bitrix24.answers("im.chat.get", 7)
    assert http("GET /v1/chats", PAIR, key=key)["statusCode"] == 200


# -- the rest ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("booted")
@pytest.mark.parametrize(
    ("verb", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "route-not-found"),
        ("GET", "/v1/chats/", 404, "route-not-found"),
        ("POST", "/v1/chats", 405, "method-not-allowed"),
        ("HEAD", "/v1/chats", 405, "method-not-allowed"),
        ("PATCH", "/v1/chats/7", 405, "method-not-allowed"),
    ],
)
def test_unknown_routes_and_verbs_are_answered_in_the_same_form(verb: str, path: str, status: int, code: str) -> None:
    context = {"requestId": "request-1", "http": {"method": verb}}
    response = http("$default", rawPath=path, requestContext=context)
    refused(response, status, code)
    assert ("allow" in response["headers"]) == (status == 405)


@pytest.mark.parametrize("encoded", [True, False])
def test_unexpected_body_is_ignored(key: str, bitrix24: FakeBitrix24, encoded: bool) -> None:
    bitrix24.answers("im.chat.get", 7)
    sent = base64.b64encode(b"{}").decode() if encoded else "{}"
    assert http("GET /v1/chats", PAIR, key=key, body=sent, isBase64Encoded=encoded)["statusCode"] == 200


@pytest.mark.usefixtures("booted")
def test_service_that_cannot_start_answers_with_a_problem(monkeypatch: pytest.MonkeyPatch, output: Output) -> None:
    def cannot_start() -> None:
        raise ServiceMisconfigured("PORTAL_TABLE is not set")

    monkeypatch.setattr(process, "services", cannot_start)
    problem = refused(http("GET /v1/chats", PAIR, key="clk_" + "a" * 43), 500, "service-misconfigured")
    assert problem["detail"] == "PORTAL_TABLE is not set"
    assert [line["level"] for line in output.lines] == ["ERROR"]


def test_look_up_ends_within_ten_seconds_or_the_time_that_lambda_leaves(
    key: str, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    bitrix24.answers("im.chat.get", 7)
    began = clock.now()
    http("GET /v1/chats", f"{PAIR}&fresh=true", key=key, seconds=29)
    http("GET /v1/chats", f"{PAIR}&fresh=true", key=key, seconds=4)
    # Each call leaves half a second for the writes after it.
    assert bitrix24.deadlines == pytest.approx([9.5, 2.5])
    assert clock.now() == began


def test_key_is_in_no_log_line(key: str, bitrix24: FakeBitrix24, output: Output) -> None:
    bitrix24.answers("im.chat.get", 7)
    http("GET /v1/chats", PAIR, key=key)
    http("GET /v1/chats", f"{PAIR}&{key}={key}", key=key)
    http("GET /v1/chats", f"{PAIR}&method={key}", key=key)
    http("GET /v1/chats/{chat_id}", key=key, pathParameters={"chat_id": key})
    assert len(output.lines) == 4
    assert key not in output.text
