"""Translates a portal's failures for the caller: the one table from their class to an error of ours (design 6)."""

from collections.abc import Mapping
from typing import Final

from chat_lookup.bitrix24.error_table import ADDRESS_REFUSED, HTTP_4XX, NOT_JSON, OTHER
from chat_lookup.bitrix24.errors import BY_CERTIFICATE, BitrixError, ErrorClass, NoConnection
from chat_lookup.clock import DAY
from chat_lookup.errors import (
    CallerTokenRejected,
    ChatLookupError,
    ChatNotAccessible,
    ChatNotFound,
    PortalBlocked,
    PortalBusy,
    PortalMisconfigured,
    PortalNotInstalled,
    PortalReauthorise,
    PortalRefused,
    PortalStopped,
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
"""Design 6: the caller's error follows from the class."""

_RETRY_AFTER: Final[Mapping[ErrorClass, float]] = {
    ErrorClass.RETRY: 5,
    # A full bucket of 50 drains in 25 s (bitrix24.md 6.1).
    ErrorClass.LIMIT: 25,
    ErrorClass.PORTAL: 300,
    ErrorClass.REFRESH: 300,
    ErrorClass.REAUTHORISE: 300,
}
"""Seconds after which a retry is useful, where the portal names no moment."""
_LONGEST_BLOCK: Final = 600.0
"""Operating time is freed after ten minutes at the latest, whatever moment a portal names (bitrix24.md 6.2)."""

_WHAT_HAPPENED: Final[Mapping[str, str]] = {
    "TRANSPORT": "The connection to the portal failed",
    "TIMEOUT": "The portal did not answer in time",
    "NOT_JSON": "The server at the portal's address did not return JSON",
    "PROTOCOL": "The portal's reply could not be decoded",
    "PORTAL_RENAMED": "The portal answers with a redirect: it has a new address, which must be given to the service",
    "ADDRESS_REFUSED": "The portal's host has no address that may be called",
    "HTTP_4XX": "The portal refused without naming an error",
    "HTTP_5XX": "The portal failed without naming an error",
}
"""Failures with codes of ours: the portal returned no code, so none is passed on as its own."""

_NOT_CONNECTED: Final[Mapping[NoConnection, str]] = {
    NoConnection.UNKNOWN_HOST: "There is no connection to {host}: the host is unknown",
    NoConnection.NO_NAME_SERVER: "There is no connection to {host}: the name server does not answer",
    NoConnection.REFUSED: "There is no connection to {host}: it is refused",
    NoConnection.NO_WAY: "There is no connection to {host}: there is no way to its address",
    NoConnection.TIMED_OUT: "There is no connection to {host}: no answer came in time",
    NoConnection.NOT_TRUSTED: (
        "The certificate of {host} is not trusted: the parameter PortalCa (CA_FILE in a local run) names an authority"
    ),
    NoConnection.NOT_VALID_NOW: "The certificate of {host} has expired, or is not valid yet",
    NoConnection.OTHER_HOST: "The certificate of {host} is for another host",
    NoConnection.NO_TLS: "There is no connection to {host}: it offers no TLS that can be used",
}
_AFTER_A_CERTIFICATE: Final = 300.0
_BAD_WEBHOOK: Final = "The portal does not accept the webhook: its code is wrong, or it was blocked or deleted there"


def for_caller(error: BitrixError, now: float) -> ChatLookupError:
    """The caller's error for a portal's failure: by class, with the portal's code; its text is for `/rest`."""
    kind = _WHAT_THE_CALLER_GETS[error.error_class]
    retry_after = _RETRY_AFTER.get(error.error_class)
    if error.retry_at is not None:
        retry_after = max(1.0, min(error.retry_at - now, _LONGEST_BLOCK))
    elif error.reset_at is not None and error.reset_at > now:
        retry_after = min(error.reset_at - now, _LONGEST_BLOCK)
    if error.connection is not None:
        late = _AFTER_A_CERTIFICATE if error.connection in BY_CERTIFICATE else retry_after
        detail = _NOT_CONNECTED[error.connection].format(host=error.host)
        return kind(detail, retry_after=late, cause=error.connection)
    if error.metric_code == ADDRESS_REFUSED and error.host:
        admitted = error.host if ":" in error.host.rpartition("]")[2] else f"{error.host}:443"
        return kind(f"{error.host} has a private address only; the parameter PrivatePortals admits it by {admitted}")
    if error.code in _WHAT_HAPPENED:
        return kind(_WHAT_HAPPENED[error.code], retry_after=retry_after)
    verbatim = Verbatim(error.code, error.status, error.description)
    detail = _BAD_WEBHOOK if error.bad_webhook else ""
    return kind(detail, portal_error=error.code, retry_after=retry_after, verbatim=verbatim)


def for_token(error: BitrixError, now: float) -> ChatLookupError:
    """The caller's error where the portal was asked with a user's own token: `CallerTokenRejected`, unless it is the
    portal that fails. What concerns a single chat is read before."""
    if error.error_class not in _FOR_ANY_TOKEN or error.metric_code in _USER_REFUSED:
        return CallerTokenRejected(portal_error=error.code)
    return for_caller(error, now)


_FOR_ANY_TOKEN: Final = frozenset({ErrorClass.RETRY, ErrorClass.LIMIT, ErrorClass.PORTAL})
"""Errors that any token would meet."""
_USER_REFUSED: Final = frozenset({"user_access_error", "ALLOWED_ONLY_INTRANET_USER"})
"""Codes by which the portal blocks the user of the request: here, the token's user."""
_OUTAGES: Final = frozenset({NOT_JSON, OTHER, HTTP_4XX})
"""Codes that, in the class RETRY, come from a proxy in front of the portal, whatever the status (bitrix24.md 7.2)."""


def passing(error: BitrixError) -> bool:
    """Whether a failure is temporary and does not concern the call itself: no reply, or a limit is used up."""
    if error.error_class is not ErrorClass.RETRY:
        return error.error_class is ErrorClass.LIMIT
    named = 200 <= error.status < 500  # noqa: PLR2004 - the portal replied, about this call
    return not named or error.metric_code in _OUTAGES


_ANSWERS: Final[Mapping[PortalState, tuple[type[ChatLookupError], str]]] = {
    PortalState.UNINSTALLED: (PortalNotInstalled, "The application was uninstalled from this portal"),
    PortalState.REAUTHORISE: (
        PortalReauthorise,
        "The portal no longer accepts our grant; an administrator must open the application in the portal once",
    ),
    PortalState.UNPAID: (PortalBlocked, "The portal reports that the application or its plan is not paid"),
    PortalState.MISCONFIGURED: (
        PortalMisconfigured,
        "The authorisation server refuses the keys of our application; see the commands apps.list, apps.rotate_secret",
    ),
    PortalState.REFUSED: (PortalReauthorise, "The portal refuses even the tokens that were just renewed"),
    PortalState.RENAMED: (
        PortalMisconfigured,
        "The portal has a new address; give the webhook's new URL with the command portal.add_webhook",
    ),
    PortalState.STOPPED: (PortalStopped, ""),
}
ASKED_AGAIN: Final = frozenset(
    {
        PortalState.UNPAID,
        PortalState.MISCONFIGURED,
        PortalState.REFUSED,
        PortalState.REAUTHORISE,
        PortalState.RENAMED,
    }
)
"""States that may end by themselves: the next call after `retry_at` looks at the portal (design 10, Closing)."""
FIRST_LOOK: Final = 60.0
LONGEST_PAUSE: Final = 3600.0
"""Seconds until the first look, and at most between two; each pause is twice the one before."""
RENAMED_FOR: Final = 7 * DAY
"""Seconds for which the former address of a portal is looked at; after that only on the command portal.start."""
NEVER: Final = 1e10
"""A moment (Unix time) that no process of this service sees."""
_DOUBLED: Final = 6
_LATER: Final = 300.0


def pause(looks: int) -> float:
    """Seconds until the next look at a closed portal, after so many of them."""
    return min(LONGEST_PAUSE, FIRST_LOOK * 2.0 ** min(looks, _DOUBLED))


def next_look(state: PortalState, looks: int, closed_at: float, now: float) -> float:
    """The moment of the next look at a closed portal, after its look number `looks` (from 1) at `now`."""
    over = state is PortalState.RENAMED and now >= closed_at + RENAMED_FOR
    return NEVER if over else now + pause(looks)


def answer(state: PortalState, code: str, retry_after: float = _LATER) -> ChatLookupError:
    """The error for a portal in a closed state, with the portal's own `code` that led to it."""
    kind, detail = _ANSWERS[state]
    if state is PortalState.STOPPED:
        # Only an operator's command ends it: no retry moment can be named.
        return kind(detail)
    return kind(detail, portal_error=code.strip("-") or None, retry_after=min(retry_after, LONGEST_PAUSE))


def refusal(state: PortalState, code: str, retry_at: float, now: float) -> ChatLookupError | None:
    """The same, or None for a portal that may be called; `retry_at` and `now` are Unix times."""
    if state not in _ANSWERS:
        return None
    if state not in ASKED_AGAIN:
        return answer(state, code)
    return answer(state, code, retry_at - now) if now < retry_at else None
