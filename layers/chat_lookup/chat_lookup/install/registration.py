"""What we have in a portal: our bot with its command, and the bindings of the application's events."""

from dataclasses import dataclass, replace
from enum import StrEnum

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.clock import Deadline
from chat_lookup.install.bindings import Bindings
from chat_lookup.install.bot_registration import Bots
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.failures import passing
from chat_lookup.portals.portal import Portal

INSTALL_PATH = "/bitrix24/install"
EVENTS_PATH = "/bitrix24/events"


class Remark(StrEnum):
    """What is missing from an installation that works all the same; each has its sentence in `words`."""

    NO_CHAT_SCOPE = "no_chat_scope"
    NO_BOT_SCOPE = "no_bot_scope"
    BOT_REFUSED = "bot_refused"
    BINDINGS_REFUSED = "bindings_refused"


@dataclass(frozen=True, slots=True)
class Registered:
    """A portal with what is registered in it now, to be written into its record, and what is missing."""

    portal: Portal
    remarks: tuple[Remark, ...]


class Registering:
    """Registers everything anew at an address: each time the same, so that doing it twice changes nothing."""

    def __init__(self, bots: Bots, bindings: Bindings, telemetry: Telemetry) -> None:
        self._bots = bots
        self._bindings = bindings
        self._telemetry = telemetry

    def register(self, portal: Portal, bot_api: str, deadline: Deadline) -> Registered:
        """Register bot and bindings at the record's `public_url`; `bot_api` is empty where there can be no bot.

        Raises `BitrixError` where the portal does not answer, and as `PortalCalls.call` does. What it refuses is
        only a remark: look-ups need neither.
        """
        remarks = []
        if not (portal.grants("im") or portal.grants("imbot")):
            remarks.append(Remark.NO_CHAT_SCOPE)
        if not bot_api:
            remarks.append(Remark.NO_BOT_SCOPE)
            portal = replace(portal, bot_id=None, bot_api="", command_id=None)
        else:
            try:
                bot = self._bots.register(portal, bot_api, portal.public_url + EVENTS_PATH, deadline)
            except BitrixError as error:
                if passing(error):
                    raise
                remarks.append(Remark.BOT_REFUSED)
            else:
                portal = replace(portal, bot_id=bot.bot_id, bot_api=bot.api, command_id=bot.command_id)
        if not self._bindings.bind(portal, portal.public_url + INSTALL_PATH, deadline):
            remarks.append(Remark.BINDINGS_REFUSED)
        self._telemetry.note(bot_id=portal.bot_id, remarks=[remark.value for remark in remarks])
        return Registered(portal, tuple(remarks))
