"""The surroundings of the worker: the event that Lambda makes of messages, the answer to it, and the event bus."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import EndpointConnectionError

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_sqs import SQSClient


def messages(*bodies: str) -> dict[str, object]:
    """The event that Lambda makes of messages of a queue; each one's id is its number."""
    return {
        "Records": [
            {
                "messageId": str(number),
                "receiptHandle": f"handle-{number}",
                "body": body,
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": {},
                "md5OfBody": "",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:EventQueue",
                "awsRegion": "us-east-1",
            }
            for number, body in enumerate(bodies)
        ]
    }


def attributes_of(**numbers: float) -> dict[str, Mapping[str, object]]:
    """Attributes of a message, as Lambda passes them on."""
    return {name: {"stringValue": str(number), "dataType": "Number"} for name, number in numbers.items()}


def failed(answer: dict[str, object]) -> list[str]:
    """The ids of the messages that are delivered again."""
    assert answer.keys() == {"batchItemFailures"}
    failures: Any = answer["batchItemFailures"]
    return [each["itemIdentifier"] for each in failures]


@dataclass
class FakeSqs:
    """Fake of SQS: records what is sent to each queue, and accepts nothing while `down`."""

    sent: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    down: bool = False

    @property
    def client(self) -> "SQSClient":
        return cast("SQSClient", self)

    def send_message(self, QueueUrl: str, **message: Any) -> dict[str, object]:  # noqa: N803 - AWS's name
        if self.down:
            raise EndpointConnectionError(endpoint_url=QueueUrl)
        self.sent.append((QueueUrl, message))
        return {"MessageId": str(len(self.sent))}


@dataclass
class FakeBus:
    """Fake of EventBridge: records the events that it accepts, and accepts none while `down`."""

    details: list[dict[str, object]] = field(default_factory=list)
    down: bool = False

    @property
    def client(self) -> "EventBridgeClient":
        return cast("EventBridgeClient", self)

    def put_events(self, Entries: list[dict[str, str]]) -> dict[str, object]:  # noqa: N803 - AWS's name
        if self.down:
            return {"FailedEntryCount": len(Entries), "Entries": [{"ErrorCode": "InternalFailure"}]}
        self.details += [json.loads(entry["Detail"]) for entry in Entries]
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}
