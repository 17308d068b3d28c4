"""Whether a look-up takes longer as a table fills, as portals are added, or in a larger batch: time per pair, in turn.

The reference of each size is the smallest. Chat ids are in tables of DynamoDB Local; loading a million would take seven
minutes, so the largest table has a hundred thousand. growth.svg has the figures as a plot.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import SystemRandom
from typing import Final, TypeAlias

from benchmarks.latency.filled_tables import Filled, filled
from benchmarks.latency.plot import Line, drawn
from benchmarks.setting import Setting
from benchmarks.timing import Figure, alternate, pinned, seconds_of
from local.shared_clock import SharedClock

_ROUNDS: Final = 21
_MOST: Final = 1.2
"""Time per pair, over that at the smallest size."""
_LOOK_UPS: Final = 10
_PASSES: Final = 3
"""Look-ups in a pass, and passes in a sample: one look-up is too short, within the noise of the machine."""
_QUICK: Final = 1_000
"""The largest size of a quick run."""
_FORGOTTEN: Final = 31.0
"""Seconds after which a process reads everything again (ttl_cache.SECONDS)."""
_RANDOM: Final = SystemRandom()
PLOT: Final = Path(__file__).with_name("growth.svg")


_Subjects: TypeAlias = dict[int, Callable[[], float]]
"""By size: a call that returns the seconds of one pair."""


@dataclass(frozen=True, slots=True)
class Growth:
    """What grows, by `sizes`; the first is the reference of the others."""

    what: str
    unit: str
    sizes: tuple[int, ...]
    subjects: "Callable[[str, SharedClock, Sequence[int]], AbstractContextManager[_Subjects]]"


def figures(setting: Setting) -> list[Figure]:
    """Raises LeftOut without a DynamoDB Local: moto's tables are dictionaries of Python."""
    setting.dynamodb_local("has tables like the real ones")
    found: list[Figure] = []
    lines = []
    with tempfile.TemporaryDirectory() as name, pinned():
        clock = SharedClock(Path(name) / "clock")
        for growth in GROWTHS:
            grown = _grown(growth, setting, clock)
            lines.append(Line(growth.what, [(size, each.ratio.median) for size, each in grown.items()]))
            found += list(grown.values())[1:]
    if not setting.quick:
        PLOT.write_text(drawn("Time of one pair, over that at the smallest size", lines, _MOST))
    return found


def _grown(growth: Growth, setting: Setting, clock: SharedClock) -> dict[int, Figure]:
    """By size, the smallest one first: its figure, beside the smallest."""
    sizes = list(dict.fromkeys(min(size, _QUICK) for size in growth.sizes)) if setting.quick else growth.sizes
    smallest = f"{growth.unit}: {sizes[0]}"
    with growth.subjects(setting.dynamodb_url, clock, sizes) as subjects:
        by_name = {f"{growth.unit}: {size:,}": subject for size, subject in subjects.items()}
        taken = alternate(by_name, setting.rounds(_ROUNDS))
    milliseconds = [[seconds * 1e3 for seconds in each] for each in taken.values()]
    return {
        size: Figure.paired(f"{growth.what}, {name}", f"the same, {smallest}", "ms", ours, milliseconds[0], _MOST)
        for size, name, ours in zip(sizes, by_name, milliseconds, strict=True)
    }


@contextmanager
def _rows(url: str, clock: SharedClock, sizes: Sequence[int]) -> Iterator[_Subjects]:
    """Look-ups of any of the chat ids, each read from the table; the portal is in memory."""
    with ExitStack() as stack:
        yield {size: partial(_hits, stack.enter_context(filled(url, clock, rows=size)), clock, size) for size in sizes}


def _hits(tables: Filled, clock: SharedClock, size: int) -> float:
    took = 0.0
    for _ in range(_PASSES):
        clock.advance(_FORGOTTEN)
        tables.portal(0)
        for row in _RANDOM.sample(range(size), _LOOK_UPS):
            took += seconds_of(partial(tables.look_up, 0, row))()
    return took / _PASSES / _LOOK_UPS


@contextmanager
def _portals(url: str, clock: SharedClock, sizes: Sequence[int]) -> Iterator[_Subjects]:
    """Look-ups in any of the portals, none of which is in memory: key, record and chat id are read."""
    with ExitStack() as stack:
        yield {
            size: partial(_firsts, stack.enter_context(filled(url, clock, portals=size)), clock, size) for size in sizes
        }


def _firsts(tables: Filled, clock: SharedClock, size: int) -> float:
    took = 0.0
    for _ in range(_LOOK_UPS):
        clock.advance(_FORGOTTEN)
        took += seconds_of(partial(tables.look_up, _RANDOM.randrange(size), 0))()
    return took / _LOOK_UPS


@contextmanager
def _batches(url: str, clock: SharedClock, sizes: Sequence[int]) -> Iterator[_Subjects]:
    """Look-ups of several pairs at once, all of which are in the table."""
    with filled(url, clock, rows=max(sizes)) as tables:
        yield {size: partial(_pairs, tables, size) for size in sizes}


def _pairs(tables: Filled, size: int) -> float:
    return seconds_of(partial(tables.look_many_up, size), _PASSES)() / size


GROWTHS: Final = (
    Growth("a hit", "chat ids in the table", (10, 10_000, 100_000), _rows),
    Growth("the first hit of a portal", "portals", (1, 100, 10_000), _portals),
    Growth("a pair of a batch", "pairs", (1, 10, 100, 1_000), _batches),
)
