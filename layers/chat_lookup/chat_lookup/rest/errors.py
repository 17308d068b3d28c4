"""The service's errors with the platform's documented codes, texts, statuses (bitrix24.md 7.1, design 3.2).

A portal's own error is passed on unchanged, except where a client would refresh our token, or retry for ever.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from chat_lookup.bitrix24.error_table import QUERY_LIMIT_EXCEEDED
from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.clock import Clock
from chat_lookup.errors import (
    BodyTooLarge,
    ChatLookupError,
    InvalidRequest,
    KeyRejected,
    PortalBusy,
    PortalMisconfigured,
    PortalNotInstalled,
    PortalReauthorise,
    PortalStopped,
    PortalUnavailable,
    ScopeMissing,
)
from chat_lookup.observability.aws_failures import FAILED, OutOfTime, translated
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.failures import for_caller

METHOD_NOT_FOUND: Final = "ERROR_METHOD_NOT_FOUND"
NOT_IN_A_BATCH: Final = "ERROR_BATCH_METHOD_NOT_ALLOWED"
BATCH_TOO_LONG: Final = "ERROR_BATCH_LENGTH_EXCEEDED"
INVALID_REQUEST: Final = "INVALID_REQUEST"
_CREDENTIALS: Final = "INVALID_CREDENTIALS"
_FAULT: Final = "INTERNAL_SERVER_ERROR"
_BAD_VALUE: Final = "INVALID_ARG_VALUE"
_SCOPE: Final = "insufficient_scope"
_STOPPED: Final = "OVERLOAD_LIMIT"

DOCUMENTED: Final[Mapping[str, tuple[int, str]]] = {
    _FAULT: (500, "Internal server error"),
    "ERROR_UNEXPECTED_ANSWER": (500, "Server returned an unexpected response"),
    "PORTAL_DELETED": (500, "Portal was deleted"),
    QUERY_LIMIT_EXCEEDED: (503, "Too many requests"),
    _STOPPED: (503, "REST API is blocked due to overload"),
    "OPERATION_TIME_LIMIT": (429, "Method is blocked due to operation time limit."),
    NOT_IN_A_BATCH: (405, "Method is not allowed for batch usage"),
    METHOD_NOT_FOUND: (404, "Method not found!"),
    _CREDENTIALS: (403, "Invalid request credentials"),
    _SCOPE: (403, "The request requires higher privileges than provided by the webhook token"),
    "user_access_error": (403, "The user does not have access to the application"),
    "ACCESS_DENIED": (403, "REST API is available only on commercial plans"),
    "ACCESS_ERROR": (403, "You don't have access to this chat"),
    "AUTHORIZE_ERROR": (403, "Method not available for guest session."),
    "ERROR_OAUTH": (401, "Application not installed"),
    "APPLICATION_NOT_FOUND": (401, "Application not found"),
    "NOT_INSTALLED": (401, "Application not installed"),
    "PAYMENT_REQUIRED": (401, "Subscription has been ended"),
    BATCH_TOO_LONG: (400, "Max batch length exceeded"),
    "DIALOG_ID_EMPTY": (400, "Dialog ID can't be empty"),
    _BAD_VALUE: (400, "Invalid value"),
}
_FOLDED: Final = {code.casefold(): (code, *row) for code, row in DOCUMENTED.items()}
_ERROR: Final = 400
"""HTTP's least status of an error."""
_TRY_AGAIN: Final = 503
_UNAUTHORISED: Final = 401

_OF_TOKENS: Final = frozenset({"expired_token", "invalid_token", "no_auth_found"})
"""Folded codes at which clients refresh or retry: the portal's, about our token, which clients do not have."""
_OF_GRANTS: Final = frozenset(
    {"authorization_error", "invalid_grant", "bad_verification_code", "invalid_client", "wrong_client", "invalid_scope"}
)
"""Folded codes of a dead grant or dead keys of our application: an administrator or operator must renew them."""
_OF_THE_WHOLE: Final = frozenset({"query_limit_exceeded", "overload_limit", "portal_deleted", "payment_required"})
"""Folded codes by which a portal refuses a batch and never one of its commands."""

