"""The worker behind its queue on a simulated clock: hours of an outage take a moment, and each thread has its own time.

The worker's batches, its threads and what it sends are the package's own; SQS, Lambda's pollers and the time are here.
"""

import heapq
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from random import Random
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, cast

from botocore.exceptions import EndpointConnectionError

from chat_lookup.clock import Deadline
from chat_lookup.events.queue import Requeue
from chat_lookup.events.sqs_batch import Batches, Worker
from chat_lookup.observability.telemetry import Telemetry
from tests.support.fakes import ManualClock, lambda_context

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

QUEUE, DEAD_LETTERS = "events", "dead"
BATCH: Final = 10
RECEIVES: Final = 10
VISIBILITY: Final = 180.0
TIMEOUT: Final = 30.0
"""Of the queue and the worker in template.yaml, which a test compares."""


class ThreadClock(ManualClock):
    """A clock by which each thread has its own time: what one waits for does not pass for the others.

    A thread begins at the moment of the thread that starts it, from which it has its context.
    """

    def __init__(self) -> None:
        super().__init__()
        self._here: ContextVar[float] = ContextVar("here")
        self._latest = 0.0
        self._lock = Lock()

    def now(self) -> float:
        return self._here.get(self._now)

    def sleep(self, seconds: float) -> None:
        self.advance(max(0.0, seconds))

    def advance(self, seconds: float) -> None:
        self._here.set(self.now() + seconds)
        with self._lock:
            self._latest = max(self._latest, self.now())

    def run_at(self, moment: float, work: Callable[[], object]) -> float:
        """Run `work` at this moment; returns the moment at which the last of its threads ended."""
        self._latest = moment

        def run() -> None:
            self._here.set(moment)
            work()

        copy_context().run(run)
        return self._latest


@dataclass(slots=True)
class Sent:
    """A message in the queue."""

    name: str
    body: str
    attributes: Mapping[str, Any]
    group: str
    visible_at: float
    receives: int = 0


@dataclass
class SimulatedQueue:
    """A standard queue with its dead letters. It accepts no message while `refuses` returns true."""

    clock: ThreadClock
    random: Random
    refuses: Callable[[], bool] = lambda: False
    waiting: dict[str, Sent] = field(default_factory=dict)
    dead: list[Sent] = field(default_factory=list)
    _names: "count[int]" = field(default_factory=count)
    _lock: Lock = field(default_factory=Lock)

    @property
    def client(self) -> "SQSClient":
        return cast("SQSClient", self)

    def send_message(
        self,
        QueueUrl: str,  # noqa: N803 - AWS's names, here and below
        MessageBody: str,  # noqa: N803
        MessageGroupId: str,  # noqa: N803
        MessageAttributes: Mapping[str, Any] | None = None,  # noqa: N803
        DelaySeconds: int = 0,  # noqa: N803
    ) -> None:
        if self.refuses():
            raise EndpointConnectionError(endpoint_url=QueueUrl)
        assert 0 <= DelaySeconds <= 900
        with self._lock:
            name = f"{next(self._names)}"
            sent = Sent(name, MessageBody, MessageAttributes or {}, MessageGroupId, self.clock.now() + DelaySeconds)
            if QueueUrl == DEAD_LETTERS:
                self.dead.append(sent)
            else:
                self.waiting[name] = sent

    def receive(self, now: float) -> list[Sent]:
        """Messages that are visible, as a standard queue returns them: in any order. Worn out ones are dead letters."""
        visible = [each for each in self.waiting.values() if each.visible_at <= now]
        for each in visible:
            if each.receives >= RECEIVES:
                self.dead.append(self.waiting.pop(each.name))
        visible = [each for each in visible if each.name in self.waiting]
        batch = self.random.sample(visible, min(BATCH, len(visible)))
        for each in batch:
            each.receives += 1
            each.visible_at = now + VISIBILITY
        return batch

    def next_at(self) -> float | None:
        """The moment at which the next message is visible."""
        return min((each.visible_at for each in self.waiting.values()), default=None)


@dataclass
class Simulation:
    """`pollers` invocations of the worker at a time, each of a process that has started."""

    worker: Worker
    clock: ThreadClock
    telemetry: Telemetry
    queue: SimulatedQueue
    pollers: int = 10
    received: Callable[[Sent, float], None] = lambda *_: None
    """Called with each message that is received, and the moment."""

    def __post_init__(self) -> None:
        self.requeue = Requeue(lambda: self.queue.client, QUEUE, DEAD_LETTERS, self.telemetry, self.clock)
        self._batches = Batches(lambda: self, self.telemetry)

    def send(self, records: Iterable[tuple[float, str, str]]) -> None:
        """Put records into the queue: each one's moment, portal and text."""
        for moment, group, body in records:
            self.clock.run_at(moment, partial(self.queue.send_message, QUEUE, body, group))

    def run(self, until: float = float("inf")) -> None:
        """Work until the queue is empty, or nothing is visible before `until`."""
        free = [(0.0, number) for number in range(self.pollers)]
        while (visible_at := self.queue.next_at()) is not None:
            begins_at, number = heapq.heappop(free)
            begins_at = max(begins_at, visible_at)
            if begins_at > until:
                break
            heapq.heappush(free, (self._invoked_at(begins_at), number))

    def _invoked_at(self, moment: float) -> float:
        """Invoke the worker with the visible messages; returns when the invocation ends."""
        batch = self.queue.receive(moment)
        for each in batch:
            self.received(each, moment)
        event = {"Records": [_as_lambda_has_it(each) for each in batch]}
        again: set[str] = set()

        def invoke() -> None:
            answer: Any = self._batches.run(
                event, lambda_context(), Deadline.after(TIMEOUT - 1, self.clock, end=TIMEOUT)
            )
            again.update(each["itemIdentifier"] for each in answer["batchItemFailures"])

        ended = self.clock.run_at(moment, invoke)
        for each in batch:
            if each.name not in again:
                del self.queue.waiting[each.name]
        return ended


def _as_lambda_has_it(sent: Sent) -> dict[str, object]:
    attributes = {
        name: {"dataType": value["DataType"], "stringValue": value["StringValue"]}
        for name, value in sent.attributes.items()
    }
    return {"messageId": sent.name, "body": sent.body, "messageAttributes": attributes}
