"""Lines that people copy run as they are printed, at both doors: of docs/sdks.md, and of the platform's pages.

Only the placeholders of host and credential are replaced; the value of the last expression is printed.
"""

import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.sdk import drivers
from tests.sdk.calls import Outcome
from tests.sdk.doors import Door, Doors, Mode
from tests.sdk.drivers import NODE_FOLDER, Driver
from tests.sdk.seed_lines import JAVASCRIPT, PHP, Printed
from tests.support.processes import programs
from tests.support.repository import ROOT
from tests.support.service import Service

Both = Callable[[Mode], Doors]

PAGE: Final = "docs/sdks.md"
RUN_ELSEWHERE: Final[Mapping[str, str]] = {
    "README.md": "tests/docs/test_readme.py",
    "docs/local-portal.md": "tests/docs/test_local_portal.py",
}
"""Pages whose lines other tests run."""
NOT_RUN: Final[Mapping[str, str]] = {
    "sam remote invoke": "It needs a deployed stack; tests/docs/test_printed_commands.py checks its options.",
    "https://acme.bitrix24.com/rest/": "It asks a portal in the internet; tests/docs/test_runbook.py checks it.",
}
"""By a part of them, the lines that no test can run, and why."""

_BLOCK: Final = re.compile(r"^ *```(\w+)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
_LANGUAGES: Final = ("js", "php", "python")


def blocks(page: str) -> list[tuple[str, str]]:
    """The lines of code of a page, each with its language; of a shell's lines, those that call over HTTP."""
    found: list[tuple[str, str]] = _BLOCK.findall((ROOT / page).read_text("utf-8"))
    calling = ("curl", "remote invoke")
    return [each for each in found if each[0] in _LANGUAGES or any(word in each[1] for word in calling)]


def runnable(page: str) -> list[tuple[str, str]]:
    return [each for each in blocks(page) if not any(part in each[1] for part in NOT_RUN)]


def test_each_line_of_code_in_the_documents_is_run_or_is_in_the_list_of_those_that_cannot() -> None:
    pages = ["README.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
    assert {page for page in pages if runnable(page)} == {PAGE, *RUN_ELSEWHERE}
    printed = [source for page in pages for _, source in blocks(page)]
    assert [part for part in NOT_RUN if not any(part in source for source in printed)] == []


# -- docs/sdks.md ------------------------------------------------------------------------------------------------------


def last_printed(source: str, by: str) -> str:
    """The lines with `by` around their last expression, which ends before its comment."""
    lines = re.sub(r" +(#|//) .*$", "", source.rstrip(), flags=re.MULTILINE).split("\n")
    return "\n".join([*lines[:-1], by.format(lines[-1].rstrip(";"))])


def by_bash(source: str, _: Path) -> list[str]:
    return ["bash", "-euc", source]


def by_python(source: str, _: Path) -> list[str]:
    return [sys.executable, "-c", last_printed(source, "import json; print(json.dumps({}))")]


def by_node(source: str, folder: Path) -> list[str]:
    node = drivers.node_program()
    (folder / "node_modules").symlink_to(NODE_FOLDER / "node_modules")
    (folder / "lines.mjs").write_text(last_printed(source, "process.stdout.write(JSON.stringify({}))"), "utf-8")
    return [*node, str(folder / "lines.mjs")]


def by_php(source: str, _: Path) -> list[str]:
    include = f"require '{drivers.FOLDER / 'clients.php'}';\n"
    ca_file = Path(os.environ["CURL_CA_BUNDLE"])
    return [*drivers.php_program(ca_file), "-r", include + last_printed(source, "echo json_encode({});")]


RUN_BY: Final[Mapping[str, Callable[[str, Path], list[str]]]] = {
    "sh": by_bash,
    "python": by_python,
    "js": by_node,
    "php": by_php,
}


@pytest.fixture
def _trusting(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each language's own variable for the authority."""
    for name in ("CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"):
        monkeypatch.setenv(name, str(service.portal.ca_file))


@pytest.mark.usefixtures("_trusting")
@pytest.mark.parametrize(("language", "source"), runnable(PAGE), ids=[each[0] for each in runnable(PAGE)])
@pytest.mark.parametrize("door", ["portal", "service"])
def test_lines_of_the_sdk_page_find_the_chat_at_either_door(
    both: Both, tmp_path: Path, language: str, source: str, door: str
) -> None:
    at: Door = getattr(both("webhook"), door)
    filled = source.replace("<host>", at.host).replace("1/<KEY>", at.code)
    assert "<" not in filled.replace("<<", "")

    done = programs.run(RUN_BY[language](filled, tmp_path), timeout=60)

    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer.get("result", answer) == {"ID": 1437}


# -- the platform's pages ----------------------------------------------------------------------------------------------


def ways(lines: Mapping[str, Printed]) -> list[tuple[str, Mode]]:
    return [(name, mode) for name, each in lines.items() for mode in each.modes]


@pytest.mark.parametrize(("name", "mode"), ways(JAVASCRIPT))
def test_javascript_lines_of_the_platforms_pages_find_the_same_at_both_doors(
    both: Both, node: Driver, name: str, mode: Mode
) -> None:
    printed = JAVASCRIPT[name]
    for door in both(mode):
        found = node.ask(do="lines", door=door.as_json(), source=printed.source)

        assert found == [printed.found.result], door.name


@pytest.mark.parametrize(("name", "mode"), ways(PHP))
def test_php_lines_of_the_platforms_pages_find_the_same_at_both_doors(
    both: Both, php: Driver, name: str, mode: Mode
) -> None:
    printed = PHP[name]
    for door in both(mode):
        found = php.ask(do="lines", client=name, door=door.as_json(), source=printed.source)

        # b24phpsdk returns the result itself, the other two what was answered.
        found = found["result"] if isinstance(found, dict) and "time" in found else found
        assert Outcome(found) == printed.found, door.name
