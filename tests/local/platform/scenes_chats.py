"""Calls about chats and dialogs."""

from typing import Any, Final

from tests.local.platform.scene import Scene, otherwise, refused, usual
from tests.local.platform.stage import BOT, CHAT, CHAT_WITHOUT_BOTS, CHAT_WITHOUT_CALLER, FOREIGN_BOT, OLD_BOT, TOKEN

_CHAT: Final[dict[str, Any]] = {
    "TYPE": "OPEN",
    "TITLE": "New Chat Name",
    "DESCRIPTION": "News",
    "COLOR": "MINT",
    "MESSAGE": "Welcome",
    "USERS": [2, 3],
    "AVATAR": "",
    "ENTITY_TYPE": "CHAT",
    "ENTITY_ID": "14",
}
_BOT: Final = {"BOT_ID": OLD_BOT, "CLIENT_ID": TOKEN}
_BOT_V2: Final = {"botId": BOT, "botToken": TOKEN}
_OWN_CHAT: Final = f"chat{CHAT}"

SCENES: Final[tuple[Scene, ...]] = (
    usual("im.chat.get", ENTITY_TYPE="CRM", ENTITY_ID="DEAL|1663"),
    usual("im.chat.get", ENTITY_TYPE="CRM", ENTITY_ID="DEAL|404"),
    usual("imbot.chat.get", ENTITY_TYPE="CHAT", ENTITY_ID="13"),
    usual("im.chat.add", **_CHAT, COPILOT_MAIN_ROLE=""),
    usual("imbot.chat.add", **_CHAT, **_BOT),
    refused("imbot.chat.add", "INVALID_FORMAT", **{**_CHAT, **_BOT, "USERS": "two"}),
    refused("imbot.chat.add", "BOT_ID_ERROR", BOT_ID=404, CLIENT_ID=TOKEN),
    refused("imbot.chat.add", "APP_ID_ERROR", BOT_ID=FOREIGN_BOT, CLIENT_ID=TOKEN),
    refused("imbot.chat.add", "ACCESS_DENIED", BOT_ID=OLD_BOT),
    usual("im.dialog.get", DIALOG_ID=_OWN_CHAT),
    otherwise("im.dialog.get", DIALOG_ID="sg133"),
    otherwise("im.dialog.get", DIALOG_ID="2"),
    refused("im.dialog.get", "DIALOG_ID_EMPTY", DIALOG_ID="deal"),
    refused("im.dialog.get", "ACCESS_ERROR", DIALOG_ID=f"chat{CHAT_WITHOUT_CALLER}"),
    refused("im.dialog.get", "ACCESS_ERROR", DIALOG_ID="sg404"),
    usual("imbot.dialog.get", DIALOG_ID="chat2725"),
    refused("imbot.dialog.get", "DIALOG_ID_EMPTY", DIALOG_ID="sg133"),
    refused("imbot.dialog.get", "ACCESS_ERROR", DIALOG_ID=f"chat{CHAT_WITHOUT_CALLER}"),
    usual("imbot.v2.Chat.get", **_BOT_V2, dialogId=_OWN_CHAT),
    refused("imbot.v2.Chat.get", "ACCESS_DENIED", **_BOT_V2, dialogId=f"chat{CHAT_WITHOUT_BOTS}"),
)
