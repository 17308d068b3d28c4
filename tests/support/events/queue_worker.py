"""The surroundings of the worker: the event that Lambda makes of messages, the answer to it, and the event bus."""

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient


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


def failed(answer: dict[str, object]) -> list[str]:
    """The ids of the messages that are delivered again."""
    assert answer.keys() == {"batchItemFailures"}
    failures: Any = answer["batchItemFailures"]
    return [each["itemIdentifier"] for each in failures]


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
