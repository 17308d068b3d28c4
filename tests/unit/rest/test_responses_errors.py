"""What /rest answers where there is no result: in time, and with a code of the platform's."""

import json

import pytest
from botocore.exceptions import ReadTimeoutError

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.bootstrap.services import Services
from chat_lookup.portals.portal import Portal, PortalState
from functions.rest import app
from tests.support.fakes import FakeBitrix24, ManualClock, Output, lambda_context
from tests.support.in_process_service import Service, install
from tests.support.rest_function import DEAL, answered, asked, command, event, refused, result

FOUND = {"ID": 1437}


@pytest.fixture
def key(booted: Services, portal: Portal) -> str:
    return booted.keys.create(portal.member_id, "shop", ["rest"], None)[0]


def test_a_portals_error_passes_word_for_word(key: str, bitrix24: FakeBitrix24) -> None:
    for method in ("im.chat.get", "im.dialog.get"):
        bitrix24.fails(method, "ACCESS_ERROR", 400)
        assert asked(key, method, DEAL) == (
            400,
            {"error": "ACCESS_ERROR", "error_description": "what the portal said"},
        )


@pytest.mark.parametrize("method", ["im.chat.get", "im.dialog.get"])
def test_an_answer_comes_within_eight_seconds_whatever_the_portal_does(
    key: str, bitrix24: FakeBitrix24, clock: ManualClock, method: str
) -> None:
    def hangs(_: object) -> object:
        clock.advance(bitrix24.deadlines[-1])
        raise BitrixError("TIMEOUT", method=method)

    bitrix24.answers_by(method, hangs)
    began = clock.now()
    assert refused(key, method, DEAL) == (503, "INTERNAL_SERVER_ERROR")
    assert clock.now() - began <= 8


def test_where_no_slot_comes_in_time_nothing_is_asked_and_clients_may_come_again(
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
    ("state", "code", "told"),
    [
        (PortalState.UNINSTALLED, "ONAPPUNINSTALL", (401, "ERROR_OAUTH")),
        (PortalState.REAUTHORISE, "invalid_grant", (403, "INVALID_CREDENTIALS")),
        (PortalState.UNPAID, "PAYMENT_REQUIRED", (401, "PAYMENT_REQUIRED")),
        (PortalState.REFUSED, "expired_token", (503, "INTERNAL_SERVER_ERROR")),
        (PortalState.RENAMED, "", (403, "INVALID_CREDENTIALS")),
        (PortalState.STOPPED, "", (503, "OVERLOAD_LIMIT")),
    ],
)
def test_a_portal_that_admits_nothing_is_told_with_a_code_of_the_platforms(
    service: Service, booted: Services, clock: ManualClock, state: PortalState, code: str, told: tuple[int, str]
) -> None:
    portal = install(service, state=state, state_code=code, retry_at=clock.now() + 60)
    key = booted.keys.create(portal.member_id, "shop", ["rest"], None)[0]
    assert refused(key, "im.chat.get", DEAL) == told


def test_a_stopped_portal_is_told_in_our_words_and_without_a_moment_to_come_back(
    service: Service, booted: Services
) -> None:
    portal = service.portals.states.stop(install(service))
    key = booted.keys.create(portal.member_id, "shop", ["rest"], None)[0]
    response = app.handler(event(f"1/{key}/im.chat.get"), lambda_context())
    assert (response["statusCode"], "retry-after" in response["headers"]) == (503, False)
    assert json.loads(response["body"])["error_description"] == "An operator has stopped the calls to this portal"


def test_an_outage_under_401_is_a_passing_fault_with_stale_answers_and_no_refresh(
    key: str, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    bitrix24.answers("im.chat.get", FOUND)
    assert result(key, "im.chat.get", DEAL) == FOUND
    bitrix24.fails("im.chat.get", "CONNECTION_ERROR", 401)
    clock.advance(27 * 3600)
    assert result(key, "im.chat.get", DEAL) == FOUND
    assert refused(key, "im.chat.get", {**DEAL, "ENTITY_ID": "DEAL|1"}) == (503, "INTERNAL_SERVER_ERROR")


def test_a_store_that_fails_is_a_passing_fault(
    key: str, booted: Services, monkeypatch: pytest.MonkeyPatch, output: Output
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ReadTimeoutError(endpoint_url="https://dynamodb.example")

    monkeypatch.setattr(booted.lookup, "find", fails)
    assert refused(key, "im.chat.get", DEAL) == (503, "INTERNAL_SERVER_ERROR")
    assert any(line["level"] == "ERROR" for line in output.lines)


def test_a_body_that_cannot_be_read_is_refused_in_the_same_form(key: str) -> None:
    status, body = answered(event(f"1/{key}/im.chat.get") | {"body": "!", "isBase64Encoded": True})
    assert (status, body["error"]) == (400, "INVALID_ARG_VALUE")
    large = event(f"1/{key}/im.chat.get", body=json.dumps({"x": "y" * 1_100_000}))
    assert answered(large)[0] == 413
