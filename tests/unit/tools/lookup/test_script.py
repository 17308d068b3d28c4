"""The script `lookup` makes the environment by `make`, and runs the package from wherever the caller is."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.support.processes import programs
from tests.support.repository import ROOT

MAKE = """#!/bin/sh
echo "make $*" >&2
[ -z "${BREAKS:-}" ] || exit 2
"""
PYTHON = """#!/bin/sh
echo "$PYTHONPATH"
for word in "$@"; do echo "[$word]"; done
exit 7
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the script, a `make` and an interpreter that print what they are called with."""
    root = tmp_path / "a check out"
    for path, text in (("bin/make", MAKE), (".venv-run/bin/python", PYTHON)):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
        (root / path).chmod(0o755)
    shutil.copy(ROOT / "lookup", root / "lookup")
    return root


@pytest.mark.parametrize("linked", [False, True])
def test_script_runs_the_package_with_its_words_and_its_exit_status(
    checkout: Path, tmp_path: Path, linked: bool
) -> None:
    script = checkout / "lookup"
    if linked:
        script = tmp_path / "link"
        script.symlink_to(checkout / "lookup")
    path = f"{checkout / 'bin'}:{os.environ['PATH']}"
    done = programs.run([script, "chats", "CRM", "a b|'c'"], timeout=10, cwd=tmp_path, env={"PATH": path})
    assert done.returncode == 7
    assert done.stderr == f"make --silent --no-print-directory -C {checkout} .venv-run/bin/.ready\n"
    pythonpath, *words = done.stdout.splitlines()
    assert pythonpath == f"{checkout}:{checkout}/layers/chat_lookup"
    assert words == ["[-P]", "[-m]", "[tools.lookup]", "[chats]", "[CRM]", "[a b|'c']"]


def test_script_ends_where_the_environment_cannot_be_made(checkout: Path) -> None:
    path = f"{checkout / 'bin'}:{os.environ['PATH']}"
    done = programs.run([checkout / "lookup", "--help"], timeout=10, env={"PATH": path, "BREAKS": "1"})
    assert (done.returncode, done.stdout) == (2, "")


def test_ctrl_c_while_the_program_starts_ends_it_in_one_line() -> None:
    words = [sys.executable, "-P", "-m", "tools.lookup", "--help"]
    begun = f"""
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
os.kill(os.getpid(), signal.SIGINT)
os.execv({words[0]!r}, {words!r})
"""
    path = {"PYTHONPATH": f"{ROOT}:{ROOT / 'layers/chat_lookup'}"}
    done = programs.run([sys.executable, "-c", begun], timeout=30, env=path)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "Stopped.\n")
