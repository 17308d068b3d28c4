"""The environment has no default, and the exit status is 0 done, 1 refused, 2 used wrongly."""

import json
from typing import Any

import pytest

from tests.unit.tools.lookup.command_line import CommandLine
from tools import environment
from tools.lookup.app import COMMANDS
from tools.lookup.case import ENVIRONMENTS, Refused


def test_environments_are_those_of_samconfig_and_the_local_run() -> None:
    assert (*environment.ENVIRONMENTS, "local") == ENVIRONMENTS


@pytest.mark.parametrize("words", [("admin", "portals"), ("admin", "keys.create"), ("admin", "portal.forget", "--yes")])
def test_command_without_an_environment_ends_with_status_2_and_names_the_option(
    lookup: CommandLine, words: tuple[str, ...]
) -> None:
    result = lookup(*words)
    assert (result.status, result.out, lookup.asked, lookup.target.calls) == (2, "", [], [])
    assert "--env dev|staging|prod|local, or CHAT_LOOKUP_ENV" in result.err


@pytest.mark.parametrize(
    ("words", "variable"),
    [
        (("admin", "portals", "--env", "prod"), None),
        (("--env", "prod", "admin", "portals"), None),
        (("admin", "--env", "prod", "portals"), None),
        (("admin", "portals"), "prod"),
        (("--env", "dev", "admin", "portals", "--env", "prod"), "local"),
    ],
)
def test_environment_is_given_anywhere_or_by_the_variable(
    lookup: CommandLine, words: tuple[str, ...], variable: str | None
) -> None:
    lookup.environ |= {"CHAT_LOOKUP_ENV": variable} if variable else {}
    assert lookup(*words).status == 0
    assert lookup.asked == ["prod"]
    assert lookup.target.calls == [("AdminFunction", {"command": "portals"})]


@pytest.mark.parametrize(
    "words",
    [
        ("admin", "portals", "--env", "test"),
        ("admin", "portals", "--env", "dev", "--unknown"),
        ("admin", "unknown", "--env", "dev"),
        ("unknown",),
        ("admin", "keys.create", "--env", "dev"),
        ("admin", "portal.set", "--env", "dev", "--rate", "many"),
        ("admin", "portal.set", "--env", "dev", "--result-shape", "list"),
        ("admin", "keys.create", "--env", "dev", "--label", "x", "--scopes", "admin"),
        ("admin", "events.redrive", "--env", "dev", "--limit", "10001"),
    ],
)
def test_wrong_use_ends_with_status_2_and_invokes_nothing(lookup: CommandLine, words: tuple[str, ...]) -> None:
    result = lookup(*words)
    assert (result.status, result.out, lookup.target.calls) == (2, "", [])
    assert "Error: " in result.err


def test_refusal_ends_with_status_1_and_one_line(lookup: CommandLine) -> None:
    def refuse(_: str, __: Any) -> dict[str, Any]:
        raise Refused("label is missing", "InvalidRequest")

    lookup.target.answer = refuse
    plain = lookup("admin", "portals", "--env", "dev")
    assert plain == (1, "", "InvalidRequest: label is missing\n")
    for_programs = lookup("admin", "portals", "--env", "dev", "--json")
    assert for_programs.status == 1
    assert json.loads(for_programs.out) == {"error": {"type": "InvalidRequest", "detail": "label is missing"}}


@pytest.mark.parametrize("words", [("admin", "portals", "--json"), ("--json", "admin", "portals")])
def test_answer_for_programs_is_one_json_object(lookup: CommandLine, words: tuple[str, ...]) -> None:
    lookup.target.answer = lambda _, __: {"portals": [{"domain": "п.example", "rate": 2.0}]}
    result = lookup("--env", "dev", *words)
    assert json.loads(result.out) == {"portals": [{"domain": "п.example", "rate": 2.0}]}
    assert (result.status, result.err, result.out.count("\n")) == (0, "", 1)


def test_help_lists_every_command_and_needs_no_environment(lookup: CommandLine) -> None:
    result = lookup("--help")
    assert result.status == 0
    assert all(f"  {name}  " in result.out for name in COMMANDS)
    assert lookup("admin", "--help").status == lookup("admin", "portals", "--help").status == 0
    assert lookup.asked == []
