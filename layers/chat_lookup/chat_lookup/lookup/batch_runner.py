"""Runs many inquiries at once: their next calls go into batches, until all have ended or time is up (design 5, Many).

One request after the other: the vendor warns of parallel bursts (bitrix24.md 6.1).
"""

import itertools
from collections import deque
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from heapq import heappop, heappush
from typing import Final, Generic, NamedTuple, TypeVar

from chat_lookup.bitrix24.batch import BATCH, MOST_COMMANDS, BatchOutcome
from chat_lookup.bitrix24.client import Answer, Command
from chat_lookup.bitrix24.error_table import PROTOCOL, TIMEOUT
from chat_lookup.bitrix24.errors import BitrixError, ErrorClass
from chat_lookup.calls.bulk_allowance import Allowance
from chat_lookup.calls.executor import LEAST_FOR_A_CALL
from chat_lookup.calls.gcra import Share
from chat_lookup.calls.portal_calls import PortalCalls
from chat_lookup.calls.requests import OnSlot
from chat_lookup.clock import Clock, Deadline
from chat_lookup.errors import ChatLookupError, DeadlineReached, PortalBusy
from chat_lookup.lookup.plan import Finding, Inquiry, Rights
from chat_lookup.observability.aws_failures import FAILED, translated
from chat_lookup.portals.failures import for_caller

Key = TypeVar("Key", bound=Hashable)

_TRIES: Final = 3
"""How often a call is sent in requests that return no reply for it."""
_OK: Final = 200
_AT_ONCE: Final = 1.0
"""Seconds after which the caller may retry where only the deadline ended the work."""


class Ended(NamedTuple, Generic[Key, Finding]):
    """The result of an inquiry. `asked_at` is when its first call was sent, or would have been (Unix seconds)."""

    key: Key
    finding: Finding | ChatLookupError
    asked_at: float


@dataclass(slots=True)
class _Open(Generic[Key, Finding]):
    """An inquiry that has not ended; with a `command`, it waits for the reply to that."""

    key: Key
    inquiry: Inquiry[Finding]
    left: int
    """Calls that it may still make, one after the other."""
    command: Command | None = None
    answer: Answer | BitrixError | None = None
    asked_at: float = 0.0
    unanswered: int = 0

    def advance(self, now: float) -> Ended[Key, Finding] | None:
        """Run until the next call, or to the end."""
        finding: Finding | ChatLookupError
        try:
            if self.command is None:
                # A generator accepts no value before its first `yield`.
                self.command = next(self.inquiry) if self.answer is None else self.inquiry.send(self.answer)
        except StopIteration as end:
            finding = end.value
        except BitrixError as error:
            finding = for_caller(error, now)
        except ChatLookupError as error:
            finding = error
        else:
            return None
        return Ended(self.key, finding, self.asked_at or now)

    def receive(self, outcome: BatchOutcome, sent_at: float, *, alone: bool) -> bool:
        """Store the command's outcome; False if it is to be sent again: it was never run, or failed temporarily.

        A call that was made `alone` was already retried, as often as it may be.
        """
        self.asked_at = self.asked_at or sent_at
        failed = isinstance(outcome, BitrixError) and outcome.error_class is ErrorClass.RETRY
        if outcome is None or (failed and not alone):
            self.unanswered += 1
            if self.unanswered < _TRIES:
                return False
        self.answer = outcome or BitrixError(PROTOCOL, _OK, method=BATCH, description="a command was never run")
        self.command, self.unanswered, self.left = None, 0, self.left - 1
        return True


