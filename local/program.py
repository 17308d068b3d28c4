"""What programs that stay up have in common: ports from the environment, a folder of their own, files
that are written in one step, an end by a signal."""

import errno
import fcntl
import json
import os
import signal
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_HIGHEST_PORT: Final = 65_535
_MOST_DIGITS: Final = 5
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class StartError(Exception):
    """The program cannot start with these settings; the message names what to change."""


def until_a_signal(run: Callable[[], int]) -> int:
    """Runs a program, which may import much first, until it ends or a signal does; returns the exit status.

    The first signal interrupts it. Those after it are ignored until the process has ended: `make` passes one on that
    its terminal has sent already, and what a program does at its end must not be cut off.
    """
    try:
        # Handlers of our own: a shell starts background processes with SIGINT ignored.
        for each in _SIGNALS:
            signal.signal(each, _interrupt)
        sys.unraisablehook = _unraisable
        # `make` holds a Ctrl-C back until here.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        status = run()
        _ignore_signals()
    except KeyboardInterrupt:
        _show_the_end()
        return 0
    return status


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - the form of a handler
    _ignore_signals()
    raise KeyboardInterrupt


def _ignore_signals() -> None:
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_IGN)


def _unraisable(failure: "UnraisableHookArgs") -> None:
    """What a signal raises in a destructor or a callback of the interpreter is lost there: `stay` raises it again."""
    if failure.exc_type is not KeyboardInterrupt:
        sys.__unraisablehook__(failure)


def _show_the_end() -> None:
    try:
        print("\nStopped.", flush=True)
    except BrokenPipeError:  # a Ctrl-C ends the reader of a pipe, too
        _drop_output()


def _drop_output() -> None:
    """What is left in the buffer can reach no reader: the interpreter would fail again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def reported(run: Callable[[], int]) -> int:
    """Runs a program, and reports in one line what kept it from starting; returns the exit status."""
    try:
        return run()
    except StartError as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:
        _drop_output()
        print("The reader of the output has ended, and so has the run.", file=sys.stderr)
        return 1


def stay() -> None:
    """Blocks until a signal's handler raises. The handler of a signal that comes just before a wait runs after it."""
    while signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        time.sleep(1)
    raise KeyboardInterrupt


@contextmanager
def alone_in(state_dir: Path, verb: str) -> Iterator[None]:
    """Holds the folder of a run: two in one would take each other's files away. `verb` is the one of `make` that
    chooses another. Raises StartError."""
    choose = f"choose another folder: make {verb} STATE_DIR=path"
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if state_dir.stat().st_mode & stat.S_IWOTH:
            raise StartError(f"STATE_DIR={state_dir} gets keys, and other users can write there; {choose}")
        descriptor = os.open(state_dir / "run.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StartError(f"STATE_DIR={state_dir} cannot be used: {error.strerror}; {choose}") from None
    with os.fdopen(descriptor, "r+") as file:
        try:
            # The lock ends with the process, however that ends.
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StartError(f"Another run uses STATE_DIR={state_dir}: stop it, or {choose}") from None
        yield


@contextmanager
def listening(bind: str, port: int, variable: str) -> Iterator[None]:
    """Raises StartError for an unavailable address, with the variable that chooses another."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        cure = f"{variable} (0 takes a free one)" if error.errno in (errno.EADDRINUSE, errno.EACCES) else "BIND"
        raise StartError(f"Cannot listen on {bind}, port {port}: {reason}. Choose another with {cure}.") from None


def read_port(name: str, text: str) -> int:
    """The port that a variable names. Raises StartError."""
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS and int(text) <= _HIGHEST_PORT):
        raise StartError(f"{name} must be a port, 0 to {_HIGHEST_PORT} (0 takes a free one)")
    return int(text)


def is_set(text: str) -> bool:
    """Whether a switch in the environment is on: `ONCE=1`."""
    return text not in ("", "0")


def write_private(path: Path, content: object) -> None:
    """Writes JSON that only its owner can read."""
    write_whole(path, f"{json.dumps(content, indent=2)}\n".encode())


def write_whole(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Writes a file in one step: no reader sees half of it, no other user ever sees a key, and nothing is left beside
    it where it cannot be written. Raises OSError."""
    descriptor, draft = tempfile.mkstemp(dir=path.parent)  # readable by its owner only
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            os.fchmod(descriptor, mode)
        Path(draft).replace(path)
    finally:
        Path(draft).unlink(missing_ok=True)
