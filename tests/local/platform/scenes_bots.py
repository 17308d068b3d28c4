"""Calls by which bots are registered, and by which they write."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from local.portal.state import State
from tests.local.platform.scene import Scene, refused, usual
from tests.local.platform.stage import (
    BOT,
    CHAT,
    CHAT_WITHOUT_BOTS,
    COMMAND,
    FOREIGN_BOT,
    FOREIGN_COMMAND,
    HANDLER,
    MESSAGE,
    OLD_BOT,
    OLD_COMMAND,
    TOKEN,
    Caller,
)

NEAR: Final = "http://localhost/events"
"""An address that the platform refuses: its host has no dot."""

_OLD: Final = {"BOT_ID": OLD_BOT, "CLIENT_ID": TOKEN}
_V2: Final = {"botId": BOT, "botToken": TOKEN}
_DIALOG: Final = f"chat{CHAT}"

_FIELDS: Final[dict[str, Any]] = {
    "code": "new_bot",
    "botToken": TOKEN,
    "properties": {"name": "New", "lastName": "Bot", "workPosition": "Helper"},
    "type": "personal",
    "eventMode": "webhook",
    "webhookUrl": "https://service.example.com/other",
    "isHidden": True,
    "isReactionsEnabled": False,
    "isSupportOpenline": True,
    "backgroundId": "mint",
}
_REGISTRATION: Final[dict[str, Any]] = {
    "CODE": "new_bot",
    "TYPE": "S",
    "OPENLINE": "Y",
    "EVENT_MESSAGE_ADD": HANDLER,
    "EVENT_MESSAGE_UPDATE": HANDLER,
    "EVENT_MESSAGE_DELETE": HANDLER,
    "EVENT_WELCOME_MESSAGE": HANDLER,
    "EVENT_BOT_DELETE": HANDLER,
    "CLIENT_ID": TOKEN,
    "PROPERTIES": {"NAME": "New", "LAST_NAME": "Bot", "WORK_POSITION": "Helper"},
}
_TEXTS: Final = [{"LANGUAGE_ID": "en", "TITLE": "Finds", "PARAMS": "text"}]


def _with_bots(number: int) -> Caller:
    """A webhook that has this many bots."""

    def prepare(state: State) -> None:
        own = state.content.bots[BOT]
        for bot_id in range(5001, 5001 + number):
            state.content.add_bot(replace(own, id=bot_id, code=f"bot_{bot_id}"), "One of many")

    return Caller(prepare=prepare)


def _another_bot(state: State) -> None:
    state.content.add_bot(replace(state.content.bots[BOT], id=5001, code="another_bot", token="taken"), "Another")


def _v2() -> Iterator[Scene]:
    yield from _bots_v2()
    yield from _commands_v2()
    send: dict[str, Any] = {**_V2, "dialogId": _DIALOG}
    texts = {"message": "Hello", "attach": [{"MESSAGE": "More"}], "urlPreview": True, "system": False}
    yield usual("imbot.v2.Chat.Message.send", **send, fields=texts)
    yield usual("imbot.v2.Chat.Message.send", **_V2, dialogId="2", fields={"attach": [{"MESSAGE": "More"}]})
    yield refused("imbot.v2.Chat.Message.send", "EMPTY_MESSAGE", **send, fields={"message": " "})
    elsewhere = f"chat{CHAT_WITHOUT_BOTS}"
    yield refused("imbot.v2.Chat.Message.send", "ACCESS_DENIED", **_V2, dialogId=elsewhere, fields=texts)
    answer: dict[str, Any] = {**send, "commandId": COMMAND, "messageId": MESSAGE}
    yield usual("imbot.v2.Command.answer", **answer, fields=texts)
    yield refused("imbot.v2.Command.answer", "COMMAND_ANSWER_FAILED", **answer, fields={})
    other = {**answer, "dialogId": elsewhere, "fields": texts}
    yield refused("imbot.v2.Command.answer", "COMMAND_ANSWER_FAILED", **other)


def _bots_v2() -> Iterator[Scene]:
    register, update = "imbot.v2.Bot.register", "imbot.v2.Bot.update"
    yield usual(register, fields=_FIELDS)
    yield usual(register, fields={**_FIELDS, "code": "own_bot"})
    for code, change in (
        ("BOT_TOKEN_NOT_SPECIFIED", {"botToken": ""}),
        ("BOT_TOKEN_INVALID_LENGTH", {"botToken": "t" * 41}),
        ("BOT_CODE_REQUIRED", {"code": ""}),
        ("BOT_PROPERTIES_REQUIRED", {"properties": {"lastName": "Bot"}}),
        ("BOT_CODE_ALREADY_TAKEN", {"code": "foreign_bot"}),
        ("BOT_INVALID_TYPE", {"type": "robot"}),
        ("BOT_INVALID_EVENT_MODE", {"eventMode": "push"}),
        ("BOT_WEBHOOK_URL_REQUIRED", {"webhookUrl": ""}),
        ("BOT_INVALID_CALLBACK", {"webhookUrl": NEAR}),
    ):
        yield refused(register, code, fields={**_FIELDS, **change})
    yield refused(register, "BOT_LIMIT_EXCEEDED", _with_bots(100), fields=_FIELDS)
    changes = {name: value for name, value in _FIELDS.items() if name not in ("code", "type", "botToken")}
    yield usual(update, **_V2, fields=changes)
    yield usual(update, **_V2, fields={"botToken": "another-token"})
    yield usual(update, **_V2, fields={"eventMode": "fetch"})
    yield refused(update, "BOT_TOKEN_INVALID_LENGTH", **_V2, fields={"botToken": "t" * 41})
    yield refused(
        update, "BOT_TOKEN_ROTATION_FAILED", Caller(prepare=_another_bot), **_V2, fields={"botToken": "taken"}
    )
    yield refused(update, "BOT_INVALID_EVENT_MODE", **_V2, fields={"eventMode": "push"})
    yield refused(update, "BOT_INVALID_CALLBACK", **_V2, fields={"webhookUrl": NEAR})
    yield usual("imbot.v2.Bot.get", **_V2)
    yield usual("imbot.v2.Bot.get", code="own_bot", botToken=TOKEN)
    yield refused("imbot.v2.Bot.get", "BOT_NOT_FOUND", botId=404, botToken=TOKEN)
    yield refused("imbot.v2.Bot.get", "PARAMS_REQUIRED", botToken=TOKEN)
    yield refused("imbot.v2.Bot.get", "BOT_TOKEN_NOT_SPECIFIED", botId=BOT)
    yield usual("imbot.v2.Bot.list", botToken=TOKEN, filter={"type": "bot"})
    yield usual("imbot.v2.Bot.list", botToken=TOKEN, limit=1)
    yield usual("imbot.v2.Bot.list", botToken=TOKEN, offset=1)
    yield refused("imbot.v2.Bot.list", "BOT_TOKEN_NOT_SPECIFIED")
    yield usual("imbot.v2.Bot.unregister", **_V2)
    yield usual("imbot.v2.Revision.get")


def _commands_v2() -> Iterator[Scene]:
    register, update = "imbot.v2.Command.register", "imbot.v2.Command.update"
    fields: dict[str, Any] = {
        "command": "/new",
        "title": {"en": "New"},
        "params": {"en": "number"},
        "common": True,
        "hidden": True,
        "extranetSupport": True,
    }
    yield usual(register, **_V2, fields=fields)
    yield usual(register, **_V2, fields={**fields, "command": "help"})
    yield refused(register, "COMMAND_REQUIRED", **_V2, fields={**fields, "command": ""})
    yield refused(register, "COMMAND_NAME_INVALID", **_V2, fields={**fields, "command": 7})
    yield refused(register, "COMMAND_TITLE_REQUIRED", **_V2, fields={"command": "/new"})
    yield usual(update, **_V2, commandId=COMMAND, fields=fields)
    for code, change in (
        ("COMMAND_NAME_EMPTY", {"command": ""}),
        ("COMMAND_NAME_INVALID", {"command": 7}),
        ("COMMAND_ALREADY_EXISTS", {"command": "find"}),
    ):
        yield refused(update, code, **_V2, commandId=COMMAND, fields={**fields, **change})
    yield refused(update, "COMMAND_NOT_FOUND", **_V2, commandId=OLD_COMMAND, fields=fields)
    yield usual("imbot.v2.Command.list", **_V2)
    yield usual("imbot.v2.Command.unregister", **_V2, commandId=COMMAND)
    yield refused("imbot.v2.Command.unregister", "COMMAND_NOT_FOUND", **_V2, commandId=404)


def _v1() -> Iterator[Scene]:
    register, update = "imbot.register", "imbot.update"
    yield usual(register, **_REGISTRATION)
    yield usual(register, CODE="new_bot", EVENT_HANDLER=HANDLER, CLIENT_ID=TOKEN, PROPERTIES={"NAME": "New"})
    for event in ("MESSAGE_ADD", "MESSAGE_UPDATE", "MESSAGE_DELETE", "WELCOME_MESSAGE", "BOT_DELETE"):
        yield refused(register, f"EVENT_{event}_ERROR", **{**_REGISTRATION, f"EVENT_{event}": NEAR})
        fields = {f"EVENT_{event}": NEAR, "NAME": "Renamed"}
        yield refused(update, f"EVENT_{event}_ERROR", **_OLD, FIELDS=fields)
    yield refused(register, "CODE_ERROR", **{**_REGISTRATION, "CODE": ""})
    yield refused(register, "NAME_ERROR", **{**_REGISTRATION, "PROPERTIES": {}})
    yield refused(register, "ACCESS_DENIED", **{**_REGISTRATION, "CLIENT_ID": ""})
    yield refused(register, "WRONG_REQUEST", **{**_REGISTRATION, "CODE": "foreign_bot"})
    yield refused(register, "MAX_COUNT_ERROR", _with_bots(5), **_REGISTRATION)
    properties = {"NAME": "Renamed", "LAST_NAME": "Helper", "WORK_POSITION": "Helper"}
    yield usual(update, **_OLD, FIELDS={"CODE": "renamed", "EVENT_MESSAGE_ADD": HANDLER, "PROPERTIES": properties})
    yield refused(update, "WRONG_REQUEST", **_OLD, FIELDS={})
    yield refused(update, "NAME_ERROR", **_OLD, FIELDS={"PROPERTIES": {"NAME": "", "LAST_NAME": ""}})
    yield usual("imbot.unregister", **_OLD)
    for method, more in ((update, {"FIELDS": {"CODE": "renamed"}}), ("imbot.unregister", {})):
        yield refused(method, "BOT_ID_ERROR", BOT_ID=404, CLIENT_ID=TOKEN, **more)
        yield refused(method, "APP_ID_ERROR", BOT_ID=FOREIGN_BOT, CLIENT_ID=TOKEN, **more)
        yield refused(method, "ACCESS_DENIED", BOT_ID=OLD_BOT, **more)
    yield usual("imbot.bot.list")
    yield from _commands_v1()
    yield from _messages_v1()


def _commands_v1() -> Iterator[Scene]:
    register, update = "imbot.command.register", "imbot.command.update"
    flags = {"COMMON": "Y", "HIDDEN": "Y", "EXTRANET_SUPPORT": "Y"}
    command: dict[str, Any] = {"COMMAND": "new", "EVENT_COMMAND_ADD": HANDLER, "LANG": _TEXTS, **flags}
    yield usual(register, **_OLD, **command)
    yield usual(register, **_OLD, **{**command, "COMMAND": "echo"})
    for code, change in (
        ("COMMAND_ERROR", {"COMMAND": ""}),
        ("EVENT_COMMAND_ADD_ERROR", {"EVENT_COMMAND_ADD": ""}),
        ("EVENT_COMMAND_ADD_ERROR", {"EVENT_COMMAND_ADD": NEAR}),
        ("LANG_ERROR", {"LANG": []}),
        ("BOT_ID_ERROR", {"BOT_ID": 404}),
        ("APP_ID_ERROR", {"BOT_ID": FOREIGN_BOT}),
    ):
        yield refused(register, code, **{**_OLD, **command, **change})
    own = {"COMMAND_ID": OLD_COMMAND, "CLIENT_ID": TOKEN}
    yield usual(update, **own, FIELDS=command)
    yield refused(update, "WRONG_REQUEST", **own, FIELDS={})
    yield refused(update, "EVENT_COMMAND_ADD_ERROR", **own, FIELDS={"EVENT_COMMAND_ADD": NEAR})
    yield usual("imbot.command.unregister", **own)
    yield refused(register, "ACCESS_DENIED", BOT_ID=OLD_BOT, **command)
    for method in (update, "imbot.command.unregister"):
        yield refused(method, "ACCESS_DENIED", COMMAND_ID=OLD_COMMAND, FIELDS=command)
        yield refused(method, "COMMAND_ID_ERROR", COMMAND_ID=404, CLIENT_ID=TOKEN, FIELDS=command)
        yield refused(method, "APP_ID_ERROR", COMMAND_ID=FOREIGN_COMMAND, CLIENT_ID=TOKEN, FIELDS=command)


def _messages_v1() -> Iterator[Scene]:
    add, answer = "imbot.message.add", "imbot.command.answer"
    message = {**_OLD, "DIALOG_ID": _DIALOG, "MESSAGE": "Hello"}
    below: dict[str, Any] = {
        "ATTACH": [{"MESSAGE": "More"}],
        "KEYBOARD": [{"TEXT": "Press"}],
        "MENU": '[{"TEXT": "Choose"}]',
    }
    yield usual(add, **message, **below)
    too_large: dict[str, Any] = {name: {"TEXT": "x" * 31_000} for name in below}
    changes: tuple[tuple[str, dict[str, Any]], ...] = (
        ("DIALOG_ID_EMPTY", {"DIALOG_ID": "deal"}),
        ("MESSAGE_EMPTY", {"MESSAGE": " "}),
        ("WRONG_REQUEST", {"DIALOG_ID": f"chat{CHAT_WITHOUT_BOTS}"}),
        ("BOT_ID_ERROR", {"BOT_ID": 404}),
        ("APP_ID_ERROR", {"BOT_ID": FOREIGN_BOT}),
        ("ACCESS_DENIED", {"CLIENT_ID": ""}),
        *((f"{name}_ERROR", {name: "no array"}) for name in below),
        *((f"{name}_OVERSIZE", {name: value}) for name, value in too_large.items()),
    )
    for code, change in changes:
        yield refused(add, code, **{**message, **change})
    reply = {"COMMAND_ID": OLD_COMMAND, "MESSAGE_ID": MESSAGE, "MESSAGE": "Hello", "CLIENT_ID": TOKEN}
    yield usual(answer, **reply, **below)
    yield usual(answer, COMMAND="echo", MESSAGE_ID=MESSAGE, MESSAGE="Hello", CLIENT_ID=TOKEN)
    changes = (
        ("COMMAND_ID_ERROR", {"COMMAND_ID": 404}),
        ("APP_ID_ERROR", {"COMMAND_ID": FOREIGN_COMMAND}),
        ("MESSAGE_ID_EMPTY", {"MESSAGE_ID": 0}),
        ("MESSAGE_EMPTY", {"MESSAGE": " "}),
        ("WRONG_REQUEST", {"MESSAGE_ID": 404}),
        ("ACCESS_DENIED", {"CLIENT_ID": ""}),
        *((f"{name}_ERROR", {name: "no array"}) for name in below),
        *((f"{name}_OVERSIZE", {name: too_large[name]}) for name in ("ATTACH", "KEYBOARD")),
        ("MENU_ERROR", {"MENU": too_large["MENU"]}),
    )
    for code, change in changes:
        yield refused(answer, code, **{**reply, **change})


def _shared_v2() -> Iterator[Scene]:
    """The four refusals of everything in `imbot.v2` that a bot calls (bitrix24.md 1.3)."""
    for name in (
        *("Bot.update", "Bot.unregister", "Chat.get", "Chat.Message.send"),
        *("Command.answer", "Command.register", "Command.update", "Command.list", "Command.unregister"),
    ):
        method = f"imbot.v2.{name}"
        yield refused(method, "BOT_TOKEN_NOT_SPECIFIED", botId=BOT)
        yield refused(method, "BOT_ID_REQUIRED", botToken=TOKEN)
        yield refused(method, "BOT_NOT_FOUND", botId=404, botToken=TOKEN)
        yield refused(method, "BOT_OWNERSHIP_ERROR", botId=FOREIGN_BOT, botToken=TOKEN)


SCENES: Final = (*_v2(), *_v1(), *_shared_v2())
