"""Waits for what other threads and processes do."""

from collections.abc import Callable
from typing import Final

from chat_lookup.clock import Deadline, SystemClock

LONGEST_S: Final = 30.0
"""Only bounds a hang: a busy machine may take ten times as long as an idle one."""


def until(happened: Callable[[], bool], within_s: float = LONGEST_S) -> None:
    """Wait until a condition holds that another thread or process sets; fail after `within_s` seconds."""
    deadline = Deadline.after(within_s, SystemClock())
    while not happened():
        assert deadline.left() > 0, "the condition did not hold in time"
        deadline.clock.sleep(0.005)
