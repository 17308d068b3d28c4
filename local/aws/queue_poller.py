"""Event source mappings: the messages of a queue go to the function that the template names for it."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from local.aws.embedded import EmbeddedAws
from local.template.queues import EventSource
from local.template.reader import ACCOUNT, REGION

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageAttributeValueOutputTypeDef, MessageTypeDef

_POLL_S: Final = 20
_AFTER_A_FAILURE_S: Final = 1.0
_ENDS_WITHIN_S: Final = 5.0


@dataclass(slots=True)
class EventSources:
    """One thread for each source, which processes one batch at a time.

    A failed message stays in its queue and is received again after the template's visibility time-out, as in the cloud;
    that is the machine's own time, which the clock of a run does not move. So is the delay of a message that is sent.
    """

    sources: Sequence[EventSource]
    aws: EmbeddedAws
    invoke: Callable[[str, object], object]
    _threads: list[threading.Thread] = field(default_factory=list)
    _ending: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        for source in self.sources:
            thread = threading.Thread(target=self._pump, args=(source,), name=f"source {source.queue}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Ends idle threads at once, and waits a while for the others."""
        self._ending.set()
        self.aws.end_waiting()
        for thread in self._threads:
            # One whose start was interrupted is not alive yet, cannot be joined, and ends at once when it comes.
            if thread.is_alive():
                thread.join(_ENDS_WITHIN_S)

    def _pump(self, source: EventSource) -> None:
        sqs, url = self.aws.sqs(), self.aws.queue_url(source.queue)
        while not self._ending.is_set():
            try:
                received = sqs.receive_message(
                    QueueUrl=url,
                    MaxNumberOfMessages=source.batch_size,
                    WaitTimeSeconds=_POLL_S,
                    MessageSystemAttributeNames=["All"],
                    MessageAttributeNames=["All"],
                )
                if messages := received.get("Messages"):
                    self._work(source, messages, sqs, url)
            except (BotoCoreError, ClientError):
                # The queue was deleted, for example by a test; it may be created again.
                self._ending.wait(_AFTER_A_FAILURE_S)

    def _work(self, source: EventSource, messages: Sequence["MessageTypeDef"], sqs: "SQSClient", url: str) -> None:
        try:
            answer = self.invoke(source.function, sqs_event(messages, source.queue))
        except Exception:  # noqa: BLE001 - it is in the function's log; the whole batch is received again
            return
        sent = [message["MessageId"] for message in messages]
        again = failed(answer, sent) if source.reports_failures else frozenset[str]()
        if done := [message for message in messages if message["MessageId"] not in again]:
            sqs.delete_message_batch(
                QueueUrl=url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                    for number, message in enumerate(done)
                ],
            )


def sqs_event(messages: Iterable["MessageTypeDef"], queue: str) -> Mapping[str, object]:
    """The event that a function is invoked with (docs.aws.amazon.com/lambda/latest/dg/with-sqs.html)."""
    return {
        "Records": [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message["Attributes"],
                "messageAttributes": {
                    name: _attribute(value) for name, value in message.get("MessageAttributes", {}).items()
                },
                "md5OfBody": message["MD5OfBody"],
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}",
                "awsRegion": REGION,
            }
            for message in messages
        ]
    }


def failed(answer: object, sent: Sequence[str]) -> frozenset[str]:
    """The message ids that a function reports as failed; all that were sent if its report cannot be read.

    An empty answer is success (docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html).
    """
    everything = frozenset(sent)
    if answer is None:
        return frozenset()
    if not isinstance(answer, dict):
        return everything
    items = answer.get("batchItemFailures") or []
    if not isinstance(items, list):
        return everything
    named = frozenset(str(item.get("itemIdentifier")) if isinstance(item, dict) else "" for item in items)
    return named if named <= everything else everything


def _attribute(value: "MessageAttributeValueOutputTypeDef") -> Mapping[str, object]:
    """A message's own attribute. Bytes are left out: no sender uses them."""
    return {
        "stringValue": value.get("StringValue"),
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": value["DataType"],
    }
