"""Events of bots in the form of v2: fields of the documents' samples and objects (bitrix24.md 5.6, 5.7).

No document states whether a mention is taken out of the text here, as v1 does: it is left in.
"""

from collections.abc import Mapping
from typing import Final

from local.portal.content import chat_json, user_json
from local.portal.content.content import Bot
from local.portal.content.messages import ChatMessage
from local.portal.events.scene import (
    Action,
    Commanding,
    Deleting,
    Editing,
    Joining,
    Opening,
    Reacting,
    Scene,
    Speaking,
)

NAMES: Final[Mapping[type[Action], str]] = {
    Speaking: "ONIMBOTV2MESSAGEADD",
    Editing: "ONIMBOTV2MESSAGEUPDATE",
    Deleting: "ONIMBOTV2MESSAGEDELETE",
    Commanding: "ONIMBOTV2COMMANDADD",
    Joining: "ONIMBOTV2JOINCHAT",
    Opening: "ONIMBOTV2CONTEXTGET",
    Reacting: "ONIMBOTV2REACTIONCHANGE",
}
REMOVED: Final = "ONIMBOTV2DELETE"
# What depends on the user who looks, and what only the results of methods have (entities.md).
_NOT_IN_EVENTS: Final = frozenset(
    {
        "role",
        "muteList",
        "dateCreate",
        "lastMessageId",
        "lastId",
        "managerList",
        "messageCount",
        "userCounter",
        "unreadId",
        "lastMessageViews",
        "markedId",
        "public",
    }
)
_ENTITY_ID: Final = frozenset({"entityId", "entityLink"})

_Fields = Mapping[str, object]


def data(scene: Scene, bot_auth: Mapping[str, str], *, entity_id: bool) -> _Fields:
    """The event's `data`; with `entity_id` the chat names its entity's id, and links to it."""
    bot = _bot(scene.bot, bot_auth)
    common = {
        "chat": _chat(scene, frozenset() if entity_id else _ENTITY_ID),
        "user": _without_nulls(user_json.user_v2(scene.user)),
        "language": scene.language,
    }
    match scene.action:
        case Joining():
            return {"bot": bot, "dialogId": scene.dialog_id, **common}
        case Speaking() | Editing():
            return {"bot": bot, "message": _message(scene.action.message), **common}
        case Deleting():
            return {"bot": bot, "messageId": scene.action.message.id, **common}
        case Reacting(message, reaction, change):
            return {"bot": bot, "reaction": reaction, "action": change, "message": _message(message), **common}
        case Opening(context):
            return {"bot": bot, "dialogId": scene.dialog_id, "context": context, **common}
        case Commanding():
            return {"bot": bot, "command": _command(scene.action), "message": _message(scene.action.message), **common}


def removed(bot: Bot, bot_auth: Mapping[str, str]) -> _Fields:
    """The `data` of a bot's last event."""
    return {"bot": _bot(bot, bot_auth)}


def _bot(bot: Bot, bot_auth: Mapping[str, str]) -> _Fields:
    return {"id": bot.id, "code": bot.code, "auth": bot_auth}


def _message(message: ChatMessage) -> _Fields:
    """The message; its empty `params` vanish on the wire."""
    return {
        "id": message.id,
        "chatId": message.chat_id,
        "authorId": message.author_id,
        "date": chat_json.moment(message.at),
        "text": message.text,
        "isSystem": False,
        "uuid": "",
        "forward": "",
        "params": {},
        "viewedByOthers": False,
    }


def _command(action: Commanding) -> _Fields:
    command = action.command
    return {"id": command.id, "command": f"/{command.name}", "params": action.params, "context": "textarea"}


def _chat(scene: Scene, left_out: frozenset[str]) -> _Fields:
    chat = {**chat_json.chat_v2(scene.chat, scene.bot.id), "extranet": scene.outsiders}
    return _without_nulls({name: value for name, value in chat.items() if name not in _NOT_IN_EVENTS | left_out})


def _without_nulls(fields: _Fields) -> _Fields:
    """Null arrives as an empty string in v2 (bitrix24.md 5.6); as it is, PHP would leave it out."""
    return {name: "" if value is None else value for name, value in fields.items()}
