"""Stops the clock that processes share, for what must not depend on how long a busy machine takes."""

import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_OFFSET: Final = struct.Struct("<d")
"""The content of the file of a `SharedClock`: the seconds that it is ahead of the real time."""
_HOLD_S: Final = 0.01


class StoppedClock:
    """The same moment for all processes, but for the milliseconds between two corrections: no lease ends, no deadline
    passes. Threads that sleep wait in real time."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._now = time.time() + _OFFSET.unpack(file.read_bytes())[0]
        self._ended = threading.Event()

    def advance(self, seconds: float) -> None:
        # A correction that began before an advance would set the clock back, and the next one forward past deadlines.
        with self._lock, self._file.open("r+b", buffering=0) as file:
            self._now += seconds
            file.write(_OFFSET.pack(self._now - time.time()))

    def hold(self) -> None:
        """Correct the offset until `end`."""
        while not self._ended.wait(_HOLD_S):
            self.advance(0.0)

    def end(self) -> None:
        self._ended.set()


@contextmanager
def stopped(file: Path) -> Iterator[StoppedClock]:
    """Inside, the clock of this file is stopped; then it goes on from there."""
    clock = StoppedClock(file)
    holding = threading.Thread(target=clock.hold, daemon=True)
    holding.start()
    try:
        yield clock
    finally:
        clock.end()
        holding.join()
