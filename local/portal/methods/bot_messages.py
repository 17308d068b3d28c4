"""Methods by which bots write messages, both versions (bitrix24.md 1.13, 1.14, 9 row 16).

Of v1's ways to name a dialog, `FROM_USER_ID` with `TO_USER_ID` is not supported here.
"""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Final

from local.portal.content.chat import Chat
from local.portal.content.content import Bot, Command
from local.portal.content.messages import ChatMessage, cut
from local.portal.methods.bot_ownership import bot_v1, bot_v2, owns, token_v1
from local.portal.methods.call import Call, Method
from local.portal.protocol import php, rest_wire
from local.portal.protocol.errors import Refused

_ADD, _ANSWER = "imbot.message.add", "imbot.command.answer"
_ADD_V2, _ANSWER_V2 = "imbot.v2.Chat.Message.send", "imbot.v2.Command.answer"
_NONE: Final[Mapping[str, object]] = {}
_NOT_ADDED = ("WRONG_REQUEST", 400, "Message isn't added")
_NUMBER = re.compile(php.ID)
_DIALOG = re.compile(rf"(chat)?{_NUMBER.pattern}")
_DECORATION: Final = ("ATTACH", "KEYBOARD", "MENU")
_MOST_BYTES: Final = 30 * 1024  # of each


def add(call: Call) -> object:
    """Adds a message to a chat with the bot and returns its id; refuses other chats (imbot-message-add.md)."""
    bot, dialog_id, text = bot_v1(call), call.text("DIALOG_ID"), call.text("MESSAGE").strip()
    if not _DIALOG.fullmatch(dialog_id):
        raise Refused("DIALOG_ID_EMPTY")
    if not text:
        raise Refused("MESSAGE_EMPTY")
    decoration = _decoration(call)
    chat = _chat(call, bot, dialog_id)
    if chat is None:
        raise Refused(*_NOT_ADDED)
    return _stored(call, bot, chat, text, _ADD, decoration=decoration)


def add_v2(call: Call) -> object:
    """The same in v2: ACCESS_DENIED where the bot is not a member (chat-message-send.md)."""
    bot, fields = bot_v2(call), call.array("fields")
    text = php.text(fields.get("message"))
    chat = _chat(call, bot, call.text("dialogId"))
    if chat is None:
        raise Refused("ACCESS_DENIED", 403, "Access denied")
    if not (text.strip() or php.entries(fields.get("attach"))):
        raise Refused("EMPTY_MESSAGE")
    return {"id": _stored(call, bot, chat, text, _ADD_V2), "uuidMap": php.as_json({})}


def answer(call: Call) -> object:
    """The id of the message that answers a command, wherever that was given (imbot-command-answer.md)."""
    command, text = _command(call), call.text("MESSAGE").strip()
    if php.is_empty(call.text("MESSAGE_ID")):
        raise Refused("MESSAGE_ID_EMPTY")
    if not text:
        raise Refused("MESSAGE_EMPTY")
    # This page has no code of its own for a menu that is too large (imbot-command-answer.md).
    decoration = _decoration(call, measured=("ATTACH", "KEYBOARD"))
    message = _with_command(call, call.text("MESSAGE_ID"), command.id)
    if message is None:
        raise Refused(*_NOT_ADDED)
    bot, chat = call.content.bots[command.bot_id], call.content.chats[message.chat_id]
    return _stored(call, bot, chat, text, _ANSWER, message.id, decoration)


def answer_v2(call: Call) -> object:
    """The same in v2, which has one code for every error (command-answer.md)."""
    bot, text = bot_v2(call), php.text(call.array("fields").get("message"))
    command_id = next((each.id for each in call.content.commands_of(bot) if str(each.id) == call.text("commandId")), 0)
    message = _with_command(call, call.text("messageId"), command_id)
    if message is None or not text.strip():
        raise Refused("COMMAND_ANSWER_FAILED")
    chat = call.content.chats[message.chat_id]
    if chat.dialog_id(bot.id) != call.text("dialogId"):
        raise Refused("COMMAND_ANSWER_FAILED")
    _stored(call, bot, chat, text, _ANSWER_V2, message.id)
    return {"result": True}


def _chat(call: Call, bot: Bot, dialog_id: str) -> Chat | None:
    """The chat if the bot is a member; the personal chat with a user is made if needed (chat-bots-v2/index.md)."""
    user = call.content.users.get(int(dialog_id)) if _NUMBER.fullmatch(dialog_id) else None
    if user and user.active and user.id != bot.id:
        return call.content.personal_chat(user.id, bot.id, call.now)
    return call.content.dialog(dialog_id, bot.id)


def _command(call: Call) -> Command:
    """The command by its id, or by its name among the caller's own; raises Refused."""
    token, command_id = token_v1(call), call.text("COMMAND_ID")
    commands = call.content.commands.values()
    own = [each for each in commands if owns(call.grant, call.content.bots[each.bot_id], token)]
    if command_id:
        command = next((each for each in commands if str(each.id) == command_id), None)
    else:
        command = next((each for each in own if each.name == call.text("COMMAND").removeprefix("/")), None)
    if command is None:
        raise Refused("COMMAND_ID_ERROR")
    if command not in own:
        raise Refused("APP_ID_ERROR", 403, "Command was installed by another rest application")
    return command


def _with_command(call: Call, message_id: str, command_id: int) -> ChatMessage | None:
    """The message if this command was given in it: both together are the right to answer (command-answer.md)."""
    message = call.content.messages.get(message_id)
    return message if message and command_id in message.commands else None


def _decoration(call: Call, measured: Collection[str] = _DECORATION) -> Mapping[str, object]:
    """What is below a message of v1 by its parameter, an array or JSON for one (imbot-message-add.md). Those that are
    `measured` have a code of their own for what is too large."""
    found: dict[str, object] = {}
    for name in _DECORATION:
        given = call.param(name)
        if given in (None, ""):
            continue
        value = rest_wire.json_object(given) if isinstance(given, str) else php.entries(given)
        if not value:
            raise Refused(f"{name}_ERROR")
        if len(rest_wire.encode(value)) > _MOST_BYTES:
            raise Refused(f"{name}_OVERSIZE" if name in measured else f"{name}_ERROR")
        found[name] = value
    return found


def _stored(
    call: Call,
    bot: Bot,
    chat: Chat,
    text: str,
    method: str,
    answer_to: int | None = None,
    decoration: Mapping[str, object] = _NONE,
) -> int:
    messages = call.content.messages
    message = ChatMessage(
        messages.next_id(), call.now, chat.id, bot.id, cut(text), method, answer_to, decoration=decoration
    )
    messages.put(message)
    return message.id


_ROWS: tuple[tuple[str, Callable[[Call], object]], ...] = (
    (_ADD, add),
    (_ANSWER, answer),
    (_ADD_V2, add_v2),
    (_ANSWER_V2, answer_v2),
)
METHODS = tuple(Method(name, "imbot", run) for name, run in _ROWS)
