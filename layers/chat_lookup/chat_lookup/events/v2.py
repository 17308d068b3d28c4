"""Events for bots that were registered with `imbot.v2.Bot.register`: an object for each part (bitrix24.md 5.6, 5.7)."""

from typing import Final

from chat_lookup.bitrix24.event_names import EventKind
from chat_lookup.events.model import (
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
from chat_lookup.http.php_form_fields import flag, inner, number, text
from chat_lookup.http.php_forms import Form

API: Final = "v2"

_NOT_EMPLOYEES: Final = ("extranet", "bot", "connector", "network")
_EMPLOYEE: Final = "employee"
_BY_THE_AUTHOR: Final = frozenset({EventKind.MESSAGE_ADD, EventKind.MESSAGE_UPDATE})
"""Events caused by the message's author: reactions, and commands from a keyboard, are another user's."""


def read(name: str, kind: EventKind, data: Form) -> BotEvent:
    """The event in `data`, as far as its fields are present. `context` is a link's, not the chat's (5.7)."""
    bot_id = number(inner(data, "bot"), "id")
    message = _message(kind, data)
    return BotEvent(
        name=name,
        kind=kind,
        api=API,
        bot_ids=(bot_id,) if bot_id else (),
        chat=_chat(data),
        user=_user(inner(data, "user")) or _author(kind, message),
        message=message,
        commands=_commands(inner(data, "command")),
        reaction=word(text(data, "reaction")),
        action=word(text(data, "action")).lower(),
        language=word(text(data, "language")).lower(),
    )


def bot_blocks(data: Form) -> list[Form]:
    """The event's block of its bot: there is only one."""
    return [inner(data, "bot", "auth")]


def _chat(data: Form) -> EventChat | None:
    chat = inner(data, "chat")
    return chat_from(
        number(chat, "id") or number(inner(data, "message"), "chatId"),
        text(chat, "dialogId") or text(data, "dialogId"),
        (text(chat, "type"), text(chat, "messageType")),
        text(chat, "entityType"),
        text(chat, "entityId"),
        text(chat, "entityData2"),
    )


def _user(user: Form) -> EventUser | None:
    user_id = number(user, "id")
    return EventUser(user_id, _employee(user)) if user_id else None


def _author(kind: EventKind, message: EventMessage | None) -> EventUser | None:
    if message is None or not message.author_id or kind not in _BY_THE_AUTHOR:
        return None
    return EventUser(message.author_id)


def _employee(user: Form) -> bool | None:
    """`type` decides where no flag is set: users by e-mail have no flag of their own."""
    if any(flag(user, name) for name in _NOT_EMPLOYEES):
        return False
    kind = text(user, "type")
    return kind == _EMPLOYEE if kind else None


def _message(kind: EventKind, data: Form) -> EventMessage | None:
    message = inner(data, "message")
    return message_from(
        number(message, "id") or number(data, "messageId"),
        "" if kind is EventKind.MESSAGE_DELETE else text(message, "text"),
        number(message, "authorId", least=0),
        system=flag(message, "isSystem") is True,
    )


def _commands(command: Form) -> tuple[EventCommand, ...]:
    decoded = command_from(number(command, "id"), text(command, "command"), text(command, "params"))
    return (decoded,) if decoded else ()
