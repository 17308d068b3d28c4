"""Sends dead letters back to the queue, by an operator's command (design 5, Events). No body is ever logged."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from chat_lookup.admin.commands import MOST_LETTERS, USUAL_LETTERS
from chat_lookup.clock import Deadline
from chat_lookup.errors import ServiceMisconfigured
from chat_lookup.http.json_fields import Fields
from chat_lookup.observability.telemetry import Telemetry

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef, SendMessageBatchRequestEntryTypeDef

_AT_ONCE: Final = 10
"""Messages of one request, the most that SQS takes."""
_BYTES_AT_ONCE: Final = 250_000
"""Bytes of one request to send: 256 KB are the least that any region takes."""
_HIDDEN_S: Final = 60
"""Seconds for which a received message is invisible; a message not moved is visible again after that."""
_GROUP: Final = r"(?a)[A-Za-z0-9_-]{1,64}"
"""A portal's member_id; another text could be no group, and one bad entry fails a whole request."""
_LEAST_FOR_A_ROUND: Final = 5.0


class Redrive:
    """The command by its name: it moves messages from the dead-letter queue to the queue. `sqs` is called at the first
    use."""

    def __init__(
        self, sqs: "Callable[[], SQSClient]", dead_letter_url: str, queue_url: str, telemetry: Telemetry
    ) -> None:
        self._sqs = sqs
        self._dead_letter_url = dead_letter_url
        self._queue_url = queue_url
        self._telemetry = telemetry
        self.commands = {
            "events.redrive": self._redrive,
        }

    def _redrive(self, fields: Fields, deadline: Deadline) -> dict[str, object]:
        """Send dead letters back to the queue, after the cause of their failure was removed."""
        return self.run(fields.optional_whole("limit", most=MOST_LETTERS) or USUAL_LETTERS, deadline)

    def run(self, limit: int, deadline: Deadline) -> dict[str, object]:
        """Move at most `limit` messages before the deadline; returns the number moved, and about how many are left.

        A message is deleted only after it was sent: after a crash in between it is processed twice, which is harmless.
        Raises `ServiceMisconfigured` where the function has no queues.
        """
        if not self._dead_letter_url or not self._queue_url:
            raise ServiceMisconfigured("DEAD_LETTER_QUEUE_URL and EVENT_QUEUE_URL are not set")
        moved = 0
        while moved < limit and deadline.left() > _LEAST_FOR_A_ROUND:
            found = self._received(min(_AT_ONCE, limit - moved))
            round_moved = sum(self._moved(group) for group in _groups(found))
            moved += round_moved
            if not round_moved:
                break
        left = self._left()
        self._telemetry.note(moved=moved, left=left)
        return {"moved": moved, "left": left}

    def _received(self, most: int) -> "Sequence[MessageTypeDef]":
        answer = self._sqs().receive_message(
            QueueUrl=self._dead_letter_url,
            MaxNumberOfMessages=most,
            VisibilityTimeout=_HIDDEN_S,
            WaitTimeSeconds=1,  # any value above 0 queries every server; with 0 some messages may be missed
        )
        return answer.get("Messages", [])

    def _moved(self, messages: "Sequence[MessageTypeDef]") -> int:
        """Send the messages and delete those that SQS accepted; returns their number.

        Only bodies are sent: without the attributes of its former way an event begins anew (`events.queue`).
        """
        sent = self._sqs().send_message_batch(
            QueueUrl=self._queue_url, Entries=[_entry(n, record_in(each["Body"])) for n, each in enumerate(messages)]
        )
        taken = [messages[int(each["Id"])] for each in sent.get("Successful", [])]
        if taken:
            self._sqs().delete_message_batch(
                QueueUrl=self._dead_letter_url,
                Entries=[{"Id": str(n), "ReceiptHandle": each["ReceiptHandle"]} for n, each in enumerate(taken)],
            )
        return len(taken)

    def _left(self) -> int:
        answer = self._sqs().get_queue_attributes(
            QueueUrl=self._dead_letter_url,
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        )
        return sum(map(int, answer["Attributes"].values()))


def record_in(body: str) -> str:
    """The record in a dead letter: the body, or the event of a direct invocation of the worker.

    Lambda's record of a failed asynchronous invocation has the event as `requestPayload` (Lambda developer guide,
    "Capturing records of asynchronous invocations").
    """
    try:
        payload = json.loads(body)["requestPayload"]["record"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return body
    return payload if isinstance(payload, str) else body


def _entry(number: int, body: str) -> "SendMessageBatchRequestEntryTypeDef":
    """A message to send, in its portal's group. One that names no portal has none: SQS takes it for a tenant of its own
    then, and it keeps no other message waiting."""
    entry: SendMessageBatchRequestEntryTypeDef = {"Id": str(number), "MessageBody": body}
    try:
        member_id = json.loads(body)["member_id"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return entry
    return {**entry, "MessageGroupId": member_id} if _is_group(member_id) else entry


def _is_group(member_id: object) -> bool:
    return isinstance(member_id, str) and re.fullmatch(_GROUP, member_id) is not None


def _groups(messages: "Sequence[MessageTypeDef]") -> "Iterator[Sequence[MessageTypeDef]]":
    """The messages in order, in as few requests as their bytes allow."""
    group: list[MessageTypeDef] = []
    size = 0
    for message in messages:
        needs = len(message["Body"].encode())
        if group and size + needs > _BYTES_AT_ONCE:
            yield group
            group, size = [], 0
        group.append(message)
        size += needs
    if group:
        yield group
