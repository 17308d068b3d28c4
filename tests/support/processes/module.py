"""Test programs that run in a process of their own, for what only a whole process shows, such as its output."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.processes import programs
from tests.support.repository import ROOT


def run_module(name: str, *arguments: Path, timeout: float = 100) -> "subprocess.CompletedProcess[str]":
    """Run a module of the tests, by its full name, to its end within `timeout` seconds. It must exit with 0."""
    done = programs.run(
        [sys.executable, "-m", name, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'layers' / 'chat_lookup'}:{ROOT}"},
        timeout=timeout,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done
