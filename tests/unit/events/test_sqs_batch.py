"""Messages of the queue, each with its own outcome: what fails for a passing reason is in the queue anew; what is
broken is reported, so that only it comes again."""

import io
import json
import os
import threading
from collections.abc import Iterator
from concurrent import futures
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from chat_lookup.bot.answer_claims import HELD, LONGEST_ATTEMPT
from chat_lookup.clock import Deadline, bound
from chat_lookup.errors import ChatLookupError, InvalidRequest, PortalBusy, ServiceMisconfigured, StoreUnavailable
from chat_lookup.events import sqs_batch
from chat_lookup.events.model import Record
from chat_lookup.events.queue import Progress, QueuedMessage
from chat_lookup.events.sqs_batch import FOR_A_RECORD, TO_PUT_BACK, Batches, NoTimeLeft
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.recovery import Recovery
from tests.support.events.bot_questions import message
from tests.support.events.queue_worker import attributes_of, failed, messages
from tests.support.fakes import MEMBER_ID, ManualClock, Output, lambda_context
from tests.support.processes.waiting import until

SECRET = "what a secret deal"


def record(event_id: str, member_id: str = MEMBER_ID) -> Record:
    return message(SECRET)._replace(event_id=event_id, member_id=member_id)


class Broken(ChatLookupError):
    """A failure that does not pass."""


class FakeWorker:
    """Records the events it processed; those that a test names fail or take time. It is also the queue that takes
    events back, none while `full`."""

    def __init__(self, clock: ManualClock, telemetry: Telemetry) -> None:
        self.worked: list[str] = []
        self.announced: list[Recovery] = []
        self.failures: dict[str, Exception] = {}
        self.waits: dict[str, threading.Event] = {}
        self.seconds = 0.0
        self.left: list[float] = []
        self.start: Exception | None = None
        self.starts = 0
        self.full = False
        self.back: list[tuple[str, str]] = []
        self.published: list[bool] = []
        self.progress: list[bool] = []
        self._clock = clock
        self._telemetry = telemetry
        self._batches = Batches(self._started, telemetry)

    @property
    def worker(self) -> "FakeWorker":
        return self

    @property
    def requeue(self) -> "FakeWorker":
        return self

    def _started(self) -> "FakeWorker":
        self.starts += 1
        if self.start is not None:
            raise self.start
        return self

    def work(self, record: Record, deadline: Deadline, progress: Progress) -> None:
        limit = bound()
        assert limit is not None
        assert limit.deadline == deadline
        self.left.append(round(deadline.left(), 1))
        self._telemetry.note(event_id=record.event_id, portal=record.member_id)
        self._telemetry.count("EventsReceived", event="ONIMBOTV2MESSAGEADD")
        self._clock.advance(self.seconds)
        if record.event_id in self.waits:
            self.waits[record.event_id].wait(20)
        self.published.append(progress.published)
        progress.published = True
        if record.event_id in self.failures:
            raise self.failures[record.event_id]
        self.worked.append(record.event_id)

    def announce(self, recovery: Recovery) -> None:
        if recovery.event_id in self.failures:
            raise self.failures[recovery.event_id]
        self.announced.append(recovery)

    def put_back(self, message: QueuedMessage, member_id: str, reason: str) -> bool:
        limit = bound()
        assert limit is not None
        assert limit.left() > 0, "no time is left for the queue"
        assert member_id == json.loads(message.body)["member_id"]
        self.progress.append(message.published)
        if not self.full:
            self.back.append((json.loads(message.body)["event_id"], reason))
        return not self.full

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
    assert failed(worker.run(event)) == []
    assert worker.back == [("r", "store-unavailable")]


def test_messages_that_fail_for_a_passing_reason_are_put_back_and_done(worker: FakeWorker) -> None:
    worker.failures = {"b": PortalBusy(), "d": StoreUnavailable()}
    assert worker.run_all("a", "b", "c", "d") == []
    assert worker.worked == ["a", "c"]
    assert worker.back == [("b", "portal-busy"), ("d", "store-unavailable")]


