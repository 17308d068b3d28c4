"""The worker as Lambda invokes it, on everything that `bootstrap` builds."""

import json

import pytest

from chat_lookup.bootstrap import aws_clients, process
from chat_lookup.bootstrap.services import Services
from chat_lookup.errors import StoreUnavailable
from functions.worker import app
from tests.support.events.bot_questions import EMPLOYEE, GROUP, SEND_METHODS, message
from tests.support.events.queue_worker import FakeBus, FakeSqs, failed, messages
from tests.support.fakes import MEMBER_ID, FakeBitrix24, Output, lambda_context
from tests.support.in_process_service import Service, find
from tests.support.portals.known_portal import with_a_bot

SECRET = "what a secret deal"
QUEUE = "https://sqs.us-east-1.amazonaws.com/123456789012/events"
BOUND = GROUP._replace(entity_type="CRM", entity_id="DEAL|1663")


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> FakeBus:
    bus = FakeBus()
    monkeypatch.setenv("EVENT_BUS", "default")
    monkeypatch.setattr(aws_clients, "bus", lambda _: bus.client)
    return bus


@pytest.fixture
def sqs(monkeypatch: pytest.MonkeyPatch) -> FakeSqs:
    sqs = FakeSqs()
    monkeypatch.setenv("EVENT_QUEUE_URL", QUEUE)
    monkeypatch.setattr(aws_clients, "sqs", lambda _: sqs.client)
    return sqs


@pytest.fixture(autouse=True)
def _booted(bus: FakeBus, sqs: FakeSqs, booted: Services, service: Service, bitrix24: FakeBitrix24) -> None:
    """A separate process, for a portal with our bot, which answers each message that mentions it."""
    del bus, sqs, booted
    bitrix24.answers(SEND_METHODS["v2", False], {"id": 1})
    with_a_bot(service)
    bitrix24.answers("im.chat.get", {"ID": 1437})


def record(service: Service, text: str = SECRET, **fields: object) -> str:
    received = message(text, **fields)  # type: ignore[arg-type]  # the event's own
    return received._replace(received_at=service.clock.now()).to_json()


@pytest.mark.parametrize(
    ("teach", "source", "calls"), [("", "cache", 1), ("hint", "cache", 1), ("trust", "event", 0), ("off", "portal", 0)]
)
def test_event_in_a_deals_chat_teaches_what_the_setting_says(
    service: Service,
    bus: FakeBus,
    bitrix24: FakeBitrix24,
    monkeypatch: pytest.MonkeyPatch,
    teach: str,
    source: str,
    calls: int,
) -> None:
    monkeypatch.setenv("EVENTS_TEACH", teach)
    process.built.cache_clear()
    assert failed(app.handler(messages(record(service, chat=BOUND)), lambda_context())) == []
    asked = [each for each in bitrix24.methods if each != SEND_METHODS["v2", False]]
    assert len(asked) == calls
    assert find(service, service.portals.find(None)).source == source
    assert [each["entity"] for each in bus.details] == [{"entity_type": "CRM", "entity_id": "DEAL|1663"}]


@pytest.mark.parametrize("code", ["HTTP_5XX", "QUERY_LIMIT_EXCEEDED", "ACCESS_DENIED", "TIMEOUT"])
def test_record_is_done_with_although_the_portal_fails_to_answer_its_hint(
    service: Service, bus: FakeBus, bitrix24: FakeBitrix24, output: Output, code: str
) -> None:
    bitrix24.fails("im.chat.get", code, 502)
    assert failed(app.handler(messages(record(service, chat=BOUND)), lambda_context())) == []
    assert (len(bus.details), output.lines[-1]["hint"]) == (1, "failed")


def test_question_to_the_bot_is_answered(service: Service, bitrix24: FakeBitrix24, output: Output) -> None:
    bitrix24.answers("im.chat.get", {"ID": 1437})
    app.handler(messages(record(service, "deal 1663")), lambda_context())
    assert bitrix24.methods == ["im.chat.get", SEND_METHODS["v2", False]]
    assert output.lines[-1]["answer"] == "answered"


def test_entity_of_a_question_is_not_stored_with_the_events_own_chat(
    service: Service, bitrix24: FakeBitrix24, output: Output
) -> None:
    bitrix24.answers("im.chat.get", {"ID": 99})
    app.handler(messages(record(service, "deal 7")), lambda_context())
    assert output.lines[-1]["chat_id"] == 1407


def test_only_the_failed_records_of_a_batch_are_retried(service: Service, bus: FakeBus) -> None:
    event = messages(record(service, chat=BOUND), "not a record of ours", record(service, chat=BOUND))
    assert failed(app.handler(event, lambda_context())) == ["1"]
    assert len(bus.details) == 2


def test_record_that_waits_for_the_bus_is_in_the_queue_anew(service: Service, bus: FakeBus, sqs: FakeSqs) -> None:
    bus.down = True
    assert failed(app.handler(messages(record(service, chat=BOUND)), lambda_context())) == []
    ((queue, sent),) = sqs.sent
    assert (queue, sent["MessageGroupId"]) == (QUEUE, MEMBER_ID)
    sqs.down = True
    assert failed(app.handler(messages(record(service, chat=BOUND)), lambda_context())) == ["0"]


def test_record_that_the_queue_refused_is_processed_and_raises_if_it_fails(
    service: Service, bus: FakeBus, sqs: FakeSqs
) -> None:
    event = {"record": record(service, chat=BOUND)}
    assert app.handler(event, lambda_context()) == {}
    bus.down = sqs.down = True
    with pytest.raises(StoreUnavailable):
        app.handler(event, lambda_context())
    sqs.down = False
    assert app.handler(event, lambda_context()) == {}
    assert len(sqs.sent) == 1


def test_every_log_line_of_a_record_has_the_id_of_the_request_that_received_it(
    service: Service, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    brought = record(service)
    with monkeypatch.context() as patched:
        patched.setattr(process, "working", lambda: 1 // 0)
        app.handler(messages(brought), lambda_context())
    app.handler(messages(brought), lambda_context(seconds_left=1))
    assert {line["request_id"] for line in output.lines} == {json.loads(brought)["request_id"]}
    assert [line["message"] for line in output.lines] == ["unexpected error", "event", "event"]
    assert output.lines[-1]["problem"] == "no-time-left"


def test_texts_are_published_only_if_configured(
    service: Service, bus: FakeBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.handler(messages(record(service, chat=BOUND)), lambda_context())
    monkeypatch.setenv("PUBLISH_TEXT", "true")
    process.built.cache_clear()
    app.handler(messages(record(service, chat=BOUND)), lambda_context())
    assert [SECRET in json.dumps(each) for each in bus.details] == [False, True]


def test_no_log_line_contains_the_text_of_a_message(service: Service, output: Output) -> None:
    app.handler(messages(record(service, chat=BOUND, user=EMPLOYEE), SECRET), lambda_context())
    assert len(output.lines) == 2
    assert SECRET not in output.text
