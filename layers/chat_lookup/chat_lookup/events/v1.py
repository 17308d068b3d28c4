"""Events for bots that were registered with `imbot.register`: flat maps in capitals (bitrix24.md 5.4, 5.5)."""

from typing import Final

from chat_lookup.bitrix24.event_names import EventKind
from chat_lookup.events.model import (
    MOST_BOTS,
    MOST_COMMANDS,
    BotEvent,
    EventChat,
    EventCommand,
    EventMessage,
    EventUser,
    chat_from,
    command_from,
    message_from,
    word,
)
from chat_lookup.http.php_form_fields import flag, inner, maps, number, text, whole
from chat_lookup.http.php_forms import Form

API: Final = "v1"

_NOT_EMPLOYEES: Final = ("IS_BOT", "IS_CONNECTOR", "IS_NETWORK", "IS_EXTRANET")


def read(name: str, kind: EventKind, data: Form) -> BotEvent:
    """The event in `data`, as far as its fields are present."""
    params = inner(data, "PARAMS")
    return BotEvent(
        name=name,
        kind=kind,
        api=API,
        bot_ids=_bot_ids(data),
        chat=_chat(params),
        user=_user(inner(data, "USER"), params),
        message=_message(kind, data, params),
        commands=_commands(inner(data, "COMMAND")),
        language=word(text(params, "LANGUAGE")).lower(),
    )


def bot_blocks(data: Form) -> list[Form]:
    """The event's block of each bot that it is for. A command's block replaces its bot's."""
    return [*maps(inner(data, "BOT")), *maps(inner(data, "COMMAND"))]


def _bot_ids(data: Form) -> tuple[int, ...]:
    # A deleted bot has no block, only an id.
    ids = [*map(whole, inner(data, "BOT")), *(number(block, "BOT_ID") for block in (*bot_blocks(data), data))]
    return tuple(dict.fromkeys(bot_id for bot_id in ids if bot_id))[:MOST_BOTS]


def _chat(params: Form) -> EventChat | None:
    return chat_from(
        # A personal chat has its id in TO_CHAT_ID only.
        number(params, "CHAT_ID", "TO_CHAT_ID"),
        text(params, "DIALOG_ID"),
        (text(params, "CHAT_TYPE"), text(params, "MESSAGE_TYPE")),
        text(params, "CHAT_ENTITY_TYPE"),
        text(params, "CHAT_ENTITY_ID"),
        text(params, "CHAT_ENTITY_DATA_2"),
    )


def _user(user: Form, params: Form) -> EventUser | None:
    user_id = number(user, "ID")
    if user_id is None:
        # Edits and deletions in groups name no user; an invitation names it in USER_ID.
        user_id = number(params, "FROM_USER_ID", "AUTHOR_ID", "USER_ID")
        return EventUser(user_id) if user_id else None
    return EventUser(user_id, _employee(user))


def _employee(user: Form) -> bool | None:
    """Invitations and commands have no flags (5.4): None then."""
    flags = [flag(user, name) for name in _NOT_EMPLOYEES]
    if any(flags):
        return False
    return None if None in flags else True


def _message(kind: EventKind, data: Form, params: Form) -> EventMessage | None:
    message_id = number(params, "MESSAGE_ID", "ID")
    if message_id is None:
        message_id = next((number(block, "MESSAGE_ID") for block in maps(inner(data, "COMMAND"))), None)
    return message_from(
        message_id,
        # A deletion contains a notice instead, in the portal's language.
        "" if kind is EventKind.MESSAGE_DELETE else text(params, "MESSAGE"),
        number(params, "AUTHOR_ID", "FROM_USER_ID", least=0),
        system=flag(params, "SYSTEM") is True,
    )


def _commands(blocks: Form) -> tuple[EventCommand, ...]:
    commands = (
        command_from(number(block, "COMMAND_ID") or whole(key), text(block, "COMMAND"), text(block, "COMMAND_PARAMS"))
        for key, block in blocks.items()
        if isinstance(block, dict)
    )
    return tuple(command for command in commands if command)[:MOST_COMMANDS]
