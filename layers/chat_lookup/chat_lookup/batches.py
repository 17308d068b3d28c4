"""What the worker is invoked with: messages of the queue, each with a fate of its own, or one record by itself."""

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, Protocol, cast

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

from chat_lookup import edge
from chat_lookup.clock import Deadline
from chat_lookup.errors import ChatLookupError, InvalidRequest
from chat_lookup.events import Record, RecordUnreadable
from chat_lookup.telemetry import Telemetry

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext

LEAST_FOR_A_RECORD: Final = 2.0
"""Seconds without which a record is handed back unworked: it would be left half done."""


class Worker(Protocol):
    """Works one record; raises where it has to come again."""

    def work(self, record: Record, deadline: Deadline) -> None: ...


class NoTimeLeft(ChatLookupError):
    code, title, status, retryable = "no-time-left", "The records before this one took the time", 503, True


class Batches:
    """Takes an invocation's event apart. `worker` is called for each record, so that a failing start is told, too."""

    def __init__(self, worker: Callable[[], Worker], telemetry: Telemetry) -> None:
        self._worker = worker
        self._telemetry = telemetry

    def run(self, event: object, context: "LambdaContext", deadline: Deadline) -> dict[str, object]:
        """Work every message of the queue, and name those that failed: they come again, in the end as dead letters.

        `{"record": "…"}`, an asynchronous invocation's, raises instead, so that Lambda repeats it.
        """
        if not isinstance(event, dict) or "Records" not in event:
            return self._work(context, deadline, lambda: _record_alone(event))

        def work(record: "SQSRecord") -> dict[str, object]:  # by this name Powertools hands a message over
            return self._work(context, deadline, lambda: record.body)

        processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
        answer = process_partial_response(event=event, record_handler=work, processor=processor, context=context)
        return cast("dict[str, object]", answer)

    def _work(self, context: "LambdaContext", deadline: Deadline, text: Callable[[], str]) -> dict[str, object]:
        """One record with a log line of its own. Raises our own errors only, as `edge.invoke` does."""

        def worked() -> dict[str, object]:
            if deadline.left() < LEAST_FOR_A_RECORD:
                raise NoTimeLeft
            self._worker().work(self._read(text()), deadline)
            return {}

        return edge.invoke("event", context, self._telemetry, worked)

    def _read(self, text: str) -> Record:
        try:
            return Record.from_json(text)
        except RecordUnreadable as error:
            detail = str(error)
        self._telemetry.note(level=logging.ERROR)
        raise InvalidRequest(f"A message of the queue is {detail}")


def _record_alone(event: object) -> str:
    text = event.get("record") if isinstance(event, Mapping) else None
    if not isinstance(text, str):
        raise InvalidRequest('The event is neither messages of the queue nor {"record": …}')
    return text
