"""Each command of the table is a command of `./lookup admin`, with an option for each field that is no secret."""

from typing import Any

import pytest

from chat_lookup.admin.commands import COMMANDS, CommandContract, Kind
from tests.unit.tools.lookup.command_line import CommandLine


def words_of(contract: CommandContract) -> list[str]:
    """Every option of a command, by the examples of the table; secrets are asked for elsewhere."""
    words = []
    for field in contract.fields:
        option = f"--{field.name.replace('_', '-')}"
        if field.secret:
            continue
        if field.kind is Kind.FLAG:
            words += [option]
        elif isinstance(field.example, list):
            words += [option, ",".join(field.example)]
        else:
            words += [option, str(field.example)]
    return words


@pytest.mark.parametrize("name", COMMANDS)
def test_options_of_a_command_become_the_fields_of_its_event(lookup: CommandLine, name: str) -> None:
    contract = COMMANDS[name]
    secrets = [field.name for field in contract.fields if field.secret and field.required]
    words = [word for each in secrets for word in ("--secret-file", f"{each}=-")]
    lookup.target.answer = lambda _, __: {"key": "clk_made", "key_id": "0123"}
    result = lookup("--env", "dev", "admin", name, *words, *words_of(contract), *_yes(contract), stdin="the-secret\n")
    assert result.status == 0, result.err
    plain = {field.name: field.example for field in contract.fields if not field.secret}
    assert lookup.target.calls == [
        ("AdminFunction", {"command": name, **plain, **dict.fromkeys(secrets, "the-secret")})
    ]


def _yes(contract: CommandContract) -> list[str]:
    return ["--yes"] if contract.warning else []


@pytest.mark.parametrize("name", COMMANDS)
def test_field_that_is_not_given_is_not_sent(lookup: CommandLine, name: str) -> None:
    contract = COMMANDS[name]
    if any(field.required for field in contract.fields):
        return
    assert lookup("--env", "dev", "admin", name, *_yes(contract)).status == 0
    assert lookup.target.calls == [("AdminFunction", {"command": name})]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_explains_every_field(lookup: CommandLine, name: str) -> None:
    shown = " ".join(lookup("admin", name, "--help").out.split())
    assert " ".join(COMMANDS[name].about.split()) in shown
    for field in COMMANDS[name].fields:
        assert field.about in shown.replace("|- ", "|-")
        assert (f"--{field.name.replace('_', '-')} " in shown) != field.secret


@pytest.mark.parametrize("name", [name for name, contract in COMMANDS.items() if contract.warning])
def test_destructive_command_is_not_sent_without_a_confirmation(lookup: CommandLine, name: str) -> None:
    words = words_of(COMMANDS[name])
    result = lookup("--env", "dev", "admin", name, *words)
    assert (result.status, lookup.target.calls) == (1, [])
    assert COMMANDS[name].warning in result.err
    assert "--yes" in result.err


def test_options_with_underscores_and_repeated_lists_are_understood(lookup: CommandLine) -> None:
    words = ["--label", "x", "--expires_in_days", "7", "--scopes", "lookup", "--scopes", "rest,details", "--show"]
    lookup.target.answer = lambda _, __: {"key": "clk_made"}
    assert lookup("--env", "dev", "admin", "keys.create", *words).status == 0
    event: dict[str, Any] = lookup.target.calls[0][1]
    assert (event["expires_in_days"], event["scopes"]) == (7, ["lookup", "rest", "details"])


@pytest.mark.parametrize(("word", "sent"), [("--default", True), ("--no-default", False)])
def test_flag_is_sent_as_it_was_chosen(lookup: CommandLine, word: str, sent: bool) -> None:
    lookup("--env", "dev", "admin", "portal.set", word)
    assert lookup.target.calls == [("AdminFunction", {"command": "portal.set", "default": sent})]
