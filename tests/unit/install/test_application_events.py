"""Install events of the application are executed if they are proved, else refused or ignored, and counted."""

import json
from typing import Any

import pytest

from chat_lookup.bootstrap.services import Services
from chat_lookup.portals.portal import PortalState
from functions.install import app
from tests.support.fakes import MEMBER_ID, FakeAuthorisationServer, FakeBitrix24, Output, lambda_context
from tests.support.portals.first_contact import EVENT_AUTH, event, http

pytestmark = pytest.mark.usefixtures("settled")


def invoke(event: dict[str, Any], seconds: float = 29) -> dict[str, Any]:
    return app.handler(event, lambda_context(seconds))


@pytest.fixture(autouse=True)
def _grant(server: FakeAuthorisationServer, settled: Services) -> None:
    del settled
    server.grants("offered-refresh-token")


@pytest.mark.parametrize("name", ["ONAPPINSTALL", "ONAPPUPDATE"])
@pytest.mark.parametrize("is_base64", [False, True])
def test_event_with_a_grant_is_answered_in_json(name: str, is_base64: bool, settled: Services) -> None:
    answer = invoke(event(name, is_base64=is_base64))
    assert (answer["statusCode"], json.loads(answer["body"])) == (200, {"status": "success"})
    assert settled.portals.get(MEMBER_ID).state is PortalState.ACTIVE


@pytest.mark.parametrize("name", ["ONAPPINSTALL", "ONAPPUPDATE"])
def test_forged_event_is_refused_and_counted(
    name: str, settled: Services, bitrix24: FakeBitrix24, output: Output
) -> None:
    bitrix24.answers("profile", {"ID": "7", "ADMIN": False})
    answer = invoke(event(name, {"application_token": "forged-application-token"}))
    assert answer["statusCode"] == 403
    assert json.loads(answer["body"])["type"].endswith(":installation-refused")
    assert settled.portals.read(MEMBER_ID) is None
    assert output.metric("EventsRejected", reason="administrator") == 1


@pytest.mark.parametrize("name", ["ONAPPTEST", "ONAPPPAYMENT", "ONIMBOTMESSAGEADD", "x"])
def test_other_events_are_ignored_and_counted(name: str, output: Output, server: FakeAuthorisationServer) -> None:
    answer = invoke(event(name))
    assert (answer["statusCode"], json.loads(answer["body"])) == (200, {"status": "success"})
    assert output.metric("EventsRejected", reason="unknown_event") == 1
    assert server.asked == []


def test_event_in_json_is_read(settled: Services) -> None:
    fields = {"event": "ONAPPINSTALL", "data": {"VERSION": 1}, "auth": EVENT_AUTH}
    answer = invoke(http("POST /bitrix24/install", body=json.dumps(fields), content_type="application/json"))
    assert answer["statusCode"] == 200
    assert settled.portals.get(MEMBER_ID).bot_id == 456
