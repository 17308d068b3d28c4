"""Events of bots in the form of v1: fields and order of the documents' samples (bitrix24.md 5.4, 5.5)."""

import re
import uuid
from collections.abc import Mapping
from typing import Final

from local.portal.content import user_json
from local.portal.content.chat_json import moment
from local.portal.content.content import Bot
from local.portal.events.scene import Action, Commanding, Deleting, Editing, Joining, Scene, Speaking

NAMES: Final[Mapping[type[Action], str]] = {
    Speaking: "ONIMBOTMESSAGEADD",
    Editing: "ONIMBOTMESSAGEUPDATE",
    Deleting: "ONIMBOTMESSAGEDELETE",
    Commanding: "ONIMCOMMANDADD",
    Joining: "ONIMBOTJOINCHAT",
}
"""There is no event for a reaction, and none is documented for a link's context."""
REMOVED: Final = "ONIMBOTDELETE"
_UNBOUND: Final = "THREAD"  # the entity type of an ordinary group (bitrix24.md 1.20)
_USER_OF_JOIN: Final = ("ID", "NAME", "FIRST_NAME", "LAST_NAME", "WORK_POSITION", "GENDER")
_USER_OF_COMMAND: Final = ("ID", "NAME", "FIRST_NAME", "LAST_NAME", "GENDER")
_INTERNALS: Final[Mapping[str, str]] = {
    "PUSH": "Y",
    "PUSH_IMPORTANT": "N",
    "RECENT_SKIP_AUTHOR": "N",
    "CONVERT": "N",
    "SKIP_COMMAND": "N",
    "SKIP_COUNTER_INCREMENTS": "N",
    "SILENT_CONNECTOR": "N",
    "SKIP_CONNECTOR": "N",
    "IMPORTANT_CONNECTOR": "N",
    "NO_SESSION_OL": "N",
    "FAKE_RELATION": "0",
    "SKIP_URL_INDEX": "N",
}

_Fields = Mapping[str, object]


def data(scene: Scene, bot_auth: Mapping[str, str]) -> _Fields:
    """The event's `data`; it contains the bot's tokens twice, at the top of their block and under `AUTH`."""
    block = {**bot_auth, "AUTH": bot_auth, **removed(scene.bot)}
    user = user_json.event_user_v1(scene.user)
    match scene.action:
        case Joining():
            user = {name: user[name] for name in _USER_OF_JOIN}
            return {"BOT": {str(scene.bot.id): block}, "PARAMS": _joining(scene), "USER": user}
        case Speaking():
            return {"BOT": {str(scene.bot.id): block}, "PARAMS": _speaking(scene, scene.action), "USER": user}
        case Editing() | Deleting():
            changed = {"BOT": {str(scene.bot.id): block}, "PARAMS": _changed(scene, scene.action)}
            return {**changed, "USER": user} if scene.chat.private else changed
        case Commanding():
            user = {name: user[name] for name in _USER_OF_COMMAND}
            command = {**block, **_command(scene.action)}
            number = str(scene.action.command.id)
            return {"COMMAND": {number: command}, "PARAMS": _commanding(scene, scene.action), "USER": user}
        case _:
            raise ValueError(f"v1 has no event for {scene.action}")


def removed(bot: Bot) -> _Fields:
    """The bot as the last event names it, which has no tokens of the bot."""
    return {"BOT_ID": str(bot.id), "BOT_CODE": bot.code}


def _joining(scene: Scene) -> _Fields:
    chat, user_id = scene.chat, str(scene.user.id)
    personal = {"TO_USER_ID": user_id, "FROM_USER_ID": str(scene.bot.id)}
    group = {
        "CHAT_ID": str(chat.id),
        "CHAT_AUTHOR_ID": str(chat.owner_id),
        "CHAT_ENTITY_TYPE": chat.entity_type or _UNBOUND,
        "CHAT_ENTITY_ID": chat.entity_id,
        "ACCESS_HISTORY": "1",
    }
    return {
        "CHAT_TYPE": chat.message_type,
        "MESSAGE_TYPE": chat.message_type,
        "BOT_ID": str(scene.bot.id),
        "USER_ID": user_id,
        **(personal if chat.private else group),
        "DIALOG_ID": scene.dialog_id,
        "LANGUAGE": scene.language,
    }


def _speaking(scene: Scene, action: Speaking) -> _Fields:
    text, bot_id = action.message.text, scene.bot.id
    spoken = {
        "COMMAND_CONTEXT": "TEXTAREA",
        "CHAT_USER_COUNT": str(len(scene.chat.members)),
        "PLATFORM_CONTEXT": "web",
        "TO_USER_ID": str(bot_id),
    }
    if scene.chat.private:
        return {**_message(scene, action, text), **_INTERNALS, **spoken}
    mentions = {
        "MENTIONED_LIST": {str(mentioned): str(mentioned) for mentioned in sorted(action.mentioned)},
        "MESSAGE_ORIGINAL": text,
    }
    return {
        **_message(scene, action, _without_mention(text, bot_id)),
        **_group(scene),
        **_INTERNALS,
        **spoken,
        **mentions,
    }


