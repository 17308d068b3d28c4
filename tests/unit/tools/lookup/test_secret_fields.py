"""Secrets come from a private file, standard input or the terminal, and nothing quotes them."""

from pathlib import Path

import pytest

from chat_lookup.admin.commands import COMMANDS
from tests.unit.tools.lookup.command_line import CommandLine

SECRET = "a-secret-that-is-nowhere-else"
ROTATE = ("--env", "dev", "admin", "apps.rotate_secret", "--client-id", "local.1")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A private file with the secret and a line's end."""
    path = tmp_path / "secret"
    path.touch(0o600)
    path.write_text(f"{SECRET}\n")
    return path


def test_secret_is_read_from_a_private_file(lookup: CommandLine, file: Path) -> None:
    result = lookup(*ROTATE, "--secret-file", f"client_secret={file}")
    assert result.status == 0
    event = {"command": "apps.rotate_secret", "client_id": "local.1", "client_secret": SECRET}
    assert lookup.target.calls == [("AdminFunction", event)]
    assert SECRET not in result.out + result.err


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610])
def test_file_that_others_can_read_is_refused(lookup: CommandLine, file: Path, mode: int) -> None:
    file.chmod(mode)
    result = lookup(*ROTATE, "--secret-file", f"client_secret={file}")
    assert (result.status, lookup.target.calls) == (1, [])
    assert f"chmod 600 {file}" in result.err
    assert SECRET not in result.err


def test_file_that_cannot_be_read_is_refused_by_its_name(lookup: CommandLine, file: Path) -> None:
    file.write_bytes(b"\xff\xfe" + SECRET.encode())
    missing = lookup(*ROTATE, "--secret-file", "client_secret=/nowhere/at/all")
    assert (missing.status, missing.err.count("\n")) == (1, 1)
    assert "/nowhere/at/all cannot be read: No such file" in missing.err
    binary = lookup(*ROTATE, "--secret-file", f"client_secret={file}")
    assert (binary.status, SECRET in binary.err) == (1, False)
    file.write_text(" \n")
    assert "is empty" in lookup(*ROTATE, "--secret-file", f"client_secret={file}").err


def test_standard_input_can_be_one_secret(lookup: CommandLine) -> None:
    assert lookup(*ROTATE, "--secret-file", "client_secret=-", stdin=f"{SECRET}\n").status == 0
    assert lookup.target.calls[0][1]["client_secret"] == SECRET
    both = ("--secret-file", "webhook_url=-", "--secret-file", "bot_token=-")
    assert lookup("--env", "dev", "admin", "portal.add_webhook", *both, stdin=SECRET).status == 2


@pytest.mark.parametrize("given", ["client_secret", "client_secret=", "label=x", "=x", "client_id=x"])
def test_secret_file_that_names_no_secret_of_the_command_is_a_wrong_use(lookup: CommandLine, given: str) -> None:
    result = lookup(*ROTATE, "--secret-file", given)
    assert (result.status, lookup.target.calls) == (2, [])
    assert "FIELD is one of client_secret" in result.err


def test_required_secret_without_a_terminal_is_a_wrong_use_that_names_the_ways(lookup: CommandLine) -> None:
    result = lookup(*ROTATE)
    assert (result.status, lookup.target.calls) == (2, [])
    assert "--secret-file client_secret=PATH, or - for standard input" in result.err


def test_no_secret_can_be_an_option(lookup: CommandLine) -> None:
    for name, contract in COMMANDS.items():
        for field in contract.fields:
            if field.secret:
                option = f"--{field.name.replace('_', '-')}"
                for words in ([option, SECRET], [f"{option}={SECRET}"]):
                    result = lookup("--env", "dev", "admin", name, *words)
                    assert result.status == 2, name
                    assert SECRET not in result.err
    assert lookup.target.calls == []
