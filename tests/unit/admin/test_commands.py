"""Operators' commands: what they store, what they show, and every fault of their fields by its name."""

import json
from typing import Any

import pytest

from chat_lookup.bootstrap.services import Services
from chat_lookup.clock import Deadline
from chat_lookup.errors import (
    ChatLookupError,
    InvalidRequest,
    KeyRejected,
    PortalMisconfigured,
    PortalNotInstalled,
    PortalUnavailable,
)
from chat_lookup.portals.application_tokens import proves
from chat_lookup.portals.portal import PortalState, member_id_of_webhook
from functions.admin import app
from tests.support.building import Service
from tests.support.fakes import (
    MEMBER_ID,
    WEBHOOK_CODE,
    WEBHOOK_URL,
    FakeBitrix24,
    ManualClock,
    Output,
    Stores,
    lambda_context,
)

BOT_TOKEN = "b0tt0ken-b0tt0ken"
APPLICATION_TOKEN = "synthet1c-synthet1c"
ADD = {"command": "portal.add_webhook", "webhook_url": WEBHOOK_URL}


@pytest.fixture(autouse=True)
def _booted(booted: Services) -> Services:
    """Before anything else: the commands are carried out by what `bootstrap` built."""
    return booted


def run(**event: Any) -> dict[str, Any]:
    """Invoke the function, which is a process of its own beside `service`."""
    return app.handler(event, lambda_context())


@pytest.fixture
def added(bitrix24: FakeBitrix24) -> dict[str, Any]:
    """A portal as the command makes it."""
    bitrix24.answers("scope", ["im", "imbot", "crm"])
    return run(**ADD)


def stored(stores: Stores) -> str:
    return json.dumps(stores.dynamodb.scan(TableName=stores.portal_table)["Items"])


# -- portal.add_webhook ------------------------------------------------------------------------------------------------


def test_a_portal_is_added_by_nothing_but_its_webhook(
    service: Service, bitrix24: FakeBitrix24, added: dict[str, Any]
) -> None:
    assert (added["member_id"], added["domain"]) == (member_id_of_webhook("acme.bitrix24.com"), "acme.bitrix24.com")
    assert (added["scopes"], added["rate"], added["burst"]) == (["crm", "im", "imbot"], 2.0, 50)
    assert (added["state"], added["bot_id"]) == ("active", None)
    assert bitrix24.methods == ["scope"]
    bitrix24.answers("im.chat.get", 7)
    portal = service.portals.find(None)
    assert service.calls.call(portal, "im.chat.get", {}, Deadline.after(10, service.clock)).result == 7
    assert bitrix24.calls[-1].endpoint.base_url == WEBHOOK_URL


def test_a_portal_is_added_with_all_that_may_be_said_of_it(service: Service, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("scope", ["imbot"])
    facts = {"member_id": MEMBER_ID, "bot_id": 17, "bot_token": BOT_TOKEN, "rate": 5, "burst": 250, "default": True}
    answer = run(**ADD, **facts)
    assert [answer[name] for name in ("member_id", "bot_id", "rate", "burst")] == [MEMBER_ID, 17, 5, 250]
    portal = service.portals.get(MEMBER_ID)
    assert service.tokens.grant(portal, Deadline.after(10, service.clock)).bot_token == BOT_TOKEN


def test_events_of_a_bot_with_a_token_of_its_own_can_be_proved(
    service: Service, bitrix24: FakeBitrix24, stores: Stores, output: Output
) -> None:
    bitrix24.answers("scope", ["imbot"])

    def proves_them(application_token: str) -> bool:
        portal = service.portals.read(MEMBER_ID)
        return portal is not None and proves(application_token, portal)

    shown = run(**ADD, member_id=MEMBER_ID, bot_token=BOT_TOKEN, application_token=APPLICATION_TOKEN)
    assert proves_them(APPLICATION_TOKEN)
    assert APPLICATION_TOKEN not in json.dumps(shown) + stored(stores) + output.text
    # The portal makes up another one when the bot's is changed.
    run(**ADD, member_id=MEMBER_ID, bot_token=BOT_TOKEN, application_token="another-synthetic-token")
    assert (proves_them("another-synthetic-token"), proves_them(APPLICATION_TOKEN)) == (True, False)


def test_the_webhook_is_nowhere_but_in_its_secret(stores: Stores, added: dict[str, Any], output: Output) -> None:
    run(**ADD, bot_token=BOT_TOKEN)
    listed = run(command="portals")
    assert output.lines
    for secret in (WEBHOOK_CODE, BOT_TOKEN):
        for shown in (json.dumps([added, listed]), stored(stores), output.text):
            assert secret not in shown
    assert "arn:" not in json.dumps([added, listed])


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [("INVALID_CREDENTIALS", 401, PortalMisconfigured), ("TRANSPORT", 0, PortalUnavailable)],
)
def test_a_webhook_that_the_portal_does_not_admit_leaves_no_trace(
    stores: Stores,
    bitrix24: FakeBitrix24,
    code: str,
    status: int,
    error: type[ChatLookupError],
) -> None:
    before = len(stores.secrets.list_secrets(MaxResults=100)["SecretList"])
    bitrix24.fails("scope", code, status)
    with pytest.raises(error):
        run(**ADD)
    assert stored(stores) == "[]"
    assert len(stores.secrets.list_secrets(MaxResults=100)["SecretList"]) == before


