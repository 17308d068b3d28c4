"""What is sent to the event queue: a new event, and one that has to be tried again later (docs/decisions/019).

Each message has its portal's member_id as its group: in a standard queue that turns fair queues on, by which SQS lets
one portal's backlog wait and not the others' events (SQS developer guide, "Amazon SQS fair queues").
"""

import json
import logging
import math
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from chat_lookup.clock import Clock, Deadline, bound_by
from chat_lookup.errors import StoreUnavailable
from chat_lookup.events.model import Record
from chat_lookup.observability.aws_failures import code_of
from chat_lookup.observability.telemetry import Telemetry

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageAttributeValueTypeDef


FOR_THE_WORKER: Final = 2.0
"""Seconds that the queue leaves to its fallback."""


class Way(StrEnum):
    """What accepted a record."""

    QUEUE = "queue"
    WORKER = "worker"
    """Lambda stores the payload of the worker's invocation, and retries it."""


class EventQueue:
    """Sends records. `lambda_client` is called when the queue first fails: no cold start pays for it before."""

    def __init__(
        self,
        sqs: "SQSClient",
        queue_url: str,
        lambda_client: "Callable[[], LambdaClient]",
        worker: str,
        telemetry: Telemetry,
    ) -> None:
        self._sqs = sqs
        self._queue_url = queue_url
        self._make_lambda_client = lambda_client
        self._worker = worker
        self._telemetry = telemetry
        self._ways: Mapping[Way, Callable[[Record, str], None]] = {Way.QUEUE: self._send, Way.WORKER: self._invoke}

    def put(self, record: Record, deadline: Deadline) -> Way:
        """Send a record by the first way that accepts it; perhaps by both, where a response was lost.

        Raises `StoreUnavailable` if none does in time.
        """
        text = record.to_json()
        for way, send in self._ways.items():
            try:
                with bound_by(deadline.sooner(FOR_THE_WORKER) if way is Way.QUEUE else deadline):
                    send(record, text)
            except Exception as error:  # noqa: BLE001 - whatever it was, the portal does not send the event again
                self._telemetry.note(level=logging.WARNING, **{f"{way}_error": code_of(error)})
            else:
                return way
        raise StoreUnavailable(retry_after=1)

    def _send(self, record: Record, text: str) -> None:
        self._sqs.send_message(QueueUrl=self._queue_url, MessageBody=text, MessageGroupId=record.member_id)

    def _invoke(self, _: Record, text: str) -> None:
        payload = json.dumps({"record": text}, ensure_ascii=False).encode()
        self._lambda.invoke(FunctionName=self._worker, InvocationType="Event", Payload=payload)

    @cached_property
    def _lambda(self) -> "LambdaClient":
        return self._make_lambda_client()


# -- events that are tried again later ---------------------------------------------------------------------------------

FIRST_DELAY: Final = 15
LONGEST_DELAY: Final = 900
"""Seconds from the second hop on, twice as many each time; SQS delays a message by fifteen minutes at the most."""
MOST_HOPS: Final = 60
LONGEST_WAIT: Final = 12 * 3600.0
"""Hops, and seconds since the first one, after which an event becomes a dead letter. Lambda's own detection of loops is
off for the worker (template.yaml), so these two are what ends every loop."""

_HOP: Final = "hop"
_SINCE: Final = "waiting_since"
_PUBLISHED: Final = "published"
_REASON: Final = "reason"


def delay_of(hop: int) -> int:
    """Seconds before a message of this hop is delivered: the first at once, as it may only have had no time."""
    return 0 if hop <= 1 else min(FIRST_DELAY * 2 ** min(hop - 2, MOST_HOPS), LONGEST_DELAY)


class Progress:
    """What need not be repeated when an event is tried again: it may wait for its answer for hours."""

    def __init__(self, *, published: bool = False) -> None:
        self.published = published


