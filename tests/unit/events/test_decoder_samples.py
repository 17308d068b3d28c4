"""Every bot event that the documents show or describe, from the bytes on the wire to the one model."""

import json
from typing import Any

import pytest

from chat_lookup.bitrix24.event_names import KINDS, EventKind
from chat_lookup.events.decoder import decode
from chat_lookup.events.model import BotEvent, EventChat, EventCommand, EventMessage, EventUser
from chat_lookup.http.requests import request_from
from tests.support.events.wire_events import APPLICATION_TOKEN, DOMAIN, MEMBER_ID, NAMES, Tree, event, sample, wire
from tests.support.portals.first_contact import FORM_TYPE, http
from tests.support.repository import EVENTS

DEAL_CHAT = EventChat(1439, "chat1439", "C", entity_type="CRM", entity_id="DEAL|1663")
LINE = EventChat(1777, "chat1777", "L", open_line=True, entity_type="LINES", entity_id="telegrambot|2|209607941|744")
LINE_V2 = EventChat(
    1777, "chat1777", "lines", open_line=True, entity_type="LINES", entity_id="livechat|22|1775|599", crm=("LEAD|1209",)
)
EMPLOYEE = EventUser(27, employee=True)
USER = EventUser(27)
EXPECTED = {
    "v1-message-add-group": BotEvent(
        "ONIMBOTMESSAGEADD", EventKind.MESSAGE_ADD, "v1", (567,), DEAL_CHAT, EMPLOYEE,
        EventMessage(84351, ", status?", 27), language="en", sent_at=1771940028,
    ),
    "v1-message-add-personal": BotEvent(
        "ONIMBOTMESSAGEADD", EventKind.MESSAGE_ADD, "v1", (567,), EventChat(1407, "27", "P", personal=True), EMPLOYEE,
        EventMessage(84331, "Hi", 27), language="en", sent_at=1771940028,
    ),
    "v1-message-update": BotEvent(
        "ONIMBOTMESSAGEUPDATE", EventKind.MESSAGE_UPDATE, "v1", (567,), DEAL_CHAT, USER,
        EventMessage(84537, "status now?", 27), language="en", sent_at=1771940328,
    ),
    "v1-message-delete": BotEvent(
        "ONIMBOTMESSAGEDELETE", EventKind.MESSAGE_DELETE, "v1", (567,), DEAL_CHAT, USER,
        EventMessage(84537, "", 27), language="en", sent_at=1771940400,
    ),
    "v1-join": BotEvent(
        "ONIMBOTJOINCHAT", EventKind.JOIN, "v1", (567,), LINE, USER, language="en", sent_at=1771940500,
    ),
    "v1-bot-delete": BotEvent(
        "ONIMBOTDELETE", EventKind.BOT_DELETE, "v1", (567,), user=USER, sent_at=1771940600,
    ),
    "v1-command": BotEvent(
        "ONIMCOMMANDADD", EventKind.COMMAND, "v1", (567,), DEAL_CHAT, USER,
        EventMessage(84360, "/find DEAL|1663", 27), (EventCommand(99, "find", "DEAL|1663"),),
        language="en", sent_at=1771940700,
    ),
    "v2-message-add": BotEvent(
        "ONIMBOTV2MESSAGEADD", EventKind.MESSAGE_ADD, "v2", (456,), LINE_V2, EMPLOYEE,
        EventMessage(789, "hello", 27), language="en", sent_at=1772093963,
    ),
    "v2-message-delete": BotEvent(
        "ONIMBOTV2MESSAGEDELETE", EventKind.MESSAGE_DELETE, "v2", (456,), LINE_V2, EMPLOYEE,
        EventMessage(789), language="en", sent_at=1772093970,
    ),
    "v2-join": BotEvent(
        "ONIMBOTV2JOINCHAT", EventKind.JOIN, "v2", (456,), LINE_V2, EMPLOYEE, language="en", sent_at=1772093980,
    ),
    "v2-bot-delete": BotEvent(
        "ONIMBOTV2DELETE", EventKind.BOT_DELETE, "v2", (456,), sent_at=1772093990,
    ),
    "v2-command": BotEvent(
        "ONIMBOTV2COMMANDADD", EventKind.COMMAND, "v2", (456,), LINE_V2, EMPLOYEE,
        EventMessage(789, "/find DEAL|1663", 27), (EventCommand(78, "find", "DEAL|1663"),),
        language="en", sent_at=1772094000,
    ),
}  # fmt: skip
# What the documents describe but do not show as it is on the wire (5.7, 5.8): composed of the samples beside it.
DESCRIBED: tuple[tuple[str, dict[str, object], BotEvent], ...] = (
    (
        "v2-message-add",
        {"event": "ONIMBOTV2MESSAGEUPDATE", "data.message.text": "hello again"},
        BotEvent(
            "ONIMBOTV2MESSAGEUPDATE", EventKind.MESSAGE_UPDATE, "v2", (456,), LINE_V2, EMPLOYEE,
            EventMessage(789, "hello again", 27), language="en", sent_at=1772093963,
        ),
    ),
    (
        "v2-message-add",
        {"event": "ONIMBOTV2REACTIONCHANGE", "data.message.authorId": "456", "data.reaction": "like",
         "data.action": "add"},
        BotEvent(
            "ONIMBOTV2REACTIONCHANGE", EventKind.REACTION, "v2", (456,), LINE_V2, EMPLOYEE,
            EventMessage(789, "hello", 456), reaction="like", action="add", language="en", sent_at=1772093963,
        ),
    ),
    (
        "v2-join",
        {"event": "ONIMBOTV2CONTEXTGET", "data.dialogId": "27",
         "data.context": {"entityType": "task", "entityId": "164", "source": "link"},
         "data.chat": {"id": "1407", "dialogId": "27", "type": "private", "messageType": "P", "entityType": ""}},
        BotEvent(
            "ONIMBOTV2CONTEXTGET", EventKind.CONTEXT, "v2", (456,), EventChat(1407, "27", "private", personal=True),
            EMPLOYEE, language="en", sent_at=1772093980,
        ),
    ),
    (
        "v1-join",
        {"event": "ONIMBOTCONTEXTGET"},
        BotEvent(
            "ONIMBOTCONTEXTGET", EventKind.CONTEXT, "v1", (567,), LINE, USER, language="en", sent_at=1771940500,
        ),
    ),
)  # fmt: skip
SAMPLE_EVENTS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text("utf-8")) for path in sorted(EVENTS.glob("bot-*.json"))
}


