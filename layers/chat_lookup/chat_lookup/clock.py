"""Time as it is passed in: so that a test, or the local run, may move it."""

import time
from dataclasses import dataclass
from typing import Final, Protocol


class Clock(Protocol):
    """What tells the time and waits. Seconds everywhere; `now` is Unix time."""

    def now(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            time.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Deadline:
    """One moment by which a whole operation must have answered, not a limit per attempt (style.md, b24api)."""

    at: float
    clock: Clock

    @classmethod
    def after(cls, seconds: float, clock: Clock) -> "Deadline":
        return cls(clock.now() + seconds, clock)

    def left(self) -> float:
        """Seconds until the moment; never negative."""
        return max(0.0, self.at - self.clock.now())

    def no_later_than(self, seconds: float) -> "Deadline":
        """The nearer of this deadline and `seconds` from now."""
        return Deadline(min(self.at, self.clock.now() + seconds), self.clock)

    def sooner(self, seconds: float) -> "Deadline":
        """A deadline that leaves so many seconds until this one."""
        return Deadline(self.at - seconds, self.clock)


SKEW: Final = 0.4
"""Seconds between the clocks of two processes, each within 0.2 of the true time: what leaks meanwhile is not used."""
CLOCKS_APART: Final = 60.0
"""Seconds that two processes' clocks may differ. A row from further ahead was written by a clock that ran wrong."""
