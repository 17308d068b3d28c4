"""Every command that the documents print is run by a test, or is in the list of those that cannot, with the reason."""

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from tests.support.repository import ROOT

PAGES: Final = (
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    *sorted(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md")),
)
RUN: Final[Mapping[tuple[str, str], str]] = {
    ("README.md", r"make run\b"): "tests/processes/test_run.py",
    ("README.md", r"(control=|sleep 2; )?curl\b|control="): "tests/docs/test_readme.py",
    ("docs/api.md", "curl "): "tests/sdk/test_printed_lines.py",
    ("docs/sdks.md", "curl "): "tests/sdk/test_printed_lines.py",
    ("docs/local-portal.md", r"control=|curl "): "tests/sdk/test_printed_lines.py",
    ("docs/(admin|runbook|sdks|deploying).md", r"\./lookup admin (?!COMMAND)"): "tests/local/test_command_line.py",
    ("docs/admin.md", r"\./lookup chats"): "tests/unit/tools/lookup/test_chats.py",
    ("docs/admin.md", r"\./lookup objects"): "tests/unit/tools/lookup/test_objects.py",
    ("README.md|docs/deploying.md", r"\./lookup setup"): "tests/local/test_setup.py",
    ("docs/(deploying|first-deployment).md", "make preflight"): "tests/unit/tools/test_preflight.py",
    ("docs/(deploying|first-deployment).md", r"(git pull && )?make deploy"): "tests/processes/test_deploy.py",
    ("docs/deploying.md", r"KEY=.* make smoke|API_URL="): "tests/processes/test_smoke.py",
    ("docs/runbook.md", "make prune"): "tests/unit/tools/test_prune.py",
}
"""By page and beginning of the command: the test that runs it, or its program with recorded answers of AWS."""
NOT_RUN: Final[Mapping[tuple[str, str], str]] = {
    ("docs/(runbook|first-deployment).md", r"aws |for |done$|[A-Z]+=|resource\(\)|\}$"): (
        "They need an account; tests/docs/test_runbook.py holds each call against the models of AWS's services."
    ),
    (
        "docs/admin.md",
        r"\.venv-sam/bin/sam remote invoke",
    ): "It needs a stack; tests/local/test_command_line.py sends its event.",
    ("docs/runbook.md", r"curl -sS -m 10 https://acme\.bitrix24\.com"): "It asks a portal in the internet.",
    ("docs/admin.md", r"\./lookup admin COMMAND"): "A form: COMMAND is the name of any.",
    ("README.md", r"make test\b"): "It is what runs this test.",
    ("docs/recipes.md", "printf "): "It needs an authority of the reader's own.",
}


class Command(NamedTuple):
    """One line as it is typed, with those that continue it."""

    page: str
    line: str


def printed() -> Iterator[Command]:
    for page in PAGES:
        text = (ROOT / page).read_text("utf-8")
        for block in re.findall(r"^ *```sh\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE):
            for line in re.sub(r"\\\n\s*", " ", block).splitlines():
                if line.strip() and not line.strip().startswith("#"):
                    yield Command(page, line.strip())


def rows_for(command: Command) -> list[tuple[str, str]]:
    """The rows that name the command."""
    return [
        (page, line)
        for page, line in (*RUN, *NOT_RUN)
        if re.fullmatch(page, command.page) and re.match(line, command.line)
    ]


def test_each_printed_command_is_run_or_is_in_the_list_of_those_that_cannot() -> None:
    assert [command for command in printed() if len(rows_for(command)) != 1] == []


def test_each_row_names_a_command_and_a_test_that_are_there() -> None:
    named = {row for command in printed() for row in rows_for(command)}
    assert named == {*RUN, *NOT_RUN}
    assert [test for test in RUN.values() if not (ROOT / test).exists()] == []
