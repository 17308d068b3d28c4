"""POST /bitrix24/events as the gateway calls it: both encodings of a body, and an answer at once to any event."""

import base64
import json
from typing import Any
from urllib.parse import urljoin

import pytest

from chat_lookup.bootstrap import aws_clients, process
from chat_lookup.clock import Deadline
from chat_lookup.errors import EventRejected
from chat_lookup.events.model import Record
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.store import Portals
from functions.events import app
from tests.support.events.event_arrival import FORGERIES, FORM, PORTAL, TEXT, Changes, Wire, body_of, lambda_on, sqs_on
from tests.support.fakes import MEMBER_ID, ManualClock, Output, Stores, lambda_context
from tests.support.portals.first_contact import http

ROUTE = "POST /bitrix24/events"
SLASH_ROUTE = "POST /bitrix24/{address+}"


class Deployed:
    """The stores and the queue behind the function."""

    def __init__(self) -> None:
        self.queue, self.worker = Wire((200, {"MessageId": "m-1"})), Wire((202, {}))

    @property
    def records(self) -> list[Record]:
        return [Record.from_json(body["MessageBody"]) for body in self.queue.bodies]


@pytest.fixture
def deployed(stores: Stores, clock: ManualClock, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> Deployed:
    """The function in the environment that the template declares for it, with one portal installed."""
    found = Deployed()
    for name, value in (
        ("PORTAL_TABLE", stores.portal_table),
        ("CACHE_TABLE", stores.cache_table),
        ("SECRET_PREFIX", "unit"),
        ("EVENT_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/123456789012/events"),
        ("WORKER_FUNCTION", "stack-WorkerFunction-1"),
    ):
        monkeypatch.setenv(name, value)
    for name, made in (
        ("dynamodb", lambda *_: stores.dynamodb),
        ("sqs", lambda *_: sqs_on(found.queue)),
        ("lambda_", lambda *_: lambda_on(found.worker)),
    ):
        monkeypatch.setattr(aws_clients, name, made)
    monkeypatch.setattr(process, "telemetry", lambda: telemetry)
    monkeypatch.setattr(process, "clock", clock)
    process.receiving.cache_clear()
    Portals(stores.portal_rows, clock).save(PORTAL)
    return found


@pytest.fixture(autouse=True)
def _anew(deployed: Deployed) -> Any:
    del deployed
    yield
    process.receiving.cache_clear()


def post(body: bytes, *, is_base64: bool = False, **fields: Any) -> dict[str, Any]:
    event = http(ROUTE, body="" if is_base64 else body.decode(), content_type=FORM) | fields
    if is_base64:
        event |= {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    return app.handler(event, lambda_context(10))


@pytest.mark.parametrize("is_base64", [False, True])
def test_proved_event_is_queued_and_answered(deployed: Deployed, is_base64: bool) -> None:
    answer = post(body_of(), is_base64=is_base64)
    assert (answer["statusCode"], json.loads(answer["body"])) == (200, {"status": "success"})
    (record,) = deployed.records
    assert (record.member_id, record.request_id) == (MEMBER_ID, "request-1")


def slash(address: str) -> dict[str, Any]:
    return {"routeKey": SLASH_ROUTE, "rawPath": f"/bitrix24/{address}", "pathParameters": {"address": address}}


def test_event_is_taken_at_the_address_with_a_slash_at_its_end_too(deployed: Deployed) -> None:
    assert post(body_of(), **slash("events/"))["statusCode"] == 200
    assert post(body_of({"auth[application_token]": "made-up"}), **slash("events/"))["statusCode"] == 403
    assert len(deployed.records) == 1


@pytest.mark.parametrize("page", ["install", "app"])
@pytest.mark.parametrize(
    ("query", "kept"), [("", ""), ("DOMAIN=acme.bitrix24.com&LANG=en", "?DOMAIN=acme.bitrix24.com&LANG=en")]
)
def test_page_is_moved_to_its_address_without_the_slash_with_its_query(page: str, query: str, kept: str) -> None:
    answer = post(b"AUTH_ID=secret", **slash(f"{page}/"), rawQueryString=query)
    assert (answer["statusCode"], answer["headers"]["location"]) == (308, f"../{page}{kept}")
    assert urljoin(f"https://host/base/bitrix24/{page}/", answer["headers"]["location"]).endswith(
        f"/base/bitrix24/{page}{kept}"
    )


@pytest.mark.parametrize("address", ["", "/", "events//", "other/", "events/other", "../install/"])
def test_other_address_does_not_exist(deployed: Deployed, address: str) -> None:
    assert post(body_of(), **slash(address))["statusCode"] == 404
    assert deployed.queue.sent == []


def test_event_writes_one_log_line(output: Output) -> None:
    post(body_of())
    (line,) = output.lines
    assert (line["route"], line["status"], line["request_id"], line["portal"]) == (ROUTE, 200, "request-1", MEMBER_ID)
    assert TEXT not in output.text


@pytest.mark.parametrize(("changes", "reason"), FORGERIES.values(), ids=FORGERIES.keys())
def test_every_forgery_gets_the_same_answer(deployed: Deployed, output: Output, changes: Changes, reason: str) -> None:
    answer = post(body_of(changes))
    problem = json.loads(answer["body"])
    assert (answer["statusCode"], answer["headers"]["content-type"]) == (403, "application/problem+json")
    assert problem == {
        "type": "urn:bitrix24-chat-lookup:problem:event-rejected",
        "title": problem["title"],
        "status": 403,
        "detail": EventRejected.detail,
        "request_id": "request-1",
    }
    assert output.metric("EventsRejected", reason=reason) == 1
    assert deployed.queue.sent == []


@pytest.mark.parametrize("is_base64", [False, True])
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "invalid-request"),
        (b"a[b=1", 400, "invalid-request"),
        (b"x" * (1024 * 1024 + 1), 413, "body-too-large"),
    ],
)
def test_unreadable_event_is_answered_with_its_problem(is_base64: bool, body: bytes, status: int, code: str) -> None:
    answer = post(body, is_base64=is_base64)
    assert answer["statusCode"] == status
    assert json.loads(answer["body"])["type"].endswith(f":{code}")


