"""The operators' command portal.add_webhook: what it stores, what it shows, and the error for every invalid field."""

import json
from typing import Any

import pytest

from chat_lookup.clock import Deadline
from chat_lookup.errors import ChatLookupError, InvalidRequest, PortalMisconfigured, PortalUnavailable
from chat_lookup.portals.application_tokens import proves
from chat_lookup.portals.portal import PortalState, member_id_of_webhook
from tests.support.admin_function import ADD, run
from tests.support.fakes import MEMBER_ID, WEBHOOK_CODE, WEBHOOK_URL, FakeBitrix24, Output, Stores
from tests.support.in_process_service import Service

pytestmark = pytest.mark.usefixtures("booted")

BOT_TOKEN = "b0tt0ken-b0tt0ken"
APPLICATION_TOKEN = "synthet1c-synthet1c"


def stored(stores: Stores) -> str:
    return json.dumps(stores.dynamodb.scan(TableName=stores.portal_table)["Items"])


def test_portal_is_added_by_its_webhook_alone(service: Service, bitrix24: FakeBitrix24, added: dict[str, Any]) -> None:
    assert (added["member_id"], added["domain"]) == (member_id_of_webhook("acme.bitrix24.com"), "acme.bitrix24.com")
    assert (added["scopes"], added["rate"], added["burst"]) == (["crm", "im", "imbot"], 2.0, 50)
    assert (added["state"], added["bot_id"]) == ("active", None)
    assert bitrix24.methods == ["scope"]
    bitrix24.answers("im.chat.get", 7)
    portal = service.portals.get(added["member_id"])
    assert service.calls.call(portal, "im.chat.get", {}, Deadline.after(10, service.clock)).result == 7
    assert bitrix24.calls[-1].endpoint.base_url == WEBHOOK_URL


def test_first_portal_added_is_the_one_that_look_ups_without_a_portal_ask(
    service: Service, bitrix24: FakeBitrix24, added: dict[str, Any]
) -> None:
    assert service.portals.find(None).member_id == added["member_id"]
    bitrix24.answers("scope", ["im"])
    run(**{**ADD, "webhook_url": WEBHOOK_URL.replace("acme", "globex")})
    run(**ADD)
    assert service.portals.find(None).member_id == added["member_id"]


def test_portal_that_is_added_again_after_its_removal_is_the_default_again(
    service: Service, bitrix24: FakeBitrix24, added: dict[str, Any]
) -> None:
    run(command="portal.forget", portal=added["member_id"])
    bitrix24.answers("scope", ["im"])
    again = run(**ADD)
    assert service.portals.find(None).member_id == again["member_id"]


