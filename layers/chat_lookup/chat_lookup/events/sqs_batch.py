"""The worker's invocations: messages of the queue, each with its own outcome, or one record alone."""

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, Protocol

from chat_lookup.clock import Deadline
from chat_lookup.errors import ChatLookupError, InvalidRequest
from chat_lookup.events.model import Record, RecordUnreadable
from chat_lookup.observability import invocation
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.recovery import Recovery, recovery_in

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

LEAST_FOR_A_RECORD: Final = 2.0
"""With fewer seconds left a record is not processed but retried: it would be left half done."""


class Worker(Protocol):
    """Processes one record; raises where it has to be retried."""

    def work(self, record: Record, deadline: Deadline) -> None: ...

    def announce(self, recovery: Recovery) -> None:
        """The same for a portal that is open again."""
        ...


class NoTimeLeft(ChatLookupError):
    code, title, status, retryable = "no-time-left", "The records before this one took the time", 503, True


class Batches:
    """Splits an invocation's event. `worker` is called for each record, so that a failing start is logged, too."""

    def __init__(self, worker: Callable[[], Worker], telemetry: Telemetry) -> None:
        self._worker = worker
        self._telemetry = telemetry

    def run(self, event: object, context: "LambdaContext", deadline: Deadline) -> dict[str, object]:
        """Process every message of the queue, and return those that failed: SQS retries them, then dead-letters them.

        `{"record": "…"}`, of an asynchronous invocation, raises instead, so that Lambda retries it.
        """
        if not isinstance(event, dict) or "Records" not in event:
            return self._work(context, deadline, lambda: _record_alone(event))
        failed = [message for message in event["Records"] if not self._worked(message, context, deadline)]
        return {"batchItemFailures": [{"itemIdentifier": message["messageId"]} for message in failed]}

    def _worked(self, message: Mapping[str, str], context: "LambdaContext", deadline: Deadline) -> bool:
        """Whether a message was processed. Powertools has the same, which took a third of the worker's import."""
        try:
            self._work(context, deadline, lambda: message["body"])
        except ChatLookupError:
            return False
        return True

    def _work(self, context: "LambdaContext", deadline: Deadline, text: Callable[[], str]) -> dict[str, object]:
        """One record with a log line of its own. Raises our own errors only, as `invocation.invoke` does."""

        def worked() -> dict[str, object]:
            message = text()
            recovery = recovery_in(message)
            if recovery is not None:
                self._worker().announce(recovery)
                return {}
            record = self._read(message)
            # The request id of the event's arrival finds all its log lines.
            self._telemetry.note(request_id=record.request_id)
            if deadline.left() < LEAST_FOR_A_RECORD:
                raise NoTimeLeft
            self._worker().work(record, deadline)
            return {}

        return invocation.invoke("event", context, self._telemetry, worked)

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
