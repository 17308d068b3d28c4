"""What functions print, stored in a file as in CloudWatch Logs: log lines and metrics, one JSON object per line."""

import io
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_printed: ContextVar[list[str] | None] = ContextVar("printed", default=None)
"""The lines of the invocation that prints; its threads have its context."""


class FunctionOutput(io.TextIOBase):
    """A stream that writes whole lines to `path` from any threads at once; the file is new, for its owner only.

    Lambda gives each function a standard output of its own. Here functions are threads among others, so `sys.stdout`
    is this stream while any of them runs. Powertools' logger keeps its first stream, so the object lives as long as
    the process.
    """

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        self._unfinished = threading.local()
        self._running = 0
        self._switching = threading.Lock()
        self._terminal = sys.stdout

    def writable(self) -> bool:
        return True

    @property
    def running(self) -> int:
        """How many invocations run now."""
        return self._running

    def write(self, text: str) -> int:
        """Buffers an incomplete line; appends complete lines, each in one write."""
        lines, newline, rest = (getattr(self._unfinished, "text", "") + text).rpartition("\n")
        self._unfinished.text = rest
        if newline:
            os.write(self._file, (lines + newline).encode(errors="backslashreplace"))
            if (printed := _printed.get()) is not None:
                printed += lines.splitlines()
        return len(text)

    @contextmanager
    def capturing(self) -> Iterator[list[str]]:
        """Inside, everything that this process prints goes to the file. Yields the lines of this invocation, those of
        its threads, too."""
        with self._switching:
            # Also while others run: a test runner may have set its own stream meanwhile.
            if sys.stdout is not self:
                self._terminal, sys.stdout = sys.stdout, self
            self._running += 1
        printed = list[str]()
        around = _printed.set(printed)
        try:
            yield printed
        finally:
            _printed.reset(around)
            with self._switching:
                self._running -= 1
                # Where a test runner has set its own stream meanwhile, that must not be replaced.
                if self._running == 0 and sys.stdout is self:
                    sys.stdout = self._terminal