def test_application_event_is_answered_and_not_queued(deployed: Deployed, output: Output) -> None:
    assert post(body_of({"event": "ONAPPUNINSTALL"}))["statusCode"] == 200
    assert output.metric("EventsRejected", reason="wrong_address") == 1
    assert deployed.queue.sent == []


def test_lost_event_is_answered_with_an_error(deployed: Deployed, output: Output) -> None:
    deployed.queue.outcome = deployed.worker.outcome = (500, {"__type": "InternalFailure"})
    answer = post(body_of())
    assert (answer["statusCode"], json.loads(answer["body"])["type"].rpartition(":")[2]) == (503, "store-unavailable")
    assert output.metric("EventsLost", reason="queue") == 1
    assert TEXT not in output.text


def test_misconfigured_function_reports_its_settings(monkeypatch: pytest.MonkeyPatch, output: Output) -> None:
    monkeypatch.setenv("EVENT_QUEUE_URL", "no queue")
    assert post(body_of())["statusCode"] == 500
    assert "EVENT_QUEUE_URL" in str(output.lines)


@pytest.mark.parametrize("name", ["Content-Type", "content-type", "CONTENT-TYPE"])
def test_json_is_recognised_by_its_header_in_any_case(deployed: Deployed, name: str) -> None:
    auth = {"member_id": MEMBER_ID, "application_token": "appt0kenappt0kenappt0kenappt0ken"}
    body = json.dumps({"event": "ONIMBOTV2DELETE", "data": {"bot": {"id": 456}}, "auth": auth}).encode()
    assert post(body, headers={name: "application/json"})["statusCode"] == 200
    (record,) = deployed.records
    assert record.event.bot_ids == (456,)


def test_function_has_its_routes() -> None:
    assert app.routes(Deadline.after(10, ManualClock())).keys() == {ROUTE, SLASH_ROUTE}
