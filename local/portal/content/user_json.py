"""Bots and users as the portal writes them: fields and order of the documents' samples."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from local.portal.content.chat_json import COLOUR
from local.portal.content.content import Bot, User, UserKind


@dataclass(frozen=True, slots=True)
class _Traits:
    """The flags of a kind of user; `login` is the documents' external authorisation."""

    type: str
    login: str = "default"
    extranet: bool = False
    network: bool = False
    bot: bool = False
    connector: bool = False
    departments: tuple[int, ...] = ()


# To the messenger, every user who is not an employee is an extranet user, too, but for bots
# (imopenlines-session-history-get.md shows a customer of a line); customers and guests have no type of their own
# (entities.md).
_TRAITS: Final[Mapping[UserKind, _Traits]] = {
    "employee": _Traits("employee", departments=(1,)),
    "extranet": _Traits("extranet", extranet=True),
    "connector": _Traits("extranet", "imconnector", extranet=True, connector=True),
    "guest": _Traits("extranet", "replica", extranet=True, network=True),
    "bot": _Traits("bot", "bot", bot=True),
}


def bot_in_brief(bot: Bot) -> dict[str, object]:
    """A bot as every caller sees it (bot-get.md)."""
    return {
        "id": bot.id,
        "code": bot.code,
        "type": bot.type,
        "isHidden": bot.hidden,
        "isSupportOpenline": bot.openline,
        "isReactionsEnabled": bot.reactions,
        "backgroundId": bot.background,
        "language": "en",
    }


def bot(bot: Bot, commands: int) -> dict[str, object]:
    """A bot as its owner sees it: the mode of its events, and never their address (bitrix24.md 9, row 15)."""
    counts = {"countMessage": 0, "countCommand": commands, "countChat": 0, "countUser": 0}
    return {**bot_in_brief(bot), "moduleId": "rest", "eventMode": bot.event_mode, **counts}


def user_v2(user: User) -> dict[str, object]:
    """A user as `imbot.v2` shows it, bots included (entities.md)."""
    traits = _TRAITS[user.kind]
    return {
        "id": user.id,
        "active": user.active,
        "name": user.full_name,
        "firstName": user.name,
        "lastName": user.last_name,
        "workPosition": user.work_position,
        "color": COLOUR,
        "avatar": "",
        "gender": "M",
        "birthday": "",
        "extranet": traits.extranet,
        "bot": traits.bot,
        "connector": traits.connector,
        "externalAuthId": traits.login,
        "status": "online",
        "idle": False,
        "lastActivityDate": False,
        "absent": False,
        "departments": list(traits.departments),
        "phones": False,
        "type": traits.type,
    }


def im_user(user: User) -> dict[str, object]:
    """A user as the messenger's older methods show it (im-user-get.md; `type` as in entities.md)."""
    traits = _TRAITS[user.kind]
    return {
        "id": user.id,
        "active": user.active,
        "name": user.full_name,
        "first_name": user.name,
        "last_name": user.last_name,
        "work_position": user.work_position,
        "color": COLOUR,
        "avatar": "",
        "gender": "M",
        "birthday": "",
        "extranet": traits.extranet,
        "network": traits.network,
        "bot": traits.bot,
        "connector": traits.connector,
        "external_auth_id": traits.login,
        "status": "online",
        "idle": False,
        "last_activity_date": False,
        "desktop_last_date": False,
        "mobile_last_date": False,
        "departments": list(traits.departments),
        "absent": False,
        "phones": False,
        "type": traits.type,
    }


def event_user_v1(user: User) -> dict[str, str]:
    """A user in the events of v1, with every field that any of them has (bitrix24.md 5.4)."""
    traits = _TRAITS[user.kind]
    flags = {"BOT": traits.bot, "CONNECTOR": traits.connector, "NETWORK": traits.network, "EXTRANET": traits.extranet}
    return {
        "ID": str(user.id),
        "NAME": user.full_name,
        "FIRST_NAME": user.name,
        "LAST_NAME": user.last_name,
        "WORK_POSITION": user.work_position,
        "GENDER": "M",
        **{f"IS_{name}": "Y" if flag else "N" for name, flag in flags.items()},
    }
