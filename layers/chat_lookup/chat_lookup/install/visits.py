"""Somebody opens the application in the portal: he reads how it is, and an administrator heals a dead grant."""

from collections.abc import Mapping
from typing import Final

from chat_lookup.clock import Deadline
from chat_lookup.install.installation import Installation
from chat_lookup.install.offers import Offer
from chat_lookup.portals.portal import PortalState
from chat_lookup.portals.store import Portals

_SENTENCES: Final[Mapping[PortalState, str]] = {
    PortalState.ACTIVE: "active",
    PortalState.UNPAID: "unpaid",
    PortalState.MISCONFIGURED: "misconfigured",
}
"""What a visitor reads (`words`). All other states need a new grant."""


class Visits:
    """Visits to the page inside the portal. Nothing is asked of anybody while all is well."""

    def __init__(self, installation: Installation, portals: Portals) -> None:
        self._installation = installation
        self._portals = portals

    def receive(self, offer: Offer, public_url: str, source: str, deadline: Deadline) -> tuple[str, ...]:
        """The keys of the sentences for the visitor.

        A portal that is not known, closed to us, or has another address now needs a new grant: the visitor's, if he is
        an administrator. Raises as `Installation.install` does.
        """
        portal = self._portals.read(offer.member_id) if offer.member_id else None
        sentence = _SENTENCES.get(portal.state) if portal and portal.domain == offer.domain else None
        if sentence is not None:
            return (sentence,)
        installed = self._installation.install(offer, public_url, source, deadline)
        return ("healed", *installed.remarks)
