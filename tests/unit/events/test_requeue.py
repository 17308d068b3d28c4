"""An event that has to wait is sent to the queue again, later each time, and to the dead letters in the end."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import pytest

from chat_lookup import errors
from chat_lookup.bot import answerer
from chat_lookup.errors import ChatLookupError
from chat_lookup.events import publisher, sqs_batch
from chat_lookup.events.queue import LONGEST_WAIT, MOST_HOPS, QueuedMessage, Requeue, delay_of
from chat_lookup.observability.metrics import PASSING
from chat_lookup.observability.telemetry import Telemetry
from tests.support.events.bot_questions import message
from tests.support.events.queue_worker import FakeSqs, attributes_of
from tests.support.fakes import MEMBER_ID, ManualClock, Output

if TYPE_CHECKING:
    from botocore.session import Session
    from mypy_boto3_sqs import SQSClient

QUEUE, DEAD_LETTERS = "https://sqs.example/events", "https://sqs.example/dead"
TEXT = "what a secret deal"
BODY = message(TEXT).to_json()
OF_OTHERS = {"installation-in-progress", "response-full", "too-many-attempts"}
"""Errors that pass and do not occur at the worker."""


class Putting:
    """The requeue before a fake of SQS."""

    def __init__(self, telemetry: Telemetry, clock: ManualClock) -> None:
        self.sqs = FakeSqs()
        self._telemetry = telemetry
        self._requeue = Requeue(lambda: self.sqs.client, QUEUE, DEAD_LETTERS, telemetry, clock)

    def put(self, message: QueuedMessage, reason: str = "portal-busy") -> bool:
        with self._telemetry.invocation("event"):
            return self._requeue.put_back(message, MEMBER_ID, reason)

    @property
    def last(self) -> tuple[str, dict[str, Any]]:
        return self.sqs.sent[-1]


@pytest.fixture
def putting(telemetry: Telemetry, clock: ManualClock) -> Putting:
    return Putting(telemetry, clock)


def received(body: object = BODY, **attributes: float) -> QueuedMessage:
    return QueuedMessage.received({"body": body, "messageAttributes": attributes_of(**attributes)})


def test_event_goes_back_as_it_was_in_the_group_of_its_portal(putting: Putting, clock: ManualClock) -> None:
    assert putting.put(received())
    assert putting.sqs.sent == [
        (
            QUEUE,
            {
                "MessageBody": BODY,
                "MessageGroupId": MEMBER_ID,
                "DelaySeconds": 0,
                "MessageAttributes": {
                    "hop": {"DataType": "Number", "StringValue": "1"},
                    "waiting_since": {"DataType": "Number", "StringValue": f"{clock.now():.3f}"},
                },
            },
        )
    ]


def test_hops_add_up_and_the_first_moment_stays(putting: Putting, clock: ManualClock) -> None:
    waiting = received()
    moments, delays = set(), []
    for _ in range(10):
        assert putting.put(waiting)
        sent = putting.last[1]
        delays.append(sent["DelaySeconds"])
        moments.add(sent["MessageAttributes"]["waiting_since"]["StringValue"])
        clock.advance(sent["DelaySeconds"])
        waiting = QueuedMessage.received(as_lambda_has_it(sent["MessageBody"], sent["MessageAttributes"]))
    assert delays == [0, 15, 30, 60, 120, 240, 480, 900, 900, 900]
    assert len(moments) == 1
    assert not waiting.published
    assert waiting.hop == 10


@pytest.mark.parametrize("hop", [0, 1, 2, MOST_HOPS, MOST_HOPS + 1, 10**9])
def test_delay_is_one_that_sqs_accepts(hop: int) -> None:
    assert 0 <= delay_of(hop) <= 900


def test_published_event_stays_marked_as_published(putting: Putting) -> None:
    putting.put(received()._replace(published=True))
    sent = putting.last[1]
    assert QueuedMessage.received(as_lambda_has_it(BODY, sent["MessageAttributes"])).published


def test_other_attributes_of_a_message_stay(putting: Putting) -> None:
    given = {**attributes_of(hop=3, waiting_since=1), "source": {"stringValue": "x", "dataType": "String"}}
    waiting = QueuedMessage.received({"body": BODY, "messageAttributes": given})
    putting.put(waiting._replace(since=None))
    assert putting.last[1]["MessageAttributes"]["source"] == {"DataType": "String", "StringValue": "x"}


@pytest.mark.parametrize(("hop", "waited"), [(MOST_HOPS, 1.0), (3, LONGEST_WAIT), (MOST_HOPS + 5, 2 * LONGEST_WAIT)])
def test_worn_out_event_is_a_dead_letter_with_the_reason_and_is_counted(
    putting: Putting, clock: ManualClock, output: Output, hop: int, waited: float
) -> None:
    assert putting.put(received(hop=hop, waiting_since=clock.now() - waited), "bus-unavailable")
    queue, sent = putting.last
    assert (queue, sent["MessageBody"], sent["MessageGroupId"]) == (DEAD_LETTERS, BODY, MEMBER_ID)
    assert sent["MessageAttributes"]["reason"] == {"DataType": "String", "StringValue": "bus-unavailable"}
    assert output.metric("EventsGivenUp", reason="bus-unavailable") == 1
    assert output.metric("EventsRequeued") == 0
    assert output.lines[0]["level"] == "WARNING"


@pytest.mark.parametrize(("hop", "waited"), [(0, None), (MOST_HOPS - 1, 1.0), (3, LONGEST_WAIT - 1)])
def test_event_goes_back_until_it_is_worn_out(
    putting: Putting, clock: ManualClock, hop: int, waited: float | None
) -> None:
    since = {} if waited is None else {"waiting_since": clock.now() - waited}
    assert putting.put(received(hop=hop, **since))
    assert putting.last[0] == QUEUE


def test_event_that_waited_long_for_its_first_try_goes_back(putting: Putting, clock: ManualClock) -> None:
    """A backlog of days, as after the kill switch, makes no dead letters at the first busy moment."""
    clock.advance(3 * 24 * 3600)
    assert putting.put(received())
    assert putting.last[0] == QUEUE


@pytest.mark.parametrize("reason", ["portal-busy", "bus-unavailable", "no-time-left"])
def test_event_that_is_put_back_is_counted_by_its_reason(putting: Putting, output: Output, reason: str) -> None:
    putting.put(received(hop=2), reason)
    assert output.metric("EventsRequeued", reason=reason) == 1
    (line,) = output.lines
    assert (line["hop"], line["tried_again_after"]) == (3, 30)


def test_queue_that_accepts_nothing_is_reported_and_nothing_is_counted(putting: Putting, output: Output) -> None:
    putting.sqs.down = True
    for hop in (0, MOST_HOPS):
        assert not putting.put(received(hop=hop))
    assert [line["requeue_error"] for line in output.lines] == ["EndpointConnectionError"] * 2
    assert output.blobs == []
    assert TEXT not in output.text


@pytest.mark.parametrize("value", ["", "x", "nan", "inf", "-3", "1e999", None])
def test_attributes_that_no_process_of_ours_wrote_count_as_missing(value: object) -> None:
    attributes = {name: {"stringValue": value, "dataType": "Number"} for name in ("hop", "waiting_since")}
    waiting = QueuedMessage.received({"body": BODY, "messageAttributes": attributes})
    assert (waiting.hop, waiting.since) == (0, None)


def test_reasons_of_the_metrics_are_the_errors_of_the_worker_that_pass() -> None:
    of_worker = {answerer.AnswerInProgress, publisher.BusUnavailable, sqs_batch.NoTimeLeft}
    leaves = {each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, ChatLookupError)}
    passing = {each.code for each in leaves | of_worker if each.retryable}
    assert passing - OF_OTHERS == PASSING


# -- SQS -------------------------------------------------------------------------------------------------------------


def as_lambda_has_it(body: str, attributes: Any) -> dict[str, Any]:
    """A message as Lambda makes it of one that SQS returned."""
    return {
        "body": body,
        "messageAttributes": {
            name: {"dataType": each["DataType"], "stringValue": each["StringValue"]}
            for name, each in attributes.items()
        },
    }


@pytest.fixture
def sqs(moto: "Session") -> Iterator["SQSClient"]:
    client = cast("SQSClient", moto.create_client("sqs", region_name="us-east-1"))
    yield client
    for name in ("requeue", "requeue-dead"):
        client.delete_queue(QueueUrl=client.get_queue_url(QueueName=name)["QueueUrl"])


def test_standard_queue_of_moto_accepts_and_returns_all_that_is_sent(
    sqs: "SQSClient", telemetry: Telemetry, clock: ManualClock
) -> None:
    queue, dead = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("requeue", "requeue-dead"))
    requeue = Requeue(lambda: sqs, queue, dead, telemetry, clock)
    assert requeue.put_back(received(), MEMBER_ID, "portal-busy")
    assert requeue.put_back(received(hop=MOST_HOPS), MEMBER_ID, "portal-busy")
    hops = []
    for url in (queue, dead):
        (found,) = sqs.receive_message(
            QueueUrl=url, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"]
        )["Messages"]
        assert json.loads(found["Body"]) == json.loads(BODY)
        assert found["Attributes"]["MessageGroupId"] == MEMBER_ID
        back = QueuedMessage.received(as_lambda_has_it(found["Body"], found["MessageAttributes"]))
        assert back.since == pytest.approx(clock.now(), abs=0.001)
        hops.append(back.hop)
    assert hops == [1, MOST_HOPS + 1]
