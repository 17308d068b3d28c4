"""Dead letters go back into the queue, once each, and none is lost on the way."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.session import Session

from chat_lookup.admin.dead_letters import LIMIT, MOST, AdminEvents, Redrive, record_in
from chat_lookup.clock import Deadline
from chat_lookup.errors import InvalidRequest, ServiceMisconfigured
from chat_lookup.http.json_fields import Fields
from chat_lookup.observability.telemetry import Telemetry
from tests.support.events.bot_questions import message
from tests.support.fakes import ManualClock, Output, Stores

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

TEXT = "what a secret deal"
RECORD = message(TEXT).to_json()


def of_lambda(text: str) -> str:
    """What Lambda makes of an asynchronous invocation that failed for the last time."""
    return json.dumps(
        {
            "version": "1.0",
            "timestamp": "2026-11-21T03:15:14.000Z",
            "requestContext": {
                "requestId": "c0ffee00-0000-4000-8000-000000000001",
                "functionArn": "arn:aws:lambda:us-east-1:123456789012:function:worker:$LATEST",
                "condition": "RetriesExhausted",
                "approximateInvokeCount": 3,
            },
            "requestPayload": {"record": text},
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
            "responsePayload": {"errorMessage": "The portal sent no usable reply", "errorType": "PortalUnavailable"},
        }
    )


class Queues:
    """A queue and its dead letters at moto; `sqs` is the client, where a test may have it fail."""

    def __init__(self, telemetry: Telemetry, clock: ManualClock) -> None:
        self.sqs = cast("SQSClient", Session().create_client("sqs", region_name="us-east-1"))
        self.dead = self.sqs.create_queue(QueueName="dead")["QueueUrl"]
        self.work = self.sqs.create_queue(QueueName="work")["QueueUrl"]
        self._telemetry = telemetry
        self._clock = clock
        self.redrive = Redrive(lambda: self.sqs, self.dead, self.work, telemetry)

    def bury(self, *bodies: str) -> None:
        for body in bodies:
            self.sqs.send_message(QueueUrl=self.dead, MessageBody=body)

    def run(self, limit: int = LIMIT, seconds: float = 59) -> dict[str, object]:
        with self._telemetry.invocation("admin"):
            return self.redrive.run(limit, Deadline.after(seconds, self._clock))

    def waiting(self) -> list[str]:
        """The bodies in the queue, taken out of it."""
        found: list[str] = []
        while received := self.sqs.receive_message(QueueUrl=self.work, MaxNumberOfMessages=10).get("Messages"):
            found += [each["Body"] for each in received]
        return found

    def close(self) -> None:
        for url in (self.dead, self.work):
            self.sqs.delete_queue(QueueUrl=url)


@pytest.fixture
def queues(stores: Stores, telemetry: Telemetry, clock: ManualClock) -> Iterator[Queues]:
    del stores  # moto's, of which the queues are some
    queues = Queues(telemetry, clock)
    yield queues
    queues.close()


def test_every_dead_letter_goes_back_once(queues: Queues) -> None:
    bodies = [message(f"{number}").to_json() for number in range(25)]
    queues.bury(*bodies)
    assert queues.run() == {"moved": 25, "left": 0}
    assert sorted(queues.waiting()) == sorted(bodies)


def test_an_empty_queue_is_no_trouble(queues: Queues) -> None:
    assert queues.run() == {"moved": 0, "left": 0}


def test_what_lambda_kept_of_an_invocation_goes_back_as_the_record_in_it(queues: Queues) -> None:
    queues.bury(of_lambda(RECORD))
    queues.run()
    assert queues.waiting() == [RECORD]


@pytest.mark.parametrize(
    "body",
    [
        RECORD,
        "hello",
        "null",
        "[]",
        "{}",
        '{"requestPayload": null}',
        '{"requestPayload": {"record": 7}}',
        "[" * 99_999,
    ],
)
def test_anything_else_goes_back_as_it_is(body: str) -> None:
    assert record_in(body) == body


def test_no_more_than_the_limit_is_moved(queues: Queues) -> None:
    queues.bury(*[RECORD] * 15)
    assert queues.run(12) == {"moved": 12, "left": 3}
    assert len(queues.waiting()) == 12


def test_no_more_is_moved_than_the_time_suffices_for(queues: Queues) -> None:
    queues.bury(RECORD)
    assert queues.run(seconds=5) == {"moved": 0, "left": 1}


def test_large_letters_are_sent_in_as_many_requests_as_they_need(
    queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    send = queues.sqs.send_message_batch

    def noting(**given: Any) -> object:
        sizes.append(sum(len(entry["MessageBody"]) for entry in given["Entries"]))
        return send(**given)

    monkeypatch.setattr(queues.sqs, "send_message_batch", noting)
    queues.bury(*["x" * 100_000] * 5)
    assert queues.run() == {"moved": 5, "left": 0}
    assert sizes == [200_000, 200_000, 100_000]


# -- on a bad day ------------------------------------------------------------------------------------------------------


def test_letters_that_the_queue_did_not_take_stay_where_they_are(
    queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = queues.sqs.send_message_batch

    def refusing_the_first(**given: Any) -> object:
        first, *others = given["Entries"]
        answer: dict[str, object] = {"Failed": [{"Id": first["Id"], "SenderFault": False, "Code": "InternalError"}]}
        if others:
            answer["Successful"] = send(QueueUrl=given["QueueUrl"], Entries=others)["Successful"]
        return answer

    monkeypatch.setattr(queues.sqs, "send_message_batch", refusing_the_first)
    queues.bury(*(message(str(number)).to_json() for number in range(5)))
    assert queues.run() == {"moved": 4, "left": 1}
    assert len(queues.waiting()) == 4


def test_a_stop_between_sending_and_deleting_loses_nothing(queues: Queues, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(**_: object) -> None:
        raise KeyboardInterrupt

    queues.bury(RECORD)
    with monkeypatch.context() as patched:
        patched.setattr(queues.sqs, "delete_message_batch", stop)
        with pytest.raises(KeyboardInterrupt):
            queues.run()
    assert queues.waiting() == [RECORD]
    assert queues.run()["left"] == 1


def test_nothing_of_a_letter_is_logged(queues: Queues, output: Output) -> None:
    queues.bury(RECORD, of_lambda(RECORD))
    queues.run()
    (line,) = output.lines
    assert (line["moved"], line["left"]) == (2, 0)
    assert TEXT not in output.text


def test_a_function_without_queues_says_so(telemetry: Telemetry, clock: ManualClock) -> None:
    def none() -> "SQSClient":
        raise AssertionError("there is nothing to call")

    with pytest.raises(ServiceMisconfigured, match="DEAD_LETTER_QUEUE_URL"):
        Redrive(none, "", "", telemetry).run(1, Deadline.after(9, clock))


# -- the command -------------------------------------------------------------------------------------------------------


def test_the_command_moves_as_many_as_it_is_told(queues: Queues, clock: ManualClock) -> None:
    queues.bury(*[RECORD] * 3)
    redrive = AdminEvents(queues.redrive).commands["events.redrive"]
    assert redrive(Fields({"limit": 2}), Deadline.after(59, clock)) == {"moved": 2, "left": 1}
    assert redrive(Fields({}), Deadline.after(59, clock)) == {"moved": 1, "left": 0}


@pytest.mark.parametrize("limit", [0, -1, MOST + 1, "many", True, 1.5])
def test_the_command_refuses_a_limit_that_is_none(queues: Queues, clock: ManualClock, limit: object) -> None:
    redrive = AdminEvents(queues.redrive).commands["events.redrive"]
    with pytest.raises(InvalidRequest, match="limit"):
        redrive(Fields({"limit": limit}), Deadline.after(59, clock))
