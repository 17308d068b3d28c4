"""The one root of our errors, and the errors that callers see.

Each leaf is a row of the contract (design 3.1 and 6): `code` is the last part of the problem's `type` and stable,
`status` is HTTP's, `retryable` whether the same request may succeed later; `detail` is what the title does not say,
where the place that raises has nothing more exact. Messages are written by us and safe to show: of a portal's error
only the code is shown, in `portal_error`, never its text.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


class Verbatim(NamedTuple):
    """A portal's error as received: code, HTTP status, text. Only for responses in the platform's format.

    All other responses contain `portal_error` instead.
    """

    code: str
    status: int
    text: str

    def __repr__(self) -> str:
        return f"Verbatim(code={self.code!r}, status={self.status})"


class ChatLookupError(Exception):
    """The root. `str(error)` is the safe detail."""

    code = "internal-error"
    title = "Something failed inside the service"
    detail = "The service met a fault of its own, whose cause is in its log, under the request's id"
    status = 500
    retryable = False

    def __init__(
        self,
        detail: str = "",
        *,
        portal_error: str | None = None,
        retry_after: float | None = None,
        hint: str | None = None,
        extra: Mapping[str, object] | None = None,
        verbatim: Verbatim | None = None,
        cause: str = "",
    ) -> None:
        self.detail = detail or type(self).detail
        super().__init__(self.detail)
        self.portal_error = portal_error
        self.retry_after = retry_after
        self.hint = hint
        self.extra = dict(extra or {})
        self.verbatim = verbatim
        self.cause = cause
        """Where one code has several causes: which, of a closed set; a page has a sentence for it."""


class InvalidRequest(ChatLookupError):
    code, title, status = "invalid-request", "The request is not valid", 400
    detail = "A parameter or a field is missing, unknown or of another form than the contract has"


class BodyTooLarge(ChatLookupError):
    code, title, status = "body-too-large", "The body is too large", 413
    detail = "The body has more bytes than are read; send fewer look-ups at once"


class KeyRejected(ChatLookupError):
    code, title, status = "key-rejected", "The request has no valid API key", 401
    detail = "Send a key as Authorization: Bearer KEY or as X-Api-Key: KEY"


class ScopeMissing(ChatLookupError):
    code, title, status = "scope-missing", "The API key lacks the required scope", 403
    detail = "The key was made without the scope of this route"


class CallerTokenRejected(ChatLookupError):
    """The token that a caller sent beside the API key; the portal's own grant is not affected (design 3.1)."""

    code, title, status = "caller-token-rejected", "The portal does not accept the token that was sent", 401
    detail = "X-Bitrix24-Token takes an access token of a user of the key's portal that has not expired"


class PageSessionRejected(ChatLookupError):
    code, title, status = "page-session-rejected", "The page's session is not valid, or has ended", 401
    detail = "Send the session of the page as X-Page-Session; POST /v1/page/session renews it for its user"


class AdministratorRequired(ChatLookupError):
    code, title, status = "administrator-required", "Only an administrator of the portal may do this", 403
    detail = "The portal does not count the token's user among its administrators"


class RouteNotFound(ChatLookupError):
    code, title, status = "route-not-found", "There is no such route", 404
    detail = "No route has this path; GET /health answers without a key if the service runs"


class MethodNotAllowed(ChatLookupError):
    code, title, status = "method-not-allowed", "This route does not support that method", 405
    detail = "The header Allow has the methods of this route"

    def __init__(self, detail: str = "", *, allow: str) -> None:
        super().__init__(detail)
        self.allow = allow


class ChatNotFound(ChatLookupError):
    code, title, status = "chat-not-found", "No chat has this pair", 404
    detail = "No chat of the portal is bound to this entity_type and entity_id"


class ObjectNotFound(ChatLookupError):
    code, title, status = "object-not-found", "The portal has no such object", 404
    detail = "The CRM of the portal has no object of this type and id; one without chats has an empty list"


class LinkOfAnotherPortal(ChatLookupError):
    code, title, status = "link-of-another-portal", "The link leads to another portal", 400
    detail = "The host of the link is not the address of the key's portal, nor one that it had"


class LinkNotUnderstood(ChatLookupError):
    code, title, status = "link-not-understood", "The link names no object", 400
    detail = "Links to leads, deals, contacts, companies, items of smart processes, tasks and groups are understood"


class ChatNotAccessible(ChatLookupError):
    code, title, status = "chat-not-accessible", "The portal does not show this chat to the application", 403
    detail = "The chat does not exist, or the application may not see it"


class PortalNotInstalled(ChatLookupError):
    code, title, status = "portal-not-installed", "The application is not installed in this portal", 403
    detail = "An administrator of the portal must install the application, or the service's operator add a webhook"


class InstallationRefused(ChatLookupError):
    """Nothing was stored. `reason` is one of a closed set, `RefusalReason`.

    Where it is the portal's address, `cause` is why, `address` which one, and `instead` what to set or to use.
    """

    code, title, status = "installation-refused", "Nothing proves that an administrator installs the application", 403
    detail = "The installation was refused, and nothing of it was stored"

    def __init__(self, reason: str, detail: str = "", *, cause: str = "", address: str = "", instead: str = "") -> None:
        super().__init__(detail, cause=cause)
        self.reason = reason
        self.address = address
        self.instead = instead


class InstallationInProgress(ChatLookupError):
    code, title, status = "installation-in-progress", "The portal is being installed at this moment", 503
    retryable = True
    detail = "Another request installs the portal; repeat this one when that is done"