def test_portal_is_added_with_every_optional_field(service: Service, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("scope", ["imbot"])
    facts = {"member_id": MEMBER_ID, "bot_id": 17, "bot_token": BOT_TOKEN, "rate": 5, "burst": 250, "default": True}
    answer = run(**ADD, **facts)
    assert [answer[name] for name in ("member_id", "bot_id", "rate", "burst")] == [MEMBER_ID, 17, 5, 250]
    portal = service.portals.get(MEMBER_ID)
    assert service.tokens.grant(portal, Deadline.after(10, service.clock)).bot_token == BOT_TOKEN


def test_events_of_a_bot_with_its_own_token_can_be_proved(
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


def test_webhook_is_stored_in_its_secret_only(stores: Stores, added: dict[str, Any], output: Output) -> None:
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
def test_webhook_that_the_portal_refuses_stores_nothing(
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


@pytest.mark.parametrize(
    ("code", "status"),
    [("NO_AUTH_FOUND", 401), ("INVALID_CREDENTIALS", 401), ("INVALID_CREDENTIALS", 403), ("expired_token", 401)],
)
def test_webhook_whose_code_the_portal_does_not_accept_is_said_to_be_wrong(
    bitrix24: FakeBitrix24, code: str, status: int
) -> None:
    bitrix24.fails("scope", code, status)
    with pytest.raises(PortalMisconfigured, match="does not accept the webhook: its code is wrong") as raised:
        run(**ADD)
    assert raised.value.portal_error == code


def test_portal_that_refuses_for_another_reason_is_not_said_to_have_a_wrong_webhook(bitrix24: FakeBitrix24) -> None:
    bitrix24.fails("scope", "insufficient_scope", 403)
    with pytest.raises(PortalMisconfigured, match="scopes"):
        run(**ADD)


@pytest.mark.parametrize("granted", [["crm", "task"], [], None, {}, "im", [7, None]])
def test_webhook_without_a_chat_scope_is_refused(bitrix24: FakeBitrix24, stores: Stores, granted: object) -> None:
    bitrix24.answers("scope", granted)
    with pytest.raises(InvalidRequest, match="grants neither im nor imbot"):
        run(**ADD)
    assert stored(stores) == "[]"


@pytest.mark.parametrize(
    ("fault", "reported"),
    [
        ({"webhook_url": None}, "webhook_url is null"),
        ({"webhook_url": 7}, "webhook_url must be text"),
        ({"webhook_url": f"http://acme.bitrix24.com/rest/1/{WEBHOOK_CODE}/"}, "webhook_url"),
        ({"webhook_url": f"https://u:p@acme.bitrix24.com/rest/1/{WEBHOOK_CODE}/"}, "webhook_url"),
        ({"webhook_url": "https://acme.bitrix24.com/"}, "webhook_url"),
        ({"webhook_url": WEBHOOK_URL.replace(WEBHOOK_CODE, "c" * 15)}, "The code in webhook_url has 15 characters"),
        ({"bot_token": "b" * 15}, "bot_token has 15 characters, a secret has at least 16"),
        ({"application_token": "a" * 15}, "application_token has 15 characters"),
        ({"member_id": "a b"}, "member_id"),
        ({"member_id": "x" * 65}, "member_id"),
        ({"member_id": "a.b"}, "member_id"),
        ({"bot_id": 0}, "bot_id"),
        ({"bot_id": "x"}, "bot_id"),
        ({"bot_token": 7}, "bot_token"),
        ({"member_id": MEMBER_ID, "application_token": 7}, "application_token must be text"),
        ({"application_token": "t0ken-t0ken-t0ken"}, "application_token needs member_id"),
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
def test_error_names_the_field_and_not_the_code_of_the_webhook(
    bitrix24: FakeBitrix24, fault: dict[str, object], reported: str
) -> None:
    with pytest.raises(InvalidRequest, match=reported) as raised:
        run(**ADD | fault)
    assert WEBHOOK_CODE not in str(raised.value)
    assert bitrix24.calls == []  # nothing was called before all fields were read


@pytest.mark.parametrize("field", ["bot_token", "application_token"])
@pytest.mark.parametrize(
    "token",
    [
        *("b" * 1025, "b" * 70_000, "with a blank in it", "with-a-line-end-\n", "with-a-zero-byte-\0"),
        *("кириллица" * 3, "half-a-pair-\ud83d----"),
    ],
)
def test_token_that_no_portal_issues_is_refused_before_anything_is_stored(
    bitrix24: FakeBitrix24, stores: Stores, field: str, token: str
) -> None:
    with pytest.raises(InvalidRequest, match=field) as raised:
        run(**ADD, member_id=MEMBER_ID, **{field: token})
    assert token not in str(raised.value)
    assert bitrix24.calls == []
    assert stored(stores) == "[]"


def test_as_many_scopes_are_stored_as_a_record_has_room_for(bitrix24: FakeBitrix24, service: Service) -> None:
    bitrix24.answers("scope", ["im", *(f"{number:064}" for number in range(10_000))])
    run(**ADD, member_id=MEMBER_ID)
    assert len(service.portals.named(MEMBER_ID).scopes or ()) == 200


def test_adding_a_portal_again_replaces_its_webhook_and_keeps_its_keys(
    service: Service, another_process: Service, added: dict[str, Any]
) -> None:
    key = run(command="keys.create", label="crm sync")["key"]
    newer = WEBHOOK_URL.replace(WEBHOOK_CODE, "an0ther-c0de-0f-it")
    again = run(command="portal.add_webhook", webhook_url=newer)
    assert again["member_id"] == added["member_id"]
    assert again["generation"] == added["generation"] + 1
    assert again["created_at"] == added["created_at"]
    member_id = another_process.keys.authenticate(key, "lookup").member_id
    grant = another_process.tokens.grant(another_process.portals.get(member_id), Deadline.after(9, service.clock))
    assert grant.endpoint.base_url == newer


def test_adding_a_portal_again_repairs_one_that_was_renamed(service: Service, added: dict[str, Any]) -> None:
    service.portals.states.close(service.portals.get(added["member_id"]), PortalState.RENAMED, "")
    run(**ADD)
    assert service.portals.get(added["member_id"]).state is PortalState.ACTIVE
