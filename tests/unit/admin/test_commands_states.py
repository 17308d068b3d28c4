"""Operators' commands in every state of a portal: a state that refuses callers does not refuse operators."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest

from chat_lookup.bootstrap.services import Services
from chat_lookup.errors import ChatLookupError, InvalidRequest, PortalStopped
from chat_lookup.portals.failures import ASKED_AGAIN
from chat_lookup.portals.portal import Portal, PortalState
from chat_lookup.portals.updates import PortalFacts
from tests.support.admin_function import ADD, run
from tests.support.fakes import CLIENT_ID, CLIENT_SECRET, MEMBER_ID, WEBHOOK_URL, FakeBitrix24, Output, Stores
from tests.support.in_process_service import Service
from tests.support.portals.first_contact import DOMAIN, OWN_ADDRESS

Into = Callable[[PortalState], None]
STATES: Final = list(PortalState)
UNKNOWN: Final = "globex.bitrix24.com"
OF_ONE_PORTAL: Final[Mapping[str, Mapping[str, Any]]] = {
    "portal.set": {"rate": 5, "default": True},
    "portal.rebind": {"public_url": OWN_ADDRESS},
    "cache.purge": {},
    "keys.create": {"label": "shop"},
    "keys.list": {},
    "keys.restore": {},
    "keys.revoke": {"key_id": "0123456789ab"},
    "portal.start": {},
    "portal.stop": {},
    "portal.forget": {},
}
"""The commands that mean one portal, with their other fields; the last ones change its state."""
OTHERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "portals": {},
    "doctor": {},
    "apps.list": {},
    "apps.add": {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "kind": "local", "domain": DOMAIN},
    "apps.set": {"client_id": CLIENT_ID, "domain": DOMAIN},
    "apps.rotate_secret": {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET},
    "apps.remove": {"client_id": CLIENT_ID},
    "events.redrive": {},
    "portals.reconcile": {},
    "portal.add_webhook": {"webhook_url": WEBHOOK_URL, "member_id": MEMBER_ID},
}
ALWAYS_REFUSED: Final = {
    # There is no such key, the application is there and in use, and a unit test has no queues.
    "keys.revoke": "InvalidRequest", "apps.add": "InvalidRequest", "apps.remove": "InvalidRequest",
    "events.redrive": "ServiceMisconfigured",
}  # fmt: skip
REFUSED_IN: Final[Mapping[PortalState, Mapping[str, str]]] = {
    PortalState.STOPPED: {"portal.rebind": "PortalStopped"},
    PortalState.UNINSTALLED: {"portal.rebind": "PortalNotInstalled"},
}
"""By state: the commands that are refused in it, because the portal itself would have to reply."""


def outcome(command: str, **fields: Any) -> str:
    """`answered`, or the name of the refusal; any other exception fails the test."""
    try:
        answer = run(command=command, **fields)
    except ChatLookupError as error:
        return type(error).__name__ if error.detail else "no text"
    json.dumps(answer)
    return "answered"


def outcomes(commands: Mapping[str, Mapping[str, Any]], **named: str) -> dict[str, str]:
    return {command: outcome(command, **fields, **named) for command, fields in commands.items()}


@pytest.fixture
def portal(installed: Services) -> Portal:
    return installed.portals.named(MEMBER_ID)


@pytest.fixture
def into(installed: Services, portal: Portal, stores: Stores) -> Into:
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


def test_tables_of_this_module_have_every_command(booted: Services) -> None:
    del booted
    with pytest.raises(InvalidRequest) as unknown:
        run(command="no such command")
    commands = str(unknown.value).removeprefix("command must be one of ").split(", ")
    assert sorted([*OF_ONE_PORTAL, *OTHERS]) == commands


@pytest.mark.parametrize("name", ["acme.bitrix24.com", MEMBER_ID, None], ids=["domain", "member_id", "the only portal"])
@pytest.mark.parametrize("state", STATES)
def test_every_command_about_one_portal_answers_or_refuses_as_documented_in_every_state(
    into: Into, state: PortalState, name: str | None
) -> None:
    into(state)
    named = {"portal": name} if name else {}
    expected = dict.fromkeys(OF_ONE_PORTAL, "answered") | {"keys.revoke": "InvalidRequest"}
    expected |= {} if name else {"portal.forget": "InvalidRequest"}
    assert outcomes(OF_ONE_PORTAL, **named) == {**expected, **REFUSED_IN.get(state, {})}


@pytest.mark.parametrize("state", STATES)
def test_every_other_command_answers_or_refuses_as_documented_in_every_state(
    into: Into, bitrix24: FakeBitrix24, state: PortalState
) -> None:
    into(state)
    bitrix24.answers("scope", ["im"])
    bitrix24.answers("imbot.v2.Bot.list", {"bots": []})
    assert outcomes(OTHERS) == {command: ALWAYS_REFUSED.get(command, "answered") for command in OTHERS}


@pytest.mark.parametrize("name", [UNKNOWN, "f0e1d2c3", "../x", "x" * 300])
def test_every_command_refuses_a_portal_that_is_not_known(into: Into, name: str) -> None:
    into(PortalState.ACTIVE)
    assert set(outcomes(OF_ONE_PORTAL, portal=name).values()) == {"PortalNotInstalled"}


def test_every_command_refuses_where_no_portal_is_known(booted: Services) -> None:
    del booted
    expected = dict.fromkeys(OF_ONE_PORTAL, "PortalNotInstalled") | {"portal.forget": "InvalidRequest"}
    assert outcomes(OF_ONE_PORTAL) == expected
    unknown = {"apps.set": "InvalidRequest", "apps.rotate_secret": "InvalidRequest"} | ALWAYS_REFUSED
    without = {
        command: fields for command, fields in OTHERS.items() if command not in ("apps.add", "portal.add_webhook")
    }
    assert outcomes(without) == {command: unknown.get(command, "answered") for command in without}


@pytest.mark.parametrize("default", [False, True])
def test_every_command_demands_the_portal_once_there_are_two(into: Into, service: Service, default: bool) -> None:
    into(PortalState.ACTIVE)
    service.portals.save(service.portals.named(None)._replace(member_id="0" * 32, domain=UNKNOWN), default=default)
    assert set(outcomes(OF_ONE_PORTAL).values()) == {"InvalidRequest"}


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
    into: Into, installed: Services, state: PortalState
) -> None:
    into(state)
    assert run(command="portal.rebind", portal=MEMBER_ID, public_url=OWN_ADDRESS)["remarks"] == []
    assert installed.portals.get(MEMBER_ID).state is PortalState.ACTIVE


def test_command_sends_no_call_to_a_stopped_portal(into: Into, bitrix24: FakeBitrix24) -> None:
    into(PortalState.STOPPED)
    calls = len(bitrix24.calls)
    with pytest.raises(PortalStopped):
        run(command="portal.rebind", portal=MEMBER_ID, public_url=OWN_ADDRESS)
    assert len(bitrix24.calls) == calls


# -- recoveries are counted --------------------------------------------------------------------------------------------


def test_stop_and_start_are_shown_and_the_start_is_counted(into: Into, output: Output) -> None:
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
