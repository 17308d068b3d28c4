"""Methods that register bots, v2 (bitrix24.md 1.10, 1.12)."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from local.portal.content import user_json
from local.portal.content.content import Bot
from local.portal.methods.bot_ownership import bot_v2, own_bots, owns, token_v2
from local.portal.methods.call import Call, Method
from local.portal.protocol import handler_urls, php
from local.portal.protocol.errors import Refused

# What a bot in webhook mode is subscribed to, all at once (bitrix24.md 1.10).
EVENTS = (
    "ONIMBOTV2MESSAGEADD",
    "ONIMBOTV2MESSAGEUPDATE",
    "ONIMBOTV2MESSAGEDELETE",
    "ONIMBOTV2JOINCHAT",
    "ONIMBOTV2DELETE",
    "ONIMBOTV2COMMANDADD",
    "ONIMBOTV2CONTEXTGET",
    "ONIMBOTV2REACTIONCHANGE",
)
LONGEST_TOKEN = 40
_MOST_BOTS = 100
_PAGE = 50
_TYPES = ("bot", "network", "openline", "supervisor", "personal")
_MODES = ("fetch", "webhook")
_BACKGROUNDS = ("azure", "mint", "steel", "slate", "teal", "cornflower", "sky", "peach", "frost")
_FLAGS: Mapping[str, str] = {"isHidden": "hidden", "isReactionsEnabled": "reactions", "isSupportOpenline": "openline"}


def register(call: Call) -> object:
    """A new bot, or the caller's bot with that code: registering again changes nothing."""
    fields = call.array("fields")
    token, code = _token(call, fields), php.text(fields.get("code"))
    name, last_name, position = _properties(fields)
    if not code:
        raise Refused("BOT_CODE_REQUIRED")
    if not name:
        raise Refused("BOT_PROPERTIES_REQUIRED")
    if known := _by_code(call, code):
        if not owns(call.grant, known, token):
            raise Refused("BOT_CODE_ALREADY_TAKEN")
        return _shown(call, known)
    if sum(1 for _ in own_bots(call, token)) >= _MOST_BOTS:
        raise Refused("BOT_LIMIT_EXCEEDED")
    kind = php.text(fields.get("type")) or "bot"
    if kind not in _TYPES:
        raise Refused("BOT_INVALID_TYPE")
    bot = Bot(call.content.free_id(), code, token, call.grant.client_id, type=kind)
    bot = _changed(bot, fields)
    call.content.add_bot(bot, name, last_name, position)
    return _shown(call, bot)


def update(call: Call) -> object:
    """Changes what is given; a new token replaces the one that the call proves itself with."""
    bot, fields = bot_v2(call), call.array("fields")
    bot, user = _changed(_rotated(call, bot, fields), fields), call.content.users[bot.id]
    name, last_name, position = _properties(fields)
    call.content.add_bot(bot, name or user.name, last_name or user.last_name, position or user.work_position)
    return _shown(call, bot)


def get(call: Call) -> object:
    """A bot by id or code; callers other than its owner get fewer fields (bot-get.md)."""
    token, bot_id, code = token_v2(call), call.text("botId"), call.text("code")
    if not (bot_id or code):
        raise Refused("PARAMS_REQUIRED")
    bots = call.content.bots.values()
    bot = next((bot for bot in bots if (str(bot.id) == bot_id if bot_id else bot.code == code)), None)
    if bot is None:
        raise Refused("BOT_NOT_FOUND")
    return _shown(call, bot, whole=owns(call.grant, bot, token))


def listed(call: Call) -> object:
    """The caller's bots, in pages."""
    kind = php.text(call.array("filter").get("type"))
    own = [bot for bot in own_bots(call, token_v2(call)) if not kind or bot.type == kind]
    offset, limit = _whole(call, "offset", 0), _whole(call, "limit", _PAGE)
    page = own[offset : offset + limit]
    return {
        "bots": [user_json.bot(bot, len(call.content.commands_of(bot))) for bot in page],
        "users": [user_json.user_v2(call.content.users[bot.id]) for bot in page],
        "hasNextPage": len(own) > offset + limit,
    }


