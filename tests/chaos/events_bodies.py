"""Bot events as API Gateway passes them: the documents' samples with other ids (bitrix24.md 5.5, 5.7)."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final, Literal

from local.portal.protocol import php
from tests.support.repository import SAMPLES

Api = Literal["v1", "v2"]
APIS: Final[tuple[Api, Api]] = ("v1", "v2")
FORM: Final = "application/x-www-form-urlencoded"

_BOT_OF: Final[Mapping[Api, str]] = {"v1": "567", "v2": "456"}
"""The bot's id in the samples of each version."""
ENTITY: Final = "ORDER"
"""An application's own type: what events teach of it does not depend on the portal."""
_MORE_OF_THE_CHAT: Final = ("entityData1", "entityData2", "entityData3", "parentChatId", "isNew")


@dataclass(frozen=True, slots=True)
class Sender:
    """A portal with an application and its bot; builds the events that it sends."""

    member_id: str
    domain: str
    bot_id: int
    application_token: str = field(repr=False)

    def deal_message(self, api: Api, message_id: int, chat_id: int, deal: str, ts: int) -> str:
        """A user writes in a deal's chat; `deal` is its id in chats. The bot does not answer the text of a command."""
        changes = {
            "v1": {
                **_group(chat_id, deal),
                "data[PARAMS][TO_CHAT_ID]": str(chat_id),
                "data[PARAMS][MESSAGE_ID]": str(message_id),
                "data[PARAMS][MESSAGE]": "/note",
            },
            "v2": {
                **_chat(chat_id, deal),
                "data[message][text]": "/note",
                "data[message][id]": str(message_id),
                "data[message][chatId]": str(chat_id),
            },
        }
        sample: Mapping[Api, str] = {"v1": "v1-message-add-group", "v2": "v2-message-add"}
        return self._written(api, sample[api], changes[api], ts)

    def join(self, api: Api, chat_id: int, deal: str, ts: int) -> str:
        """A user adds the bot to the chat of a deal."""
        group = {**_group(chat_id, deal), "data[PARAMS][CHAT_TYPE]": "C", "data[PARAMS][MESSAGE_TYPE]": "C"}
        chat = {**_chat(chat_id, deal), "data[dialogId]": f"chat{chat_id}"}
        return self._written(api, f"{api}-join", group if api == "v1" else chat, ts)

    def question(self, api: Api, message_id: int, user_id: int, text: str, ts: int) -> str:
        """An employee writes to the bot in their personal chat."""
        user, chat_id = str(user_id), str(10_000_000 + user_id)
        changes = {
            "v1": {
                "data[PARAMS][MESSAGE]": text,
                "data[PARAMS][MESSAGE_ID]": str(message_id),
                "data[PARAMS][TO_CHAT_ID]": chat_id,
                "data[USER][ID]": user,
                **dict.fromkeys(("data[PARAMS][FROM_USER_ID]", "data[PARAMS][AUTHOR_ID]"), user),
                "data[PARAMS][DIALOG_ID]": user,
                "data[PARAMS][TO_USER_ID]": str(self.bot_id),
            },
            "v2": {
                "data[message][id]": str(message_id),
                "data[message][text]": text,
                **dict.fromkeys(("data[chat][id]", "data[message][chatId]"), chat_id),
                **dict.fromkeys(("data[user][id]", "data[message][authorId]", "data[chat][dialogId]"), user),
                "data[chat][type]": "private",
                "data[chat][messageType]": "P",
                **dict.fromkeys(("data[chat][entityType]", "data[chat][entityId]"), ""),
            },
        }
        sample: Mapping[Api, str] = {"v1": "v1-message-add-personal", "v2": "v2-message-add"}
        return self._written(api, sample[api], changes[api], ts)

    def _written(self, api: Api, sample: str, changes: Mapping[str, str], ts: int) -> str:
        """The sample from this portal, with other values of some fields, as PHP encodes it."""
        endpoint = f"https://{self.domain}/rest/"
        ours = {
            "auth[member_id]": self.member_id,
            "auth[domain]": self.domain,
            "auth[client_endpoint]": endpoint,
            "auth[application_token]": self.application_token,
            "ts": str(ts),
        }
        fields = {**_fields(sample, _BOT_OF[api], str(self.bot_id)), **ours, **changes}
        return php.encode(fields.items())


def http_event(body: str, *, is_base64: bool, request_id: str) -> Mapping[str, object]:
    """The gateway's event of one POST; in the cloud forms come in base64, on this machine as plain text."""
    return {
        "version": "2.0",
        "routeKey": "POST /bitrix24/events",
        "rawPath": "/bitrix24/events",
        "rawQueryString": "",
        "headers": {"content-type": FORM},
        "requestContext": {"requestId": request_id, "http": {"method": "POST", "path": "/bitrix24/events"}},
        "body": base64.b64encode(body.encode()).decode() if is_base64 else body,
        "isBase64Encoded": is_base64,
    }


def _group(chat_id: int, deal: str) -> Mapping[str, str]:
    """The fields of a deal's chat in events of v1."""
    return {
        "data[PARAMS][CHAT_ID]": str(chat_id),
        "data[PARAMS][DIALOG_ID]": f"chat{chat_id}",
        "data[PARAMS][CHAT_ENTITY_TYPE]": ENTITY,
        "data[PARAMS][CHAT_ENTITY_ID]": deal,
    }


def _chat(chat_id: int, deal: str) -> Mapping[str, str]:
    """The fields of a deal's chat in events of v2."""
    return {
        "data[chat][id]": str(chat_id),
        "data[chat][dialogId]": f"chat{chat_id}",
        "data[chat][type]": "chat",
        "data[chat][messageType]": "C",
        "data[chat][entityType]": ENTITY,
        "data[chat][entityId]": deal,
        **{f"data[chat][{name}]": "" for name in _MORE_OF_THE_CHAT},
    }


@cache
def _fields(sample: str, former_bot: str, bot: str) -> Mapping[str, str]:
    """A sample's fields by their names on the wire, with another bot's id."""
    tree = json.loads((SAMPLES / f"{sample}.json").read_text("utf-8"))
    return {
        name.replace(f"[{former_bot}]", f"[{bot}]"): bot if value == former_bot else value
        for name, value in php.flat(tree)
    }
