"""Inquiries side by side: what they ask next goes into batches, until all have ended or time is up (design 5, Many).

One request after the other: the vendor warns of parallel bursts (bitrix24.md 6.1).
"""

import itertools
from collections import deque
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Final, Generic, TypeVar

from chat_lookup.bitrix24.batch import BATCH, MOST_COMMANDS, Outcome
from chat_lookup.bitrix24.client import Answer, Command
from chat_lookup.bitrix24.errors import BitrixError, ErrorClass
from chat_lookup.calls.bulk_allowance import Allowance
from chat_lookup.calls.executor import LEAST_FOR_A_CALL
from chat_lookup.calls.gcra import Share
from chat_lookup.calls.portal_calls import PortalCalls
from chat_lookup.clock import Clock, Deadline
from chat_lookup.errors import ChatLookupError, DeadlineReached, PortalBusy
from chat_lookup.lookup.plan import Finding, Inquiry, Rights
from chat_lookup.observability.aws_failures import FAILED, translated
from chat_lookup.portals.failures import for_caller

Key = TypeVar("Key", bound=Hashable)

_TRIES: Final = 3
"""How often a call is sent in requests that leave it without an answer of its own."""
_TOO_SLOW: Final = "TIMEOUT"
_OK: Final = 200
_AT_ONCE: Final = 1.0
"""Seconds after which to come back where nothing stands in the way but our own time."""


@dataclass(frozen=True, slots=True)
class Ended(Generic[Key, Finding]):
    """What an inquiry came to. `asked_at` is when its first call was sent, or would have been (Unix seconds)."""

    key: Key
    finding: Finding | ChatLookupError
    asked_at: float


@dataclass(slots=True)
class _Open(Generic[Key, Finding]):
    """An inquiry that has not ended; with a `command`, it waits for the answer to that."""

    key: Key
    inquiry: Inquiry[Finding]
    left: int
    """Calls that it may still take, one after the other."""
    command: Command | None = None
    answer: Answer | BitrixError | None = None
    asked_at: float = 0.0
    unanswered: int = 0

    def advance(self, now: float) -> Ended[Key, Finding] | None:
        """Go on until there is something to ask, or to the end."""
        finding: Finding | ChatLookupError
        try:
            if self.command is None:
                # An inquiry takes nothing before its first call.
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

    def told(self, outcome: Outcome, sent_at: float, *, alone: bool) -> bool:
        """Take what came of the command; False if it is to be sent again: it was never run, or failed in passing.

        A call that was made `alone` was repeated already, as often as it may be.
        """
        self.asked_at = self.asked_at or sent_at
        failed = isinstance(outcome, BitrixError) and outcome.error_class is ErrorClass.RETRY
        if outcome is None or (failed and not alone):
            self.unanswered += 1
            if self.unanswered < _TRIES:
                return False
        self.answer = outcome or BitrixError("PROTOCOL", _OK, method=BATCH, description="a command was never run")
        self.command, self.unanswered, self.left = None, 0, self.left - 1
        return True


