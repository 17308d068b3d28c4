"""`make run`, and `make portal`, in a separate process."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

from chat_lookup.clock import Deadline, SystemClock
from tests.support.processes import programs
from tests.support.repository import ROOT

LONGEST_START_S = 60.0
COMMAND = [sys.executable, "-m", "local"]


def environ(state_dir: Path, **settings: str) -> dict[str, str]:
    ports = {"API_PORT": "0", "API_HTTPS_PORT": "0", "PORTAL_PORT": "0", "PORTAL_PAGE_PORT": "0"}
    path = {"PYTHONPATH": f"{ROOT / 'layers/chat_lookup'}"}
    return {**os.environ, **path, **ports, "STATE_DIR": str(state_dir), **settings}


def once(state_dir: Path, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run one look-up and exit."""
    variables = environ(state_dir, ONCE="1", **settings)
    return programs.run(COMMAND, cwd=ROOT, env=variables, timeout=LONGEST_START_S)


@dataclass
class Running:
    """A run that stays up; `output_file` is the file with its output."""

    process: "subprocess.Popen[str]"
    state_dir: Path
    output_file: Path
    facts_file: str

    @property
    def facts(self) -> dict[str, str]:
        found: dict[str, str] = json.loads((self.state_dir / self.facts_file).read_text())
        return found

    def get(self, path: str, headers: dict[str, str] | None = None, **options: Any) -> Any:
        sent = headers or {"X-Api-Key": self.facts["api_key"]}
        base = options.pop("base", self.facts["api_url"])
        with urllib3.PoolManager(retries=False, timeout=20, **options) as http:
            return http.request("GET", base + path, headers=sent).json()

    def stop(self, by: signal.Signals) -> int:
        self.process.send_signal(by)
        return self.process.wait(LONGEST_START_S)


@contextlib.contextmanager
def staying(
    state_dir: Path, command: Sequence[str] = COMMAND, facts_file: str = "run.json", **settings: str
) -> Iterator[Running]:
    """A program that stays up, once it has written its addresses."""
    state_dir.mkdir(exist_ok=True)
    output = state_dir / "output"
    with (
        output.open("wb") as file,
        programs.started(command, cwd=ROOT, env=environ(state_dir, **settings), stdout=file, stderr=file) as process,
    ):
        written, deadline = state_dir / facts_file, Deadline.after(LONGEST_START_S, SystemClock())
        while not written.exists():
            assert process.poll() is None, output.read_text()
            assert deadline.left() > 0, "it did not become ready"
            deadline.clock.sleep(0.05)
        yield Running(process, state_dir, output, facts_file)