@pytest.mark.parametrize("granted", [["crm", "task"], [], None, {}, "im", [7, None]])
def test_a_webhook_that_can_look_nothing_up_is_refused(bitrix24: FakeBitrix24, stores: Stores, granted: object) -> None:
    bitrix24.answers("scope", granted)
    with pytest.raises(InvalidRequest, match="grants neither im nor imbot"):
        run(**ADD)
    assert stored(stores) == "[]"


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"webhook_url": None}, "webhook_url is missing"),
        ({"webhook_url": 7}, "webhook_url must be text"),
        ({"webhook_url": f"http://acme.bitrix24.com/rest/1/{WEBHOOK_CODE}/"}, "webhook_url"),
        ({"webhook_url": f"https://u:p@acme.bitrix24.com/rest/1/{WEBHOOK_CODE}/"}, "webhook_url"),
        ({"webhook_url": "https://acme.bitrix24.com/"}, "webhook_url"),
        ({"member_id": "a b"}, "member_id"),
        ({"member_id": "x" * 65}, "member_id"),
        ({"member_id": "a.b"}, "member_id"),
        ({"bot_id": 0}, "bot_id"),
        ({"bot_id": "x"}, "bot_id"),
        ({"bot_token": 7}, "bot_token"),
        ({"member_id": MEMBER_ID, "application_token": 7}, "application_token must be text"),
        ({"application_token": "t0ken-t0ken"}, "application_token needs member_id"),
        ({"rate": 0}, "rate"),
        ({"rate": "2"}, "rate"),
        ({"rate": 1e9}, "rate"),
        ({"burst": 0}, "burst"),
        ({"burst": 2.5}, "burst"),
        ({"burst": 100_001}, "burst"),
        ({"default": "yes"}, "default"),
        ({"webhock": 1}, "webhock"),
    ],
)
def test_each_fault_of_a_field_is_told_by_its_name_and_without_the_code(
    bitrix24: FakeBitrix24, fault: dict[str, object], told: str
) -> None:
    with pytest.raises(InvalidRequest, match=told) as raised:
        run(**ADD | fault)
    assert WEBHOOK_CODE not in str(raised.value)
    assert bitrix24.calls == []  # nothing was called before all fields were read


def test_adding_a_portal_again_replaces_its_webhook_and_keeps_its_keys(
    service: Service, another_process: Service, added: dict[str, Any]
) -> None:
    key = run(command="keys.create", label="crm sync")["key"]
    newer = WEBHOOK_URL.replace(WEBHOOK_CODE, "an0ther-c0de")
    again = run(command="portal.add_webhook", webhook_url=newer)
    assert again["member_id"] == added["member_id"]
    assert again["generation"] == added["generation"] + 1
    assert again["created_at"] == added["created_at"]
    member_id = another_process.keys.authenticate(key, "lookup").member_id
    grant = another_process.tokens.grant(another_process.portals.get(member_id), Deadline.after(9, service.clock))
    assert grant.endpoint.base_url == newer


def test_adding_a_portal_again_heals_one_that_was_renamed(service: Service, added: dict[str, Any]) -> None:
    service.portals.close(service.portals.get(added["member_id"]), PortalState.RENAMED, "")
    run(**ADD)
    assert service.portals.get(added["member_id"]).state is PortalState.ACTIVE


# -- portals -----------------------------------------------------------------------------------------------------------


def test_portals_lists_what_is_installed(bitrix24: FakeBitrix24, added: dict[str, Any]) -> None:
    bitrix24.answers("scope", ["im"])
    other = run(**ADD | {"webhook_url": WEBHOOK_URL.replace("acme", "globex")})
    portals = run(command="portals")["portals"]
    assert sorted(portal["domain"] for portal in portals) == ["acme.bitrix24.com", "globex.bitrix24.com"]
    assert added in portals
    assert other in portals


def test_without_any_portal_the_list_is_empty() -> None:
    assert run(command="portals") == {"portals": []}


# -- keys --------------------------------------------------------------------------------------------------------------


def test_a_key_is_shown_once_and_opens_the_portal(
    service: Service, added: dict[str, Any], output: Output, clock: ManualClock
) -> None:
    made = run(
        command="keys.create", label="crm sync", scopes=["lookup", "details"], expires_in_days=30
    )  # fmt: skip
    key = made["key"]
    assert service.keys.authenticate(key, "details").member_id == added["member_id"]
    listed = run(command="keys.list")["keys"]
    assert [(each["label"], each["scopes"]) for each in listed] == [("crm sync", ["details", "lookup"])]
    assert listed[0]["key_id"] == made["key_id"]
    assert made["expires_at"] > made["created_at"]
    assert output.lines
    assert key not in output.text
    assert key not in json.dumps(listed)
    clock.advance(30 * 24 * 3600 + 1)
    with pytest.raises(KeyRejected):
        service.keys.authenticate(key, "details")


