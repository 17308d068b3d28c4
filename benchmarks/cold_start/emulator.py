"""One start of a function like in Lambda: the runtime interface emulator, the runtime's own client, a first event.

The emulator comes with AWS SAM, the client (awslambdaric) from requirements/bench.txt. No container is needed; the
system has to be Linux, since the emulator is.
"""

import json
import os
import platform
import shutil
import signal
import socket
import subprocess  # for commands of its own wording only  # nosec B404
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

from benchmarks.cold_start.share import Share
from benchmarks.setting import LeftOut
from local.stack import ROOT

_PYTHON: Final = ROOT / ".venv-bench/bin/python"
_EMULATORS: Final = "lib/python*/site-packages/samcli/local/rapid/aws-lambda-rie-"
_ARCHITECTURE: Final = "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64"
_INVOCATION: Final = "/2015-03-31/functions/function/invocations"
_START_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.001
_IMPORT: Final = "import time; began = time.process_time(); import app; print(time.process_time() - began)"


@dataclass(frozen=True, slots=True)
class Start:
    """The time from the start of the process to its first response; the runtime's CPU time and memory at that moment.

    On a machine with other load the CPU time is the better measure.
    """

    seconds: float
    processor_seconds: float
    resident_bytes: int


@dataclass(frozen=True, slots=True)
class Code:
    """A function's folder, the layer's packages, and the environment that both run in."""

    folder: Path
    packages: Path
    environment: Mapping[str, str]

    def variables(self) -> dict[str, str]:
        """All variables of the process; it inherits none, and writes no bytecode."""
        return {
            **self.environment,
            "PATH": os.defpath,
            "PYTHONPATH": str(self.packages),
            "PYTHONDONTWRITEBYTECODE": "1",
            "LAMBDA_TASKROOT": str(self.folder),
        }


@dataclass(frozen=True, slots=True)
class Emulator:
    """`program` is the emulator, `python` an interpreter of the functions' version that has the runtime's client.

    What it starts has the `share` of a processor.
    """

    program: Path
    python: Path
    share: Share

    @classmethod
    def found(cls, share: Share) -> "Emulator":
        """Raises LeftOut with what this machine lacks."""
        if platform.system() != "Linux":
            raise LeftOut("the runtime interface emulator runs on Linux only")
        programs = sorted((ROOT / ".venv-sam").glob(_EMULATORS + _ARCHITECTURE))
        if not programs or not _PYTHON.exists():
            raise LeftOut("no runtime interface emulator, or no client of it; `make bench` installs both")
        version = [str(_PYTHON), "-c", "import sys; print(sys.implementation.cache_tag)"]
        if subprocess.run(version, capture_output=True, text=True, check=True).stdout.strip() != "cpython-313":
            raise LeftOut("bytecode is read by Python 3.13 only, and .venv-bench has another one")
        return cls(programs[-1], _PYTHON, share)

    def install(self, requirements: Path, packages: Path) -> Path:
        """What `pip install` makes of the requirements, with bytecode. Raises LeftOut where pip finds no packages."""
        options = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile", "--target"]
        command = [str(self.python), *options, str(packages), "--requirement", str(requirements)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise LeftOut(f"pip installs no reference: {done.stderr.strip().splitlines()[-1]}")
        self.compile(packages)
        return packages

    def compile(self, folder: Path) -> None:
        """Write bytecode beside the sources of a folder, like the build."""
        options = ["-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
        subprocess.run([self.python, *options, folder], check=True)

    def import_seconds(self, code: Code) -> float:
        """The CPU time of a new process for the import of the function's handler."""
        done = subprocess.run(
            [self.python, "-c", _IMPORT],
            cwd=code.folder,
            env=code.variables(),
            capture_output=True,
            text=True,
            check=True,
        )
        return float(done.stdout)

    def start(self, code: Code, event: str) -> Start:
        """Start a function and send it one event. Raises RuntimeError if the response is an error."""
        address, interface = (f"127.0.0.1:{port}" for port in _free_ports())
        command = [
            *self.share.command, str(self.program), "--log-level", "error",
            "--runtime-interface-emulator-address", address, "--runtime-api-address", interface,
            str(self.python), "-m", "awslambdaric", "app.handler",
        ]  # fmt: skip
        with tempfile.TemporaryFile() as output:
            began = time.perf_counter()
            process = subprocess.Popen(
                command, cwd=code.folder, env=code.variables(), stdout=output, stderr=subprocess.STDOUT
            )
            try:
                answer = _first_answer(address, event)
                seconds = time.perf_counter() - began
                runtime = _descendants(process.pid)[-1]
                took = Start(seconds, processor_seconds(runtime), _resident_bytes(runtime))
            finally:
                _end(process)
            output.seek(0)
            if not _succeeded(answer):
                raise RuntimeError(f"{code.folder.name} answered {answer!r}\n{output.read().decode()}")
        return took


def without_bytecode(artifact: Path, target: Path) -> Path:
    """A copy of the artifact, with sources only."""
    return shutil.copytree(artifact, target, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))


def _free_ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]


def _first_answer(address: str, event: str) -> str:
    """The function's response; the emulator starts it at the first request."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        connection = HTTPConnection(address, timeout=_START_SECONDS)
        try:
            connection.request("POST", _INVOCATION, event, {"Content-Type": "application/json"})
            return connection.getresponse().read().decode()
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL_SECONDS)
        finally:
            connection.close()


def _succeeded(answer: str) -> bool:
    try:
        decoded = json.loads(answer)
    except ValueError:
        return False
    return isinstance(decoded, dict) and "errorType" not in decoded and decoded.get("statusCode", 200) < 400  # noqa: PLR2004


def children(pid: int) -> list[int]:
    """The processes that a process's threads started and that have not ended."""
    return [int(child) for each in _of_threads(pid, "children") for child in each.split()]


def _descendants(pid: int) -> list[int]:
    """The emulator's process and those below it, each the only child of the one before: the runtime is the last."""
    found = [pid]
    while started := children(found[-1]):
        (child,) = started
        found.append(child)
    return found


def processor_seconds(pid: int) -> float:
    """Of all threads that run; the kernel counts it in nanoseconds here (proc/PID/stat has hundredths of a second)."""
    return sum(int(each.split()[0]) for each in _of_threads(pid, "schedstat")) / 1e9


def _of_threads(pid: int, name: str) -> Iterator[str]:
    """A file of each thread of a process. A thread can end before it is read, even while it is."""
    for file in Path(f"/proc/{pid}/task").glob(f"*/{name}"):
        with suppress(FileNotFoundError, ProcessLookupError):
            yield file.read_text()


def _resident_bytes(pid: int) -> int:
    (line,) = (each for each in Path(f"/proc/{pid}/status").read_text().splitlines() if each.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


def _end(process: "subprocess.Popen[bytes]") -> None:
    """The emulator first: it would restart a runtime that ends before it."""
    _, *children = _descendants(process.pid)
    process.kill()
    process.wait()
    for child in children:
        os.kill(child, signal.SIGKILL)
