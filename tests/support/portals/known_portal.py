"""The portal that the service knows in tests: reached by webhook, with a bot and a chat; or with the application."""

from collections.abc import Mapping
from typing import Any, Final

from chat_lookup.portals.portal import Portal
from functions.install import app
from tests.support.fakes import FakeAuthorisationServer, FakeBitrix24, lambda_context
from tests.support.in_process_service import DEAL, Service, install
from tests.support.portals.first_contact import FRAME_FORM, frame

BOT: Final = 456
COMMAND: Final = 78
CHAT: Final = 1437
"""The chat of deal 1663."""


def with_a_chat(bitrix24: FakeBitrix24) -> None:
    """Have deal 1663 alone be found, by either method."""
    for method in ("im.chat.get", "imbot.chat.get"):
        bitrix24.answers_by(method, _chat_of)


def _chat_of(params: Mapping[str, object]) -> object:
    return {"ID": CHAT} if params["ENTITY_ID"] == DEAL.entity_id else None


def with_a_bot(service: Service, **fields: Any) -> Portal:
    """Store a portal that is reached by webhook and has our bot with its command, and with these fields."""
    return install(service, **{"bot_id": BOT, "bot_api": "v2", "command_id": COMMAND, **fields})


def install_application(server: FakeAuthorisationServer) -> None:
    """Have the administrator open the installer in its frame: the install function stores portal, grant and bot."""
    server.grants(FRAME_FORM["REFRESH_ID"])
    assert app.handler(frame(), lambda_context())["statusCode"] == 200
