"""The chat of an event and its entity where the documents describe them in two ways (bitrix24.md 5.9)."""

import pytest

from chat_lookup.events.model import EventChat
from tests.support.events.wire_events import Changes, event

ADD, PERSONAL, UPDATE = "v1-message-add-group", "v1-message-add-personal", "v1-message-update"
JOIN, COMMAND = "v1-join", "v1-command"
ADD_V2, JOIN_V2, DELETE_V2 = "v2-message-add", "v2-join", "v2-message-delete"


def params(**changes: object) -> Changes:
    return {f"data.PARAMS.{name}": value for name, value in changes.items()}


def in_chat(**changes: object) -> Changes:
    return {f"data.chat.{name}": value for name, value in changes.items()}


def chat(name: str, *changes: Changes) -> EventChat:
    found = event(name, {way: value for each in changes for way, value in each.items()}).chat
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("name", "changes", "chat_id"),
    [
        (ADD, {}, 1439),
        (ADD, params(CHAT_ID=None, TO_CHAT_ID="1500"), 1500),
        (ADD, params(CHAT_ID="0", TO_CHAT_ID="1500"), 1500),
        (ADD, params(CHAT_ID=None, TO_CHAT_ID=None), 1439),
        (ADD, params(CHAT_ID=None, TO_CHAT_ID=None, DIALOG_ID="sg133"), None),
        (PERSONAL, {}, 1407),
        (PERSONAL, params(TO_CHAT_ID=None), None),
        (UPDATE, params(CHAT_TYPE="P", MESSAGE_TYPE="P", DIALOG_ID="27"), 1439),
        (JOIN, params(CHAT_ID=None, DIALOG_ID="27"), None),
        (COMMAND, params(CHAT_ID=None), 1439),
        (ADD_V2, {"data.chat": None}, 1777),
        (ADD_V2, {"data.message.chatId": None}, 1777),
        (ADD_V2, {"data.message.chatId": None, **in_chat(id=None)}, 1777),
        (ADD_V2, {"data.message": None, **in_chat(id=None, dialogId="27")}, None),
        (DELETE_V2, {}, 1777),
        (JOIN_V2, {"data.chat": None, "data.dialogId": "chat1777"}, 1777),
        (JOIN_V2, {"data.chat": None, "data.dialogId": "27"}, None),
    ],
)
def test_chat_id_is_read_from_the_number_or_from_the_dialog_id_of_a_chat(
    name: str, changes: Changes, chat_id: int | None
) -> None:
    assert chat(name, changes).chat_id == chat_id


@pytest.mark.parametrize(
    "number", ["", "0", "-5", "+5", "1.5", "5e3", " 5", "5 ", "x", "0x10", "٥", "1" * 16, "9" * 500]
)
def test_text_that_is_no_number_of_the_platform_is_ignored(number: str) -> None:
    assert chat(ADD, params(CHAT_ID=number, TO_CHAT_ID=number, DIALOG_ID="sg133")).chat_id is None
    assert event(ADD, {"data.PARAMS.MESSAGE_ID": number, "ts": number}).sent_at is None


@pytest.mark.parametrize(
    ("name", "changes", "personal"),
    [
        (ADD, {}, False),
        (PERSONAL, {}, True),
        (PERSONAL, params(MESSAGE_TYPE=None, CHAT_TYPE=None), True),
        (PERSONAL, params(DIALOG_ID=None, MESSAGE_TYPE=None), True),
        (PERSONAL, params(DIALOG_ID=None, CHAT_TYPE=None), True),
        (ADD_V2, {}, False),
        (ADD_V2, in_chat(type="private", messageType=None), True),
        (ADD_V2, in_chat(type="chat", messageType="P"), True),
        (ADD_V2, in_chat(type="chat", messageType="C", dialogId="27"), True),
    ],
)
def test_personal_chat_is_recognised_by_its_type_or_by_the_user_in_its_dialog_id(
    name: str,
    changes: Changes,
    personal: bool,
) -> None:
    assert chat(name, changes).personal is personal


@pytest.mark.parametrize(
    ("name", "changes", "open_line"),
    [
        (ADD, {}, False),
        (JOIN, {}, True),
        (JOIN, params(MESSAGE_TYPE=None, CHAT_ENTITY_TYPE=None), True),
        (JOIN, params(CHAT_TYPE="X", CHAT_ENTITY_TYPE=None), True),
        (ADD, params(CHAT_ENTITY_TYPE="LINES", CHAT_ENTITY_ID=""), True),
        (ADD, params(CHAT_ENTITY_TYPE="LIVECHAT", CHAT_ENTITY_ID="22|599"), True),
        (ADD_V2, {}, True),
        (ADD_V2, in_chat(messageType=None, entityType=None), True),
        (ADD_V2, in_chat(type="chat", entityType=None), True),
        (ADD_V2, in_chat(type="chat", messageType="C", entityType="CRM"), False),
    ],
)
def test_chat_with_a_customer_is_recognised_by_any_of_its_signs(name: str, changes: Changes, open_line: bool) -> None:
    assert chat(name, changes).open_line is open_line


@pytest.mark.parametrize(
    ("entity_type", "entity_id"),
    [
        (None, None), ("", ""), ("CRM", None), ("CRM", ""), (None, "DEAL|1663"), ("", "DEAL|1663"), ("THREAD", ""),
        ("CRM", "0"), ("0", "DEAL|1663"), ("CRM", "D" * 256), ("CRM", "DEAL\n1663"),
    ],
)  # fmt: skip
def test_incomplete_or_invalid_pair_is_ignored(entity_type: str | None, entity_id: str | None) -> None:
    v1 = chat(ADD, params(CHAT_ENTITY_TYPE=entity_type, CHAT_ENTITY_ID=entity_id))
    v2 = chat(ADD_V2, in_chat(entityType=entity_type, entityId=entity_id))
    assert (v1.entity_type, v1.entity_id, v2.entity_type, v2.entity_id) == ("", "", "", "")


def test_pair_is_kept_to_the_last_character() -> None:
    pair = (" Crm", "deal|1663 ")
    v1 = chat(ADD, params(CHAT_ENTITY_TYPE=pair[0], CHAT_ENTITY_ID=pair[1]))
    v2 = chat(ADD_V2, in_chat(entityType=pair[0], entityId=pair[1]))
    assert (v1.entity_type, v1.entity_id) == (v2.entity_type, v2.entity_id) == pair


def test_entity_of_a_link_is_not_the_entity_of_the_chat() -> None:
    context = {"entityType": "CRM", "entityId": "DEAL|1663", "chat": {"entityType": "CRM", "entityId": "DEAL|1663"}}
    found = chat(
        JOIN_V2, {"event": "ONIMBOTV2CONTEXTGET", "data.context": context}, in_chat(entityType="", entityId="")
    )
    assert (found.chat_id, found.entity_type, found.entity_id) == (1777, "", "")


@pytest.mark.parametrize("changes", [params(DIALOG_ID="chat1439; drop"), params(DIALOG_ID="x" * 300)])
def test_invalid_dialog_id_is_ignored(changes: Changes) -> None:
    assert chat(ADD, changes).dialog_id == ""