def test_what_was_done_of_an_event_goes_along_when_it_is_put_back(worker: FakeWorker) -> None:
    worker.failures = {"a": PortalBusy()}
    event: Any = messages(record("a").to_json(), record("a").to_json())
    event["Records"][1]["messageAttributes"] = attributes_of(published=1)
    worker.run(event)
    assert worker.published == [False, True]
    assert worker.progress == [True, True]


def test_messages_that_the_queue_does_not_take_back_come_again(worker: FakeWorker) -> None:
    worker.failures, worker.full = dict.fromkeys("bd", PortalBusy()), True
    assert worker.run_all("a", "b", "c", "d") == ["1", "3"]
    assert worker.worked == ["a", "c"]


def test_messages_that_fail_for_good_come_again_until_they_are_dead_letters(worker: FakeWorker) -> None:
    worker.failures = {"b": Broken(), "c": ValueError(SECRET)}
    assert worker.run_all("a", "b", "c") == ["1", "2"]
    assert worker.back == []


def test_failures_of_one_batch_are_not_reported_for_the_next(worker: FakeWorker) -> None:
    worker.failures = {"a": Broken()}
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
    assert worker.run_all("a") == []
    assert worker.back == [("a", "store-unavailable")]
    assert output.lines[-1]["problem"] == "store-unavailable"
    assert SECRET not in output.text


def test_each_record_has_its_own_log_line(worker: FakeWorker, output: Output) -> None:
    worker.run_all("a", "b")
    assert [line["message"] for line in output.lines] == ["event", "event"]


def test_records_without_enough_time_are_put_back_unprocessed(worker: FakeWorker, output: Output) -> None:
    worker.seconds = 8
    assert worker.run_all("a", "b", "c", "d") == []
    assert worker.worked == ["a", "b"]
    assert worker.back == [("c", "no-time-left"), ("d", "no-time-left")]
    assert [line.get("problem") for line in output.lines] == [None, None, NoTimeLeft.code, NoTimeLeft.code]


@pytest.mark.parametrize(
    ("records", "shares"), [(1, [27.0]), (2, [13.5, 27.0]), (3, [12.0, 13.5, 27.0]), (10, [12.0] * 8 + [13.5, 27.0])]
)
def test_record_has_its_share_of_the_time_and_at_least_that_of_an_answer(
    worker: FakeWorker, records: int, shares: list[float]
) -> None:
    worker.run_all(*map(str, range(records)), seconds=27 + TO_PUT_BACK)
    assert worker.left == shares


def test_records_that_take_milliseconds_are_all_worked_in_one_invocation(telemetry: Telemetry) -> None:
    class Ticking(ManualClock):
        """A clock that moves whenever it is read, as every real one does."""

        def now(self) -> float:
            self.advance(0.001)
            return super().now()

    worker = FakeWorker(Ticking(), telemetry)
    assert worker.run_all(*map(str, range(10))) == []
    assert (len(worker.worked), worker.back) == (10, [])


def test_one_answer_takes_no_more_time_than_a_record_has() -> None:
    assert LONGEST_ATTEMPT <= FOR_A_RECORD < HELD


def test_failed_start_makes_every_message_come_again_and_is_logged(worker: FakeWorker, output: Output) -> None:
    worker.start = ServiceMisconfigured("CACHE_TABLE is not set")
    assert worker.run_all("a", "b") == ["0", "1"]
    assert [line["detail"] for line in output.lines] == ["CACHE_TABLE is not set"] * 2
    assert worker.starts == 1


def test_failed_start_that_may_pass_makes_every_message_come_again_too(worker: FakeWorker) -> None:
    worker.start = StoreUnavailable()
    assert worker.run_all("a", "b") == ["0", "1"]


# -- portals side by side ----------------------------------------------------------------------------------------------


def of_portals(*pairs: tuple[str, str]) -> dict[str, object]:
    """A batch with an event of each of these portals."""
    return messages(*(record(event_id, member_id).to_json() for member_id, event_id in pairs))


