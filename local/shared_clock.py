"""One clock for all processes of a local run, which can be advanced."""

import fcntl
import math
import mmap
import os
import struct
import time
from collections.abc import Callable
from pathlib import Path

_OFFSET = struct.Struct("<d")

# A sleeping thread is not notified when the clock moves, so it checks this often. Short enough to seem immediate, long
# enough that hundreds of waiting threads do not keep a core busy.
_LOOK_AGAIN_S = 0.05


class SharedClock:
    """Implements `chat_lookup.clock.Clock`: the real time plus an offset, in seconds.

    The offset is one double in a memory-mapped file, so that the portal, the stores and every worker process of a run
    see a moved clock at the same moment and without a system call: tokens expire, buckets leak and caches go stale
    together. A message to each process would reach one before the other, and tests depend on that order.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.truncate(descriptor, _OFFSET.size)  # a new file is filled with zeros: no offset
            self._memory = mmap.mmap(descriptor, _OFFSET.size)
        finally:
            os.close(descriptor)

    def now(self) -> float:
        """Unix time in seconds, the same for all processes that share the file."""
        return time.time() + self._offset()

    def sleep(self, seconds: float) -> None:
        """Waits until the moment `seconds` from now, which may come sooner because the clock is advanced.

        Never waits longer than `seconds` of real time: a clock that is set back must not block sleeping threads.
        """
        moment = self.now() + seconds
        latest = time.monotonic() + seconds
        while (left := min(moment - self.now(), latest - time.monotonic())) > 0:
            time.sleep(min(left, _LOOK_AGAIN_S))

    def advance(self, seconds: float) -> None:
        """Advances the clock for all processes. Raises ValueError for a negative or infinite step."""
        if not (math.isfinite(seconds) and seconds >= 0):
            raise ValueError("the clock only goes forward, by a finite number of seconds")
        self._change(lambda offset: offset + seconds)

    def reset(self) -> None:
        """Resets the clock to the real time, for all processes."""
        self._change(lambda _: 0.0)

    def _offset(self) -> float:
        offset: float = _OFFSET.unpack_from(self._memory)[0]
        return offset

    def _change(self, change: Callable[[float], float]) -> None:
        # Two processes that advance at once must both count. The lock belongs to the open file, so each change opens
        # it anew: threads of one process exclude each other, too.
        with self._path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            _OFFSET.pack_into(self._memory, 0, change(self._offset()))
