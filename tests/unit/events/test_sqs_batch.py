"""Messages of the queue, each with its own outcome: failed ones are reported, so that only they come again."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from chat_lookup.clock import Deadline
from chat_lookup.errors import InvalidRequest, PortalBusy, ServiceMisconfigured, StoreUnavailable
from chat_lookup.events.model import Record
from chat_lookup.events.sqs_batch import LEAST_FOR_A_RECORD, Batches, NoTimeLeft
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.recovery import Recovery
from tests.support.events.bot_questions import message
from tests.support.events.queue_worker import failed, messages
from tests.support.fakes import MEMBER_ID, ManualClock, Output, lambda_context

SECRET = "what a secret deal"


def record(event_id: str) -> Record:
    return replace(message(SECRET), event_id=event_id)


class FakeWorker:
    """Records the events it processed; those that a test names fail or take time."""

    def __init__(self, clock: ManualClock, telemetry: Telemetry) -> None:
        self.worked: list[str] = []
        self.announced: list[Recovery] = []
        self.failures: dict[str, Exception] = {}
        self.seconds = 0.0
        self.start: Exception | None = None
        self._clock = clock
        self._batches = Batches(self._started, telemetry)

    def _started(self) -> "FakeWorker":
        if self.start is not None:
            raise self.start
        return self

    def work(self, record: Record, deadline: Deadline) -> None:
        assert deadline.left() >= LEAST_FOR_A_RECORD
        self._clock.advance(self.seconds)
        if record.event_id in self.failures:
            raise self.failures[record.event_id]
        self.worked.append(record.event_id)

    def announce(self, recovery: Recovery) -> None:
        if recovery.event_id in self.failures:
            raise self.failures[recovery.event_id]
        self.announced.append(recovery)

    def run(self, event: object, seconds: float = 29) -> dict[str, object]:
        return self._batches.run(event, lambda_context(), Deadline.after(seconds, self._clock))

    def run_all(self, *event_ids: str, seconds: float = 29) -> list[str]:
        """Process a message for each of these events; returns the ids of those that come again."""
        return failed(self.run(messages(*(record(each).to_json() for each in event_ids)), seconds))


@pytest.fixture
def worker(clock: ManualClock, telemetry: Telemetry) -> FakeWorker:
    return FakeWorker(clock, telemetry)


def test_processed_messages_do_not_come_again(worker: FakeWorker) -> None:
    assert worker.run_all("a", "b", "c") == []
    assert worker.worked == ["a", "b", "c"]


def test_a_portal_that_is_open_again_is_announced_between_the_events(worker: FakeWorker) -> None:
    recovery = Recovery("r", MEMBER_ID, "acme.bitrix24.com", "unpaid", "PAYMENT_REQUIRED", 1_763_000_000.0)
    event = messages(record("a").to_json(), recovery.to_json(), record("b").to_json())
    assert failed(worker.run(event)) == []
    assert (worker.worked, worker.announced) == (["a", "b"], [recovery])
    worker.failures = {"r": StoreUnavailable()}
    assert failed(worker.run(event)) == ["1"]


def test_only_failed_messages_come_again(worker: FakeWorker) -> None:
    worker.failures = {"b": PortalBusy(), "d": StoreUnavailable()}
    assert worker.run_all("a", "b", "c", "d") == ["1", "3"]
    assert worker.worked == ["a", "c"]


def test_batch_in_which_all_failed_is_reported_message_by_message_too(worker: FakeWorker) -> None:
    worker.failures = dict.fromkeys("ab", PortalBusy())
    assert worker.run_all("a", "b") == ["0", "1"]


def test_failures_of_one_batch_are_not_reported_for_the_next(worker: FakeWorker) -> None:
    worker.failures = {"a": PortalBusy()}
    assert worker.run_all("a") == ["0"]
    worker.failures = {}
    assert worker.run_all("a") == []


@pytest.mark.parametrize("body", ["", "hello", "[]", '{"version": 99}', "{" * 100_000, '{"record": "x"}'])
def test_message_that_is_no_record_fails_alone(worker: FakeWorker, output: Output, body: str) -> None:
    event = messages(record("a").to_json(), body, record("c").to_json())
    assert failed(worker.run(event)) == ["1"]
    assert worker.worked == ["a", "c"]
    (line,) = [each for each in output.lines if each["level"] == "ERROR"]
    assert line["problem"] == "invalid-request"
    assert "record" in str(line["detail"])


def test_message_without_a_body_fails_alone(worker: FakeWorker) -> None:
    event: Any = messages("", record("b").to_json())
    del event["Records"][0]["body"]
    assert failed(worker.run(event)) == ["0"]
    assert worker.worked == ["b"]


def test_foreign_exception_is_translated_and_quotes_no_text(worker: FakeWorker, output: Output) -> None:
    worker.failures = {"a": EndpointConnectionError(endpoint_url="https://dynamodb.example")}
    assert worker.run_all("a") == ["0"]
    assert output.lines[-1]["problem"] == "store-unavailable"
    assert SECRET not in output.text


def test_each_record_has_its_own_log_line(worker: FakeWorker, output: Output) -> None:
    worker.run_all("a", "b")
    assert [line["message"] for line in output.lines] == ["event", "event"]


def test_records_without_enough_time_come_again_unprocessed(worker: FakeWorker, output: Output) -> None:
    worker.seconds = 10
    assert worker.run_all("a", "b", "c", "d", seconds=21) == ["2", "3"]
    assert worker.worked == ["a", "b"]
    assert [line.get("problem") for line in output.lines] == [None, None, NoTimeLeft.code, NoTimeLeft.code]


def test_failed_start_makes_every_message_come_again_and_is_logged(worker: FakeWorker, output: Output) -> None:
    worker.start = ServiceMisconfigured("CACHE_TABLE is not set")
    assert worker.run_all("a", "b") == ["0", "1"]
    assert [line["detail"] for line in output.lines] == ["CACHE_TABLE is not set"] * 2


# -- invoked with one record, where the queue refused it ---------------------------------------------------------------


def test_single_record_is_processed(worker: FakeWorker) -> None:
    assert worker.run({"record": record("a").to_json()}) == {}
    assert worker.worked == ["a"]


def test_single_record_that_fails_raises_so_that_lambda_retries_it(worker: FakeWorker) -> None:
    worker.failures = {"a": PortalBusy()}
    with pytest.raises(PortalBusy):
        worker.run({"record": record("a").to_json()})


def test_raised_error_contains_nothing_of_the_record(worker: FakeWorker) -> None:
    worker.failures = {"a": ValueError(SECRET)}
    with pytest.raises(Exception, match="a fault of its own") as raised:
        worker.run({"record": record("a").to_json()})
    causes = list(causes_of(raised.value))
    assert SECRET not in json.dumps([str(each) for each in causes])


def causes_of(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("event", [None, [], "x", {}, {"record": None}, {"record": {}}, {"record": "hello"}])
def test_an_invocation_with_something_else_is_refused(worker: FakeWorker, event: object) -> None:
    with pytest.raises(InvalidRequest):
        worker.run(event)
