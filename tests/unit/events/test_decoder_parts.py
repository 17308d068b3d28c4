"""Users, messages and commands of an event where the documents omit something or describe it in two ways."""

import json
from collections.abc import Mapping

import pytest

from chat_lookup.bitrix24.event_names import EventKind
from chat_lookup.events.decoder import decode
from chat_lookup.events.model import LARGEST_RECORD, EventCommand, EventMessage, EventUser, Record
from tests.support.events.wire_events import Changes, encoded, event, sample
from tests.support.portals.first_contact import FORM_TYPE

ADD, UPDATE, JOIN, COMMAND = "v1-message-add-group", "v1-message-update", "v1-join", "v1-command"
ADD_V2, JOIN_V2, DELETE_V2, COMMAND_V2 = "v2-message-add", "v2-join", "v2-message-delete", "v2-command"


def params(**changes: object) -> Changes:
    return {f"data.PARAMS.{name}": value for name, value in changes.items()}


@pytest.mark.parametrize(
    ("name", "changes", "user_id"),
    [
        (ADD, {"data.USER": None, **params(FROM_USER_ID="28", AUTHOR_ID="29")}, 28),
        (ADD, {"data.USER": None, **params(FROM_USER_ID=None, AUTHOR_ID="29")}, 29),
        (ADD, {"data.USER": None, **params(FROM_USER_ID="0", AUTHOR_ID="0"), "auth.user_id": "30"}, 30),
        (ADD, {"data.USER": None, **params(FROM_USER_ID=None, AUTHOR_ID=None), "auth.user_id": None}, None),
        (JOIN, {"data.USER": None, "data.PARAMS.USER_ID": "31"}, 31),
        (ADD_V2, {"data.user": None, "data.message.authorId": "32"}, 32),
        (ADD_V2, {"data.user": None, "data.message.authorId": "0"}, None),
        # The author of a message is neither the user who reacted to it nor the one who pressed a button under it.
        (ADD_V2, {"data.user": None, "event": "ONIMBOTV2REACTIONCHANGE"}, None),
        (COMMAND_V2, {"data.user": None}, None),
        (JOIN_V2, {"data.user": None}, None),
    ],
)
def test_user_is_read_from_other_fields_if_there_is_no_user_block(
    name: str, changes: Changes, user_id: int | None
) -> None:
    assert event(name, changes).user == (EventUser(user_id) if user_id else None)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        (ADD, params(SYSTEM="Y"), EventMessage(84351, ", status?", 27, system=True)),
        (ADD, params(AUTHOR_ID="0"), EventMessage(84351, ", status?", 0, system=True)),
        (ADD, params(AUTHOR_ID=None, FROM_USER_ID="0"), EventMessage(84351, ", status?", 0, system=True)),
        (ADD, params(MESSAGE=None), EventMessage(84351, "", 27)),
        (UPDATE, params(MESSAGE_ID=None), EventMessage(84537, "status now?", 27)),
        (COMMAND, params(MESSAGE_ID=None), EventMessage(84360, "/find DEAL|1663", 27)),
        (ADD_V2, {"data.message.isSystem": "1"}, EventMessage(789, "hello", 27, system=True)),
        (ADD_V2, {"data.message.authorId": "0"}, EventMessage(789, "hello", 0, system=True)),
        (ADD_V2, {"data.message": None}, None),
        (DELETE_V2, {"data.message": {"id": "789", "text": "what it was"}}, EventMessage(789)),
    ],
)
def test_message_is_read_from_the_fields_that_are_given(
    name: str, changes: Changes, message: EventMessage | None
) -> None:
    assert event(name, changes).message == message


@pytest.mark.parametrize("name", ["v1-message-delete", "v2-message-delete"])
def test_a_deleted_message_has_no_text(name: str) -> None:
    deleted = event(name).message
    assert deleted is not None
    assert (deleted.message_id is not None, deleted.text) == (True, "")


def block(command_id: str, command: str, **fields: object) -> dict[str, object]:
    return {"COMMAND_ID": command_id, "COMMAND": command, "BOT_ID": "567", **fields}