class Rounds(Generic[Key, Finding]):
    """One portal's inquiries. In the bulk share it waits for slots, and for operating time, as long as it may."""

    def __init__(
        self,
        calls: PortalCalls,
        allowance: Allowance,
        clock: Clock,
        rights: Rights,
        share: Share,
        deadline: Deadline,
    ) -> None:
        self._calls = calls
        self._allowance = allowance
        self._clock = clock
        self._rights = rights
        self._share = share
        self._deadline = deadline
        self._queue: list[tuple[int, int, _Open[Key, Finding]]] = []
        """A heap. Those come first that may take the most calls yet: so that no few of them are left to go on alone."""
        self._numbers = itertools.count()
        self._alone: deque[_Open[Key, Finding]] = deque()
        """Those whose call no batch carries."""
        self._size = MOST_COMMANDS
        self._took = 0.0
        """Seconds of the last request: without as many there is no use in another."""
        self._late: float | None = None
        """Seconds after which to come back, once nothing more can be asked in time."""

    def run(
        self, inquiries: Mapping[Key, Inquiry[Finding]], most_calls: Callable[[Key], int]
    ) -> Iterator[Ended[Key, Finding]]:
        """Every inquiry as it ends: with its finding, its own failure, or that of the request that it was part of.

        Those that time leaves undone end in `DeadlineReached`. `most_calls` tells of each how many calls it may take.
        """
        self._push([_Open(key, inquiry, most_calls(key)) for key, inquiry in inquiries.items()])
        while (self._queue or self._alone) and self._late is None:
            yield from self._send(self._affordable((yield from self._next())))
        for each in (*(each for _, _, each in self._queue), *self._alone):
            yield Ended(each.key, DeadlineReached(retry_after=self._late), self._clock.now())

    def _next(self) -> Generator[Ended[Key, Finding], None, list[_Open[Key, Finding]]]:
        """Those that make up the next request. Yields those that end before they have anything to ask."""
        if self._alone:
            return [self._alone.popleft()]
        group: list[_Open[Key, Finding]] = []
        while self._queue and len(group) < self._size:
            *_, each = heappop(self._queue)
            ended = each.advance(self._clock.now())
            if ended is not None:
                yield ended
            elif each.command is not None:
                (group if each.command.batchable else self._alone).append(each)
        return group

    def _push(self, opened: Iterable[_Open[Key, Finding]]) -> None:
        for each in opened:
            heappush(self._queue, (-each.left, next(self._numbers), each))

    def _affordable(self, group: list[_Open[Key, Finding]]) -> list[_Open[Key, Finding]]:
        """As many of them as bulk work may ask now for the sake of operating time; the rest has to wait its turn."""
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
        if self._deadline.left() < self._took:
            self._push(group)
            self._late = _AT_ONCE
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
            if self._again(group, error):
                return
            failure = for_caller(error, self._clock.now())
        except ChatLookupError as error:
            failure = error
        except FAILED as error:
            failure = translated(error)
        else:
            yield from self._answered(group, outcomes, sent_at)
            return
        yield from (Ended(each.key, failure, sent_at) for each in group)

    def _outcomes(self, commands: Sequence[Command]) -> Sequence[Outcome]:
        """What became of each; raises for a request that failed as a whole."""
        portal = self._rights.portal
        if len(commands) > 1:
            return self._calls.batch(portal, commands, self._deadline, share=self._share)
        (command,) = commands
        try:
            return [self._calls.call(portal, command.method, command.params, self._deadline, share=self._share)]
        except BitrixError as error:
            if error.too_many:
                raise
            return [error]

    def _answered(
        self, group: Sequence[_Open[Key, Finding]], outcomes: Sequence[Outcome], sent_at: float
    ) -> Iterator[Ended[Key, Finding]]:
        self._took = max((each.elapsed for each in outcomes if isinstance(each, Answer)), default=self._took)
        for each, outcome in zip(group, outcomes, strict=True):
            answered = each.told(outcome, sent_at, alone=len(group) == 1)
            ended = each.advance(self._clock.now()) if answered else None
            if ended is not None:
                yield ended
            else:
                self._push([each])

    def _again(self, group: Sequence[_Open[Key, Finding]], error: BitrixError) -> bool:
        """Whether a request is to be repeated: in smaller ones if it took too long, in its turn if it came too soon."""
        tried = max(each.unanswered for each in group) + 1
        passing = error.too_many or error.metric_code == _TOO_SLOW
        if not passing or tried >= _TRIES or self._out_of_time(error.retry_at):
            return False
        if error.metric_code == _TOO_SLOW:
            self._size = max(1, len(group) // 2)
        for each in group:
            each.unanswered += 1
        self._push(group)
        return True

    def _wait(self, seconds: float) -> None:
        """Wait until there is room, or for nothing if that comes too late. Who is no bulk work has waited already."""
        if self._share is Share.BULK and seconds < self._deadline.left() - LEAST_FOR_A_CALL:
            self._clock.sleep(seconds)
        else:
            self._late = seconds

    def _out_of_time(self, not_before: float | None) -> bool:
        """Whether no other request fits in; the portal may have named a moment before which it refuses any."""
        named = 0.0 if not_before is None else not_before - self._clock.now()
        return self._deadline.left() <= max(0.0, named) + LEAST_FOR_A_CALL
