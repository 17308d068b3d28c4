"""A record is sent to the queue, else to the worker itself; if both refuse it, an error is raised."""

import traceback
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from chat_lookup.bitrix24.event_names import EventKind
from chat_lookup.clock import Deadline
from chat_lookup.errors import StoreUnavailable
from chat_lookup.events.model import BotEvent, EventMessage, Record
from chat_lookup.events.queue import EventQueue, Way
from chat_lookup.observability.telemetry import Telemetry
from tests.support.events.event_arrival import TEXT, Outcome, Wire, lambda_on, sqs_on
from tests.support.fakes import MEMBER_ID, ManualClock, Output

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

QUEUE_URL = "https://sqs.us-east-1.amazonaws.com/123456789012/events"
WORKER = "stack-WorkerFunction-1"
EVENT = BotEvent("ONIMBOTMESSAGEADD", EventKind.MESSAGE_ADD, message=EventMessage(7, f'{TEXT} "Чат" 😀'))
RECORD = Record("e" * 32, MEMBER_ID, 1_763_000_000.5, "request-1", EVENT)
TAKEN: Outcome = (200, {"MessageId": "m-1"})
INVOKED: Outcome = (202, {})

FAILURES: dict[str, Outcome] = {
    "AccessDenied": (403, {"__type": "AccessDenied", "message": "no"}),
    "AWS.SimpleQueueService.NonExistentQueue": (400, {"__type": "AWS.SimpleQueueService.NonExistentQueue"}),
    "RequestThrottled": (400, {"__type": "RequestThrottled"}),
    "InternalFailure": (500, {"__type": "InternalFailure"}),
    "503": (503, b"<html>away</html>"),
    "AttributeError": (503, "text in JSON, which botocore cannot read"),
    "ReadTimeoutError": ReadTimeoutError(endpoint_url=QUEUE_URL),
    "ConnectTimeoutError": ConnectTimeoutError(endpoint_url=QUEUE_URL),
    "EndpointConnectionError": EndpointConnectionError(endpoint_url=QUEUE_URL),
}
"""By the name under which each is logged."""


class Handover:
    """An event queue between two wires; `clients` counts the Lambda clients that were made."""

    def __init__(self, telemetry: Telemetry, queue: Outcome = TAKEN, worker: Outcome = INVOKED) -> None:
        self.sqs, self.worker = Wire(queue), Wire(worker)
        self.clients = 0
        self._telemetry = telemetry
        self._queue = EventQueue(sqs_on(self.sqs), QUEUE_URL, self._lambda, WORKER, telemetry)

    def put(self, record: Record = RECORD) -> Way:
        with self._telemetry.invocation("request"):
            return self._queue.put(record, Deadline.after(10, ManualClock()))

    def _lambda(self) -> "LambdaClient":
        self.clients += 1
        return lambda_on(self.worker)


@pytest.fixture
def handover(telemetry: Telemetry) -> Handover:
    return Handover(telemetry)


def test_message_in_the_queue_is_the_json_of_the_record(handover: Handover) -> None:
    assert handover.put() is Way.QUEUE
    (sent,) = handover.sqs.bodies
    # The group turns fair queues on: one portal's backlog does not keep the others waiting.
    assert sent == {"QueueUrl": QUEUE_URL, "MessageBody": RECORD.to_json(), "MessageGroupId": MEMBER_ID}
    assert Record.from_json(sent["MessageBody"]) == RECORD


def test_worker_is_not_invoked_while_the_queue_accepts_records(handover: Handover) -> None:
    for _ in range(3):
        handover.put()
    assert (handover.clients, handover.worker.sent) == (0, [])


@pytest.mark.parametrize("failure", FAILURES)
def test_worker_is_invoked_with_a_record_that_the_queue_refuses(
    handover: Handover, output: Output, failure: str
) -> None:
    handover.sqs.outcome = FAILURES[failure]
    assert handover.put() is Way.WORKER
    (request,), (sent,) = handover.worker.sent, handover.worker.bodies
    assert request.url.endswith(f"/functions/{WORKER}/invocations")
    assert request.headers["X-Amz-Invocation-Type"] in ("Event", b"Event")  # answered before it has run
    assert sent == {"record": RECORD.to_json()}
    (line,) = output.lines
    assert (line["level"], line["queue_error"]) == ("WARNING", failure)


def test_the_client_for_the_worker_is_made_once(handover: Handover) -> None:
    handover.sqs.outcome = FAILURES["InternalFailure"]
    for _ in range(3):
        handover.put()
    assert (handover.clients, len(handover.worker.sent)) == (1, 3)


@pytest.mark.parametrize("failure", FAILURES)
def test_record_that_both_refuse_raises_without_a_trace_of_the_event(
    handover: Handover, output: Output, failure: str
) -> None:
    handover.sqs.outcome = handover.worker.outcome = FAILURES[failure]
    with pytest.raises(StoreUnavailable) as raised:
        handover.put()
    assert raised.value.__context__ is None
    assert TEXT not in "".join(traceback.format_exception(raised.value)) + str(output.lines)
    assert output.lines[0]["worker_error"] == failure


def test_queue_is_used_again_after_it_recovered(handover: Handover) -> None:
    handover.sqs.outcome = FAILURES["InternalFailure"]
    ways = [handover.put()]
    handover.sqs.outcome = TAKEN
    assert [*ways, handover.put()] == [Way.WORKER, Way.QUEUE]


def test_record_is_sent_once_to_the_queue_and_once_to_the_worker(handover: Handover) -> None:
    # The number of a client's own retries is set where it is made; here nothing waits.
    handover.sqs.outcome = handover.worker.outcome = FAILURES["InternalFailure"]
    with pytest.raises(StoreUnavailable):
        handover.put()
    assert (len(handover.sqs.sent), len(handover.worker.sent)) == (1, 1)
