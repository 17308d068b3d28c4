"""A portal's replies to the doctor's calls when nothing is wrong, and the records that fit them."""

from typing import Any, Final

from chat_lookup.install.registration import EVENTS
from chat_lookup.portals.portal import Portal, PortalKind

OURS: Final = "https://chats.example.com"
APPLICATION: Final = Portal(
    "0123", "acme.bitrix24.com", "arn", "v1", kind=PortalKind.OAUTH, bot_id=456, bot_api="v2", public_url=OURS,
    scopes=frozenset({"im", "imbot", "imopenlines", "crm", "task"}),
)  # fmt: skip
WEBHOOK: Final = Portal("0123", "acme.bitrix24.com", "arn", "v1")
HEALTHY: Final[dict[str, Any]] = {
    "scope": ["im", "imbot", "imopenlines", "crm", "task", "user"],
    "profile": {"ID": "1", "ADMIN": True},
    "app.info": {"INSTALLED": True, "STATUS": "L", "PAYMENT_EXPIRED": "N", "DAYS": None},
    "event.get": [{"event": event, "handler": f"{OURS}/bitrix24/install", "offline": 0} for event in EVENTS],
    "imbot.v2.Bot.list": {"bots": [{"id": 456, "eventMode": "webhook"}], "users": []},
    "imbot.bot.list": {"456": {"ID": 456, "NAME": "Chat Lookup"}},
}
