"""Refresh tokens that nobody used for months are renewed before they lapse (bitrix24.md 3.4).

And a grant that was judged dead gets a second opinion, once an hour for a day: a server that errs closes a portal as a
dead grant does.

Nothing else refreshes on a timer: an application that does so too often is blocked by the vendor.
"""

import hashlib
import math
from typing import Final

from chat_lookup.clock import Clock, Deadline
from chat_lookup.credentials.grants import Tokens
from chat_lookup.credentials.renewal import LEASE, PATIENCE
from chat_lookup.errors import (
    ChatLookupError,
    PortalBlocked,
    PortalMisconfigured,
    PortalNotInstalled,
    PortalReauthorise,
)
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.failures import ASKED_AGAIN
from chat_lookup.portals.portal import Portal, PortalKind, PortalState
from chat_lookup.portals.recovery import Recoveries
from chat_lookup.portals.store import Portals
from chat_lookup.portals.updates import PortalFacts

A_DAY: Final = 24 * 3600.0
AN_HOUR: Final = 3600.0
LAPSES_AFTER: Final = 180 * A_DAY
RENEWED_BEFORE: Final = 30 * A_DAY
SPREAD_DAYS: Final = 20
"""Portals that were installed together are renewed on different days; ten days are left to try again."""
_OF_ONE: Final = LEASE + PATIENCE + 2.0
"""Seconds for one portal: a refresh, and the patience before a grant is believed to be dead."""
_JITTER: Final = 300.0
"""Seconds that an hourly round may begin sooner than the last one did."""

_ASKED: Final = frozenset(
    {
        PortalState.ACTIVE,
        PortalState.UNPAID,
        PortalState.MISCONFIGURED,
        PortalState.REFUSED,
        PortalState.STOPPED,
    }
)
"""States in which a grant may live: what is paid again, or has its keys again, should not need an administrator. Nor
what an operator stopped, when it is started again."""
_REFUSALS: Final = (PortalReauthorise, PortalNotInstalled, PortalBlocked, PortalMisconfigured)


class Keepalive:
    """The hourly round: what lapses is renewed once a day."""

    def __init__(
        self,
        portals: Portals,
        facts: PortalFacts,
        tokens: Tokens,
        telemetry: Telemetry,
        recoveries: Recoveries,
        clock: Clock,
    ) -> None:
        self._portals = portals
        self._facts = facts
        self._tokens = tokens
        self._telemetry = telemetry
        self._recoveries = recoveries
        self._clock = clock

    def run(self, deadline: Deadline) -> dict[str, object]:
        """Renew what is due, then ask again for what seems dead, as far as the time goes; how many ended how.

        One portal's failure stops no other.
        """
        counts = dict.fromkeys(("renewed", "refused", "failed", "postponed"), 0)
        now = self._clock.now()
        doubtful: list[Portal] = []
        for portal in self._portals.all():
            if is_due(portal, now):
                self._count(counts, self._kept(portal, deadline))
            elif is_doubtful(portal, now):
                doubtful.append(portal)
        for portal in doubtful:
            self._count(counts, self._asked_again(portal, deadline))
        self._telemetry.note(**counts)
        return dict(counts)

    def _count(self, counts: dict[str, int], outcome: str | None) -> None:
        if outcome is not None:
            counts[outcome] += 1
            self._telemetry.count("KeepaliveRuns", outcome=outcome)

    def _kept(self, portal: Portal, deadline: Deadline) -> str | None:
        """How it ended; None if it was tried today already, whatever came of it."""
        if deadline.left() < _OF_ONE:
            return "postponed"
        if not self._facts.kept_on(portal, math.floor(self._clock.now() / A_DAY)):
            return None
        return self._renewed(portal, deadline)

    def _asked_again(self, portal: Portal, deadline: Deadline) -> str | None:
        """The same for a grant that seems dead, which has time until the next round."""
        if deadline.left() < _OF_ONE or not self._facts.asked_again(portal, self._clock.now()):
            return None
        return self._renewed(portal, deadline, again=True)

    def _renewed(self, portal: Portal, deadline: Deadline, *, again: bool = False) -> str:
        # The alarm on what failed is for tokens that would lapse: a second opinion that nobody gave comes in an hour.
        refusals = (ChatLookupError,) if again else _REFUSALS
        try:
            self._tokens.check(portal, deadline.no_later_than(_OF_ONE), again=again)
        except refusals:
            return "refused"
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one portal, the others have their turn
            self._telemetry.fault(f"keepalive of portal {portal.member_id}", error)
            return "failed"
        if portal.state in ASKED_AGAIN:
            self._recoveries.tell(portal, portal.state, portal.state_code)
        return "renewed"


def is_doubtful(portal: Portal, now: float) -> bool:
    """Whether a portal's grant was judged dead and its pair is to be tried: once an hour, for a day after the first."""
    if portal.kind is not PortalKind.OAUTH or portal.state is not PortalState.REAUTHORISE:
        return False
    if portal.opinion_of != portal.token_version:
        return True
    return now < portal.opinion_from + A_DAY and now >= portal.opinion_at + AN_HOUR - _JITTER


def is_due(portal: Portal, now: float) -> bool:
    """Whether a portal's refresh token would lapse soon: within 30 days, or up to 20 fewer, by its name."""
    if portal.kind is not PortalKind.OAUTH or portal.state not in _ASKED:
        return False
    spread = int(hashlib.sha256(portal.member_id.encode()).hexdigest(), 16) % SPREAD_DAYS
    lapses_at = portal.refreshed_at + LAPSES_AFTER
    return lapses_at - RENEWED_BEFORE + spread * A_DAY <= now < lapses_at + A_DAY