class TooManyAttempts(ChatLookupError):
    """The caller, not proved yet, must retry later; no call was made for the request (design 5, Trust)."""

    code, title, status, retryable = "too-many-attempts", "Too many attempts to install at once", 429, True
    detail = "Installations are tried too often; repeat the request later"


class EventRejected(ChatLookupError):
    """Nothing of the event was stored. `reason` is a `RejectionReason`, which the response does not contain."""

    code, title, status = "event-rejected", "Nothing proves that the event comes from a portal that is installed", 403
    detail = "The event was refused, and nothing of it was stored"

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


class PortalRefused(ChatLookupError):
    code, title, status = "portal-refused", "The portal refused the request as sent", 400
    detail = "The portal does not accept these parameters; the same request will not succeed"


class PortalMisconfigured(ChatLookupError):
    code, title, status = "portal-misconfigured", "The portal's application, keys or scopes must be corrected", 502
    detail = (
        "The portal refuses the application's keys or scopes; an administrator or the service's operator has to act"
    )


class PortalBusy(ChatLookupError):
    code, title, status, retryable = "portal-busy", "The portal's request limit leaves no slot in time", 429, True
    detail = "Too many requests wait for the portal, or it refused one for its limits; repeat the request later"


class PortalUnavailable(ChatLookupError):
    code, title, status, retryable = "portal-unavailable", "The portal sent no usable reply", 503, True
    detail = "The connection failed, or the reply could not be read; repeat the request later"


class PortalBlocked(ChatLookupError):
    code, title, status, retryable = "portal-blocked", "The portal refuses every request now", 503, True
    detail = "The portal admits no requests; its plan, its payment or its load can be the reason"


class PortalStopped(ChatLookupError):
    """Not retryable by itself: when the operator starts the portal again is unknown."""

    code, title, status = "portal-stopped", "An operator has stopped the calls to this portal", 503
    detail = "Calls to this portal rest until an operator starts them again"


class DeadlineReached(ChatLookupError):
    """Look-ups not made before the deadline: some of many, or a single one that had no time left."""

    code, title, status, retryable = "deadline", "The deadline passed before the portal was called", 503, True
    detail = "No time was left for this; repeat the request later, or ask for less at once"


class ResponseFull(ChatLookupError):
    """One of many answers, for which the response has no room."""

    code, title, status, retryable = "response-full", "The response has no room for this answer", 503, True
    detail = "The answers before this one fill the response; ask for it in another request"


class PortalReauthorise(ChatLookupError):
    code, title, status = "portal-reauthorise", "An administrator must open the application in the portal", 503
    retryable = True
    detail = "The portal no longer accepts the application's tokens, and that visit renews them"


class StoreUnavailable(ChatLookupError):
    """DynamoDB, Secrets Manager or SQS did not answer, or not in time."""

    code, title, status, retryable = "store-unavailable", "The service's own store does not answer", 503, True
    detail = "A store of the service did not answer in time; repeat the request later"


class ServiceMisconfigured(ChatLookupError):
    code, title, status = "service-misconfigured", "The service's own settings must be corrected", 500
    detail = "A setting of the service is missing or wrong; its log names it, under the request's id"


class RefusalReason(StrEnum):
    """A closed set: each has its sentence in `install.page_texts`, and is a value of the metric EventsRejected."""

    FORM = "form"
    """A field is missing or malformed."""
    SHORT = "short_secret"
    """A token or code with fewer characters than any that a portal issues (docs/decisions/021)."""
    SERVER = "server"
    """The authorisation server is unknown."""
    APPLICATION = "application"
    """No application matches: none is registered for this portal, and there is no market one."""
    KEYS = "keys"
    """The authorisation server does not accept the application's keys."""
    MEMBER = "member"
    """The portal is not on the list of portals that may install."""
    NO_REFRESH_TOKEN = "no_refresh_token"  # noqa: S105 - a name, not a secret
    """An access token alone proves nothing that is documented, and would last an hour (bitrix24.md 9, row 1)."""
    GRANT = "grant"
    """The authorisation server refuses the offered code or token: used, expired, or of another application."""
    CARD = "card"
    """The portal accepts the visitor, the authorisation server does not for the application that is known here."""
    PORTAL = "portal"
    """The authorisation server's reply names another portal than the offer, or none that can be called."""
    ADMINISTRATOR = "administrator"
    """The grant's user is no administrator; any user can read their own tokens in a frame (bitrix24.md 9, row 2)."""
    LINK = "link"
    """A `state` that this service did not issue, or that was used, or is too old."""
    TOKEN = "application_token"  # noqa: S105 - as above
    """The application token is not one of the portal's."""


class RejectionReason(StrEnum):
    """Why an event is rejected: the values of the metric EventsRejected that occur at /bitrix24/events."""

    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    WRONG_ADDRESS = "wrong_address"
    """An event about the application, which is bound to /bitrix24/install and accepted there only (design 3.4)."""
    MISSING_TOKEN = "missing_token"  # noqa: S105 - a reason
    UNKNOWN_PORTAL = "unknown_portal"
    WRONG_TOKEN = "wrong_token"  # noqa: S105 - a reason
    NOT_INSTALLED = "not_installed"


class LossReason(StrEnum):
    """Why an event of a portal is lost: the values of the metric EventsLost."""

    MALFORMED = "malformed"
    """Its application token is the portal's, but other fields that prove it are damaged."""
    STORE = "store"
    """It could not be found out whether a portal sent it."""
    QUEUE = "queue"
    """Neither the queue nor the worker accepted it."""