_OURS: Final[Mapping[type[ChatLookupError], str]] = {
    KeyRejected: _CREDENTIALS,
    PortalReauthorise: _CREDENTIALS,
    PortalMisconfigured: _CREDENTIALS,
    ScopeMissing: _SCOPE,
    PortalNotInstalled: "ERROR_OAUTH",
    PortalBusy: QUERY_LIMIT_EXCEEDED,
    # Blocked by hand: a 503 that SDKs do not retry.
    PortalStopped: _STOPPED,
    InvalidRequest: _BAD_VALUE,
    BodyTooLarge: _BAD_VALUE,
}
"""Codes for errors without a portal's error; all others are a fault of ours, 503 if retryable."""
_WITH_OUR_TEXT: Final = (InvalidRequest, BodyTooLarge, PortalStopped)


class Refusal(NamedTuple):
    """The error in place of a result. `of_all`: it concerns the whole request, not one command.

    `retry_after`: seconds, where that is known.
    """

    code: str
    status: int
    description: str
    of_all: bool = False
    retry_after: float | None = None

    def final(self) -> "Refusal":
        """The refusal of a call that may have been carried out: not 503, at which SDKs retry (bitrix24.md 9, row 26).

        A refusal with the portal's own code means that nothing was done, and stays unchanged.
        """
        if self.code != _FAULT or self.status != _TRY_AGAIN:
            return self
        return self._replace(status=DOCUMENTED[_FAULT][0], of_all=False, retry_after=None)


def documented(code: str) -> Refusal:
    """A refusal with the documented status and text."""
    return Refusal(code, *DOCUMENTED[code])


# What only this service refuses, in a sentence: ignored silently, each would end in a result without a chat.
NO_XML: Final = Refusal(METHOD_NOT_FOUND, 404, "Responses are JSON: call the method without .xml")
NO_REST_3: Final = Refusal(METHOD_NOT_FOUND, 404, "REST 3 is not served here: call the method without api/")
UNREADABLE_BODY: Final = Refusal(
    INVALID_REQUEST, 415, "Send the body as JSON in UTF-8 (application/json) or as a form, and not compressed"
)


def refusal(error: ChatLookupError) -> Refusal:
    """The platform's error for one of our errors."""
    code = error.portal_error.casefold() if error.portal_error is not None else None
    if code in _OF_TOKENS and isinstance(error, PortalReauthorise):
        # The service renews the token itself, and retries soon.
        return _fault(error)
    if isinstance(error, PortalUnavailable) and error.verbatim is not None and error.verbatim.status == _UNAUTHORISED:
        # An outage in front of the portal; passed on unchanged, it would make clients refresh.
        return _fault(error)
    if code in _OF_TOKENS or code in _OF_GRANTS:
        return Refusal(_CREDENTIALS, *DOCUMENTED[_CREDENTIALS], of_all=True)
    if code is None or (error.verbatim is None and code not in _FOLDED and type(error) in _OURS):
        return _ours(error)
    return _of_the_portal(error, code)


def _of_the_portal(error: ChatLookupError, folded: str) -> Refusal:
    """The portal's error, from this call or an earlier one."""
    code, status, text = _FOLDED.get(folded, (error.portal_error or "", error.status, ""))
    if error.verbatim is not None:
        code, text = error.verbatim.code, error.verbatim.text or text
        status = error.verbatim.status if error.verbatim.status >= _ERROR else status
    return Refusal(code, status, text, of_all=folded in _OF_THE_WHOLE, retry_after=error.retry_after)


def _ours(error: ChatLookupError) -> Refusal:
    code = _OURS.get(type(error))
    if code is None:
        return _fault(error)
    status, text = DOCUMENTED[code]
    if isinstance(error, _WITH_OUR_TEXT):
        status, text = error.status, error.detail
    return Refusal(code, status, text, of_all=True, retry_after=error.retry_after)


def _fault(error: ChatLookupError) -> Refusal:
    status, text = DOCUMENTED[_FAULT]
    return Refusal(_FAULT, _TRY_AGAIN if error.retryable else status, text, of_all=True, retry_after=error.retry_after)


FAILURES: Final = (ChatLookupError, BitrixError, *FAILED)
"""All errors of a call. In a batch each is its command's outcome, so that earlier outcomes are not lost."""


class RestFailures:
    """Turns failures into refusals."""

    def __init__(self, telemetry: Telemetry, clock: Clock) -> None:
        self._telemetry = telemetry
        self._clock = clock

    def refusal(self, error: Exception) -> Refusal:
        """The refusal that is returned in place of a result."""
        if isinstance(error, BitrixError):
            error = for_caller(error, self._clock.now())
        elif not isinstance(error, ChatLookupError):
            if not isinstance(error, OutOfTime):
                self._telemetry.fault("a store failed", error)
            error = translated(error)
        return refusal(error)
