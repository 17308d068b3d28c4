"""The clock and deadlines, passed as arguments so that a test, or the local run, can move the time."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final, NamedTuple, Protocol

HOUR: Final = 3600.0
DAY: Final = 24 * HOUR
"""Seconds."""


class Clock(Protocol):
    """Returns the time and waits. Seconds everywhere; `now` is Unix time."""

    def now(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            time.sleep(seconds)


def iso_time(moment: float) -> str:
    """Unix time as ISO 8601, in UTC, to the second."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")


LAST_SECOND: Final = 1.0
"""Seconds before a function's end by which all its work must end: Lambda ends the process without notice."""


class Deadline(NamedTuple):
    """One moment by which a whole operation must have answered, not a limit per attempt (style.md, b24api).

    `at` is the caller's moment; `function_end` is when Lambda ends the function, the last second of which is not used.
    Without one the caller's moment is the only limit. Only work that must not end with its caller's request runs until
    the function's end: the renewal of tokens (docs/decisions/013).
    """

    at: float
    clock: Clock
    function_end: float | None = None

    @classmethod
    def after(cls, seconds: float, clock: Clock, *, end: float | None = None) -> "Deadline":
        """A deadline in `seconds`, in a function that ends in `end` seconds."""
        now = clock.now()
        return cls(now + seconds, clock, None if end is None else now + end)

    @property
    def end(self) -> float:
        """The function's end, Unix seconds."""
        return self.at + LAST_SECOND if self.function_end is None else self.function_end

    def left(self) -> float:
        """Seconds until the moment; never negative."""
        return max(0.0, self.at - self.clock.now())

    def no_later_than(self, seconds: float) -> "Deadline":
        """The nearer of this deadline and `seconds` from now."""
        return Deadline(min(self.at, self.clock.now() + seconds), self.clock, self.end)

    def sooner(self, seconds: float) -> "Deadline":
        """A deadline `seconds` before this one."""
        return Deadline(self.at - seconds, self.clock, self.end)

    def of_function(self) -> "Deadline":
        """The last moment of the function itself, whatever the caller's is."""
        return Deadline(self.end - LAST_SECOND, self.clock, self.end)

    def at_least(self, seconds: float) -> "Deadline":
        """This deadline, or one in `seconds` where that is later; never beyond the function's last moment."""
        later = min(self.clock.now() + seconds, self.end - LAST_SECOND)
        return Deadline(max(self.at, later), self.clock, self.end)


SKEW: Final = 0.4
"""Seconds between the clocks of two processes, each within 0.2 of the true time: what leaks meanwhile is not used."""
CLOCKS_APART: Final = 60.0
"""Seconds that two processes' clocks may differ. A row from further ahead was written by a clock that ran wrong."""


TO_ANSWER: Final = 0.2
"""Seconds before a deadline at which calls to AWS end: the response is written in them."""
_LONG_IN_AWS: Final = 1.0
"""Seconds of calls to AWS from which on these may be the cause when no time is left."""


class Bound:
    """The bound of every call to AWS (docs/decisions/015): a deadline, and how the time since `began` was spent."""

    __slots__ = ("began", "deadline", "in_aws", "to_connect")

    def __init__(self, deadline: Deadline, began: float, in_aws: float = 0.0) -> None:
        self.deadline = deadline
        self.began = began
        self.in_aws = in_aws
        """Seconds spent waiting for AWS."""
        self.to_connect = math.inf
        """Seconds that the next connection may take, in addition to its client's limit."""

    def left(self) -> float:
        """Seconds that calls to AWS may still take; never negative."""
        return max(0.0, self.deadline.left() - TO_ANSWER)

    def went_to_aws(self) -> bool:
        """Whether most of the time was spent waiting for AWS."""
        return self.in_aws >= max(_LONG_IN_AWS, (self.deadline.clock.now() - self.began) / 2)


_bound: ContextVar[Bound | None] = ContextVar("bound", default=None)


@contextmanager
def bound_by(deadline: Deadline) -> Iterator[None]:
    """Inside, every call to AWS ends by this deadline, be it nearer or farther than the one outside."""
    outer = _bound.get()
    inner = Bound(deadline, deadline.clock.now()) if outer is None else Bound(deadline, outer.began, outer.in_aws)
    token = _bound.set(inner)
    try:
        yield
    finally:
        _bound.reset(token)
        if outer is not None:
            outer.in_aws = inner.in_aws


def bound() -> Bound | None:
    """The bound of calls to AWS here; None outside of any invocation."""
    return _bound.get()
