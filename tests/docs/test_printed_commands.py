"""Commands that people copy from the documents and from programs reach the stack and the version that they mean."""

import re
import shlex
import tomllib
from pathlib import Path
from typing import Final, NoReturn

import pytest

from tests.support.repository import ROOT
from tests.template.file import TEMPLATE
from tools.environment import ENVIRONMENTS
from tools.lookup.app import REFUSED, main
from tools.lookup.case import Refused

FOLDERS: Final = ("docs", "events", "functions", "layers", "local", "tools")
FILES: Final = ("README.md", "Makefile", "template.yaml", "samconfig.toml")
READ: Final = (".md", ".yaml", ".json", ".py", ".mk", ".toml", "")
ALIAS: Final = TEMPLATE["Globals"]["Function"]["AutoPublishAlias"]


def pages() -> list[Path]:
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in READ]
    return [ROOT / name for name in FILES] + [path for path in found if path.is_file()]


def lines_with(pattern: str) -> list[tuple[str, str]]:
    """Each match in a line, with the name of its page."""
    return [
        (path.relative_to(ROOT).as_posix(), match)
        for path in pages()
        for line in path.read_text("utf-8").splitlines()
        for match in re.findall(pattern, line)
    ]


def test_every_invocation_names_its_environment_and_the_version_of_callers() -> None:
    commands = lines_with(r"sam remote invoke [A-Z]\w+ .*")
    assert commands
    for page, command in commands:
        words = shlex.split(command.split("   #")[0], comments=True)
        assert words[words.index("--config-env") + 1] in ENVIRONMENTS, (page, command)
        assert words[words.index("--parameter") + 1] == f"Qualifier={ALIAS}", (page, command)


def test_every_deployment_in_the_documents_names_its_environment() -> None:
    commands = [each for each in lines_with(r"^ *(make (?:deploy|preflight|prune)\b.*)") if each[0].endswith(".md")]
    assert commands
    assert [each for each in commands if not re.search(r"ENV=(dev|staging|prod)\b", each[1])] == []


def test_every_line_of_the_command_line_names_its_environment_and_is_one_that_it_accepts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unreachable(env: str, environ: object) -> NoReturn:
        raise Refused(f"{env} cannot be reached from here: {environ}")

    def unanswered(*_: object) -> NoReturn:
        raise EOFError

    monkeypatch.setattr("tools.setup.command.run", lambda case, *_, **__: unreachable(case.env, case.environ))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("click.termui.hidden_prompt_func", unanswered)
    monkeypatch.setattr("click.termui.visible_prompt_func", unanswered)
    lines = [each for each in lines_with(r"^ *(\./lookup (?!.*COMMAND).*)") if each[0].endswith(".md")]
    assert {page for page, _ in lines} >= {"README.md", "docs/deploying.md", "docs/runbook.md", "docs/sdks.md"}
    for page, line in lines:
        assert main(shlex.split(line, comments=True)[1:], {}, unreachable) == REFUSED, (page, line)


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_invocation_without_options_reaches_the_alias_of_its_environment_and_no_other(env: str) -> None:
    settings = tomllib.loads((ROOT / "samconfig.toml").read_text("utf-8"))
    assert "remote_invoke" not in settings["default"], "a command without an environment must not reach any"
    invoked = settings[env]["remote_invoke"]["parameters"]
    assert invoked["stack_name"] == settings[env]["deploy"]["parameters"]["stack_name"]
    assert invoked["parameter"] == [f"Qualifier={ALIAS}"]
