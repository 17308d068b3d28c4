"""Processes that a test may kill: forked from one that has imported all of it already, and reached by a pipe."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from multiprocessing import forkserver
from typing import Any, Final
from unittest import mock

STANDS: Final = "ready"
"""What a process says first if somebody waits until it stands."""
_CONTEXT: Final = multiprocessing.get_context("forkserver")


class Forked:
    """One process: `main(*arguments, pipe)` runs in it, and whatever it says is there within `patience` seconds."""

    def __init__(self, main: Callable[..., None], *arguments: object, patience: float) -> None:
        self._patience = patience
        self._pipe, theirs = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(target=main, args=(*arguments, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def stands(self) -> None:
        """Wait until it says that it does."""
        assert self.received() == STANDS

    def send(self, message: object) -> None:
        self._pipe.send(message)

    def says(self, within: float) -> bool:
        """Whether it says something within so many seconds."""
        return self._pipe.poll(within)

    def received(self) -> Any:
        """What it says next. Raises `EOFError` if it died instead."""
        assert self.says(self._patience), "the process says nothing"
        try:
            return self._pipe.recv()
        except EOFError:
            self._process.join(self._patience)
            raise

    @property
    def killed(self) -> bool:
        """Whether it has ended by SIGKILL."""
        return self._process.exitcode == -signal.SIGKILL

    def stop(self) -> None:
        """Kill it where it stands, as nobody can who wants to clean up first."""
        self._process.kill()
        self._process.join(self._patience)
        self._pipe.close()


def prepare(module: str) -> None:
    """Start the process that all are forked from, with a module and all that it imports."""
    _CONTEXT.set_forkserver_preload([module])
    with mock.patch.dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)):  # it begins with nothing
        forkserver.ensure_running()
