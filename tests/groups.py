"""Runs the test folders in groups, each with a pytest of its own, and sums them up: `make test`, `make test-all`."""

import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.support.repository import ROOT

MOST_SECONDS: Final = 400
"""What all of `SHORT` may take in CI, whose machine does nothing else: about twice what it is meant to take."""


@dataclass(frozen=True, slots=True)
class Group:
    """Folders whose tests share their processes. Unit tests emulate the stores there, so the others are apart.

    Files begin in the order of the folders, those of few long tests first, so that no worker is left with one of them.
    """

    name: str
    folders: tuple[str, ...]
    workers: int
    """On two cores: three where tests wait, two where crowds and processes compete for the cores."""


SHORT: Final = (
    Group("unit", ("tests/template", "tests/unit"), 3),
    Group("integration", ("tests/docs", "tests/integration", "tests/local"), 3),
)
LONG: Final = (
    Group("fuzz", ("tests/fuzz",), 2),
    Group("long", ("tests/processes", "tests/crowds", "tests/chaos", "tests/rest_corpus", "tests/sdk"), 2),
    Group("browser", ("tests/browser",), 1),
)


@dataclass(frozen=True, slots=True)
class Result:
    """What a group took; `cpu` are the seconds that its processes worked."""

    name: str
    status: int
    cases: int
    seconds: float
    cpu: float

    def __str__(self) -> str:
        busy = self.cpu / self.seconds
        return f"{self.name:<12}{self.cases:6} cases {self.seconds:7.1f} s, {busy:.1f} cores busy"


def main(words: Sequence[str]) -> int:
    """Run what `test` or `all` names; further words are pytest's. Returns the exit status."""
    scope, *options = words
    results = [run(group, options) for group in SHORT + LONG * (scope == "all")]
    short = total("make test", results[: len(SHORT)])
    print("\n== seconds of each group", *results, sep="\n")
    if scope == "all":
        print(short, total("make test-all", results), sep="\n")
    else:
        print(short)
    if os.environ.get("CI") and short.seconds > MOST_SECONDS:
        print(f"the groups of `make test` took {short.seconds:.0f} s, of {MOST_SECONDS} at most")
        return 1
    return next((result.status for result in results if result.status), 0)


def run(group: Group, options: Sequence[str]) -> Result:
    """Run a group. If the options select none of its tests, that is no failure."""
    print(f"\n== {group.name}: {' '.join(group.folders)}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [
            *(
                sys.executable,
                "-m",
                "pytest",
                "-n",
                str(group.workers),
                "--dist",
                "loadfile",
                "--no-loadscope-reorder",
                "--durations",
                "10",
            ),
            *("--junit-xml", str(report), *group.folders, *options),
        ]
        start, cpu = time.monotonic(), cpu_of_children()
        status = forwarding_signals(command)
        seconds, cases = time.monotonic() - start, cases_in(report)
    if options and status == pytest.ExitCode.NO_TESTS_COLLECTED:
        status = 0
    if status in (pytest.ExitCode.INTERRUPTED, -signal.SIGTERM):
        raise SystemExit(status)
    return Result(group.name, status, cases, seconds, cpu_of_children() - cpu)


def forwarding_signals(command: Sequence[str]) -> int:
    """Run a command to its end, and return its status. It ends what it started, also when this process is to end."""
    with subprocess.Popen(command, cwd=ROOT) as process:
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        signal.signal(signal.SIGINT, lambda *_: None)  # a terminal interrupts the process, too
        return process.wait()


def cases_in(report: Path) -> int:
    """The number of tests that pytest ran; none if it ended before its report."""
    if not report.exists():
        return 0
    # Of our own pytest, so that no entities are to be feared.
    suites = ET.parse(report).getroot().iter("testsuite")  # noqa: S314
    return sum(int(suite.attrib["tests"]) for suite in suites)


def cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def total(name: str, results: Iterable[Result]) -> Result:
    parts = list(results)
    return Result(
        name,
        next((part.status for part in parts if part.status), 0),
        sum(part.cases for part in parts),
        sum(part.seconds for part in parts),
        sum(part.cpu for part in parts),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
