"""Methods that return a chat's details, to its members only."""

import re
from collections.abc import Callable

from local.portal.content import chat_json
from local.portal.content.chat import Chat
from local.portal.content.content import User
from local.portal.methods.bot_ownership import bot_v2
from local.portal.methods.call import Call, Method
from local.portal.protocol.errors import Refused

_CHAT_DIALOG = re.compile(r"chat([1-9][0-9]*)")
_GROUP_DIALOG = re.compile(r"sg([1-9][0-9]*)")
_NUMBER = re.compile(r"[1-9][0-9]*")
_CRM_PREFIX = "imol|"  # how the CRM's messenger field begins (bitrix24.md 1.20)
_SESSION_FIELD = 5  # of a line's `entity_data_1`, counted from 0 (bitrix24.md 1.20)


def im_dialog_get(call: Call) -> object:
    """`chat<id>`, `sg<group id>` or a user's id (bitrix24.md 1.5); the caller must be in the chat."""
    dialog_id = call.text("DIALOG_ID")
    if group := _GROUP_DIALOG.fullmatch(dialog_id):
        return _details(call, call.content.first_bound_to("SONET_GROUP", group.group(1)), dialog_id)
    return imbot_dialog_get(call)


def imbot_dialog_get(call: Call) -> object:
    """`chat<id>` or a user's id (bitrix24.md 1.4); the caller must be in the chat."""
    dialog_id = call.text("DIALOG_ID")
    if found := _CHAT_DIALOG.fullmatch(dialog_id):
        return _details(call, call.content.chats.get(int(found.group(1))), dialog_id)
    if _NUMBER.fullmatch(dialog_id):
        user = call.content.users.get(int(dialog_id))
        return _details(call, _private_chat(user, call.grant.user_id) if user else None, dialog_id)
    raise Refused("DIALOG_ID_EMPTY")


def imbot_v2_chat_get(call: Call) -> object:
    """`chat<id>` or a user's id, to a bot that is in the chat (bitrix24.md 1.3)."""
    bot = bot_v2(call)
    chat = call.content.dialog(call.text("dialogId"), bot.id)
    if chat is None:
        raise Refused("ACCESS_DENIED", 403, "Access denied")
    return {"chat": chat_json.chat_v2(chat, bot.id)}


def imopenlines_dialog_get(call: Call) -> object:
    """An open line's chat by any of four parameters; ACCESS_ERROR with 400 for every failure (bitrix24.md 1.19)."""
    chat = _line(call)
    if chat is None or chat.entity_type != "LINES" or not _may_see_line(call, chat):
        raise Refused("ACCESS_ERROR", 400)
    return chat_json.dialog(chat, f"chat{chat.id}", call.grant.user_id)


def _line(call: Call) -> Chat | None:
    chat_id = call.text("CHAT_ID") or call.text("DIALOG_ID").removeprefix("chat")
    if chat_id:
        return call.content.chats.get(int(chat_id)) if _NUMBER.fullmatch(chat_id) else None
    if code := call.text("USER_CODE"):
        return call.content.bound_to("LINES", code.removeprefix(_CRM_PREFIX))
    session = call.text("SESSION_ID")
    lines = (chat for chat in call.content.chats.values() if chat.entity_type == "LINES")
    return next((chat for chat in lines if session and _session(chat) == session), None)


def _session(chat: Chat) -> str:
    fields = chat.entity_data_1.split("|")
    return fields[_SESSION_FIELD] if len(fields) > _SESSION_FIELD else ""


def _may_see_line(call: Call, chat: Chat) -> bool:
    """Operators in the chat, and administrators, who see all lines."""
    return call.grant.user_id in chat.members or call.content.users[call.grant.user_id].admin


def _details(call: Call, chat: Chat | None, dialog_id: str) -> dict[str, object]:
    """The details for a member; other users get the same refusal as for a chat that does not exist."""
    if chat is None or call.grant.user_id not in chat.members:
        raise Refused("ACCESS_ERROR")
    return chat_json.dialog(chat, dialog_id, call.grant.user_id)


def _private_chat(user: User, caller_id: int) -> Chat:
    """The personal chat with a user, represented by the user: it has the user's id."""
    return Chat(user.id, user.full_name, user.id, frozenset({user.id, caller_id}), private=True)


_ROWS: tuple[tuple[str, str, Callable[[Call], object]], ...] = (
    ("im.dialog.get", "im", im_dialog_get),
    ("imbot.dialog.get", "imbot", imbot_dialog_get),
    ("imbot.v2.Chat.get", "imbot", imbot_v2_chat_get),
    ("imopenlines.dialog.get", "imopenlines", imopenlines_dialog_get),
)
METHODS = tuple(Method(*row) for row in _ROWS)