def unregister(call: Call) -> object:
    bot = bot_v2(call)
    call.events.bot_removed(bot, call.grant)
    call.content.remove_bot(bot)
    return {"result": True}


def revision(call: Call) -> object:
    """What this portal's messenger can do; the newest revision that the change log names."""
    del call
    return {"rest": 36, "web": 130, "mobile": 23, "desktop": 6}


def _token(call: Call, fields: Mapping[str, object]) -> str:
    """The token that a webhook gives its bot: among the fields, or beside them (bitrix24.md 8, row 24)."""
    token = php.text(fields.get("botToken")) or call.text("botToken")
    if call.grant.client_id:
        return ""
    if not token:
        raise Refused("BOT_TOKEN_NOT_SPECIFIED")
    if len(token) > LONGEST_TOKEN:
        raise Refused("BOT_TOKEN_INVALID_LENGTH")
    return token


def _rotated(call: Call, bot: Bot, fields: Mapping[str, object]) -> Bot:
    """The bot with the token in `fields`. Only a webhook's bot has one, and no two may have the same one; the error
    does not tell these apart (bot-update.md)."""
    token = php.text(fields.get("botToken")).strip()
    if not token or token == bot.token:
        return bot
    if len(token) > LONGEST_TOKEN:
        raise Refused("BOT_TOKEN_INVALID_LENGTH")
    if bot.client_id or any(other.token == token for other in call.content.bots.values()):
        raise Refused("BOT_TOKEN_ROTATION_FAILED")
    return replace(bot, token=token)


def _properties(fields: Mapping[str, object]) -> tuple[str, str, str]:
    properties = php.entries(fields.get("properties"))
    name, last_name, position = (php.text(properties.get(key)) for key in ("name", "lastName", "workPosition"))
    return name, last_name, position


def _changed(bot: Bot, fields: Mapping[str, object]) -> Bot:
    """The bot with the fields that are given; a webhook address subscribes it to all events."""
    flags = {ours: php.is_true(fields[theirs]) for theirs, ours in _FLAGS.items() if theirs in fields}
    bot = replace(bot, **flags)  # type: ignore[arg-type]  # flags only, by their names
    if "backgroundId" in fields:
        background = php.text(fields["backgroundId"])
        bot = replace(bot, background=background if background in _BACKGROUNDS else None)
    mode = php.text(fields.get("eventMode")) or bot.event_mode
    if mode not in _MODES:
        raise Refused("BOT_INVALID_EVENT_MODE")
    if mode == "fetch":
        return replace(bot, event_mode=mode, handlers={})
    url = php.text(fields.get("webhookUrl"))
    if url and handler_urls.fault_of(url):
        raise Refused("BOT_INVALID_CALLBACK")
    if not (url or bot.handlers) and "eventMode" in fields:
        raise Refused("BOT_WEBHOOK_URL_REQUIRED")
    return replace(bot, event_mode=mode, handlers=dict.fromkeys(EVENTS, url) if url else bot.handlers)


def _by_code(call: Call, code: str) -> Bot | None:
    return next((bot for bot in call.content.bots.values() if bot.code == code), None)


def _shown(call: Call, bot: Bot, *, whole: bool = True) -> object:
    commands = len(call.content.commands_of(bot))
    return {
        "bot": user_json.bot(bot, commands) if whole else user_json.bot_in_brief(bot),
        "users": [user_json.user_v2(call.content.users[bot.id])],
    }


def _whole(call: Call, name: str, default: int) -> int:
    number = php.whole(call.text(name))
    return default if number is None else number


_ROWS: tuple[tuple[str, Callable[[Call], object]], ...] = (
    ("imbot.v2.Bot.register", register),
    ("imbot.v2.Bot.update", update),
    ("imbot.v2.Bot.get", get),
    ("imbot.v2.Bot.list", listed),
    ("imbot.v2.Bot.unregister", unregister),
    ("imbot.v2.Revision.get", revision),
)
METHODS = tuple(Method(name, "imbot", run) for name, run in _ROWS)
