"""Bots and users as the portal writes them: fields and order of the documents' samples."""

from local.portal.content import Bot, User
from local.portal.rendering import COLOUR


def bot_in_brief(bot: Bot) -> dict[str, object]:
    """A bot as everybody sees it (bot-get.md)."""
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


def bot_user(user: User) -> dict[str, object]:
    """The user that a bot is (bot-register.md)."""
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
        "extranet": False,
        "bot": True,
        "connector": False,
        "externalAuthId": "bot",
        "status": "online",
        "idle": False,
        "lastActivityDate": False,
        "absent": False,
        "departments": [],
        "phones": False,
        "type": "bot",
    }


def im_user(user: User, *, is_bot: bool) -> dict[str, object]:
    """A user as the messenger's older methods show him (im-user-get.md)."""
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
        "extranet": False,
        "network": False,
        "bot": is_bot,
        "connector": False,
        "external_auth_id": "bot" if is_bot else "default",
        "status": "online",
        "idle": False,
        "last_activity_date": False,
        "desktop_last_date": False,
        "mobile_last_date": False,
        "departments": [] if is_bot else [1],
        "absent": False,
        "phones": False,
    }