class Rounds(Generic[Key, Finding]):
    """Runs one portal's inquiries. In the bulk share it waits for slots and operating time until the deadline.

    `on_slot` receives the moment of each request's slot.
    """

    def __init__(
        self,
        calls: PortalCalls,
        allowance: Allowance,
        clock: Clock,
        rights: Rights,
        share: Share,
        deadline: Deadline,
        on_slot: OnSlot | None = None,
    ) -> None:
        self._calls = calls
        self._allowance = allowance
        self._clock = clock
        self._rights = rights
        self._share = share
        self._deadline = deadline
        self._on_slot = on_slot
        self._queue: list[tuple[int, int, _Open[Key, Finding]]] = []
        """A heap, inquiries with the most calls left first: so that the last batches are not small ones."""
        self._numbers = itertools.count()
        self._unbatchable: deque[_Open[Key, Finding]] = deque()
        """Inquiries whose call is not allowed in a batch."""
        self._size = MOST_COMMANDS
        self._slowest = 0.0
        """Seconds that the last request took: with less time left no other is sent."""
        self._retry_after: float | None = None
        """Seconds after which the caller may retry; set when no other request fits before the deadline."""

    def run(
        self, inquiries: Mapping[Key, Inquiry[Finding]], most_calls: Callable[[Key], int]
    ) -> Iterator[Ended[Key, Finding]]:
        """Every inquiry as it ends: with its finding, its own failure, or that of the request that it was part of.

        Inquiries not ended by the deadline end in `DeadlineReached`. `most_calls` returns how many calls each may make.
        """
        self._push([_Open(key, inquiry, most_calls(key)) for key, inquiry in inquiries.items()])
        while (self._queue or self._unbatchable) and self._retry_after is None:
            yield from self._send(self._affordable((yield from self._next())))
        for each in (*(each for _, _, each in self._queue), *self._unbatchable):
            yield Ended(each.key, DeadlineReached(retry_after=self._retry_after), self._clock.now())

    def _next(self) -> Generator[Ended[Key, Finding], None, list[_Open[Key, Finding]]]:
        """The inquiries of the next request. Yields those that end without another call."""
        if self._unbatchable:
            return [self._unbatchable.popleft()]
        group: list[_Open[Key, Finding]] = []
        while self._queue and len(group) < self._size:
            *_, each = heappop(self._queue)
            ended = each.advance(self._clock.now())
            if ended is not None:
                yield ended
            elif each.command is not None:
                (group if each.command.batchable else self._unbatchable).append(each)
        return group

    def _push(self, opened: Iterable[_Open[Key, Finding]]) -> None:
        for each in opened:
            heappush(self._queue, (-each.left, next(self._numbers), each))

    def _affordable(self, group: list[_Open[Key, Finding]]) -> list[_Open[Key, Finding]]:
        """As many of them as operating time allows bulk work to call now; the rest goes back into the queue."""
        if self._share is not Share.BULK or not group:
            return group
        methods = (each.command.method for each in group if each.command)
        room = self._allowance.room(self._rights.portal.member_id, methods, len(group))
        self._push(group[room.calls :])
        if not room.calls:
            self._wait(room.wait)
        return group[: room.calls]

    def _send(self, group: Sequence[_Open[Key, Finding]]) -> Iterator[Ended[Key, Finding]]:
        if not group:
            return
        if self._deadline.left() < self._slowest:
            self._push(group)
            self._retry_after = _AT_ONCE
            return
        sent_at = self._clock.now()
        failure: ChatLookupError
        try:
            outcomes = self._outcomes([each.command for each in group if each.command])
        except PortalBusy as busy:
            self._push(group)
            self._wait(busy.retry_after or _AT_ONCE)
            return
        except BitrixError as error:
            if self._retried(group, error):
                return
            failure = for_caller(error, self._clock.now())
        except ChatLookupError as error:
            failure = error
        except FAILED as error:
            failure = translated(error)
        else:
            yield from self._receive(group, outcomes, sent_at)
            return
        yield from (Ended(each.key, failure, sent_at) for each in group)

    def _outcomes(self, commands: Sequence[Command]) -> Sequence[BatchOutcome]:
        """The outcome of each command; raises for a request that failed as a whole."""
        portal = self._rights.portal
        if len(commands) > 1:
            return self._calls.batch(portal, commands, self._deadline, share=self._share, on_slot=self._on_slot)
        (command,) = commands
        call = partial(self._calls.call, share=self._share, on_slot=self._on_slot)
        try:
            return [call(portal, command.method, command.params, self._deadline)]
        except BitrixError as error:
            if error.too_many:
                raise
            return [error]

    def _receive(
        self, group: Sequence[_Open[Key, Finding]], outcomes: Sequence[BatchOutcome], sent_at: float
    ) -> Iterator[Ended[Key, Finding]]:
        self._slowest = max((each.elapsed for each in outcomes if isinstance(each, Answer)), default=self._slowest)
        for each, outcome in zip(group, outcomes, strict=True):
            received = each.receive(outcome, sent_at, alone=len(group) == 1)
            ended = each.advance(self._clock.now()) if received else None
            if ended is not None:
                yield ended
            else:
                self._push([each])

    def _retried(self, group: Sequence[_Open[Key, Finding]], error: BitrixError) -> bool:
        """Whether a request is queued again: after a timeout in smaller batches, after a rate limit unchanged."""
        tried = max(each.unanswered for each in group) + 1
        passing = error.too_many or error.metric_code == TIMEOUT
        if not passing or tried >= _TRIES or self._out_of_time(error.retry_at):
            return False
        if error.metric_code == TIMEOUT:
            self._size = max(1, len(group) // 2)
        for each in group:
            each.unanswered += 1
        self._push(group)
        return True

    def _wait(self, seconds: float) -> None:
        """Sleep until there is room; end the run if that is too late, and for interactive work: it waited already."""
        if self._share is Share.BULK and seconds < self._deadline.left() - LEAST_FOR_A_CALL:
            self._clock.sleep(seconds)
        else:
            self._retry_after = seconds

    def _out_of_time(self, not_before: float | None) -> bool:
        """Whether no other request fits before the deadline; the portal may have named the earliest moment for one."""
        named = 0.0 if not_before is None else not_before - self._clock.now()
        return self._deadline.left() <= max(0.0, named) + LEAST_FOR_A_CALL
