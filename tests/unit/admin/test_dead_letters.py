"""Dead letters are sent back to the queue, once each, and none is lost."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import pytest

from chat_lookup.admin.commands import MOST_LETTERS, USUAL_LETTERS
from chat_lookup.admin.dead_letters import Redrive, record_in
from chat_lookup.clock import Deadline
from chat_lookup.errors import InvalidRequest, ServiceMisconfigured
from chat_lookup.http.json_fields import Fields
from chat_lookup.observability.telemetry import Telemetry
from tests.support.events.bot_questions import message
from tests.support.fakes import MEMBER_ID, ManualClock, Output

if TYPE_CHECKING:
    from botocore.session import Session
    from mypy_boto3_sqs import SQSClient

TEXT = "what a secret deal"
RECORD = message(TEXT).to_json()


def of_lambda(text: str) -> str:
    """The message that Lambda sends for an asynchronous invocation that failed for the last time."""
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

    def __init__(self, moto: "Session", telemetry: Telemetry, clock: ManualClock) -> None:
        self.sqs = cast("SQSClient", moto.create_client("sqs", region_name="us-east-1"))
        self.dead = self.sqs.create_queue(QueueName="dead")["QueueUrl"]
        self.work = self.sqs.create_queue(QueueName="work")["QueueUrl"]
        self._telemetry = telemetry
        self._clock = clock
        self.redrive = Redrive(lambda: self.sqs, self.dead, self.work, telemetry)

    def bury(self, *bodies: str) -> None:
        for body in bodies:
            self.sqs.send_message(QueueUrl=self.dead, MessageBody=body)

    def run(self, limit: int = USUAL_LETTERS, seconds: float = 59) -> dict[str, object]:
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
def queues(moto: "Session", telemetry: Telemetry, clock: ManualClock) -> Iterator[Queues]:
    queues = Queues(moto, telemetry, clock)
    yield queues
    queues.close()


def test_every_dead_letter_is_sent_back_once(queues: Queues) -> None:
    bodies = [message(f"{number}").to_json() for number in range(25)]
    queues.bury(*bodies)
    assert queues.run() == {"moved": 25, "left": 0}
    assert sorted(queues.waiting()) == sorted(bodies)


def test_redriven_letter_begins_anew_in_the_group_of_its_portal(queues: Queues) -> None:
    worn_out = {
        "hop": {"DataType": "Number", "StringValue": "61"},
        "waiting_since": {"DataType": "Number", "StringValue": "1763000000.000"},
        "reason": {"DataType": "String", "StringValue": "portal-unavailable"},
    }
    for body in (RECORD, of_lambda(RECORD), "hello", '{"member_id": 7}', '{"member_id": "no group"}', "[" * 99_999):
        queues.sqs.send_message(QueueUrl=queues.dead, MessageBody=body, MessageAttributes=worn_out)  # type: ignore[arg-type]
    assert queues.run() == {"moved": 6, "left": 0}
    found = queues.sqs.receive_message(
        QueueUrl=queues.work,
        MaxNumberOfMessages=10,
        MessageAttributeNames=["All"],
        MessageSystemAttributeNames=["MessageGroupId"],
    )["Messages"]
    assert [each.get("MessageAttributes") for each in found] == [None] * 6
    groups = [each.get("Attributes", {}).get("MessageGroupId") for each in found]
    assert sorted(groups, key=str) == [None, None, None, None, MEMBER_ID, MEMBER_ID]


def test_empty_dead_letter_queue_is_no_error(queues: Queues) -> None:
    assert queues.run() == {"moved": 0, "left": 0}


def test_failed_invocation_message_is_sent_back_as_its_record(queues: Queues) -> None:
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
def test_other_dead_letter_is_sent_back_unchanged(body: str) -> None:
    assert record_in(body) == body


def test_redrive_moves_no_more_letters_than_the_limit(queues: Queues) -> None:
    queues.bury(*[RECORD] * 15)
    assert queues.run(12) == {"moved": 12, "left": 3}
    assert len(queues.waiting()) == 12


def test_redrive_stops_when_the_time_is_up(queues: Queues) -> None:
    queues.bury(RECORD)
    assert queues.run(seconds=5) == {"moved": 0, "left": 1}


def test_large_letters_are_split_into_several_requests(queues: Queues, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    send = queues.sqs.send_message_batch

    def noting(**given: Any) -> object:
        sizes.append(sum(len(entry["MessageBody"]) for entry in given["Entries"]))
        return send(**given)

    monkeypatch.setattr(queues.sqs, "send_message_batch", noting)
    queues.bury(*["x" * 100_000] * 5)
    assert queues.run() == {"moved": 5, "left": 0}
    assert sizes == [200_000, 200_000, 100_000]


# -- failures ----------------------------------------------------------------------------------------------------------


def test_letters_that_the_queue_refused_stay_in_the_dead_letter_queue(
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


def test_stop_between_sending_and_deleting_loses_no_letter(queues: Queues, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(**_: object) -> None:
        raise KeyboardInterrupt

    queues.bury(RECORD)
    with monkeypatch.context() as patched:
        patched.setattr(queues.sqs, "delete_message_batch", stop)
        with pytest.raises(KeyboardInterrupt):
            queues.run()
    assert queues.waiting() == [RECORD]
    assert queues.run()["left"] == 1


def test_content_of_a_letter_is_not_logged(queues: Queues, output: Output) -> None:
    queues.bury(RECORD, of_lambda(RECORD))
    queues.run()
    (line,) = output.lines
    assert (line["moved"], line["left"]) == (2, 0)
    assert TEXT not in output.text


def test_redrive_without_queues_raises_an_error(telemetry: Telemetry, clock: ManualClock) -> None:
    def none() -> "SQSClient":
        raise AssertionError("there is nothing to call")

    with pytest.raises(ServiceMisconfigured, match="DEAD_LETTER_QUEUE_URL"):
        Redrive(none, "", "", telemetry).run(1, Deadline.after(9, clock))


# -- the command -------------------------------------------------------------------------------------------------------


def test_command_moves_as_many_letters_as_its_limit(queues: Queues, clock: ManualClock) -> None:
    queues.bury(*[RECORD] * 3)
    redrive = queues.redrive.commands["events.redrive"]
    assert redrive(Fields({"limit": 2}), Deadline.after(59, clock)) == {"moved": 2, "left": 1}
    assert redrive(Fields({}), Deadline.after(59, clock)) == {"moved": 1, "left": 0}


@pytest.mark.parametrize("limit", [0, -1, MOST_LETTERS + 1, "many", True, 1.5])
def test_command_refuses_an_invalid_limit(queues: Queues, clock: ManualClock, limit: object) -> None:
    redrive = queues.redrive.commands["events.redrive"]
    with pytest.raises(InvalidRequest, match="limit"):
        redrive(Fields({"limit": limit}), Deadline.after(59, clock))
