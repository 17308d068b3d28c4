"""Refresh tokens that were not used for months are renewed before they expire (bitrix24.md 3.4).

A grant that counts as dead is tried again once an hour for a day: a server's mistake closes a portal like a dead grant.

Nothing else refreshes on a timer: the vendor blocks an application that does so too often.
"""

import hashlib
import math
from typing import Final

from chat_lookup.clock import DAY, HOUR, Clock, Deadline
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

LAPSES_AFTER: Final = 180 * DAY
RENEWED_BEFORE: Final = 30 * DAY
SPREAD_DAYS: Final = 20
"""Portals that were installed together are renewed on different days; ten days are left for retries."""
_OF_ONE: Final = LEASE + PATIENCE + 2.0
"""Seconds for one portal: a refresh, and the wait before a grant counts as dead."""
_JITTER: Final = 300.0
"""Seconds by which an hourly run may begin early."""

_ASKED: Final = frozenset(
    {
        PortalState.ACTIVE,
        PortalState.UNPAID,
        PortalState.MISCONFIGURED,
        PortalState.REFUSED,
        PortalState.STOPPED,
    }
)
"""States in which a grant may be valid: a portal that is paid again, has its keys again, or is started again by an
operator should not need an administrator."""
_REFUSALS: Final = (PortalReauthorise, PortalNotInstalled, PortalBlocked, PortalMisconfigured)


class Keepalive:
    """The hourly run: tokens about to expire are renewed, each at most once a day."""

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
        """Renew what is due, then retry grants that count as dead, while time is left. Returns the counts by outcome.

        A failure of one portal does not stop the others.
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
        """The outcome; None if it was already tried today, with any outcome."""
        if deadline.left() < _OF_ONE:
            return "postponed"
        if not self._facts.kept_on(portal, math.floor(self._clock.now() / DAY)):
            return None
        return self._renewed(portal, deadline)

    def _asked_again(self, portal: Portal, deadline: Deadline) -> str | None:
        """The same for a grant that counts as dead; it can wait until the next run."""
        if deadline.left() < _OF_ONE or not self._facts.asked_again(portal, self._clock.now()):
            return None
        return self._renewed(portal, deadline, again=True)

    def _renewed(self, portal: Portal, deadline: Deadline, *, again: bool = False) -> str:
        # The alarm on failures is for tokens that would expire: a retry that failed is repeated in an hour.
        refusals = (ChatLookupError,) if again else _REFUSALS
        try:
            self._tokens.check(portal, deadline.no_later_than(_OF_ONE), again=again)
        except refusals:
            return "refused"
        except Exception as error:  # noqa: BLE001 - the other portals are renewed in any case
            self._telemetry.fault("keepalive of a portal failed", error, portal=portal.member_id)
            return "failed"
        if portal.state in ASKED_AGAIN:
            self._recoveries.report(portal, portal.state, portal.state_code)
        return "renewed"


def is_doubtful(portal: Portal, now: float) -> bool:
    """Whether a portal's grant counts as dead and is to be retried: once an hour, for a day after the first time."""
    if portal.kind is not PortalKind.OAUTH or portal.state is not PortalState.REAUTHORISE:
        return False
    if portal.opinion_of != portal.token_version:
        return True
    return now < portal.opinion_from + DAY and now >= portal.opinion_at + HOUR - _JITTER


def is_due(portal: Portal, now: float) -> bool:
    """Whether a portal's refresh token expires soon: within 30 days, or up to 20 fewer, by its member id."""
    if portal.kind is not PortalKind.OAUTH or portal.state not in _ASKED:
        return False
    spread = int(hashlib.sha256(portal.member_id.encode()).hexdigest(), 16) % SPREAD_DAYS
    lapses_at = portal.refreshed_at + LAPSES_AFTER
    return lapses_at - RENEWED_BEFORE + spread * DAY <= now < lapses_at + DAY
