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

_STRANGERS: Final = ("extranet", "bot", "connector", "network")
_EMPLOYEE: Final = "employee"
_BY_THE_AUTHOR: Final = frozenset({EventKind.MESSAGE_ADD, EventKind.MESSAGE_UPDATE})
"""Where the message's author did it: reactions, and commands from a keyboard, are somebody else's."""


def read(name: str, kind: EventKind, data: Form) -> BotEvent:
    """The event in `data`, as far as it is told. `context` is a link's and tells nothing of the chat (5.7)."""
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
    """What the event says of the bot that it is for: there is only one."""
    return [inner(data, "bot", "auth")]


def _chat(data: Form) -> EventChat | None:
    chat = inner(data, "chat")
    return chat_from(
        number(chat, "id") or number(inner(data, "message"), "chatId"),
        text(chat, "dialogId") or text(data, "dialogId"),
        (text(chat, "type"), text(chat, "messageType")),
        text(chat, "entityType"),
        text(chat, "entityId"),
    )


def _user(user: Form) -> EventUser | None:
    user_id = number(user, "id")
    return EventUser(user_id, _employee(user)) if user_id else None


def _author(kind: EventKind, message: EventMessage | None) -> EventUser | None:
    if message is None or not message.author_id or kind not in _BY_THE_AUTHOR:
        return None
    return EventUser(message.author_id)


def _employee(user: Form) -> bool | None:
    """`type` has the last word: users by e-mail have no flag of their own."""
    if any(flag(user, name) for name in _STRANGERS):
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
    told = command_from(number(command, "id"), text(command, "command"), text(command, "params"))
    return (told,) if told else ()
