"""Processes that a test may kill: forked from one that has imported the code already, and connected by a pipe."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Sequence
from multiprocessing import forkserver
from typing import Any, Final, TypeVar
from unittest import mock

READY: Final = "ready"
"""The first message of a process that is waited for by `wait_until_ready`."""
_CONTEXT: Final = multiprocessing.get_context("forkserver")


class Forked:
    """One process: runs `main(*arguments, pipe)` and sends each message within `patience` seconds."""

    def __init__(self, main: Callable[..., None], *arguments: object, patience: float) -> None:
        self._patience = patience
        self._pipe, theirs = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(target=main, args=(*arguments, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def wait_until_ready(self) -> None:
        """Wait for the message `READY`."""
        assert self.received() == READY

    def send(self, message: object) -> None:
        self._pipe.send(message)

    def has_message(self, within: float) -> bool:
        """Whether the process sends a message within this many seconds."""
        return self._pipe.poll(within)

    def received(self) -> Any:
        """The next message. Raises `EOFError` if the process died instead."""
        assert self.has_message(self._patience), "the process sends no message"
        try:
            return self._pipe.recv()
        except EOFError:
            self._process.join(self._patience)
            raise

    @property
    def killed(self) -> bool:
        """Whether the process was ended by SIGKILL."""
        return self._process.exitcode == -signal.SIGKILL

    def stop(self) -> None:
        """Kill the process at once, without any clean-up."""
        self._process.kill()
        self._process.join(self._patience)
        self._pipe.close()


_Setting = TypeVar("_Setting")
_Process = TypeVar("_Process", bound=Forked)


def prepare(module: str) -> None:
    """Start the fork server, with a module and its imports loaded."""
    _CONTEXT.set_forkserver_preload([module])
    with mock.patch.dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)):  # it starts with an empty path
        forkserver.ensure_running()


def begun(module: str, kind: Callable[[_Setting], _Process], settings: Sequence[_Setting]) -> list[_Process]:
    """Start a process of this kind for each setting, with the module that has its code loaded once for all; wait until
    they are ready."""
    prepare(module)
    processes = [kind(setting) for setting in settings]
    for process in processes:
        process.wait_until_ready()
    return processes
