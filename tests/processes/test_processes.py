"""What a test starts ends with it: programs that ignore SIGTERM, and programs of programs."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.support.processes.programs import end, run, started
from tests.support.repository import LAYER, ROOT

STARTERS: Final = {"tests/support/processes/programs.py", "tests/groups.py", "tests/mutants/__main__.py"}
"""The others start no program of a test: pytest itself, which a terminal must reach, and copies of it."""
WAITING: Final = "echo ready; while :; do sleep 60; done"
IGNORING: Final = f'trap "" TERM; {WAITING}'
KINDS: Final = {
    "ends on SIGTERM": (WAITING, -signal.SIGTERM),
    "ignores SIGTERM": (IGNORING, -signal.SIGKILL),
    "started a program": (f"sh -c '{WAITING}' & wait", -signal.SIGTERM),
    "started a program that ignores SIGTERM": (f"sh -c '{IGNORING}' & wait", -signal.SIGTERM),
    "ended before the program that it started": (f"sh -c '{WAITING}' &", 0),
    "ignores SIGTERM and SIGINT, as its program": (f"trap '' INT TERM; sh -c '{WAITING}'; true", -signal.SIGKILL),
}


def ended(process: "subprocess.Popen[str]") -> str:
    """What the program still writes: everything that has its output, as its own programs have, must have ended."""
    assert process.stdout is not None
    return process.stdout.read()


@pytest.mark.parametrize(("script", "status"), KINDS.values(), ids=KINDS)
def test_program_ends_with_its_context_and_so_does_what_it_started(script: str, status: int) -> None:
    # Those that end on SIGTERM may take as long as a busy machine does.
    patience = 0.5 if status == -signal.SIGKILL else 20.0
    with started(["sh", "-c", script], patience=patience, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        if status == 0:
            process.wait()
        assert end(process, patience) == status
        assert ended(process) == ""


def test_program_ends_if_the_test_fails() -> None:
    with pytest.raises(AssertionError), started(["sh", "-c", IGNORING], patience=0.1) as process:
        raise AssertionError
    assert process.returncode < 0


@pytest.mark.parametrize("script", [WAITING, IGNORING, f"sh -c '{IGNORING}'; true"])
def test_program_that_takes_too_long_ends_with_what_it_started(script: str) -> None:
    output, theirs = os.pipe()
    with pytest.raises(subprocess.TimeoutExpired):
        run(["sh", "-c", script], timeout=0.3, patience=0.1, pass_fds=[theirs])
    os.close(theirs)
    with open(output, "rb") as left:  # noqa: PTH123 - a descriptor
        assert left.read() == b""  # which none has any more


WAITING_TEST: Final = f"""
import subprocess
from tests.support.processes.programs import started

def test_waits() -> None:
    command = ["sh", "-c", {IGNORING!r}]
    with started(command, patience=0.1, stdout=subprocess.PIPE, stderr=1) as process:
        print(process.stdout.readline(), flush=True)
        process.wait()
"""


def test_pytest_that_is_ended_ends_what_its_tests_started_although_it_ignores_sigint(tmp_path: Path) -> None:
    (tmp_path / "test_waiting.py").write_text(WAITING_TEST)
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{LAYER}"}
    pytest_itself = [sys.executable, "-m", "pytest", "-s", "-p", "tests.conftest", str(tmp_path)]
    command = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *pytest_itself]
    with started(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert any(line.endswith("ready\n") for line in process.stdout)
        process.terminate()
        assert "KeyboardInterrupt" in ended(process)
        assert process.wait() == pytest.ExitCode.INTERRUPTED


def test_no_test_starts_a_program_in_another_way() -> None:
    ways = re.compile(r"subprocess\.(run|Popen|call|check_\w+)\(|os\.(system|popen|spawn|posix_spawn|fork)")
    found = [path for path in (ROOT / "tests").rglob("*.py") if ways.search(path.read_text("utf-8"))]
    assert {path.relative_to(ROOT).as_posix() for path in found} <= STARTERS


def test_result_of_a_program_is_its_status_and_output() -> None:
    done = run(["sh", "-c", "cat; echo error >&2; exit 3"], timeout=20, text="input")

    assert (done.returncode, done.stdout, done.stderr) == (3, "input", "error\n")
