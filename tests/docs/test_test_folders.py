"""What documents, comments and commands say of the tests: the folders that are run, how long, and files that exist."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest

from tests import groups
from tests.groups import LONG, SHORT, Group, Result
from tests.support.processes import programs
from tests.support.repository import ROOT

APART: Final = {"tests/e2e"}
"""Run by `make e2e`."""
READ: Final = {".py", ".md", ".yaml", ".toml", ".txt", ""}
HISTORY: Final = {"CHANGELOG.md"}
ABSENT: Final = {"tests/unit/tools", "tests/unit/test_it.py", "tests/unit/credentials/test_none.py"}
"""What a plan had, and files of examples."""
SEARCHED: Final = (
    "docs",
    "layers",
    "functions",
    "local",
    "tools",
    "benchmarks",
    "events",
    "monitoring",
    "tests",
    ".ci",
)


def pages() -> Iterator[Path]:
    """Every file of the project with text for people."""
    yield from (path for path in ROOT.iterdir() if path.is_file() and path.name not in HISTORY)
    for folder in SEARCHED:
        yield from (path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def test_each_folder_with_tests_is_in_one_group() -> None:
    grouped = [folder for group in SHORT + LONG for folder in group.folders]
    present = {f"tests/{path.relative_to(ROOT / 'tests').parts[0]}" for path in (ROOT / "tests").rglob("test_*.py")}
    assert sorted(grouped) == sorted(present - APART)


def results(monkeypatch: pytest.MonkeyPatch, seconds: float = 1, failing: str = "") -> None:
    """Let each group take these seconds, and one of them fail, in place of running it."""

    def run(beside: Sequence[Group], _: Sequence[str]) -> list[Result]:
        return [Result(each.name, int(each.name == failing), cases=1, seconds=seconds, cpu=seconds) for each in beside]

    monkeypatch.setattr(groups, "run", run)


@pytest.mark.parametrize(
    ("ci", "seconds", "status"), [("true", 399, 0), ("true", 401, 1), ("", 401, 0)], ids=["quick", "slow", "elsewhere"]
)
def test_short_groups_that_take_more_than_400_s_fail_in_ci(
    ci: str, seconds: float, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", ci)
    results(monkeypatch, seconds)
    assert groups.main(["all"]) == status


@pytest.mark.parametrize("group", [group.name for group in SHORT + LONG])
def test_status_is_that_of_the_group_that_fails(group: str, monkeypatch: pytest.MonkeyPatch) -> None:
    results(monkeypatch, failing=group)
    assert groups.main(["all"]) == 1


BESIDE: Final = """
import os, signal, sys
from tests import groups

PYTEST = '''
import os, signal, sys
folder = sys.argv[-3]
print("ran", folder, flush=True)
if folder == "stops":
    os.kill(os.getppid(), signal.SIGTERM)
if folder in ("stops", "waits"):
    signal.pause()
sys.exit(folder == "fails")
'''
groups.PYTEST = (sys.executable, "-c", PYTEST)
results = groups.run([groups.Group(f"group {each}", (each,), 1) for each in sys.argv[1:]], [])
print([(each.name, each.status) for each in results])
"""


def beside(*folders: str) -> "subprocess.CompletedProcess[str]":
    """Runs groups of these folders, each of which does in place of pytest what its name says."""
    return programs.run([sys.executable, "-c", BESIDE, *folders], cwd=ROOT, timeout=50)


def test_groups_beside_each_other_have_their_own_statuses_and_the_output_of_the_last_comes_first() -> None:
    done = beside("fails", "works")
    assert done.stderr == ""
    assert done.stdout.index("ran works") < done.stdout.index("ran fails")
    assert done.stdout.endswith("[('group fails', 1), ('group works', 0)]\n")


def test_groups_end_all_that_they_started_when_they_are_to_end() -> None:
    done = beside("waits", "stops")
    assert (done.returncode, "group" in done.stdout.splitlines()[-1]) == (256 - signal.SIGTERM, False)


def test_each_path_of_the_tests_that_is_named_exists() -> None:
    missing = [
        f"{page.relative_to(ROOT)}: {named}"
        for page in pages()
        if page.suffix in READ
        for named in re.findall(r"\btests/[\w./-]*\w(?![\w<{*])", page.read_text("utf-8"))
        if named not in ABSENT and not (ROOT / named).exists()
    ]
    assert missing == []