def _changed(scene: Scene, action: Editing | Deleting) -> _Fields:
    """A changed or deleted message. The chat's id is there in a personal chat, too, where the entity's type is not."""
    chat, message_id = scene.chat, str(action.message.id)
    entity = {"CHAT_ENTITY_TYPE": chat.entity_type or _UNBOUND}
    of_person = {"FROM_USER_ID": str(scene.user.id), "TO_USER_ID": str(scene.bot.id)}
    return {
        "ID": message_id,
        "CHAT_ID": str(chat.id),
        "AUTHOR_ID": str(action.message.author_id),
        "MESSAGE": _text_of(scene, action),
        "MESSAGE_TYPE": chat.message_type,
        "CHAT_AUTHOR_ID": str(chat.owner_id),
        **({} if chat.private else entity),
        "CHAT_ENTITY_ID": chat.entity_id,
        "CHAT_ENTITY_DATA_1": chat.entity_data_1,
        "CHAT_ENTITY_DATA_2": chat.entity_data_2,
        "CHAT_ENTITY_DATA_3": chat.entity_data_3,
        **(of_person if chat.private else {}),
        **(_edited(scene, action) if isinstance(action, Editing) else {}),
        "DIALOG_ID": scene.dialog_id,
        "MESSAGE_ID": message_id,
        "CHAT_TYPE": chat.message_type,
        "LANGUAGE": scene.language,
    }


def _text_of(scene: Scene, action: Editing | Deleting) -> str:
    """The new text, without the bot's mention in a group; of a deleted message a notice instead of its text."""
    if isinstance(action, Deleting):
        return f"Message from {moment(action.message.at)} has been deleted"
    text = action.message.text
    return text if scene.chat.private else _without_mention(text, scene.bot.id)


def _edited(scene: Scene, action: Editing) -> _Fields:
    group = {
        "MENTIONED_LIST": {str(each): str(each) for each in sorted(action.mentioned)},
        "MESSAGE_ORIGINAL": action.message.text,
        "TO_USER_ID": str(scene.bot.id),
    }
    counted = {"CHAT_USER_COUNT": str(len(scene.chat.members)), "PLATFORM_CONTEXT": "web"}
    return counted if scene.chat.private else {**counted, **group}


def _commanding(scene: Scene, action: Commanding) -> _Fields:
    common = {**_message(scene, action, action.message.text), **_INTERNALS, "SKIP_USER_CHECK": "Y", "RECENT_ADD": "Y"}
    if scene.chat.private:
        return {**common, "TO_USER_ID": str(scene.bot.id)}
    there = {str(bot_id): str(bot_id) for bot_id in scene.bots}
    return {**common, **_group(scene), "CHAT_PARENT_ID": "0", "CHAT_PARENT_MID": "0", "BOT_IN_CHAT": there}


def _command(action: Commanding) -> _Fields:
    return {
        "COMMAND": action.command.name,
        "COMMAND_ID": str(action.command.id),
        "COMMAND_PARAMS": action.params,
        "COMMAND_CONTEXT": "TEXTAREA",
        "MESSAGE_ID": str(action.message.id),
    }


def _message(scene: Scene, action: Speaking | Commanding, text: str) -> _Fields:
    """The fields of every message, those in a personal chat included, which has no `CHAT_ID`."""
    return {
        "MESSAGE": text,
        "TEMPLATE_ID": str(uuid.uuid5(uuid.NAMESPACE_OID, str(action.message.id))),
        "MESSAGE_TYPE": scene.chat.message_type,
        "FROM_USER_ID": str(scene.user.id),
        "DIALOG_ID": scene.dialog_id,
        "TO_CHAT_ID": str(scene.chat.id),
        "AUTHOR_ID": str(scene.user.id),
        "SYSTEM": "N",
        "MESSAGE_ID": str(action.message.id),
        "CHAT_TYPE": scene.chat.message_type,
        "LANGUAGE": scene.language,
    }


def _group(scene: Scene) -> _Fields:
    chat = scene.chat
    return {
        "CHAT_ID": str(chat.id),
        "CHAT_TITLE": chat.title,
        "CHAT_AUTHOR_ID": str(chat.owner_id),
        "CHAT_AVATAR": "0",
        "CHAT_COLOR": chat.colour,
        "CHAT_ENTITY_TYPE": chat.entity_type or _UNBOUND,
        "CHAT_ENTITY_ID": chat.entity_id,
        "CHAT_ENTITY_DATA_1": chat.entity_data_1,
        "CHAT_ENTITY_DATA_2": chat.entity_data_2,
        "CHAT_ENTITY_DATA_3": chat.entity_data_3,
        "CHAT_EXTRANET": "Y" if scene.outsiders else "N",
        "CHAT_PREV_MESSAGE_ID": "0",
        "CHAT_CAN_POST": "MEMBER",
        "RID": str(scene.user.id),
        "IS_MANAGER": "N",
    }


def _without_mention(text: str, bot_id: int) -> str:
    """The text without the mention of this bot, and the blanks that it leaves at the ends."""
    return re.sub(rf"\[USER={bot_id}\b[^\]]*\].*?\[/USER\]", "", text, flags=re.DOTALL).strip()