@pytest.mark.usefixtures("added")
def test_a_key_is_for_looking_up_and_without_end_unless_told_otherwise() -> None:
    made = run(command="keys.create", label="crm sync")
    assert (made["scopes"], made["expires_at"]) == (["lookup"], None)


@pytest.mark.usefixtures("added")
def test_a_key_can_let_methods_of_the_portals_pass() -> None:
    methods = ["crm.deal.get", "CRM.deal.list"]
    made = run(command="keys.create", label="shop", scopes=["rest", "passthrough"], passthrough=methods)
    assert made["passthrough"] == ["crm.deal.get", "crm.deal.list"]
    assert run(command="keys.list")["keys"][0]["passthrough"] == made["passthrough"]


@pytest.mark.usefixtures("added")
def test_a_revoked_key_is_gone(service: Service) -> None:
    made = run(command="keys.create", label="crm sync")
    revoked = run(command="keys.revoke", key_id=made["key_id"])["revoked"]
    assert revoked["key_id"] == made["key_id"]
    assert run(command="keys.list") == {"keys": []}
    with pytest.raises(KeyRejected):
        service.keys.authenticate(made["key"], "lookup")


@pytest.mark.parametrize("name", [MEMBER_ID, "globex.bitrix24.com"])
def test_with_several_portals_a_key_is_for_the_one_that_is_named(added: dict[str, Any], name: str) -> None:
    run(**ADD | {"webhook_url": WEBHOOK_URL.replace("acme", "globex"), "member_id": MEMBER_ID})
    with pytest.raises(InvalidRequest, match="portal is missing"):
        run(command="keys.create", label="crm sync")
    assert run(command="keys.create", label="crm sync", portal=name)["member_id"] == MEMBER_ID
    assert run(command="keys.list", portal=added["member_id"]) == {"keys": []}


@pytest.mark.usefixtures("added")
@pytest.mark.parametrize(
    ("event", "told"),
    [
        ({"command": "keys.create"}, "label is missing"),
        ({"command": "keys.create", "label": "x" * 101}, "label"),
        ({"command": "keys.create", "label": "a", "scopes": "lookup"}, "scopes must be a list"),
        ({"command": "keys.create", "label": "a", "scopes": ["admin"]}, "scopes"),
        ({"command": "keys.create", "label": "a", "expires_in_days": 0}, "expires_in_days"),
        ({"command": "keys.create", "label": "a", "expires_in_days": "7"}, "expires_in_days"),
        ({"command": "keys.create", "label": "a", "expire_in_days": 7}, "expire_in_days"),
        ({"command": "keys.revoke"}, "key_id is missing"),
        ({"command": "keys.revoke", "key_id": "nobody"}, "key_id"),
        ({"command": "keys.list", "portal": 7}, "portal must be text"),
        ({"command": "cache.purge", "entity_id": "x"}, "entity_id"),
        ({"command": "portals", "portal": "x"}, "portal"),
        ({}, "command is missing"),
        ({"command": 7}, "command must be text"),
        ({"command": "portal.drop"}, "command must be one of"),
        ({"command": "__init__"}, "command must be one of"),
    ],
)
def test_each_fault_of_a_command_is_told_by_the_fields_name(event: dict[str, object], told: str) -> None:
    with pytest.raises(InvalidRequest, match=told):
        run(**event)


@pytest.mark.parametrize("command", ["keys.create", "keys.list", "cache.purge"])
def test_commands_for_a_portal_that_is_not_installed_say_so(command: str) -> None:
    fields = {"label": "crm sync"} if command == "keys.create" else {}
    with pytest.raises(PortalNotInstalled):
        run(command=command, portal="nobody.bitrix24.com", **fields)


# -- the cache ---------------------------------------------------------------------------------------------------------


def test_a_purge_raises_the_generation_of_the_portal_and_of_no_other(service: Service, added: dict[str, Any]) -> None:
    other = run(**ADD | {"webhook_url": WEBHOOK_URL.replace("acme", "globex"), "member_id": MEMBER_ID})
    purged = run(command="cache.purge", portal=MEMBER_ID)
    assert purged == {"member_id": MEMBER_ID, "generation": other["generation"] + 1}
    assert service.portals.get(MEMBER_ID).generation == purged["generation"]
    assert service.portals.get(added["member_id"]).generation == added["generation"]


@pytest.mark.usefixtures("added")
def test_the_line_of_a_command_names_it(output: Output) -> None:
    run(command="portals")
    assert output.lines[-1]["command"] == "portals"
