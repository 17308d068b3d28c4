"""Bulk work as the benchmarks play it: what is asked for, by how many, and what came of it."""

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
    """So many `batch` calls of so many pairs each, all pairs distinct, shared out among processes.

    `stranger` is how many requests a second somebody else makes meanwhile; `before` how many he made just before.
    `batch_seconds` is what the portal takes for a batch; 0 is as fast as the local one can. `questions` are asked by a
    person meanwhile, one every two seconds from `asked_after` seconds on, each of which takes the portal
    `answer_seconds`.
    """

    pace: Pace = PLAN
    batches: int = 100
    pairs: int = 50
    processes: int = 8
    stranger: float = 0.0
    before: int = 0
    batch_seconds: float = 0.0
    questions: int = 0
    asked_after: float = 0.0
    answer_seconds: float = 0.0

    @property
    def least_seconds(self) -> float:
        """The physical limit: the last answer to a client that uses all of the plan's burst while nobody else asks."""
        return (self.batches - self.pace.burst) * self.pace.interval + self.batch_seconds

    @property
    def paced_seconds(self) -> float:
        """What our own pace allows bulk work while no interactive caller asks."""
        usable = round(self.pace.reach(Share.INTERACTIVE) * self.pace.rate) + 1
        return (self.batches - usable) * self.pace.interval

    @property
    def asked(self) -> int:
        """All pairs."""
        return self.batches * self.pairs

    def hurried(self) -> "Scenario":
        """Fewer batches, on a plan that is ten times as fast."""
        pace = replace(self.pace, rate=self.pace.rate * 10)
        hurried = replace(self, pace=pace, stranger=self.stranger * 10, batch_seconds=self.batch_seconds / 10)
        return replace(hurried, batches=min(self.batches, 60), questions=min(self.questions, 2), asked_after=0.5)

    def deals(self, number: int) -> range:
        """The ids of the deals whose chats batch `number` asks for; the first batch is number 1."""
        first = _FIRST_DEAL + number * self.pairs
        return range(first, first + self.pairs)


@dataclass(frozen=True, slots=True)
class Outcome:
    """`seconds` from the first slot to the last answer; `refused` of `requests` that reached the portal as ours.

    `waits` is what each of the person's questions took: for its slot, and altogether.
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
    """What a process is born with."""

    scenario: Scenario
    tables: Tables
    webhook_url: str
    ca_file: Path


Work: TypeAlias = Callable[[Iterator[int]], int]
"""Asks for the batches of these numbers, which no other process takes, and tells how many pairs were answered."""
Worker: TypeAlias = Callable[[Surroundings], Work]
"""Makes ready to work, before the time counts. A function of a module, so that a process can be born with it."""
