"""The worker as AWS runs it, in processes that die in the midst of their work; what brings work to them is the local
run's own (`local.event_sources`, `local.invoking`)."""

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
"""Seconds after which messages that were not deleted are seen again (template.yaml)."""
_LONGEST_S: Final = 600.0
_FIRST_GUESS_S: Final = 0.2
_AT_ONCE: Final = 10
_LOOK_AGAIN_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Chances:
    """Shares of the worker's invocations: of those in which its process is to die, and of those whose messages are
    delivered once more although they were worked."""

    death: float = 0.0
    repetition: float = 0.0


class Failed(Exception):
    """An invocation failed, as Lambda sees it."""


@dataclass
class Workers:
    """Processes, which `start` begins; `came_to` counts what became of their invocations.

    What was not done comes again when `time_passes` is called, and not before: the visibility time-out is three
    minutes of the machine's time. Invocations that nobody waits for are not repeated, for the same reason: they end in
    the dead-letter queue at once.
    """

    aws: EmbeddedAws
    template: Template
    clock: SharedClock
    random: Random
    start: Callable[[], Process]
    chances: Chances
    came_to: Counter[str] = field(default_factory=Counter)
    _idle: "Queue[Process]" = field(default_factory=Queue)
    _again: dict[str, str] = field(default_factory=dict)
    _unanswered: int = 0
    _usual_s: float = _FIRST_GUESS_S
    _lock: Lock = field(default_factory=Lock)
    _machine: SystemClock = field(default_factory=SystemClock)

    @contextmanager
    def at_work(self, count: int) -> Iterator[None]:
        """Inside, messages and asynchronous invocations are worked by so many processes at a time."""
        # Lambda's address asks no more of functions than that they can be invoked.
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
        """Put other processes in the place of these, when nothing is worked."""
        self.start, self.chances = start, chances
        for _ in range(self._idle.qsize()):
            self._idle.get().stop()
            self._idle.put(self.start())

    def keep_up(self, most: int) -> None:
        """Wait until no more messages than this can be seen: with thousands of them moto takes forever."""
        self._until(lambda: standing(self.aws, QUEUE)[0] < most)

    def settle(self) -> None:
        """Wait until nothing is left that can be worked now."""
        self._until(self._settled)

    def time_passes(self) -> bool:
        """Three minutes later: what was not done is seen again. Whether there is anything."""
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
        """Run the worker in the first process that is free. Raises `Failed`, for a process that died, too."""
        process = self._idle.get(timeout=_LONGEST_S)
        with self._lock:
            death, repetition = (self.random.random() < each for each in (self.chances.death, self.chances.repetition))
            # At any moment of its work, and now and then only when that is done.
            lifetime = self.random.uniform(0, 1.2 * self._usual_s) if death else None
        outcome, began = Outcome(raised="Runtime.ExitError"), self._machine.now()
        try:
            outcome = process.invoke(function, event, lifetime)
        except Killed:
            process = self.start()
            with self._lock:
                self.came_to["killed"] += 1
        finally:
            self._idle.put(process)
        return self._passed_on(event, outcome, self._machine.now() - began, repetition=repetition)

    def _passed_on(self, event: object, outcome: Outcome, took_s: float, *, repetition: bool) -> object:
        """The answer, if it reaches who asked; messages that come again are kept in mind."""
        handles = _handles(event)
        again = frozenset(handles) if outcome.raised or repetition else failed(outcome.answer, list(handles))
        with self._lock:
            self._again |= {name: handles[name] for name in again}
            if outcome.raised or (repetition and handles):
                self.came_to["raised" if outcome.raised else "repeated"] += 1
                raise Failed(outcome.raised)
            self.came_to["handed back"] += len(again)
            self._usual_s = 0.9 * self._usual_s + 0.1 * took_s
            self._unanswered -= not handles
        return outcome.answer

    def _noted(self, invocations: "WSGIApplication") -> "WSGIApplication":
        """Lambda's address, of which we know how much it has taken upon itself."""

        def invoked(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
            with self._lock:
                self._unanswered += 1
                self.came_to["invoked"] += 1
            return invocations(environ, start_response)

        return invoked

    def _bury(self, queue: str, record: str) -> None:
        """An asynchronous invocation failed for the last time."""
        self.aws.sqs().send_message(QueueUrl=self.aws.queue_url(queue), MessageBody=record)
        with self._lock:
            self._unanswered -= 1
            self.came_to["buried"] += 1

    def _until(self, happened: Callable[[], bool]) -> None:
        """Waits, looking seldom: each look costs moto milliseconds that others need."""
        deadline = Deadline.after(_LONGEST_S, self._machine)
        while not happened():
            assert deadline.left() > 0, f"it did not happen: {self.came_to}"
            self._machine.sleep(_LOOK_AGAIN_S)

    def _settled(self) -> bool:
        visible, hidden = standing(self.aws, QUEUE)
        with self._lock:
            return visible == self._unanswered == 0 and hidden == len(self._again)


def standing(aws: EmbeddedAws, queue: str) -> tuple[int, int]:
    """How many messages of a queue can be seen, and how many were received and not deleted yet."""
    told = aws.sqs().get_queue_attributes(QueueUrl=aws.queue_url(queue), AttributeNames=["All"])["Attributes"]
    return int(told["ApproximateNumberOfMessages"]), int(told["ApproximateNumberOfMessagesNotVisible"])


def _handles(event: object) -> dict[str, str]:
    """The receipt handles of a batch by their messages' ids; of an asynchronous invocation none."""
    records = event.get("Records", []) if isinstance(event, Mapping) else []
    return {record["messageId"]: record["receiptHandle"] for record in records}
