"""Programs that a test runs: each ends within seconds after the test needs it no more, with all that it started."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

PATIENCE_S: Final = 5.0
"""How long a program may take to end on SIGTERM."""


def run(
    command: Sequence[str | Path], *, timeout: float, text: str = "", **options: Any
) -> "subprocess.CompletedProcess[str]":
    """Run a program to its end, with `text` as its input. Raises `subprocess.TimeoutExpired` if it takes longer."""
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with started(command, **pipes, **options) as process:
        output, errors = process.communicate(text, timeout)
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


@contextlib.contextmanager
def started(
    command: Sequence[str | Path], *, patience: float = PATIENCE_S, **options: Any
) -> Iterator["subprocess.Popen[str]"]:
    """Start a program in a process group of its own; at the end of the context, end the group."""
    process = subprocess.Popen(command, text=True, start_new_session=True, **options)
    try:
        yield process
    finally:
        end(process, patience)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe:
                with contextlib.suppress(BrokenPipeError):  # it has not read all of its input
                    pipe.close()


def end(process: "subprocess.Popen[str]", patience: float = PATIENCE_S) -> int:
    """End a program of `started` and what it started, by SIGTERM and then SIGKILL; return its exit status.

    Not by SIGINT: a shell starts processes in the background with SIGINT ignored, and all their children ignore it.
    """
    if process.poll() is None:
        _send(process, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
    _send(process, signal.SIGKILL)
    return process.wait()


def _send(process: "subprocess.Popen[str]", number: signal.Signals) -> None:
    # macOS refuses to send a signal to a group of which only ended processes are left.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
