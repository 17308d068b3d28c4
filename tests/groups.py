"""Runs the test folders in groups, each with a pytest of its own, and sums them up: `make test`, `make test-all`."""

import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.support.repository import ROOT

MOST_SECONDS: Final = 400
"""What all of `SHORT` may take in CI, whose machine does nothing else: about twice what it is meant to take."""


STOPPED: Final = (pytest.ExitCode.INTERRUPTED, -signal.SIGTERM)
PYTEST: Final = (sys.executable, "-m", "pytest")


@dataclass(frozen=True, slots=True)
class Group:
    """Folders whose tests share their processes. Unit tests emulate the stores there, so the others are apart.

    Files begin in the order of the folders, those of few long tests first, so that no worker is left with one of them.
    Each worker imports all files of its group, which for thousands of tests takes as long as hundreds of them.
    """

    name: str
    folders: tuple[str, ...]
    workers: int
    """On two cores, of all groups beside each other: three where tests wait, two where crowds and processes compete
    for the cores. One is pytest itself."""

    def arguments(self) -> tuple[str, ...]:
        spread = ("-n", str(self.workers if self.workers > 1 else 0), "--dist", "loadfile", "--no-loadscope-reorder")
        return (*spread, "--durations", "10", *self.folders)


SHORT: Final = (
    Group("unit", ("tests/template", "tests/unit"), 1),
    Group("integration", ("tests/docs", "tests/integration", "tests/local"), 2),
)
"""They run beside each other."""
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
    results, start = run(SHORT, options), time.monotonic()
    short = total("make test", results, max(result.seconds for result in results))
    for group in LONG * (scope == "all"):
        results += run((group,), options)
    print("\n== seconds of each group", *results, short, sep="\n")
    if scope == "all":
        print(total("make test-all", results, short.seconds + time.monotonic() - start))
    if os.environ.get("CI") and short.seconds > MOST_SECONDS:
        print(f"the groups of `make test` took {short.seconds:.0f} s, of {MOST_SECONDS} at most")
        return 1
    return next((result.status for result in results if result.status), 0)


def run(groups: Sequence[Group], options: Sequence[str]) -> list[Result]:
    """Run groups beside each other; what all but the last print follows when all have ended. If the options select
    none of a group's tests, that is no failure."""
    start, results = time.monotonic(), dict[str, Result]()
    with tempfile.TemporaryDirectory() as name, ExitStack() as closing:
        folder, running = Path(name), dict[int, Group]()
        ending = forward_signals(running)
        for group in groups:
            output = closing.enter_context(folder.joinpath(group.name).open("wb")) if group != groups[-1] else None
            print(f"\n== {group.name}: {' '.join(group.folders)}", flush=True)
            command = [*PYTEST, *group.arguments(), "--junit-xml", str(folder / f"{group.name}.xml"), *options]
            process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)
            running[process.pid] = group
            process.returncode = 0  # `wait3` waits for it, and has what it used
            if ending.is_set():
                end_process(process.pid)
        while running:
            pid, code, used = os.wait3(0)
            group, seconds = running.pop(pid), time.monotonic() - start
            cases = cases_in(folder / f"{group.name}.xml")
            results[group.name] = Result(group.name, status_of(code, options), cases, seconds, cpu(used))
        for group in groups[:-1]:
            print(f"\n== {group.name}", folder.joinpath(group.name).read_text("utf-8", "replace"), sep="\n", flush=True)
    if stopped := [each.status for each in results.values() if each.status in STOPPED]:
        raise SystemExit(stopped[0])
    return [results[group.name] for group in groups]


def forward_signals(running: Mapping[int, Group]) -> threading.Event:
    """They end what they started, also when this process is to end: it is set then. A terminal interrupts them, too."""
    ending = threading.Event()

    def end(*_: object) -> None:
        ending.set()
        for pid in tuple(running):
            end_process(pid)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, lambda *_: None)
    return ending


def end_process(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)


def status_of(code: int, options: Sequence[str]) -> int:
    status = os.waitstatus_to_exitcode(code)
    return 0 if options and status == pytest.ExitCode.NO_TESTS_COLLECTED else status


def cases_in(report: Path) -> int:
    """The number of tests that pytest ran; none if it ended before its report."""
    if not report.exists():
        return 0
    # Of our own pytest, so that no entities are to be feared.
    suites = ET.parse(report).getroot().iter("testsuite")  # noqa: S314
    return sum(int(suite.attrib["tests"]) for suite in suites)


def cpu(used: resource.struct_rusage) -> float:
    return used.ru_utime + used.ru_stime


def total(name: str, parts: Sequence[Result], seconds: float) -> Result:
    """All of them; those that run beside each other take the seconds of the longest."""
    status = next((part.status for part in parts if part.status), 0)
    return Result(name, status, sum(part.cases for part in parts), seconds, sum(part.cpu for part in parts))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
