"""The errors of /rest: in time, and with a code of the platform."""

import json

import pytest
from botocore.exceptions import ReadTimeoutError

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.bootstrap.services import Services
from chat_lookup.errors import PortalStopped
from chat_lookup.portals.portal import Portal, PortalState
from functions.rest import app
from tests.support.fakes import FakeBitrix24, ManualClock, Output, lambda_context
from tests.support.in_process_service import Service, install
from tests.support.rest_function import DEAL, answered, asked, command, event, refused, result

FOUND = {"ID": 1437}


@pytest.fixture
def key(booted: Services, portal: Portal) -> str:
    return booted.keys.create(portal.member_id, "shop", ["rest"], None)[0]


def test_error_of_the_portal_is_answered_unchanged(key: str, bitrix24: FakeBitrix24) -> None:
    for method in ("im.chat.get", "im.dialog.get"):
        bitrix24.fails(method, "ACCESS_ERROR", 400)
        assert asked(key, method, DEAL) == (
            400,
            {"error": "ACCESS_ERROR", "error_description": "description by the portal"},
        )


@pytest.mark.parametrize("method", ["im.chat.get", "im.dialog.get"])
def test_answer_is_sent_within_eight_seconds_when_the_portal_hangs(
    key: str, bitrix24: FakeBitrix24, clock: ManualClock, method: str
) -> None:
    def hangs(_: object) -> object:
        clock.advance(bitrix24.deadlines[-1])
        raise BitrixError("TIMEOUT", method=method)

    bitrix24.answers_by(method, hangs)
    began = clock.now()
    assert refused(key, method, DEAL) == (503, "INTERNAL_SERVER_ERROR")
    assert clock.now() - began <= 8


def test_request_without_a_slot_in_time_makes_no_call_and_is_retryable(
    service: Service, booted: Services, bitrix24: FakeBitrix24
) -> None:
    portal = install(service, rate=0.1, burst=1)
    key = booted.keys.create(portal.member_id, "shop", ["rest"], None)[0]
    bitrix24.answers("im.chat.get", FOUND)
    assert result(key, "im.chat.get", DEAL) == FOUND
    status, body = asked(key, "im.chat.get", {**DEAL, "ENTITY_ID": "DEAL|1"})
    assert (status, body) == (503, {"error": "QUERY_LIMIT_EXCEEDED", "error_description": "Too many requests"})
    commands = [command("im.chat.get", ENTITY_TYPE="CRM", ENTITY_ID=f"DEAL|{number}") for number in range(2, 5)]
    assert asked(key, "batch", {"cmd": commands})[0] == 503
    assert bitrix24.methods == ["im.chat.get"]


@pytest.mark.parametrize(
    ("state", "code", "answer"),
    [
        (PortalState.UNINSTALLED, "ONAPPUNINSTALL", (401, "ERROR_OAUTH")),
        (PortalState.REAUTHORISE, "invalid_grant", (403, "INVALID_CREDENTIALS")),
        (PortalState.UNPAID, "PAYMENT_REQUIRED", (401, "PAYMENT_REQUIRED")),
        (PortalState.REFUSED, "expired_token", (503, "INTERNAL_SERVER_ERROR")),
        (PortalState.RENAMED, "", (403, "INVALID_CREDENTIALS")),
        (PortalState.STOPPED, "", (503, "OVERLOAD_LIMIT")),
    ],
)
def test_closed_portal_is_answered_with_a_code_of_the_platform(
    service: Service, booted: Services, clock: ManualClock, state: PortalState, code: str, answer: tuple[int, str]
) -> None:
    portal = install(service, state=state, state_code=code, retry_at=clock.now() + 60)
    key = booted.keys.create(portal.member_id, "shop", ["rest"], None)[0]
    assert refused(key, "im.chat.get", DEAL) == answer


def test_stopped_portal_is_answered_with_our_text_and_without_a_retry_time(service: Service, booted: Services) -> None:
    portal = service.portals.states.stop(install(service))
    key = booted.keys.create(portal.member_id, "shop", ["rest"], None)[0]
    response = app.handler(event(f"1/{key}/im.chat.get"), lambda_context())
    assert (response["statusCode"], "retry-after" in response["headers"]) == (503, False)
    assert json.loads(response["body"])["error_description"] == PortalStopped.detail


def test_outage_under_401_is_a_transient_error_with_stale_answers_and_no_refresh(
    key: str, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    bitrix24.answers("im.chat.get", FOUND)
    assert result(key, "im.chat.get", DEAL) == FOUND
    bitrix24.fails("im.chat.get", "CONNECTION_ERROR", 401)
    clock.advance(27 * 3600)
    assert result(key, "im.chat.get", DEAL) == FOUND
    assert refused(key, "im.chat.get", {**DEAL, "ENTITY_ID": "DEAL|1"}) == (503, "INTERNAL_SERVER_ERROR")


def test_failure_of_the_store_is_a_transient_error(
    key: str, booted: Services, monkeypatch: pytest.MonkeyPatch, output: Output
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ReadTimeoutError(endpoint_url="https://dynamodb.example")

    monkeypatch.setattr(booted.lookup, "find", fails)
    assert refused(key, "im.chat.get", DEAL) == (503, "INTERNAL_SERVER_ERROR")
    assert any(line["level"] == "ERROR" for line in output.lines)


def test_unreadable_body_is_refused_in_the_platforms_format(key: str) -> None:
    status, body = answered(event(f"1/{key}/im.chat.get") | {"body": "!", "isBase64Encoded": True})
    assert (status, body["error"]) == (400, "INVALID_ARG_VALUE")
    large = event(f"1/{key}/im.chat.get", body=json.dumps({"x": "y" * 1_100_000}))
    assert answered(large)[0] == 413
