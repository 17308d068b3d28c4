"""The key that `keys.create` makes is in a private file, and on the terminal only if it was asked for."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.unit.tools.lookup.command_line import CommandLine
from tools.lookup.case import Refused

MADE = {"key": "clk_made-just-now", "key_id": "0123456789ab", "label": "shop"}
CREATE = ("--env", "dev", "admin", "keys.create", "--label", "shop")


@pytest.fixture(autouse=True)
def makes(lookup: CommandLine) -> None:
    lookup.target.answer = lambda _, __: dict(MADE)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config/bitrix24-chat-lookup/dev.key"


@pytest.mark.parametrize("json_option", [(), ("--json",)])
def test_key_goes_to_a_file_of_its_owner_and_not_to_the_terminal(
    lookup: CommandLine, path: Path, json_option: tuple[str, ...]
) -> None:
    result = lookup(*CREATE, *json_option)
    assert (result.status, path.read_text()) == (0, f"{MADE['key']}\n")
    assert [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent)] == [0o600, 0o700]
    assert [each.name for each in path.parent.iterdir()] == ["dev.key"]
    assert MADE["key"] not in result.out + result.err
    assert str(path) in result.out
    assert MADE["key_id"] in result.out


def test_key_is_shown_if_asked_for(lookup: CommandLine, path: Path) -> None:
    result = lookup(*CREATE, "--show", "--json")
    assert json.loads(result.out) == {**MADE, "key_file": str(path)}


def test_existing_key_is_kept_and_no_other_is_made_unless_that_is_confirmed(lookup: CommandLine, path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text("clk_before\n")
    result = lookup(*CREATE)
    assert (result.status, path.read_text(), lookup.target.calls) == (1, "clk_before\n", [])
    assert "--yes replaces it" in result.err
    assert lookup(*CREATE, "--yes").status == 0
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == (f"{MADE['key']}\n", 0o600)


def test_key_can_be_kept_elsewhere(lookup: CommandLine, tmp_path: Path) -> None:
    assert lookup(*CREATE, "--key-file", str(tmp_path / "shop.key")).status == 0
    assert (tmp_path / "shop.key").read_text() == f"{MADE['key']}\n"


def test_key_that_cannot_be_kept_is_not_made(lookup: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("no folder")
    result = lookup(*CREATE)
    assert (result.status, lookup.target.calls) == (1, [])
    assert "cannot be written" in result.err


def test_key_whose_file_cannot_be_replaced_is_not_lost(lookup: CommandLine, tmp_path: Path) -> None:
    """It exists by then, and its only copy is here: a folder has the name, or a file of another user."""
    path = tmp_path / "key"
    path.mkdir()
    (path / "file").touch()
    result = lookup(*CREATE, "--yes", "--key-file", str(path))
    assert result.status == 1
    (draft,) = (each for each in tmp_path.iterdir() if each.is_file())
    assert result.err.startswith(f"Refused: {path} cannot be replaced: ")
    assert str(draft) in result.err
    assert (draft.read_text(), stat.S_IMODE(draft.stat().st_mode)) == (f"{MADE['key']}\n", 0o600)
    assert MADE["key"] not in result.out + result.err


def test_link_in_the_place_of_a_key_is_replaced_and_not_followed(lookup: CommandLine, tmp_path: Path) -> None:
    elsewhere, path = tmp_path / "elsewhere", tmp_path / "key"
    path.symlink_to(elsewhere)
    assert lookup(*CREATE, "--key-file", str(path)).status == 0
    assert not elsewhere.exists()
    assert (path.is_symlink(), path.read_text()) == (False, f"{MADE['key']}\n")


def test_refused_command_leaves_no_file(lookup: CommandLine, path: Path) -> None:
    def refuse(_: str, __: Any) -> dict[str, Any]:
        raise Refused("label is too long", "InvalidRequest")

    lookup.target.answer = refuse
    assert lookup(*CREATE).status == 1
    assert list(path.parent.iterdir()) == []
