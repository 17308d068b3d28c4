"""The worker's invocations: messages of the queue, each with its own outcome, or one record alone.

The portals of a batch are worked side by side: a portal that hangs takes the time of its own events only.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from chat_lookup.clock import Deadline, bound_by
from chat_lookup.errors import ChatLookupError, InvalidRequest
from chat_lookup.events.model import Record, RecordUnreadable
from chat_lookup.events.queue import Progress, QueuedMessage
from chat_lookup.observability import invocation
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.recovery import Recovery, recovery_in

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

FOR_A_RECORD: Final = 12.0
"""Seconds that each record may take: with fewer left it is not begun, as an answer that is cut off may have been sent.
A portal's record has more only where the portal's other records in the batch leave them."""
TO_PUT_BACK: Final = 2.0
"""Seconds kept for sending records to the queue again."""


class Worker(Protocol):
    """Processes one record; raises where it has to be retried."""

    def work(self, record: Record, deadline: Deadline, progress: Progress) -> None:
        """What is done by then is in `progress`, also where it raises."""
        ...

    def announce(self, recovery: Recovery) -> None:
        """The same for a portal that is open again."""
        ...


class PutBack(Protocol):
    """Sends a record to the queue again."""

    def put_back(self, message: QueuedMessage, member_id: str, reason: str) -> bool:
        """Whether the queue accepted it."""
        ...


class Started(Protocol):
    """What a process has after its start."""

    @property
    def worker(self) -> Worker: ...

    @property
    def requeue(self) -> PutBack: ...


class NoTimeLeft(ChatLookupError):
    code, title, status, retryable = "no-time-left", "The records before this one took the time", 503, True


class _Job(NamedTuple):
    """A message and what is in it; None if it cannot be read."""

    message_id: str
    message: QueuedMessage
    content: Record | Recovery | None


class Batches:
    """Splits an invocation's event. `start` is called for each invocation, so that a failing one is logged, too."""

    def __init__(self, start: Callable[[], Started], telemetry: Telemetry) -> None:
        self._start = start
        self._telemetry = telemetry

    def run(self, event: object, context: "LambdaContext", deadline: Deadline) -> dict[str, object]:
        """Process every message of the queue, and return those that SQS has to deliver again: after some failures it
        makes a dead letter of a message. What fails for a passing reason is none of them, it is in the queue anew.

        `{"record": "…"}`, of an asynchronous invocation, raises instead, so that Lambda retries it.
        """
        begun = _Run(self._start, self._telemetry, context, deadline)
        if not isinstance(event, dict) or "Records" not in event:
            return begun.work_alone(lambda: _record_alone(event))
        jobs = [_job_of(message["messageId"], QueuedMessage.received(message)) for message in event["Records"]]
        done = begun.work_all(jobs)
        return {
            "batchItemFailures": [{"itemIdentifier": each.message_id} for each in jobs if each.message_id not in done]
        }


class _Run:
    """One invocation of the worker, until its deadline."""

    def __init__(
        self, start: Callable[[], Started], telemetry: Telemetry, context: "LambdaContext", deadline: Deadline
    ) -> None:
        self._telemetry = telemetry
        self._context = context
        self._deadline = deadline
        self._started = self._begun(start)

    def work_all(self, jobs: Sequence[_Job]) -> frozenset[str]:
        """The ids of the messages that are done with, or in the queue anew."""
        done: set[str] = set()
        portals = list(_by_portal(jobs))
        pool = ThreadPoolExecutor(max(1, len(portals)), thread_name_prefix="portal")
        working = [pool.submit(copy_context().run, self._work_portal, portal, done) for portal in portals]
        # Whatever still runs then is delivered again.
        wait(working, timeout=self._deadline.left())
        pool.shutdown(wait=False, cancel_futures=True)
        return frozenset(done)

    def work_alone(self, text: Callable[[], str]) -> dict[str, object]:
        """The one record of an asynchronous invocation. Raises our own errors only, as `invocation.invoke` does."""

        def worked() -> dict[str, object]:
            failure = self._outcome(_job_of("", QueuedMessage(text(), {})), self._share(1))
            if failure is not None:
                raise failure
            return {}

        return invocation.invoke("event", self._context, self._telemetry, worked)

    def _begun(self, start: Callable[[], Started]) -> Started | Exception:
        """Start before there are threads. A failure is raised, and so logged, for each record."""
        try:
            with bound_by(self._deadline):
                return start()
        except Exception as error:  # noqa: BLE001 - as above
            return error

    def _work_portal(self, jobs: Sequence[_Job], done: set[str]) -> None:
        """Process one portal's messages in their order, each with its share of the time."""
        for number, job in enumerate(jobs):
            with self._telemetry.invocation("event", request_id=self._context.aws_request_id):
                if self._outcome(job, self._share(len(jobs) - number)) is None:
                    done.add(job.message_id)

    def _share(self, records: int) -> Deadline | None:
        """The deadline of the next of so many records of one portal; None where there is too little time for it."""
        left = self._deadline.sooner(TO_PUT_BACK)
        seconds = left.left()
        return None if seconds < FOR_A_RECORD else left.no_later_than(max(FOR_A_RECORD, seconds / records))

    def _outcome(self, job: _Job, share: Deadline | None) -> ChatLookupError | None:
        """None if the message is done with, or in the queue anew; else why not. All of its metrics and log fields."""
        progress = Progress(published=job.message.published)

        def worked() -> None:
            with bound_by(share or self._deadline):
                self._work(job.content, share, progress)

        return invocation.guarded(self._telemetry, worked, lambda error: self._put_back(job, error, progress))

    def _work(self, content: Record | Recovery | None, share: Deadline | None, progress: Progress) -> None:
        started = self._started
        if isinstance(content, Record):
            # The request id of the event's arrival finds all its log lines.
            self._telemetry.note(request_id=content.request_id)
        if isinstance(started, Exception):
            raise started
        if content is None:
            self._telemetry.note(level=logging.ERROR)
            raise InvalidRequest("A message of the queue is not a record of ours, or of another version")
        if isinstance(content, Recovery):
            started.worker.announce(content)
            return
        if share is None:
            raise NoTimeLeft
        started.worker.work(content, share, progress)

    def _put_back(self, job: _Job, error: ChatLookupError, progress: Progress) -> ChatLookupError | None:
        """None if the message is in the queue anew: only a failure that passes is worth that."""
        if isinstance(self._started, Exception) or job.content is None or not error.retryable:
            return error
        message = job.message._replace(published=progress.published)
        with bound_by(self._deadline):
            accepted = self._started.requeue.put_back(message, job.content.member_id, error.code)
        return None if accepted else error


def _job_of(message_id: str, message: QueuedMessage) -> _Job:
    recovery = recovery_in(message.body)
    if recovery is not None:
        return _Job(message_id, message, recovery)
    try:
        return _Job(message_id, message, Record.from_json(message.body))
    except RecordUnreadable:
        return _Job(message_id, message, None)


def _by_portal(jobs: Sequence[_Job]) -> Iterator[Sequence[_Job]]:
    """The messages of each portal in their order. Those that cannot be read need no time: they are one group."""
    groups: dict[str, list[_Job]] = {}
    for job in jobs:
        groups.setdefault(job.content.member_id if job.content else "", []).append(job)
    yield from groups.values()


def _record_alone(event: object) -> str:
    text = event.get("record") if isinstance(event, Mapping) else None
    if not isinstance(text, str):
        raise InvalidRequest('The event is neither messages of the queue nor {"record": …}')
    return text
