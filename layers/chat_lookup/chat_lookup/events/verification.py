"""Verifies which portal an event comes from: by its application token, and nothing else (bitrix24.md 5.3)."""

from typing import Final

from chat_lookup.clock import Clock
from chat_lookup.errors import EventRejected, RejectionReason
from chat_lookup.events.decoder import Arrived
from chat_lookup.portals.application_tokens import proves
from chat_lookup.portals.portal import Portal, PortalState
from chat_lookup.portals.store import Portals
from chat_lookup.ttl_cache import Memory

_UNKNOWN_S: Final = 5.0
"""Seconds after which an unknown portal is read again: it may have been installed meanwhile."""
_DOMAIN: Final = "@"
"""Prefix of the name of a portal of which the event contains the domain only; no member id has it."""


class Origin:
    """Verifies the portal of events, with at most one read where the event contains a member id, else two.

    A record that proved an event is remembered for 30 s. One that does not prove the next is read anew: each
    installation has a new token.
    """

    def __init__(self, portals: Portals, clock: Clock) -> None:
        self._portals = portals
        self._proved: Memory[str, Portal] = Memory(clock)
        self._unknown: Memory[str, bool] = Memory(clock, seconds=_UNKNOWN_S)

    def portal_of(self, arrived: Arrived) -> Portal:
        """The portal of the token at the top level. Raises `EventRejected` with a `RejectionReason`."""
        # A domain may be another portal's by now, so it is read only without a member id (bitrix24.md 5.6).
        name = arrived.member_id or _DOMAIN + arrived.domain
        if not arrived.application_token:
            raise EventRejected(RejectionReason.MISSING_TOKEN)
        remembered = self._proved.get(name)
        if remembered is not None and proves(arrived.application_token, remembered):
            return remembered
        portal = self._read(name)
        if not proves(arrived.application_token, portal):
            raise EventRejected(RejectionReason.WRONG_TOKEN)
        if portal.state is PortalState.UNINSTALLED:
            raise EventRejected(RejectionReason.NOT_INSTALLED)
        self._proved.put(name, portal)
        return portal

    def _read(self, name: str) -> Portal:
        if name == _DOMAIN or self._unknown.get(name):
            raise EventRejected(RejectionReason.UNKNOWN_PORTAL)
        member_id = self._portals.member_id_of(name.removeprefix(_DOMAIN)) if name.startswith(_DOMAIN) else name
        portal = self._portals.read(member_id) if member_id else None
        if portal is None:
            self._unknown.put(name, True)
            raise EventRejected(RejectionReason.UNKNOWN_PORTAL)
        return portal
