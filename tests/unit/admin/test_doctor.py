"""The command doctor: one portal or all of them, each finding with its portal, and what time leaves no room for."""

from typing import Any

import pytest

from chat_lookup.bootstrap import aws_clients
from chat_lookup.errors import PortalNotInstalled
from functions.admin import app
from tests.support.admin_function import ADD, run
from tests.support.fakes import WEBHOOK_URL, FakeBitrix24, lambda_context
from tests.support.portals.healthy_replies import HEALTHY


class Empty:
    """Queues without messages."""

    def get_queue_attributes(self, **asked: Any) -> dict[str, Any]:
        return {"Attributes": dict.fromkeys(asked["AttributeNames"], "0")}


@pytest.fixture
def _queues(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("EVENT_QUEUE_URL", "DEAD_LETTER_QUEUE_URL"):
        monkeypatch.setenv(name, "https://sqs.us-east-1.amazonaws.com/123456789012/queue")
    monkeypatch.setattr(aws_clients, "sqs", lambda *_: Empty())


pytestmark = pytest.mark.usefixtures("_queues", "booted")


@pytest.fixture
def two(bitrix24: FakeBitrix24) -> list[dict[str, Any]]:
    """Two portals that lack a scope."""
    bitrix24.answers("scope", ["im", "imbot", "crm", "task"])
    return [run(**ADD), run(**ADD | {"webhook_url": WEBHOOK_URL.replace("acme", "globex")})]


def test_findings_of_several_portals_name_each_its_own(two: list[dict[str, Any]]) -> None:
    del two
    findings = run(command="doctor")["findings"]
    assert {each["portal"] for each in findings} == {"acme.bitrix24.com", "globex.bitrix24.com"}
    assert {each["code"] for each in findings} == {"scope-missing"}


def test_named_portal_is_examined_alone_with_one_request(bitrix24: FakeBitrix24, two: list[dict[str, Any]]) -> None:
    bitrix24.calls.clear()
    (finding,) = run(command="doctor", portal=two[1]["domain"])["findings"]
    assert (finding["portal"], finding["code"]) == ("globex.bitrix24.com", "scope-missing")
    assert bitrix24.methods == ["batch"]


def test_healthy_portals_have_no_findings(bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("scope", HEALTHY["scope"])
    run(**ADD)
    assert run(command="doctor") == {"findings": []}


def test_portal_that_is_not_stored_is_refused(two: list[dict[str, Any]]) -> None:
    del two
    with pytest.raises(PortalNotInstalled):
        run(command="doctor", portal="unknown.bitrix24.com")


def test_service_without_portals_reports_that() -> None:
    (finding,) = run(command="doctor")["findings"]
    assert (finding["code"], "portal" in finding) == ("no-portal", False)


def test_portal_for_which_no_time_is_left_is_named(two: list[dict[str, Any]]) -> None:
    del two
    findings = app.handler({"command": "doctor"}, lambda_context(5))["findings"]
    assert [each["code"] for each in findings] == ["not-asked", "not-asked"]  # type: ignore[attr-defined]