def test_every_sample_of_the_documents_is_expected_here() -> None:
    assert EXPECTED.keys() == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_is_read_from_the_bytes_on_the_wire(name: str) -> None:
    came = decode(wire(name), FORM_TYPE)
    assert came.event == EXPECTED[name]
    assert (came.member_id, came.domain, came.application_token) == (MEMBER_ID, DOMAIN, APPLICATION_TOKEN)


@pytest.mark.parametrize("is_base64", [False, True], ids=["plain", "base64"])
@pytest.mark.parametrize("name", NAMES)
def test_plain_and_base64_body_of_the_gateway_are_decoded_alike(name: str, is_base64: bool) -> None:
    request = request_from(http("POST /bitrix24/events", body=wire(name).decode(), is_base64=is_base64))
    assert decode(request.body, request.headers["content-type"]) == decode(wire(name), FORM_TYPE)


@pytest.mark.parametrize("name", NAMES)
def test_json_and_form_are_decoded_to_the_same_event(name: str) -> None:
    body = json.dumps(sample(name)).encode()
    assert decode(body, "application/json; charset=utf-8") == decode(wire(name), FORM_TYPE)


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("v2")])
def test_json_types_that_a_form_does_not_have_are_accepted(name: str) -> None:
    def typed(value: object) -> object:
        if isinstance(value, dict):
            return {key: (False if each == "0" else typed(each)) for key, each in value.items()}
        return int(value) if isinstance(value, str) and value.isdecimal() else (None if value == "" else value)

    assert decode(json.dumps(typed(sample(name))).encode(), "application/json") == decode(wire(name), FORM_TYPE)


@pytest.mark.parametrize(("name", "changes", "expected"), DESCRIBED, ids=[each[2].name for each in DESCRIBED])
def test_an_event_without_a_sample_is_read_as_it_is_described(name: str, changes: Tree, expected: BotEvent) -> None:
    assert event(name, changes) == expected


def test_every_event_of_a_bot_that_is_documented_is_expected_here() -> None:
    documented = {name for name in KINDS if name.startswith(("ONIMBOT", "ONIMCOMMAND"))}
    assert {each.name for each in EXPECTED.values()} | {each.name for _, _, each in DESCRIBED} == documented


@pytest.mark.parametrize("name", SAMPLE_EVENTS)
def test_sample_for_an_invocation_is_named_after_its_event_and_has_all_its_fields(name: str) -> None:
    request = request_from(SAMPLE_EVENTS[name])
    found = decode(request.body, request.headers["content-type"]).event
    assert name.removeprefix(f"bot-{found.api}-").replace("-", "_") == found.kind.value.removeprefix("bot_")
    assert found.kind is EventKind.BOT_DELETE or (found.chat and found.chat.chat_id and found.user and found.language)
    assert (found.message is None) == (found.kind in (EventKind.BOT_DELETE, EventKind.JOIN, EventKind.CONTEXT))


def test_every_event_of_a_bot_that_is_documented_in_full_has_a_sample_for_an_invocation() -> None:
    sampled = {decode(request_from(each).body, FORM_TYPE).event.name for each in SAMPLE_EVENTS.values()}
    documented = {name for name in KINDS if name.startswith(("ONIMBOT", "ONIMCOMMAND"))}
    assert sampled == documented - {"ONIMBOTCONTEXTGET"}  # a page that is nowhere linked and shows no fields
