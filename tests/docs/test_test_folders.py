"""What documents, comments and commands say of the tests: the folders that are run, how long, and files that exist."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest

from tests import groups
from tests.groups import LONG, SHORT, Group, Result
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

    def run(group: Group, _: Sequence[str]) -> Result:
        return Result(group.name, int(group.name == failing), cases=1, seconds=seconds, cpu=seconds)

    monkeypatch.setattr(groups, "run", run)


@pytest.mark.parametrize(
    ("ci", "seconds", "status"), [("true", 199, 0), ("true", 201, 1), ("", 201, 0)], ids=["quick", "slow", "elsewhere"]
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


def test_each_path_of_the_tests_that_is_named_exists() -> None:
    missing = [
        f"{page.relative_to(ROOT)}: {named}"
        for page in pages()
        if page.suffix in READ
        for named in re.findall(r"\btests/[\w./-]*\w(?![\w<{*])", page.read_text("utf-8"))
        if named not in ABSENT and not (ROOT / named).exists()
    ]
    assert missing == []