def test_portal_that_hangs_does_not_hold_up_another_one(worker: FakeWorker) -> None:
    release = threading.Event()

    class Releasing(list[str]):
        """The hanging portal answers when the other portal's last event is done: never, if that waited for it."""

        def append(self, event_id: str) -> None:
            super().append(event_id)
            if event_id == "c":
                release.set()

    worker.worked, worker.waits = Releasing(), {"slow": release}
    event = of_portals(("p1", "slow"), ("p2", "a"), ("p1", "later"), ("p2", "b"), ("p2", "c"))
    assert failed(worker.run(event)) == []
    assert worker.worked == ["a", "b", "c", "slow", "later"]


def test_events_of_one_portal_keep_their_order(worker: FakeWorker) -> None:
    pairs = [(f"p{number % 3}", f"{number}") for number in range(10)]
    assert failed(worker.run(of_portals(*pairs))) == []
    for portal in range(3):
        assert [each for each in worker.worked if int(each) % 3 == portal] == [f"{n}" for n in range(portal, 10, 3)]


def test_messages_still_in_work_at_the_end_come_again_and_no_other(
    worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float | None] = []

    def impatient(working: Any, timeout: float | None = None) -> object:
        waited.append(timeout)
        until(lambda: sum(each.done() for each in working) == 2)  # all but the slow portal
        return futures.wait(working, timeout=0)

    monkeypatch.setattr(sqs_batch, "wait", impatient)
    worker.waits = {"slow": threading.Event()}
    event = of_portals(("p1", "a"), ("p2", "slow"), ("p2", "behind"), ("p3", "b"))
    assert failed(worker.run(event)) == ["1", "2"]
    assert waited == [29.0]
    worker.waits["slow"].set()


def test_process_starts_once_for_all_portals_of_a_batch(worker: FakeWorker) -> None:
    worker.run(of_portals(("p1", "a"), ("p2", "b"), ("p3", "c")))
    assert worker.starts == 1


def test_lines_and_metrics_of_portals_side_by_side_are_neither_mixed_nor_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reading, writing = os.pipe()
    # Line by line to a pipe, as the runtime of Lambda reads it.
    stream = io.TextIOWrapper(os.fdopen(writing, "wb"), line_buffering=True)
    printed: list[str] = []
    reader = threading.Thread(target=lambda: printed.extend(os.fdopen(reading, encoding="utf-8")))
    reader.start()
    pairs = {f"{number}": f"portal-{number % 10}" for number in range(500)}
    monkeypatch.setattr("sys.stdout", stream)
    telemetry = Telemetry(service="threads", namespace="ChatLookup", level="INFO")
    threaded = FakeWorker(ManualClock(), telemetry)
    for start in range(0, len(pairs), 10):
        batch = [f"{number}" for number in range(start, start + 10)]
        threaded.failures = {batch[0]: PortalBusy(), batch[1]: Broken()}
        threaded.run(of_portals(*((pairs[each], each) for each in batch)))
    stream.close()
    reader.join()
    lines = [json.loads(line) for line in printed]
    events = [line for line in lines if line.get("message") == "event"]
    assert {line["event_id"]: line["portal"] for line in events} == pairs
    assert len(events) == len(pairs)
    assert {line["event_id"] for line in events if line.get("problem") == "portal-busy"} == {
        str(number) for number in range(0, 500, 10)
    }
    assert sum(sum(line["EventsReceived"]) for line in lines if "EventsReceived" in line) == len(pairs)


# -- invoked with one record, where the queue refused it ---------------------------------------------------------------


def test_single_record_is_processed(worker: FakeWorker) -> None:
    assert worker.run({"record": record("a").to_json()}) == {}
    assert worker.worked == ["a"]


def test_single_record_that_fails_for_a_passing_reason_is_put_into_the_queue(worker: FakeWorker) -> None:
    worker.failures = {"a": PortalBusy()}
    assert worker.run({"record": record("a").to_json()}) == {}
    assert worker.back == [("a", "portal-busy")]


@pytest.mark.parametrize(("failure", "full"), [(PortalBusy(), True), (Broken(), False)])
def test_single_record_that_is_not_put_back_raises_so_that_lambda_retries_it(
    worker: FakeWorker, failure: ChatLookupError, full: bool
) -> None:
    worker.failures, worker.full = {"a": failure}, full
    with pytest.raises(type(failure)):
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
