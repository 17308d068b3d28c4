"""What a portal's failure means for whoever called: the one table from its class to an error of ours (design 6)."""

from collections.abc import Mapping
from typing import Final

from chat_lookup.bitrix24.errors import BitrixError, ErrorClass
from chat_lookup.errors import (
    ChatLookupError,
    ChatNotAccessible,
    ChatNotFound,
    PortalBlocked,
    PortalBusy,
    PortalMisconfigured,
    PortalNotInstalled,
    PortalReauthorise,
    PortalRefused,
    PortalUnavailable,
    Verbatim,
)
from chat_lookup.portals.portal import PortalState

_WHAT_THE_CALLER_GETS: Final[Mapping[ErrorClass, type[ChatLookupError]]] = {
    ErrorClass.RETRY: PortalUnavailable,
    ErrorClass.LIMIT: PortalBusy,
    ErrorClass.REFRESH: PortalReauthorise,
    ErrorClass.REAUTHORISE: PortalReauthorise,
    ErrorClass.PORTAL: PortalBlocked,
    ErrorClass.UNINSTALLED: PortalNotInstalled,
    ErrorClass.OBJECT: ChatNotAccessible,
    ErrorClass.CONFIG: PortalMisconfigured,
    ErrorClass.CALLER: PortalRefused,
    ErrorClass.NOT_FOUND: ChatNotFound,
}
"""Design 6: what the caller gets follows from the class."""

_RETRY_AFTER: Final[Mapping[ErrorClass, float]] = {
    ErrorClass.RETRY: 5,
    # A full bucket of 50 drains in 25 s (bitrix24.md 6.1).
    ErrorClass.LIMIT: 25,
    ErrorClass.PORTAL: 300,
    ErrorClass.REFRESH: 300,
    ErrorClass.REAUTHORISE: 300,
}
"""Seconds after which asking again is of use, where the portal does not say."""
_LONGEST_BLOCK: Final = 600.0
"""Operating time is freed after ten minutes at the latest, whatever a portal's clock says (bitrix24.md 6.2)."""

_WHAT_HAPPENED: Final[Mapping[str, str]] = {
    "TRANSPORT": "The connection to the portal failed",
    "TIMEOUT": "The portal did not answer in time",
    "NOT_JSON": "What answered at the portal's address did not speak JSON",
    "PROTOCOL": "The portal's answer could not be understood",
    "PORTAL_RENAMED": "The portal answers with a redirect: it has a new address, which must be given to the service",
    "ADDRESS_REFUSED": "The portal's host has no address that may be called",
    "HTTP_4XX": "The portal refused without naming an error",
    "HTTP_5XX": "The portal failed without naming an error",
}
"""Failures that are named by us: the portal said no code, so none is passed on as its own."""


def for_caller(error: BitrixError, now: float) -> ChatLookupError:
    """The error that a caller sees for what a portal did: by class, with the portal's code; its text is for `/rest`."""
    kind = _WHAT_THE_CALLER_GETS[error.error_class]
    retry_after = _RETRY_AFTER.get(error.error_class)
    if error.reset_at is not None and error.reset_at > now:
        retry_after = min(error.reset_at - now, _LONGEST_BLOCK)
    if error.code in _WHAT_HAPPENED:
        return kind(_WHAT_HAPPENED[error.code], retry_after=retry_after)
    verbatim = Verbatim(error.code, error.status, error.description)
    return kind(portal_error=error.code, retry_after=retry_after, verbatim=verbatim)


def passing(error: BitrixError) -> bool:
    """Whether a failure says nothing about what was asked: no answer came, or only that a limit is used up."""
    named = 200 <= error.status < 500  # noqa: PLR2004 - the portal answered, and meant what was asked
    return error.error_class is ErrorClass.LIMIT or (error.error_class is ErrorClass.RETRY and not named)


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
