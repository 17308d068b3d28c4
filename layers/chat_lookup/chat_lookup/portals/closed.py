"""A portal that admits nothing until its state changes: what callers get then, without a call to it (design 6)."""

from collections.abc import Mapping
from typing import Final

from chat_lookup.errors import (
    ChatLookupError,
    PortalBlocked,
    PortalMisconfigured,
    PortalNotInstalled,
    PortalReauthorise,
)
from chat_lookup.portals.portal import PortalState

_ANSWERS: Final[Mapping[PortalState, tuple[type[ChatLookupError], str]]] = {
    PortalState.UNINSTALLED: (PortalNotInstalled, "The application was uninstalled from this portal"),
    PortalState.REAUTHORISE: (
        PortalReauthorise,
        "The portal no longer honours our grant; an administrator must open the application in the portal once",
    ),
    PortalState.UNPAID: (PortalBlocked, "The portal says that the application or its plan is not paid"),
    PortalState.MISCONFIGURED: (
        PortalMisconfigured,
        "The authorisation server refuses the keys of our application; see the commands apps.list, apps.rotate_secret",
    ),
    PortalState.REFUSED: (PortalReauthorise, "The portal refuses even the tokens that were just renewed"),
    PortalState.RENAMED: (
        PortalMisconfigured,
        "The portal has a new address; give the webhook's new URL with the command portal.add_webhook",
    ),
}

ASKED_AGAIN: Final = frozenset({PortalState.UNPAID, PortalState.MISCONFIGURED, PortalState.REFUSED})
"""States that end by themselves, so that the next call after `retry_at` may find out."""
_LATER: Final = 300.0


def answer(state: PortalState, code: str, retry_after: float = _LATER) -> ChatLookupError:
    """The error for a portal in a state that admits nothing, with the portal's own `code` that led to it."""
    kind, detail = _ANSWERS[state]
    return kind(detail, portal_error=code.strip("-") or None, retry_after=retry_after)


def refusal(state: PortalState, code: str, retry_at: float, now: float) -> ChatLookupError | None:
    """The same, or None for a portal that may be asked; `retry_at` and `now` are Unix times."""
    if state not in _ANSWERS:
        return None
    if state not in ASKED_AGAIN:
        return answer(state, code)
    return answer(state, code, retry_at - now) if now < retry_at else None
