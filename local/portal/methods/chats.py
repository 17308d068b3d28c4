"""Methods that find a chat by its entity, and that create one."""

from collections.abc import Callable, Sequence

from local.portal.content.chat import COLOURS, PINK, Chat
from local.portal.methods.bot_ownership import bot_v1
from local.portal.methods.call import Call, Method
from local.portal.protocol import php
from local.portal.protocol.errors import Refused


def chat_get(call: Call) -> object:
    """Entity to chat id; null for an unknown pair and for bad input alike; membership is not checked.

    One handler for both methods, as in the product (bitrix24.md 1.0, 1.1). Pairs are matched as given, every character
    counts (1.20). Several chats may have one pair, and nothing orders them (1.1): the shape decides which one is found.
    """
    entity_type, entity_id = call.text("ENTITY_TYPE"), call.text("ENTITY_ID")
    if php.is_empty(entity_type) or php.is_empty(entity_id):
        return None
    found = call.content.all_bound_to(entity_type, entity_id, any_case=call.shape.pair_case == "ignored")
    if not found:
        return None
    chat = _one_of(found, call)
    return chat.id if call.shape.result == "int" else {"ID": chat.id}


def _one_of(found: Sequence[Chat], call: Call) -> Chat:
    match call.shape.same_pair:
        case "youngest":
            return found[-1]
        case "oldest":
            return found[0]
        case "any":
            return found[call.content.next_number() % len(found)]


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
    colour = call.text("COLOR").upper()
    colour = colour if colour in COLOURS else PINK
    chat = Chat(
        id=call.content.free_id(),
        title=call.text("TITLE") or _title(call, colour),
        description=call.text("DESCRIPTION"),
        colour=colour,
        owner_id=owner_id,
        members=call.content.known({owner_id, call.grant.user_id} | invited),
        entity_type=call.text("ENTITY_TYPE"),
        entity_id=call.text("ENTITY_ID"),
        open_to_all=call.text("TYPE") == "OPEN",
        created_at=call.now,
    )
    call.content.put_chat(chat)
    call.events.chat_added(chat, call.content.users[owner_id], call.text("MESSAGE").strip())
    return chat.id


def _title(call: Call, colour: str) -> str:
    """The title by the page's template, counted by colour (im-chat-add.md)."""
    number = 1 + sum(chat.colour == colour for chat in call.content.chats.values())
    return f"{colour.replace('_', ' ').capitalize()} chat №{number}"


def _user_ids(users: object) -> list[int | None]:
    return [php.whole(php.text(item)) for item in php.entries(users).values()]


_ROWS: tuple[tuple[str, str, Callable[[Call], object]], ...] = (
    ("im.chat.get", "im", chat_get),
    ("imbot.chat.get", "imbot", chat_get),
    ("im.chat.add", "im", im_chat_add),
    ("imbot.chat.add", "imbot", imbot_chat_add),
)
METHODS = tuple(Method(*row) for row in _ROWS)
