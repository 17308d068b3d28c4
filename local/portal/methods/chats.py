"""Methods that find a chat by its entity, and that create one."""

from collections.abc import Callable

from local.portal.content.chat import Chat
from local.portal.methods.bot_ownership import bot_v1
from local.portal.methods.call import Call, Method
from local.portal.protocol import php
from local.portal.protocol.errors import Refused


def chat_get(call: Call) -> object:
    """Entity to chat id; null for an unknown pair and for bad input alike; membership is not checked.

    One handler for both methods, as in the product (bitrix24.md 1.0, 1.1). Pairs are matched as given: case and every
    character count (1.20).
    """
    entity_type, entity_id = call.text("ENTITY_TYPE"), call.text("ENTITY_ID")
    if php.is_empty(entity_type) or php.is_empty(entity_id):
        return None
    chat = call.content.bound_to(entity_type, entity_id)
    if chat is None:
        return None
    return chat.id if call.shape.result == "int" else {"ID": chat.id}


def im_chat_add(call: Call) -> object:
    """A new chat of the caller; has no errors of its own (bitrix24.md 1.8), so invalid members are ignored."""
    return _add(call, owner_id=call.grant.user_id)


def imbot_chat_add(call: Call) -> object:
    """A new chat of a bot (bitrix24.md 1.6)."""
    bot = bot_v1(call)
    users = call.param("USERS")
    if users not in (None, "") and (not isinstance(users, (list, dict)) or None in _user_ids(users)):
        raise Refused("INVALID_FORMAT")
    return _add(call, owner_id=bot.id)


def _add(call: Call, owner_id: int) -> int:
    invited = {user_id for user_id in _user_ids(call.param("USERS")) if user_id is not None}
    chat = Chat(
        id=call.content.free_id(),
        title=call.text("TITLE") or "New chat",
        owner_id=owner_id,
        members=call.content.known({owner_id, call.grant.user_id} | invited),
        entity_type=call.text("ENTITY_TYPE"),
        entity_id=call.text("ENTITY_ID"),
        open_to_all=call.text("TYPE") == "OPEN",
        created_at=call.now,
    )
    call.content.put_chat(chat)
    return chat.id


def _user_ids(users: object) -> list[int | None]:
    ids = (php.text(item) for item in php.entries(users).values())
    return [int(number) if number.isascii() and number.isdigit() else None for number in ids]


_ROWS: tuple[tuple[str, str, Callable[[Call], object]], ...] = (
    ("im.chat.get", "im", chat_get),
    ("imbot.chat.get", "imbot", chat_get),
    ("im.chat.add", "im", im_chat_add),
    ("imbot.chat.add", "imbot", imbot_chat_add),
)
METHODS = tuple(Method(*row) for row in _ROWS)
