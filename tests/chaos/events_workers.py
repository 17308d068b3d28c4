"""The worker as AWS runs it, in processes that are killed during their work; the local run's own code invokes them
(`local.event_sources`, `local.invoking`)."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from queue import Queue
from random import Random
from threading import Lock
from typing import TYPE_CHECKING, Final, cast

from chat_lookup.clock import Deadline, SystemClock
from local.aws.embedded import EmbeddedAws
from local.aws.lambda_api import Invocations
from local.aws.lambda_runtime import Functions
from local.aws.queue_poller import EventSources, failed
from local.shared_clock import SharedClock
from local.template.reader import Template
from tests.chaos.events_process import Killed, Outcome, Process

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from mypy_boto3_sqs.type_defs import ChangeMessageVisibilityBatchRequestEntryTypeDef

QUEUE: Final = "EventQueue"
DEAD_LETTERS: Final = "DeadLetterQueue"
VISIBILITY: Final = 180.0
"""Seconds after which messages that were not deleted are visible again (template.yaml)."""
_LONGEST_S: Final = 600.0
_FIRST_GUESS_S: Final = 0.2
_AT_ONCE: Final = 10
_LOOK_AGAIN_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Chances:
    """Shares of the worker's invocations: those in which its process is killed, and those whose messages are delivered
    again although they were processed."""

    death: float = 0.0
    repetition: float = 0.0


class Failed(Exception):
    """A failed invocation, as Lambda reports it."""


@dataclass
class Workers:
    """Worker processes, which `start` creates; `outcomes` counts the outcomes of their invocations.

    Messages that were not processed are delivered again when `time_passes` is called, and not before: the visibility
    time-out is three minutes of the machine's time. For the same reason asynchronous invocations are not retried: they
    go to the dead-letter queue at once.
    """

    aws: EmbeddedAws
    template: Template
    clock: SharedClock
    random: Random
    start: Callable[[], Process]
    chances: Chances
    outcomes: Counter[str] = field(default_factory=Counter)
    _idle: "Queue[Process]" = field(default_factory=Queue)
    _again: dict[str, str] = field(default_factory=dict)
    _unanswered: int = 0
    _usual_s: float = _FIRST_GUESS_S
    _lock: Lock = field(default_factory=Lock)
    _machine: SystemClock = field(default_factory=SystemClock)

    @contextmanager
    def at_work(self, count: int) -> Iterator[None]:
        """Inside, `count` processes at a time process messages and asynchronous invocations."""
        # The Lambda API calls only `invoke` of the functions.
        invocations = Invocations(cast(Functions, self), self._bury, self.clock, pauses_s=())
        self.aws.serve_functions(self._noted(invocations))
        with ExitStack() as closing:
            for _ in range(count):
                self._idle.put(self.start())
                closing.callback(lambda: self._idle.get(timeout=_LONGEST_S).stop())
            for _ in range(count):
                source = EventSources(self.template.sources, self.aws, self.invoke)
                closing.callback(source.stop)
                source.start()
            closing.callback(invocations.stop)
            yield

    def renew(self, start: Callable[[], Process], chances: Chances) -> None:
        """Replace all processes, while no message is in work."""
        self.start, self.chances = start, chances
        for _ in range(self._idle.qsize()):
            self._idle.get().stop()
            self._idle.put(self.start())

    def keep_up(self, most: int) -> None:
        """Wait until fewer than `most` messages are visible: with thousands of them moto is too slow."""
        self._until(lambda: message_counts(self.aws, QUEUE)[0] < most)

    def settle(self) -> None:
        """Wait until no message and no invocation can be processed now."""
        self._until(self._settled)

    def time_passes(self) -> bool:
        """Advance by the visibility time-out and make unprocessed messages visible; return whether there are any."""
        self.clock.advance(VISIBILITY)
        again, self._again = list(self._again.values()), {}
        for start in range(0, len(again), _AT_ONCE):
            shown: list[ChangeMessageVisibilityBatchRequestEntryTypeDef] = [
                {"Id": str(number), "ReceiptHandle": handle, "VisibilityTimeout": 0}
                for number, handle in enumerate(again[start : start + _AT_ONCE])
            ]
            url = self.aws.queue_url(QUEUE)
            answer = self.aws.sqs().change_message_visibility_batch(QueueUrl=url, Entries=shown)
            assert not answer.get("Failed"), answer
        return bool(again)

    def invoke(self, function: str, event: object) -> object:
        """Run the worker in the first free process. Raises `Failed`, also if the process was killed."""
        process = self._idle.get(timeout=_LONGEST_S)
        with self._lock:
            death, repetition = (self.random.random() < each for each in (self.chances.death, self.chances.repetition))
            # At any moment of its work, or shortly after it.
            lifetime = self.random.uniform(0, 1.2 * self._usual_s) if death else None
        outcome, began = Outcome(raised="Runtime.ExitError"), self._machine.now()
        try:
            outcome = process.invoke(function, event, lifetime)
        except Killed:
            process = self.start()
            with self._lock:
                self.outcomes["killed"] += 1
        finally:
            self._idle.put(process)
        return self._passed_on(event, outcome, self._machine.now() - began, repetition=repetition)

    def _passed_on(self, event: object, outcome: Outcome, took_s: float, *, repetition: bool) -> object:
        """Return the answer if it reaches the caller; record the messages that are delivered again."""
        handles = _handles(event)
        again = frozenset(handles) if outcome.raised or repetition else failed(outcome.answer, list(handles))
        with self._lock:
            self._again |= {name: handles[name] for name in again}
            if outcome.raised or (repetition and handles):
                self.outcomes["raised" if outcome.raised else "repeated"] += 1
                raise Failed(outcome.raised)
            self.outcomes["handed back"] += len(again)
            self._usual_s = 0.9 * self._usual_s + 0.1 * took_s
            self._unanswered -= not handles
        return outcome.answer

    def _noted(self, invocations: "WSGIApplication") -> "WSGIApplication":
        """The Lambda API, with a count of the accepted invocations."""

        def invoked(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
            with self._lock:
                self._unanswered += 1
                self.outcomes["invoked"] += 1
            return invocations(environ, start_response)

        return invoked

    def _bury(self, queue: str, record: str) -> None:
        """Send the record of a finally failed asynchronous invocation to the dead-letter queue."""
        self.aws.sqs().send_message(QueueUrl=self.aws.queue_url(queue), MessageBody=record)
        with self._lock:
            self._unanswered -= 1
            self.outcomes["buried"] += 1

    def _until(self, happened: Callable[[], bool]) -> None:
        """Wait for a condition, checking seldom: each check takes milliseconds of moto that the workers need."""
        deadline = Deadline.after(_LONGEST_S, self._machine)
        while not happened():
            assert deadline.left() > 0, f"the condition did not hold in time: {self.outcomes}"
            self._machine.sleep(_LOOK_AGAIN_S)

    def _settled(self) -> bool:
        visible, hidden = message_counts(self.aws, QUEUE)
        with self._lock:
            return visible == self._unanswered == 0 and hidden == len(self._again)


def message_counts(aws: EmbeddedAws, queue: str) -> tuple[int, int]:
    """The numbers of visible messages in a queue, and of those received but not deleted yet."""
    attributes = aws.sqs().get_queue_attributes(QueueUrl=aws.queue_url(queue), AttributeNames=["All"])["Attributes"]
    return int(attributes["ApproximateNumberOfMessages"]), int(attributes["ApproximateNumberOfMessagesNotVisible"])


def _handles(event: object) -> dict[str, str]:
    """The receipt handles of a batch by message id; none for an asynchronous invocation."""
    records = event.get("Records", []) if isinstance(event, Mapping) else []
    return {record["messageId"]: record["receiptHandle"] for record in records}
