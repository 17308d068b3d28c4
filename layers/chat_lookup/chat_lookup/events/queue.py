"""Stores an event so that it is not lost: in the queue, else as an invocation of the worker (design 5, Events)."""

import json
import logging
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Final

from chat_lookup.clock import Deadline, bound_by
from chat_lookup.errors import StoreUnavailable
from chat_lookup.events.model import Record
from chat_lookup.observability.aws_failures import code_of
from chat_lookup.observability.telemetry import Telemetry

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient


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
        self._ways: Mapping[Way, Callable[[str], None]] = {Way.QUEUE: self._send, Way.WORKER: self._invoke}

    def put(self, record: Record, deadline: Deadline) -> Way:
        """Send a record by the first way that accepts it; perhaps by both, where a response was lost.

        Raises `StoreUnavailable` if none does in time.
        """
        text = record.to_json()
        for way, send in self._ways.items():
            try:
                with bound_by(deadline.sooner(FOR_THE_WORKER) if way is Way.QUEUE else deadline):
                    send(text)
            except Exception as error:  # noqa: BLE001 - whatever it was, the portal does not send the event again
                self._telemetry.note(level=logging.WARNING, **{f"{way}_error": code_of(error)})
            else:
                return way
        raise StoreUnavailable(retry_after=1)

    def _send(self, text: str) -> None:
        self._sqs.send_message(QueueUrl=self._queue_url, MessageBody=text)

    def _invoke(self, text: str) -> None:
        payload = json.dumps({"record": text}, ensure_ascii=False).encode()
        self._lambda.invoke(FunctionName=self._worker, InvocationType="Event", Payload=payload)

    @cached_property
    def _lambda(self) -> "LambdaClient":
        return self._make_lambda_client()