def test_several_commands_in_one_message_are_read_in_their_order() -> None:
    blocks = {
        "99": block("99", "find", COMMAND_PARAMS="DEAL|1663"),
        "100": block("100", "/ChatID", BOT_ID="568"),
        "101": {"COMMAND": "bare"},
        "x": {"COMMAND": "without a number"},
        "0": {"COMMAND": "zero"},
        "102": block("102", ""),
        "103": block("103", "two words"),
        "104": "no map",
    }
    decoded = event(COMMAND, {"data.COMMAND": blocks})
    assert decoded.commands == (
        EventCommand(99, "find", "DEAL|1663"),
        EventCommand(100, "chatid"),
        EventCommand(101, "bare"),
    )
    assert decoded.bot_ids == (567, 568)


@pytest.mark.parametrize("fields", [{"id": None}, {"command": None}, {"command": "/"}, {"command": "a b"}])
def test_command_without_a_number_or_a_name_is_ignored(fields: Mapping[str, object]) -> None:
    assert event(COMMAND_V2, {f"data.command.{name}": value for name, value in fields.items()}).commands == ()


def test_all_bots_of_one_application_are_read() -> None:
    assert event(ADD, {"data.BOT.7": {"BOT_ID": "7"}, "data.BOT.x": {"BOT_ID": "8"}}).bot_ids == (567, 7, 8)


def test_maps_by_id_stay_maps_although_their_keys_count_from_zero() -> None:
    blocks = {"0": {"BOT_ID": "7"}, "1": {"BOT_ID": "8"}}
    assert event(ADD, {"data.BOT": blocks}).bot_ids == (1, 7, 8)


@pytest.mark.parametrize(("written", "language"), [("de", "de"), ("RU", "ru"), ("", ""), ("d e", ""), ("x" * 51, "")])
def test_a_language_is_one_word(written: str, language: str) -> None:
    assert event(ADD, params(LANGUAGE=written)).language == language
    assert event(ADD_V2, {"data.language": written}).language == language


def emptied(value: object, empty: object) -> object:
    """The same maps, with nothing in them."""
    return {key: emptied(each, empty) for key, each in value.items()} if isinstance(value, dict) else empty


@pytest.mark.parametrize("name", [ADD, COMMAND, ADD_V2, COMMAND_V2])
def test_missing_empty_and_null_are_alike(name: str) -> None:
    tree = sample(name, {"data.BOT": None})  # the ids of whose bots are keys
    missing = {"event": tree["event"]}
    empty, null = (missing | {"data": emptied(tree["data"], each), "auth": each, "ts": each} for each in ("", None))
    found = decode(encoded(missing), FORM_TYPE).event
    assert (found.chat, found.user, found.message, found.bot_ids, found.commands) == (None, None, None, (), ())
    assert decode(encoded(empty), FORM_TYPE).event == found
    assert decode(encoded(null), FORM_TYPE).event == found
    assert decode(json.dumps(null).encode(), "application/json").event == found


@pytest.mark.parametrize("name", [ADD, ADD_V2])
@pytest.mark.parametrize("odd", ["text", ["a", "b"], {"0": {"0": "x"}}])
def test_text_in_place_of_a_map_and_map_in_place_of_a_text_are_ignored(name: str, odd: object) -> None:
    data = dict.fromkeys(sample(name)["data"], odd)
    decoded = event(name, {"data": data})
    assert (decoded.kind, decoded.chat, decoded.message, decoded.commands) == (EventKind.MESSAGE_ADD, None, None, ())


def test_message_is_cut_at_the_platforms_limit() -> None:
    message = event(ADD, params(MESSAGE="ж" * 20_001)).message
    assert message is not None
    assert message.text == "ж" * 20_000


def test_the_largest_event_fits_into_the_queue() -> None:
    # A control character is the longest of all in JSON.
    blocks = {str(each): block(str(each), "c" * 100, COMMAND_PARAMS="\x01" * 5_000) for each in range(1, 10)}
    bots = {str(10**14 + each): {"BOT_ID": str(each)} for each in range(500)}
    longest = {
        "data.COMMAND": blocks, "data.BOT": bots,
        **params(MESSAGE="\x01" * 30_000, CHAT_ENTITY_TYPE="𝄞" * 255, CHAT_ENTITY_ID="𝄞" * 255, LANGUAGE="x" * 50),
    }  # fmt: skip
    decoded = event(COMMAND, longest)
    text = Record("e" * 32, "m" * 64, 1.0e9, "request-1", decoded).to_json()
    assert decoded.commands
    assert decoded.chat is not None
    assert decoded.chat.entity_id == "𝄞" * 255
    assert Record.from_json(text).event == decoded
    assert len(text.encode()) <= LARGEST_RECORD
