"""ONAPPUNINSTALL: marks the portal, suspends its keys, deletes its secrets, makes its cached answers unreachable.

The event carries no tokens: the application token is its only proof (bitrix24.md 4.7). It may come late, after a new
installation (9, row 17), so it wipes only a grant that the portal itself no longer accepts (design 5, Trust).
"""

from typing import Final

from chat_lookup.bitrix24.errors import BitrixError, ErrorClass
from chat_lookup.calls.portal_calls import PortalCalls
from chat_lookup.clock import Clock, Deadline
from chat_lookup.credentials.grants import Tokens
from chat_lookup.errors import (
    ChatLookupError,
    PortalMisconfigured,
    PortalNotInstalled,
    PortalReauthorise,
    RefusalReason,
)
from chat_lookup.install.offers import Offer
from chat_lookup.install.page_texts import refused
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.application_tokens import proves
from chat_lookup.portals.failures import for_caller
from chat_lookup.portals.portal import Portal, PortalState
from chat_lookup.portals.store import Portals
from chat_lookup.portals.updates import PortalFacts

_REFUSED_BY_PORTAL: Final = frozenset({ErrorClass.UNINSTALLED, ErrorClass.REAUTHORISE, ErrorClass.REFRESH})
_REFUSED_BY_SERVER: Final = (PortalNotInstalled, PortalReauthorise, PortalMisconfigured)
"""Refused keys, too: those of a deleted local application are no longer valid (bitrix24.md 3.1)."""


class Uninstallation:
    """Accepts an uninstall event, if the portal refuses the stored grant."""

    def __init__(
        self,
        portals: Portals,
        facts: PortalFacts,
        tokens: Tokens,
        calls: PortalCalls,
        telemetry: Telemetry,
        clock: Clock,
    ) -> None:
        self._portals = portals
        self._facts = facts
        self._tokens = tokens
        self._calls = calls
        self._telemetry = telemetry
        self._clock = clock

    def uninstall(self, offer: Offer, deadline: Deadline) -> bool:
        """Returns whether the portal was wiped. False for a late event: the stored grant is still accepted.

        Raises `InstallationRefused` for an unproved event, and the portal's failure as an error of ours.
        """
        portal = self._portals.read(offer.member_id) if offer.member_id else None
        if portal is None or not proves(offer.application_token, portal):
            raise refused(RefusalReason.TOKEN)
        self._telemetry.note(portal=portal.member_id)
        if portal.state is not PortalState.UNINSTALLED and not self._closed(portal, deadline):
            return False
        # Repeated where the process died before: the record names its secrets until it is forgotten.
        self._tokens.wipe(portal)
        self._facts.former_secrets_deleted(portal)
        return True

    def _closed(self, portal: Portal, deadline: Deadline) -> bool:
        """Mark the record, if the portal refuses the grant; False, too, if it was installed anew at this moment."""
        return self._is_refused(portal, deadline) and self._facts.uninstalled(portal)

    def _is_refused(self, portal: Portal, deadline: Deadline) -> bool:
        try:
            self._calls.call(portal, "app.info", {}, deadline)
        except BitrixError as error:
            if error.error_class in _REFUSED_BY_PORTAL:
                return True
            raise for_caller(error, self._clock.now()) from None
        except ChatLookupError as error:
            if isinstance(error, _REFUSED_BY_SERVER):
                return True
            raise
        return False
