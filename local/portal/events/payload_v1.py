"""Events of bots in the form of v1: fields and order of the documents' samples (bitrix24.md 5.4, 5.5)."""

import re
import uuid
from collections.abc import Mapping
from typing import Final

from local.portal.content import user_json
from local.portal.events.scene import Commanding, Deed, Joining, Scene, Speaking

NAMES: Final[Mapping[type[Deed], str]] = {
    Speaking: "ONIMBOTMESSAGEADD",
    Commanding: "ONIMCOMMANDADD",
    Joining: "ONIMBOTJOINCHAT",
}
_UNBOUND: Final = "THREAD"  # what an ordinary group says it belongs to (bitrix24.md 1.20)
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
    """The event's `data`; the bot's tokens stand in it twice, by themselves and under `AUTH`."""
    block = {**bot_auth, "AUTH": bot_auth, "BOT_ID": str(scene.bot.id), "BOT_CODE": scene.bot.code}
    user = user_json.event_user_v1(scene.user)
    match scene.deed:
        case Joining():
            user = {name: user[name] for name in _USER_OF_JOIN}
            return {"BOT": {str(scene.bot.id): block}, "PARAMS": _joining(scene), "USER": user}
        case Speaking():
            return {"BOT": {str(scene.bot.id): block}, "PARAMS": _speaking(scene, scene.deed), "USER": user}
        case Commanding():
            user = {name: user[name] for name in _USER_OF_COMMAND}
            command = {**block, **_command(scene.deed)}
            number = str(scene.deed.command.id)
            return {"COMMAND": {number: command}, "PARAMS": _commanding(scene, scene.deed), "USER": user}


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


def _speaking(scene: Scene, deed: Speaking) -> _Fields:
    text, bot_id = deed.message.text, scene.bot.id
    told = {
        "COMMAND_CONTEXT": "TEXTAREA",
        "CHAT_USER_COUNT": str(len(scene.chat.members)),
        "PLATFORM_CONTEXT": "web",
        "TO_USER_ID": str(bot_id),
    }
    if scene.chat.private:
        return {**_message(scene, deed, text), **_INTERNALS, **told}
    mentions = {
        "MENTIONED_LIST": {str(mentioned): str(mentioned) for mentioned in sorted(deed.mentioned)},
        "MESSAGE_ORIGINAL": text,
    }
    return {**_message(scene, deed, _without_mention(text, bot_id)), **_group(scene), **_INTERNALS, **told, **mentions}


def _commanding(scene: Scene, deed: Commanding) -> _Fields:
    told = {**_message(scene, deed, deed.message.text), **_INTERNALS, "SKIP_USER_CHECK": "Y", "RECENT_ADD": "Y"}
    if scene.chat.private:
        return {**told, "TO_USER_ID": str(scene.bot.id)}
    there = {str(bot_id): str(bot_id) for bot_id in scene.bots}
    return {**told, **_group(scene), "CHAT_PARENT_ID": "0", "CHAT_PARENT_MID": "0", "BOT_IN_CHAT": there}


def _command(deed: Commanding) -> _Fields:
    return {
        "COMMAND": deed.command.name,
        "COMMAND_ID": str(deed.command.id),
        "COMMAND_PARAMS": deed.params,
        "COMMAND_CONTEXT": "TEXTAREA",
        "MESSAGE_ID": str(deed.message.id),
    }


def _message(scene: Scene, deed: Speaking | Commanding, text: str) -> _Fields:
    """What every message is told by, in a personal chat as well, which has no `CHAT_ID`."""
    return {
        "MESSAGE": text,
        "TEMPLATE_ID": str(uuid.uuid5(uuid.NAMESPACE_OID, str(deed.message.id))),
        "MESSAGE_TYPE": scene.chat.message_type,
        "FROM_USER_ID": str(scene.user.id),
        "DIALOG_ID": scene.dialog_id,
        "TO_CHAT_ID": str(scene.chat.id),
        "AUTHOR_ID": str(scene.user.id),
        "SYSTEM": "N",
        "MESSAGE_ID": str(deed.message.id),
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
        "CHAT_COLOR": "BROWN",
        "CHAT_ENTITY_TYPE": chat.entity_type or _UNBOUND,
        "CHAT_ENTITY_ID": chat.entity_id,
        "CHAT_ENTITY_DATA_1": chat.entity_data_1,
        "CHAT_ENTITY_DATA_2": "",
        "CHAT_ENTITY_DATA_3": "",
        "CHAT_EXTRANET": "Y" if scene.outsiders else "N",
        "CHAT_PREV_MESSAGE_ID": "0",
        "CHAT_CAN_POST": "MEMBER",
        "RID": str(scene.user.id),
        "IS_MANAGER": "N",
    }


def _without_mention(text: str, bot_id: int) -> str:
    """The text without the mention of this bot, and the blanks that it leaves at the ends."""
    return re.sub(rf"\[USER={bot_id}\b[^\]]*\].*?\[/USER\]", "", text, flags=re.DOTALL).strip()
