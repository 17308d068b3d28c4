"""Lines that people copy run as they are printed: of docs/sdks.md and of the platform's pages, at both doors, and those
of docs/api.md, at the service, and of docs/local-portal.md, at the portal.

Only the placeholders of host and credential are replaced; the value of the last expression is printed.
"""

import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

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

SDKS: Final = "docs/sdks.md"
API: Final = "docs/api.md"
LOCAL_PORTAL: Final = "docs/local-portal.md"
RUN_ELSEWHERE: Final[Mapping[tuple[str, str], str]] = {
    ("README.md", "sh"): "tests/docs/test_readme.py",
    (LOCAL_PORTAL, "python"): "tests/local/portal/test_alone.py",
}
"""By page and language, the other tests that run lines."""
RUN_HERE: Final = {
    *((page, language) for page in (SDKS, API) for language in ("sh", "python", "js", "php")),
    (LOCAL_PORTAL, "sh"),
    (LOCAL_PORTAL, "js"),
}
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


def languages(page: str) -> list[str]:
    return [language for language, _ in runnable(page)]


def test_each_line_of_code_in_the_documents_is_run_or_is_in_the_list_of_those_that_cannot() -> None:
    pages = ["README.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
    assert {(page, each) for page in pages for each in languages(page)} == {*RUN_HERE, *RUN_ELSEWHERE}
    printed = [source for page in pages for _, source in blocks(page)]
    assert [part for part in NOT_RUN if not any(part in source for source in printed)] == []


# -- docs/local-portal.md ----------------------------------------------------------------------------------------------


@pytest.fixture
def run_folder(service: Service, tmp_path: Path) -> Path:
    """Where `make run` or `make portal` runs: with the files that name the portal's addresses."""
    (tmp_path / ".local").mkdir()
    addresses = {"control_url": service.portal.control_url, "webhook_url": service.portal.webhook_url}
    for name in ("run.json", "portal.json"):
        (tmp_path / ".local" / name).write_text(json.dumps(addresses), "utf-8")
    return tmp_path


def test_curl_lines_of_the_local_portals_page_set_show_and_end_a_fault(run_folder: Path) -> None:
    source = dict(runnable(LOCAL_PORTAL))["sh"]

    done = programs.run(["bash", "-euc", source], cwd=run_folder, timeout=60)

    assert done.returncode == 0, done.stderr
    added, shown, ended = re.findall(r"\{.*?\}(?=\{|\[|$)|\[.*?\](?=\{)", done.stdout)
    assert (json.loads(added), json.loads(ended)) == ({"added": 1}, {"added": 0})
    assert [(each["method"], each["applied"]) for each in json.loads(shown)] == [("im.chat.get", 0)]


@pytest.mark.usefixtures("_trusting")
def test_javascript_lines_of_the_local_portals_page_pass_as_a_test_of_an_application(run_folder: Path) -> None:
    node = drivers.node_program()
    (run_folder / "chat.test.mjs").write_text(dict(runnable(LOCAL_PORTAL))["js"], "utf-8")

    done = programs.run([*node, "--test", "chat.test.mjs"], cwd=run_folder, timeout=60)

    assert done.returncode == 0, done.stdout
    assert "pass 1" in done.stdout


# -- docs/sdks.md and docs/api.md --------------------------------------------------------------------------------------


OWN_PRINTER: Final = re.compile(r"(?:print|console\.log)\((.*)\)|echo (?:json_encode\((.*)\)|(.*))")


def last_printed(source: str, by: str) -> str:
    """The lines with `by` around their last expression, in the place of what prints it for people; its comment goes."""
    lines = re.sub(r" +(#|//) .*$", "", source.rstrip(), flags=re.MULTILINE).split("\n")
    last = lines[-1].rstrip(";")
    own = OWN_PRINTER.fullmatch(last)
    return "\n".join([*lines[:-1], by.format(next(filter(None, own.groups())) if own else last)])


def by_bash(source: str, _: Path) -> list[str]:
    return ["bash", "-euc", source]


def by_python(source: str, _: Path) -> list[str]:
    return [sys.executable, "-c", last_printed(source, "import json; print(json.dumps({}))")]


def by_node(source: str, folder: Path) -> list[str]:
    node = drivers.node_program()
    (folder / "node_modules").unlink(missing_ok=True)
    (folder / "node_modules").symlink_to(NODE_FOLDER / "node_modules")
    (folder / "lines.mjs").write_text(last_printed(source, "process.stdout.write(JSON.stringify({}))"), "utf-8")
    return [*node, str(folder / "lines.mjs")]


def by_php(source: str, _: Path) -> list[str]:
    include = f"require '{drivers.FOLDER / 'clients.php'}';\n"
    ca_file = Path(os.environ["CURL_CA_BUNDLE"])
    return [*drivers.php_program(ca_file), "-r", include + last_printed(source, "echo json_encode({});")]


def answered(command: list[str]) -> Any:
    """What a program prints."""
    done = programs.run(command, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


RUN_BY: Final[Mapping[str, Callable[[str, Path], list[str]]]] = {
    "sh": by_bash,
    "python": by_python,
    "js": by_node,
    "php": by_php,
}


@pytest.fixture
def _trusting(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each language's own variable for the authority."""
    for name in ("CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(service.portal.ca_file))


@pytest.mark.usefixtures("_trusting")
@pytest.mark.parametrize(("language", "source"), runnable(SDKS), ids=languages(SDKS))
@pytest.mark.parametrize("door", ["portal", "service"])
def test_lines_of_the_sdk_page_find_the_chat_at_either_door(
    both: Both, tmp_path: Path, language: str, source: str, door: str
) -> None:
    at: Door = getattr(both("webhook"), door)
    filled = source.replace("<host>", at.host).replace("1/<KEY>", at.code)

    answer = answered(RUN_BY[language](filled, tmp_path))

    assert answer.get("result", answer) == {"ID": 1437}


@pytest.mark.usefixtures("_trusting")
@pytest.mark.parametrize(("language", "source"), runnable(API), ids=languages(API))
def test_lines_of_the_page_about_the_api_find_what_they_print(
    service: Service, both: Both, tmp_path: Path, language: str, source: str
) -> None:
    filled = source.replace("<host>", both("webhook").service.host).replace("<KEY>", service.api_key)
    assert language == "sh" or OWN_PRINTER.match(source.rstrip().rpartition("\n")[2]), "a program prints its answer"

    answer = answered(RUN_BY[language](filled, tmp_path))

    several = "/v1/chats/batch" in source
    if language == "sh":
        answer = [each["chat_id"] for each in answer["results"]] if several else answer["chat_id"]
    assert answer == ([1437, None] if several else 1437)


@pytest.mark.usefixtures("_trusting")
@pytest.mark.parametrize("language", ["python", "js", "php"])
def test_look_up_of_the_page_about_the_api_finds_no_chat_and_raises_for_a_wrong_key(
    service: Service, both: Both, tmp_path: Path, language: str
) -> None:
    source = dict(reversed(runnable(API)))[language]
    host = both("webhook").service.host
    filled = source.replace("<host>", host).replace("DEAL|1663", "DEAL|404")

    assert answered(RUN_BY[language](filled.replace("<KEY>", service.api_key), tmp_path)) is None
    done = programs.run(RUN_BY[language](filled.replace("<KEY>", "clk_wrong"), tmp_path), timeout=60)
    assert done.returncode != 0
    assert "request_id" in done.stderr


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
