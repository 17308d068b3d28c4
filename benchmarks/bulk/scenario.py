"""Bulk work of the benchmarks: the pairs, the processes, and the outcome."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeAlias

from chat_lookup.calls.gcra import Pace, Share
from tests.support.stores.tables import Tables

PLAN: Final = Pace(rate=2.0, burst=50)
"""What every portal's plan allows but Enterprise's (bitrix24.md 6.1)."""
_FIRST_DEAL: Final = 100_000


@dataclass(frozen=True, slots=True)
class Scenario:
    """A number of `batch` calls with a number of pairs each, all pairs distinct, shared out among processes.

    `other_rate` is the rate of another client meanwhile, in requests a second; `before` the number of its requests just
    before. `batch_seconds` is the portal's time for a batch; 0 is as fast as the local one can. A person asks
    `questions` meanwhile, one every two seconds from `asked_after` seconds on; each takes the portal `answer_seconds`.
    """

    pace: Pace = PLAN
    batches: int = 100
    pairs: int = 50
    processes: int = 8
    other_rate: float = 0.0
    before: int = 0
    batch_seconds: float = 0.0
    questions: int = 0
    asked_after: float = 0.0
    answer_seconds: float = 0.0

    @property
    def least_seconds(self) -> float:
        """The physical limit: the last answer to a client that uses all of the plan's burst without other clients."""
        return (self.batches - self.pace.burst) * self.pace.interval + self.batch_seconds

    @property
    def paced_seconds(self) -> float:
        """Seconds that our own rate limiter takes for bulk work while no interactive caller asks."""
        usable = round(self.pace.reach(Share.INTERACTIVE) * self.pace.rate) + 1
        return (self.batches - usable) * self.pace.interval

    @property
    def asked(self) -> int:
        """All pairs."""
        return self.batches * self.pairs

    def hurried(self) -> "Scenario":
        """Fewer batches, on a plan that is ten times as fast."""
        pace = self.pace._replace(rate=self.pace.rate * 10)
        hurried = replace(self, pace=pace, other_rate=self.other_rate * 10, batch_seconds=self.batch_seconds / 10)
        return replace(hurried, batches=min(self.batches, 60), questions=min(self.questions, 2), asked_after=0.5)

    def deals(self, number: int) -> range:
        """The ids of the deals whose chats batch `number` asks for; the first batch is number 1."""
        first = _FIRST_DEAL + number * self.pairs
        return range(first, first + self.pairs)


@dataclass(frozen=True, slots=True)
class Outcome:
    """`seconds` from the first slot to the last answer; `refused` of the `requests` of ours that reached the portal.

    `waits` are the seconds of each of the person's questions: for its slot, and in all.
    """

    seconds: float
    answered: int
    requests: int
    refused: int
    waits: tuple[tuple[float, float], ...] = ()

    @property
    def share_refused(self) -> float:
        return self.refused / self.requests


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The arguments of a process."""

    scenario: Scenario
    tables: Tables
    webhook_url: str
    ca_file: Path


Work: TypeAlias = Callable[[Iterator[int]], int]
"""Asks for the batches of these numbers, which no other process takes; returns the number of pairs answered."""
Worker: TypeAlias = Callable[[Surroundings], Work]
"""Prepares the work, before the time counts. A function of a module, so that it can be passed to a process."""
