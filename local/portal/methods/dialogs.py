"""Methods that return a chat's details, to its members only."""

import re
from collections.abc import Callable

from local.portal.content import chat_json
from local.portal.content.chat import Chat
from local.portal.content.content import User
from local.portal.methods.bot_ownership import bot_v2
from local.portal.methods.call import Call, Method
from local.portal.protocol import php
from local.portal.protocol.errors import Refused

_CHAT_DIALOG = re.compile(f"chat({php.ID})")
_GROUP_DIALOG = re.compile(f"sg({php.ID})")
_NUMBER = re.compile(php.ID)


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
)
METHODS = tuple(Method(*row) for row in _ROWS)
