"""Operators' commands: what they store, what they show, and the error for every invalid field."""

from collections.abc import Callable
from typing import Any

import pytest

from chat_lookup.admin.commands import COMMANDS
from chat_lookup.bootstrap import admin as groups
from chat_lookup.errors import InvalidRequest, PortalNotInstalled
from tests.support.admin_function import ADD, run
from tests.support.fakes import MEMBER_ID, WEBHOOK_URL, FakeBitrix24, Output
from tests.support.in_process_service import Service

pytestmark = pytest.mark.usefixtures("booted")


# -- portals -----------------------------------------------------------------------------------------------------------


def test_portals_list_returns_the_installed_portals(bitrix24: FakeBitrix24, added: dict[str, Any]) -> None:
    bitrix24.answers("scope", ["im"])
    other = run(**ADD | {"webhook_url": WEBHOOK_URL.replace("acme", "globex")})
    portals = run(command="portals")["portals"]
    assert sorted(portal["domain"] for portal in portals) == ["acme.bitrix24.com", "globex.bitrix24.com"]
    assert added in portals
    assert other in portals


def test_portals_list_is_empty_without_any_portal() -> None:
    assert run(command="portals") == {"portals": []}


# -- what a command builds ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*COMMANDS, "portal.drop"])
def test_command_builds_its_own_group_and_no_other(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    built: list[str] = []

    def recording(group: str, build: Callable[..., object]) -> Callable[..., object]:
        def recorded(*parts: object) -> object:
            built.append(group)
            return build(*parts)

        return recorded

    for group in ("_applications", "_doctor", "_events", "_keys", "_portals", "_restoring", "_webhooks"):
        monkeypatch.setattr(groups, group, recording(group, getattr(groups, group)))
    with pytest.raises(InvalidRequest):
        run(command=name, unknown=1)
    assert len(built) == (name in COMMANDS)


# -- faults of a command -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("added")
@pytest.mark.parametrize(
    ("event", "reported"),
    [
        ({"command": "keys.create"}, "label is missing"),
        ({"command": "keys.create", "label": "x" * 101}, "label"),
        ({"command": "keys.create", "label": "a", "scopes": "lookup"}, "scopes must be a list"),
        ({"command": "keys.create", "label": "a", "scopes": ["admin"]}, "scopes"),
        ({"command": "keys.create", "label": "a", "expires_in_days": 0}, "expires_in_days"),
        ({"command": "keys.create", "label": "a", "expires_in_days": "7"}, "expires_in_days"),
        ({"command": "keys.create", "label": "a", "expire_in_days": 7}, "expire_in_days"),
        ({"command": "keys.revoke"}, "key_id is missing"),
        ({"command": "keys.revoke", "key_id": "unknown"}, "key_id"),
        ({"command": "keys.list", "portal": 7}, "portal must be text"),
        ({"command": "cache.purge", "entity_id": "x"}, "entity_id"),
        ({"command": "portals", "portal": "x"}, "portal"),
        ({}, "command is missing"),
        ({"command": 7}, "command must be text"),
        ({"command": "portal.drop"}, "command must be one of"),
        ({"command": "__init__"}, "command must be one of"),
    ],
)
def test_error_of_a_command_names_the_field(event: dict[str, object], reported: str) -> None:
    with pytest.raises(InvalidRequest, match=reported):
        run(**event)


@pytest.mark.parametrize("command", ["keys.create", "keys.list", "cache.purge"])
def test_commands_for_a_portal_that_is_not_installed_are_refused(command: str) -> None:
    fields = {"label": "crm sync"} if command == "keys.create" else {}
    with pytest.raises(PortalNotInstalled, match="the command `portals` lists all"):
        run(command=command, portal="unknown.bitrix24.com", **fields)


# -- the cache ---------------------------------------------------------------------------------------------------------


def test_purge_raises_the_generation_of_the_portal_and_of_no_other(service: Service, added: dict[str, Any]) -> None:
    other = run(**ADD | {"webhook_url": WEBHOOK_URL.replace("acme", "globex"), "member_id": MEMBER_ID})
    purged = run(command="cache.purge", portal=MEMBER_ID)
    assert purged == {"member_id": MEMBER_ID, "generation": other["generation"] + 1}
    assert service.portals.get(MEMBER_ID).generation == purged["generation"]
    assert service.portals.get(added["member_id"]).generation == added["generation"]


@pytest.mark.usefixtures("added")
def test_log_line_of_a_command_names_it(output: Output) -> None:
    run(command="portals")
    assert output.lines[-1]["command"] == "portals"
