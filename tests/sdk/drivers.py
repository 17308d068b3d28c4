"""Programs in other languages that run calls for the tests: one process answers all requests, each in one line."""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Final

from tests.e2e.machine import missing
from tests.support.processes import programs
from tests.support.repository import ROOT

FOLDER: Final = Path(__file__).parent
NODE_FOLDER: Final = ROOT / ".venv-node"
"""Made by `make docs` and `make test-all`."""


class Driver:
    """A running program. `ask` raises AssertionError with the error of a request, or with what a program wrote to its
    standard error before it ended."""

    def __init__(self, process: "subprocess.Popen[str]", errors: IO[str]) -> None:
        self._process = process
        self._errors = errors

    def ask(self, **request: object) -> Any:
        """Send a request and return the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            raise AssertionError(self._errors.read()[-3000:])
        outcome = json.loads(line)
        assert "failed" not in outcome, outcome["failed"]
        return outcome["answer"]


def node_program() -> list[str]:
    """Node; the test is skipped where it or the SDK is missing, and fails in CI."""
    if not (NODE_FOLDER / "node_modules" / "@bitrix24" / "b24jssdk").exists():
        missing("b24jssdk is not on this machine: `make docs` installs it")
    return [str(NODE_FOLDER / "bin" / "node")]


def php_program(ca_file: Path) -> list[str]:
    """PHP that trusts an authority; the test is skipped where PHP is missing, and fails in CI."""
    php = shutil.which("php")
    if php is None:
        missing("PHP is not on this machine (php-cli)")
    return [php, "-d", f"openssl.cafile={ca_file}", "-d", "display_errors=stderr"]


@contextlib.contextmanager
def node(ca_file: Path) -> Iterator[Driver]:
    environ = {**os.environ, "NODE_EXTRA_CA_CERTS": str(ca_file), "NODE_FOLDER": str(NODE_FOLDER)}
    with _started([*node_program(), str(FOLDER / "driver.mjs")], environ) as driver:
        yield driver


@contextlib.contextmanager
def php(ca_file: Path) -> Iterator[Driver]:
    with _started([*php_program(ca_file), str(FOLDER / "driver.php")], dict(os.environ)) as driver:
        yield driver


@contextlib.contextmanager
def _started(command: Sequence[str], environ: dict[str, str]) -> Iterator[Driver]:
    with (
        tempfile.TemporaryFile("w+") as errors,
        programs.started(command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors) as process,
    ):
        yield Driver(process, errors)
