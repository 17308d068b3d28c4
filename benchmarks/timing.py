"""Times subjects in turn, in the same run, on one processor; returns medians and quartiles.

The speed of a machine varies, so no figure is a time: each is the ratio to a named reference in the same run.
"""

import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

Sample = TypeVar("Sample")


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of several values, with the quartiles that half of them lie between."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Raises ValueError where there is no value."""
        if not values:
            raise ValueError("there is no median of nothing")
        if len(values) == 1:
            return cls(values[0], values[0], values[0])
        return cls(*statistics.quantiles(values, n=4, method="inclusive"))


@dataclass(frozen=True, slots=True)
class Figure:
    """A measurement, its reference, and their unit; `ratio` is the one over the other, pair by pair.

    `target` is the most that the ratio's median may be; without one the figure is only reported.
    """

    name: str
    reference: str
    unit: str
    ours: Spread
    theirs: Spread
    ratio: Spread
    target: float | None

    @classmethod
    def paired(
        cls,
        name: str,
        reference: str,
        unit: str,
        ours: Sequence[float],
        theirs: Sequence[float],
        target: float | None = None,
    ) -> "Figure":
        """From values that were measured in turn: the first of ours with the first of theirs, and so on.

        A slow moment of the machine slows both of a pair. Raises ValueError where one has no partner.
        """
        ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
        return cls(name, reference, unit, Spread.of(ours), Spread.of(theirs), Spread.of(ratios), target)

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        return None if self.target is None else self.ratio.median <= self.target


def alternate(
    subjects: Mapping[str, Callable[[], Sample]], rounds: int, *, warm_up: int = 1
) -> dict[str, list[Sample]]:
    """Call all subjects in turn, `rounds` times after `warm_up` rounds that do not count; returns each call's result.

    Every other round runs backwards, so that no subject always follows the same one.
    """
    taken: dict[str, list[Sample]] = {name: [] for name in subjects}
    order = list(subjects)
    for number in range(-warm_up, rounds):
        for name in order if number % 2 == 0 else order[::-1]:
            sample = subjects[name]()
            if number >= 0:
                taken[name].append(sample)
    return taken


def seconds_of(call: Callable[[], object], times: int = 1) -> Callable[[], float]:
    """A subject for `alternate`: makes a call `times` times, and returns the average seconds of one."""

    def timed() -> float:
        began = time.perf_counter()
        for _ in range(times):
            call()
        return (time.perf_counter() - began) / times

    return timed


@contextmanager
def pinned() -> Iterator[None]:
    """Keep this thread, and the processes that it starts inside, on one processor, where the system can do that."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})  # the first one has most of the system's own work
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
