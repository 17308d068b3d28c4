"""A user opens the page: the frame's POST, proved before anything of it is believed (bitrix24.md 4.1, 10.5).

Older portals send no application token. Any application of the portal could send their users' tokens here, so that a
page without it is for users, and has nothing of administrators (docs/decisions/036).
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from chat_lookup.clock import Deadline
from chat_lookup.errors import CallerTokenRejected, ChatLookupError
from chat_lookup.install.attempt_limiter import FAILURE, AttemptLimiter, Pool, of_portal
from chat_lookup.install.offers import Offer
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.page.sessions import Sessions
from chat_lookup.page.viewers import Viewer, Viewers
from chat_lookup.portals.application_tokens import proves
from chat_lookup.portals.portal import Portal, PortalState
from chat_lookup.portals.store import Portals

_KEPT_CLOSED: Final = frozenset({PortalState.UNPAID, PortalState.MISCONFIGURED, PortalState.STOPPED})
"""States that no user's visit ends; all others but ACTIVE need a new grant, which the installation takes."""


class NoPage(StrEnum):
    """Why a sender gets no page of a portal's."""

    HANDED_OVER = "handed_over"
    """Only the installation can prove it and heal the portal, with its own function's rights."""
    UNPROVED = "unproved"
    """Nothing proves that a user of a portal sent it."""


class ClosedPage(NamedTuple):
    """A user of the portal, which cannot be asked who that is; `cause` is the error, or else the portal's state."""

    portal: Portal
    cause: ChatLookupError | None


class OpenedPage(NamedTuple):
    """A user whom the portal itself has confirmed."""

    portal: Portal
    session: str
    viewer: Viewer


FrameOutcome = NoPage | ClosedPage | OpenedPage


class Doorkeeper:
    """Decides what an opened frame is shown."""

    def __init__(
        self, portals: Portals, viewers: Viewers, sessions: Sessions, attempts: AttemptLimiter, telemetry: Telemetry
    ) -> None:
        self._portals = portals
        self._viewers = viewers
        self._sessions = sessions
        self._attempts = attempts
        self._telemetry = telemetry

    def open(self, offer: Offer, source: str, deadline: Deadline) -> FrameOutcome:
        """What the sender at `source` is shown, by one call of the portal at most. Raises `TooManyAttempts`."""
        found = self._outcome(offer, source, deadline)
        kind = found.value if isinstance(found, NoPage) else "opened" if isinstance(found, OpenedPage) else "closed"
        self._telemetry.count("PageViews", outcome=kind)
        self._telemetry.note(page=kind)
        return found

    def _outcome(self, offer: Offer, source: str, deadline: Deadline) -> FrameOutcome:
        portal = self._portals.read(offer.member_id) if offer.member_id else None
        if portal is None or portal.domain != offer.domain or _needs_grant(portal):
            return NoPage.HANDED_OVER
        self._telemetry.note(portal=portal.member_id)
        from_portal = proves(offer.application_token, portal)
        if offer.application_token and not from_portal:
            self._attempts.admit(of_portal(portal.member_id, source, from_portal=False))
            return NoPage.UNPROVED
        if portal.state is PortalState.STOPPED:
            # No call is admitted that could prove anything else.
            return ClosedPage(portal, None) if from_portal else NoPage.UNPROVED
        if self._attempts.is_refused(portal.member_id, offer.access_token):
            return NoPage.UNPROVED
        admission = self._attempts.admit(_pools(portal, source, from_portal=from_portal))
        opened = self._asked(portal, offer, deadline, from_portal=from_portal)
        if opened is not NoPage.UNPROVED:
            admission.succeeded()
        return opened

    def _asked(self, portal: Portal, offer: Offer, deadline: Deadline, *, from_portal: bool) -> FrameOutcome:
        try:
            viewer = self._viewers.who(portal, offer.access_token, deadline)
        except CallerTokenRejected:
            self._attempts.refuse(portal.member_id, offer.access_token)
            return NoPage.UNPROVED
        except ChatLookupError as error:
            self._telemetry.note(problem=error.code)
            if not from_portal:
                raise
            return ClosedPage(portal, error if portal.state is PortalState.ACTIVE else None)
        if not from_portal:
            viewer = viewer._replace(is_administrator=False)
        session = self._sessions.begin(portal, viewer.user_id, is_administrator=viewer.is_administrator)
        return OpenedPage(portal, session, viewer)


def _pools(portal: Portal, source: str, *, from_portal: bool) -> Sequence[Pool]:
    """The limits of a view before the portal is called for it.

    What has no application token may fail six times at once and then every five seconds: less than the page's pace,
    so that a flood of it from many addresses leaves room for the portal's users.
    """
    pools = of_portal(portal.member_id, source, from_portal=from_portal)
    return pools if from_portal else (*pools, Pool(f"{portal.member_id}#page unproved", 2.0, 6 * FAILURE))


def _needs_grant(portal: Portal) -> bool:
    return portal.state is not PortalState.ACTIVE and portal.state not in _KEPT_CLOSED
