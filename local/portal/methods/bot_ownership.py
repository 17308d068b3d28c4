"""The owner of a bot: the application that registered it, or the webhook that has its token."""

from collections.abc import Iterator

from local.portal.content.content import Bot
from local.portal.methods.call import Call
from local.portal.oauth.grant import Grant
from local.portal.protocol.errors import Refused


def owns(grant: Grant, bot: Bot, token: str) -> bool:
    """Whether the caller owns a bot. An application needs no token (bitrix24.md 1.3); a webhook's only proof is one."""
    if grant.client_id:
        return bot.client_id == grant.client_id
    return not bot.client_id and bot.token == token


def own_bots(call: Call, token: str) -> Iterator[Bot]:
    return (bot for bot in call.content.bots.values() if owns(call.grant, bot, token))


def token_v2(call: Call) -> str:
    """The `botToken` of a call; raises Refused where a webhook sent none."""
    token = call.text("botToken")
    if not (token or call.grant.client_id):
        raise Refused("BOT_TOKEN_NOT_SPECIFIED")
    return token


def bot_v2(call: Call) -> Bot:
    """The caller's bot named by `botId`; raises Refused with the four codes that all of `imbot.v2` share."""
    token, bot_id = token_v2(call), call.text("botId")
    if not bot_id:
        raise Refused("BOT_ID_REQUIRED")
    bot = _named(call, bot_id)
    if bot is None:
        raise Refused("BOT_NOT_FOUND")
    if not owns(call.grant, bot, token):
        raise Refused("BOT_OWNERSHIP_ERROR")
    return bot


def token_v1(call: Call) -> str:
    """The `CLIENT_ID` by which a webhook proves itself; raises Refused where it sent none."""
    token = call.text("CLIENT_ID")
    if not (token or call.grant.client_id):
        raise Refused("ACCESS_DENIED", 403, "Access denied! Client ID not specified")
    return token


def bot_v1(call: Call) -> Bot:
    """The caller's bot named by `BOT_ID`, or the caller's first one; raises Refused (bitrix24.md 1.6)."""
    token, bot_id = token_v1(call), call.text("BOT_ID")
    bot = _named(call, bot_id) if bot_id else next(own_bots(call, token), None)
    if bot is None:
        raise Refused("BOT_ID_ERROR")
    if not owns(call.grant, bot, token):
        raise Refused("APP_ID_ERROR")
    return bot


def named_bot_v1(call: Call) -> Bot:
    """The same for methods that require `BOT_ID` (imbot-update.md)."""
    bot = bot_v1(call)
    if not call.text("BOT_ID"):
        raise Refused("BOT_ID_ERROR")
    return bot


def _named(call: Call, bot_id: str) -> Bot | None:
    return next((bot for bot in call.content.bots.values() if str(bot.id) == bot_id), None)
