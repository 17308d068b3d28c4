"""Bots and users as the portal writes them: fields and order of the documents' samples."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from local.portal.content.chat_json import COLOUR, moment
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
    "collaber": _Traits("collaber", extranet=True),
    "email": _Traits("email", "email", extranet=True),
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


def im_user(user: User, bot: Bot | None) -> dict[str, object]:
    """A user as the messenger's older methods show it (im-user-get.md). An employee's `type` is `user` there; of others
    the page shows none, so they have that of entities.md."""
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
        "avatar_hr": "",
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
        "website": "",
        "email": "",
        "bot_data": _bot_data(bot) if bot else None,
        "type": "user" if user.kind == "employee" else traits.type,
    }


def _bot_data(bot: Bot) -> dict[str, object]:
    return {"code": bot.code, "type": bot.type, "is_hidden": bot.hidden, "is_support_openline": bot.openline}


# What a scope of users shows besides the fields that all of them have (api-reference/user/index.md).
_CONTACTS: Final = frozenset({"user", "user_basic"})
_WHOLE: Final = frozenset({"user"})


def account(user: User, scopes: frozenset[str], at: float) -> dict[str, object]:
    """A user as the methods of the main module show it, in the samples' order; fields depend on the caller's scopes."""
    shown = {
        "ID": str(user.id),
        "ACTIVE": user.active,
        "NAME": user.name,
        "LAST_NAME": user.last_name,
        "SECOND_NAME": "",
        "EMAIL": f"user{user.id}@example.com" if scopes & _CONTACTS else None,
        "LAST_LOGIN": moment(at) if scopes & _WHOLE else None,
        "DATE_REGISTER": "2026-02-22T00:00:00+00:00",
        "TIME_ZONE": "",
        "IS_ONLINE": "Y",
        "TIMESTAMP_X": {},
        "LAST_ACTIVITY_DATE": {},
        "PERSONAL_GENDER": "",
        "PERSONAL_WWW": "" if scopes & _WHOLE else None,
        "PERSONAL_BIRTHDAY": "",
        "PERSONAL_MOBILE": "" if scopes & _CONTACTS else None,
        "PERSONAL_CITY": "",
        "WORK_PHONE": "" if scopes & _CONTACTS else None,
        "WORK_POSITION": user.work_position,
        "UF_EMPLOYMENT_DATE": "",
        "UF_DEPARTMENT": list(_TRAITS[user.kind].departments),
        "USER_TYPE": _TRAITS[user.kind].type if scopes & _WHOLE else None,
    }
    return {name: value for name, value in shown.items() if value is not None}


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
