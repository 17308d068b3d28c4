"""Operators' commands in every state of a portal: a state that refuses callers does not refuse operators."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from chat_lookup.bootstrap.services import Services
from chat_lookup.errors import PortalStopped
from chat_lookup.portals.failures import ASKED_AGAIN
from chat_lookup.portals.portal import Portal, PortalState
from chat_lookup.portals.updates import PortalFacts
from tests.support.admin_function import ADD, run
from tests.support.fakes import MEMBER_ID, FakeBitrix24, Output, Stores
from tests.support.portals.first_contact import OWN_ADDRESS

Command = Callable[[str | None], dict[str, Any]]
STATES: Final = list(PortalState)


def named(**fields: Any) -> Command:
    """A command with the portal's name, or without one where the default portal is meant."""
    return lambda name: run(**fields, **({"portal": name} if name else {}))


def key_made_and_revoked(name: str | None) -> dict[str, Any]:
    made = named(command="keys.create", label="shop")(name)
    assert made["key_id"] in [key["key_id"] for key in named(command="keys.list")(name)["keys"]]
    return named(command="keys.revoke", key_id=made["key_id"])(name)


COMMANDS: Final[dict[str, Command]] = {
    "portals": lambda _: run(command="portals"),
    "keys.create, list and revoke": key_made_and_revoked,
    "cache.purge": named(command="cache.purge"),
    "portal.set": lambda name: named(command="portal.set", rate=5, default=True)(name or MEMBER_ID),
    "portal.stop": lambda name: named(command="portal.stop")(name or MEMBER_ID),
    "portal.start": lambda name: named(command="portal.start")(name or MEMBER_ID),
    "portals.reconcile": lambda _: run(command="portals.reconcile"),
    "portal.forget": lambda name: named(command="portal.forget")(name or MEMBER_ID),
}


@pytest.fixture
def portal(installed: Services) -> Portal:
    return installed.portals.named(MEMBER_ID)


@pytest.fixture
def into(installed: Services, portal: Portal, stores: Stores) -> Callable[[PortalState], None]:
    """Put the portal into a state as an operator's process reads it: from its memory or from the table."""

    def bring(state: PortalState) -> None:
        states = installed.portals.states
        if state is PortalState.UNINSTALLED:
            assert PortalFacts(stores.portal_rows, installed.portals).uninstalled(portal)
        elif state is PortalState.STOPPED:
            states.stop(portal)
        elif state is not PortalState.ACTIVE:
            states.close(portal, state, "CODE")

    return bring


@pytest.mark.parametrize("name", ["acme.bitrix24.com", MEMBER_ID, None], ids=["domain", "member_id", "default portal"])
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_works_in_every_state(
    into: Callable[[PortalState], None], command: str, state: PortalState, name: str | None
) -> None:
    into(state)
    assert COMMANDS[command](name)


@pytest.mark.parametrize("state", STATES)
def test_webhook_can_be_added_in_every_state_of_its_portal(
    booted: Services, bitrix24: FakeBitrix24, state: PortalState
) -> None:
    bitrix24.answers("scope", ["im"])
    added = run(**ADD)
    record = booted.portals.named(added["member_id"])
    if state is PortalState.STOPPED:
        booted.portals.states.stop(record)
    elif state is not PortalState.ACTIVE:
        booted.portals.states.close(record, state, "CODE")
    again = run(**ADD)["state"]
    assert again == (PortalState.STOPPED if state is PortalState.STOPPED else PortalState.ACTIVE)


@pytest.mark.parametrize("state", sorted(ASKED_AGAIN))
def test_bindings_are_registered_again_in_a_closed_portal_before_its_next_probe_is_due(
    into: Callable[[PortalState], None], installed: Services, state: PortalState
) -> None:
    into(state)
    assert run(command="portal.rebind", portal=MEMBER_ID, public_url=OWN_ADDRESS)["remarks"] == []
    assert installed.portals.get(MEMBER_ID).state is PortalState.ACTIVE


def test_command_sends_no_call_to_a_stopped_portal(into: Callable[[PortalState], None], bitrix24: FakeBitrix24) -> None:
    into(PortalState.STOPPED)
    calls = len(bitrix24.calls)
    with pytest.raises(PortalStopped):
        run(command="portal.rebind", portal=MEMBER_ID, public_url=OWN_ADDRESS)
    assert len(bitrix24.calls) == calls


# -- recoveries are counted --------------------------------------------------------------------------------------------


def test_stop_and_start_are_shown_and_the_start_is_counted(into: Callable[[PortalState], None], output: Output) -> None:
    into(PortalState.ACTIVE)
    assert run(command="portal.stop", portal=MEMBER_ID)["state"] == "stopped"
    assert run(command="portal.stop", portal=MEMBER_ID)["state"] == "stopped"
    assert output.metric("PortalRecoveries") == 0
    assert run(command="portal.start", portal=MEMBER_ID)["state"] == "active"
    assert output.metric("PortalRecoveries", state="stopped") == 1
    assert run(command="portal.start", portal=MEMBER_ID)["state"] == "active"
    assert output.metric("PortalRecoveries") == 1


def test_webhook_that_is_added_again_counts_as_a_recovery(
    booted: Services, bitrix24: FakeBitrix24, output: Output
) -> None:
    bitrix24.answers("scope", ["im"])
    added = run(**ADD)
    booted.portals.states.close(booted.portals.named(added["member_id"]), PortalState.RENAMED, "")
    assert output.metric("PortalRecoveries") == 0
    run(**ADD)
    assert output.metric("PortalRecoveries", state="renamed") == 1