class QueuedMessage(NamedTuple):
    """A message of the queue as the worker receives it: `hop` times it was sent again, the first time at `since`."""

    body: str
    attributes: "Mapping[str, MessageAttributeValueTypeDef]"
    """All others that it has, in the form in which they are sent."""
    hop: int = 0
    since: float | None = None
    published: bool = False

    @classmethod
    def received(cls, message: Mapping[str, Any]) -> "QueuedMessage":
        """A message as Lambda passes it on. A body or attribute of another form counts as missing."""
        given = message.get("messageAttributes") or {}
        sent: dict[str, MessageAttributeValueTypeDef] = {
            name: {"DataType": each["dataType"], "StringValue": each["stringValue"]}
            for name, each in given.items()
            if each.get("stringValue")
        }
        hop, since, published = (_number_in(sent.pop(name, None)) for name in (_HOP, _SINCE, _PUBLISHED))
        body = message.get("body")
        return cls(body if isinstance(body, str) else "", sent, int(hop or 0), since, bool(published))

    def again(self, now: float) -> "QueuedMessage":
        """The same for the next hop."""
        return self._replace(hop=self.hop + 1, since=now if self.since is None else self.since)

    def is_worn_out(self, now: float) -> bool:
        """Whether it was tried often or long enough."""
        return self.hop > MOST_HOPS or (self.since is not None and now - self.since >= LONGEST_WAIT)

    def to_send(self, **others: str) -> "dict[str, MessageAttributeValueTypeDef]":
        """The attributes to send, with `others`."""
        sent: dict[str, MessageAttributeValueTypeDef] = dict(self.attributes)
        sent[_HOP] = {"DataType": "Number", "StringValue": str(self.hop)}
        sent[_SINCE] = {"DataType": "Number", "StringValue": f"{self.since or 0.0:.3f}"}
        if self.published:
            sent[_PUBLISHED] = {"DataType": "Number", "StringValue": "1"}
        return sent | {name: {"DataType": "String", "StringValue": value} for name, value in others.items()}


class Requeue:
    """Sends an event that failed for a passing reason to the queue again, as a new message: what has to wait uses up
    none of the receives after which SQS makes a message a dead letter.

    The new message is sent before the old one is deleted: a crash in between repeats the event, which is harmless.
    `sqs` is called when an event first has to wait: no cold start pays for the client before.
    """

    def __init__(
        self,
        sqs: "Callable[[], SQSClient]",
        queue_url: str,
        dead_letter_url: str,
        telemetry: Telemetry,
        clock: Clock,
    ) -> None:
        self._sqs = sqs
        self._queue_url = queue_url
        self._dead_letter_url = dead_letter_url
        self._telemetry = telemetry
        self._clock = clock

    def put_back(self, message: QueuedMessage, member_id: str, reason: str) -> bool:
        """Send the portal's message again, or to the dead letters if it is worn out; returns whether SQS accepted it.

        `reason` is the code of the error.
        """
        now = self._clock.now()
        again = message.again(now)
        try:
            if again.is_worn_out(now):
                self._bury(again, member_id, reason)
            else:
                self._send(again, member_id, reason)
        except Exception as error:  # noqa: BLE001 - whatever it was, the message that was received is still there
            self._telemetry.note(level=logging.WARNING, requeue_error=code_of(error))
            return False
        return True

    def _send(self, message: QueuedMessage, member_id: str, reason: str) -> None:
        delay = delay_of(message.hop)
        self._sqs().send_message(
            QueueUrl=self._queue_url,
            MessageBody=message.body,
            MessageAttributes=message.to_send(),
            MessageGroupId=member_id,
            DelaySeconds=delay,
        )
        self._telemetry.count("EventsRequeued", reason=reason)
        self._telemetry.note(hop=message.hop, tried_again_after=delay)

    def _bury(self, message: QueuedMessage, member_id: str, reason: str) -> None:
        self._sqs().send_message(
            QueueUrl=self._dead_letter_url,
            MessageBody=message.body,
            MessageAttributes=message.to_send(**{_REASON: reason}),
            MessageGroupId=member_id,
        )
        self._telemetry.count("EventsGivenUp", reason=reason)
        self._telemetry.note(level=logging.WARNING, hop=message.hop, given_up=reason)


def _number_in(attribute: "MessageAttributeValueTypeDef | None") -> float | None:
    """The positive number in an attribute, None for one that no process of ours wrote."""
    try:
        number = float(attribute["StringValue"]) if attribute else math.nan
    except (KeyError, ValueError):
        return None
    return number if 0 < number < math.inf else None
