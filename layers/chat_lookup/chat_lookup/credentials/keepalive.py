"""Refresh tokens that nobody used for months are renewed before they lapse (bitrix24.md 3.4).

Nothing else refreshes on a timer: who does so too often is blocked by the vendor.
"""

import hashlib
import math
from typing import Final

from chat_lookup.clock import Clock, Deadline
from chat_lookup.credentials.grants import Tokens
from chat_lookup.errors import PortalBlocked, PortalMisconfigured, PortalNotInstalled, PortalReauthorise
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.portal import Portal, PortalKind, PortalState
from chat_lookup.portals.store import Portals
from chat_lookup.portals.updates import PortalFacts

A_DAY: Final = 24 * 3600.0
LAPSES_AFTER: Final = 180 * A_DAY
RENEWED_BEFORE: Final = 30 * A_DAY
SPREAD_DAYS: Final = 20
"""Portals that were installed together are renewed on different days; ten days are left to try again."""
_OF_ONE: Final = 25.0
"""Seconds for one portal: a refresh, and the patience before a grant is believed to be dead."""

_ASKED: Final = frozenset({PortalState.ACTIVE, PortalState.UNPAID, PortalState.MISCONFIGURED, PortalState.REFUSED})
"""States in which a grant may live: what is paid again, or has its keys again, should not need an administrator."""
_REFUSALS: Final = (PortalReauthorise, PortalNotInstalled, PortalBlocked, PortalMisconfigured)


class Keepalive:
    """The daily round."""

    def __init__(
        self, portals: Portals, facts: PortalFacts, tokens: Tokens, telemetry: Telemetry, clock: Clock
    ) -> None:
        self._portals = portals
        self._facts = facts
        self._tokens = tokens
        self._telemetry = telemetry
        self._clock = clock

    def run(self, deadline: Deadline) -> dict[str, object]:
        """Renew what is due, as far as the time goes; how many ended how. One portal's failure stops no other."""
        counts = dict.fromkeys(("renewed", "refused", "failed", "postponed"), 0)
        for portal in self._portals.all():
            if not is_due(portal, self._clock.now()):
                continue
            outcome = self._kept(portal, deadline)
            if outcome is not None:
                counts[outcome] += 1
                self._telemetry.count("KeepaliveRuns", outcome=outcome)
        self._telemetry.note(**counts)
        return dict(counts)

    def _kept(self, portal: Portal, deadline: Deadline) -> str | None:
        """How it ended; None if it was tried today already, whatever came of it."""
        if deadline.left() < _OF_ONE:
            return "postponed"
        if not self._facts.kept_on(portal, math.floor(self._clock.now() / A_DAY)):
            return None
        try:
            self._tokens.check(portal, deadline.no_later_than(_OF_ONE))
        except _REFUSALS:
            return "refused"
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one portal, the others have their turn
            self._telemetry.fault(f"keepalive of portal {portal.member_id}", error)
            return "failed"
        return "renewed"


def is_due(portal: Portal, now: float) -> bool:
    """Whether a portal's refresh token would lapse soon: within 30 days, or up to 20 fewer, by its name."""
    if portal.kind is not PortalKind.OAUTH or portal.state not in _ASKED:
        return False
    spread = int(hashlib.sha256(portal.member_id.encode()).hexdigest(), 16) % SPREAD_DAYS
    lapses_at = portal.refreshed_at + LAPSES_AFTER
    return lapses_at - RENEWED_BEFORE + spread * A_DAY <= now < lapses_at + A_DAY
