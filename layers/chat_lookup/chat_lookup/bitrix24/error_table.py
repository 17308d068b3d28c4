"""Every error of the platform as data: the table of bitrix24.md 7.1 with the corrections of its section 9.

Errors without a code of the platform have a name of ours: TRANSPORT (network, TLS), TIMEOUT, PORTAL_RENAMED (a
redirect), NOT_JSON, PROTOCOL (neither result nor error, or a result that cannot be read), HTTP_4XX and HTTP_5XX (a
status without a code), EMPTY (the empty code), ADDRESS_REFUSED (our own check of addresses), OTHER (a code that no row
knows). The document's row `result: null` is no error: `results.chat_id_from` returns None for it.

For rows that the document's table lacks, its sections name the code, or a page of the vendor, which the meaning names.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

QUERY_LIMIT_EXCEEDED: Final = "QUERY_LIMIT_EXCEEDED"
OPERATION_TIME_LIMIT: Final = "OPERATION_TIME_LIMIT"
PAYMENT_REQUIRED: Final = "PAYMENT_REQUIRED"
TRANSPORT: Final = "TRANSPORT"
TIMEOUT: Final = "TIMEOUT"
PORTAL_RENAMED: Final = "PORTAL_RENAMED"
NOT_JSON: Final = "NOT_JSON"
PROTOCOL: Final = "PROTOCOL"
HTTP_4XX: Final = "HTTP_4XX"
HTTP_5XX: Final = "HTTP_5XX"
EMPTY: Final = "EMPTY"
ADDRESS_REFUSED: Final = "ADDRESS_REFUSED"
OTHER: Final = "OTHER"


class ErrorClass(StrEnum):
    """What an error means for the call; the error that our callers receive follows from it (design 6)."""

    RETRY = "retry"
    """The same request may succeed in a moment."""
    LIMIT = "limit"
    """A limit is used up: the same request succeeds later."""
    REFRESH = "refresh"
    """The access token is no longer valid: refresh it, then retry once."""
    REAUTHORISE = "reauthorise"
    """The grant is dead: an administrator has to open the application."""
    PORTAL = "portal"
    """The whole portal refuses every request until its state changes."""
    UNINSTALLED = "uninstalled"
    """The application is not installed in this portal."""
    OBJECT = "object"
    """This chat or user is not accessible to us; the portal works."""
    CONFIG = "config"
    """Our application, its keys, scopes or code must be corrected."""
    CALLER = "caller"
    """The input was refused; a retry cannot succeed."""
    NOT_FOUND = "not_found"
    """What was asked for does not exist."""


class Where(StrEnum):
    """Families of methods in which a code has one meaning; `FAMILIES` lists their methods."""

    AUTH_SERVER = "authorisation server"
    APP_INFO = "app.info"
    EVENT_BINDING = "event.bind, event.unbind"
    OPENLINES_CRM = "imopenlines.crm.chat.*"
    OPENLINES_DIALOG = "imopenlines.dialog.get"
    OPENLINES = "imopenlines.*"
    CRM_ITEM = "crm.item.*"
    CHAT_GET = "im.chat.get, imbot.chat.get"
    DIALOG_GET = "im.dialog.get, imbot.dialog.get"
    USER_GET = "im.user.get"
    REGISTERING = "bots and their commands, v1"
    V2_CHAT = "imbot.v2.Chat.*"
    V2 = "imbot.v2.*"
    MESSENGER = "im.*, imbot.*"
    REST3 = "REST 3"
    ANY = "any"


FAMILIES: Final[dict[Where, tuple[str, ...]]] = {
    Where.AUTH_SERVER: ("oauth/*",),
    Where.APP_INFO: ("app.info",),
    Where.EVENT_BINDING: ("event.bind", "event.unbind"),
    Where.OPENLINES_CRM: ("imopenlines.crm.chat.*",),
    Where.OPENLINES_DIALOG: ("imopenlines.dialog.get",),
    Where.OPENLINES: ("imopenlines.*",),
    Where.CRM_ITEM: ("crm.item.*",),
    Where.CHAT_GET: ("im.chat.get", "imbot.chat.get"),
    Where.DIALOG_GET: ("im.dialog.get", "imbot.dialog.get"),
    Where.USER_GET: ("im.user.get",),
    Where.REGISTERING: ("imbot.register", "imbot.update", "imbot.unregister", "imbot.bot.list", "imbot.command.*"),
    Where.V2_CHAT: ("imbot.v2.chat.*",),
    Where.V2: ("imbot.v2.*",),
    Where.MESSENGER: ("im.*", "imbot.*"),
    Where.REST3: ("*",),
    Where.ANY: ("*",),
}
"""Methods of a family, folded, `*` for any ending; a narrower family comes before a wider one.

The authorisation server has no methods: calls there are named `oauth/token` and `oauth/app.info`. REST 3 is
recognised by the prefix of its codes, not by its methods.
"""


class ErrorRow(NamedTuple):
    """One code and its meaning in a family. `code` is spelled as documented and is the value of the metric's dimension.

    `statuses` are the documented ones, empty for any: they decide only where one code has two meanings.
    """

    code: str
    where: Where
    error_class: ErrorClass
    statuses: tuple[int, ...]
    meaning: str

    def covers(self, method: str) -> bool:
        """Whether the folded name of a method belongs to this row's family."""
        return belongs(method, self.where)


def belongs(method: str, where: Where) -> bool:
    """Whether the folded name of a method is one of a family's."""
    return any(
        method.startswith(pattern[:-1]) if pattern.endswith("*") else method == pattern for pattern in FAMILIES[where]
    )


_Line = tuple[str, ErrorClass, tuple[int, ...], str]
"""Codes with spaces between, class, statuses, meaning."""

_RETRY, _LIMIT, _REFRESH, _REAUTHORISE = ErrorClass.RETRY, ErrorClass.LIMIT, ErrorClass.REFRESH, ErrorClass.REAUTHORISE
_PORTAL, _UNINSTALLED, _OBJECT = ErrorClass.PORTAL, ErrorClass.UNINSTALLED, ErrorClass.OBJECT
_CONFIG, _CALLER, _NOT_FOUND = ErrorClass.CONFIG, ErrorClass.CALLER, ErrorClass.NOT_FOUND

_V2: Final = (400, 403)
"""The pages of imbot.v2 never state which of the two (bitrix24.md 1.3)."""

_WHATEVER: Final = (*range(400, 600), *range(400))
"""Every status: these rows come before those of a wider family with the same one."""

_PREFIX: Final[Mapping[Where, str]] = {Where.REST3: "BITRIX_REST_V3_EXCEPTION_"}

# fmt: off
_TABLE: Final[Mapping[Where, tuple[_Line, ...]]] = {
    Where.AUTH_SERVER: (
        ("invalid_request", _CONFIG, (400,), "malformed request, e.g. no refresh token"),
        ("invalid_client", _CONFIG, (400, 401), "wrong id or secret, or not installed in that portal"),
        ("wrong_client", _CONFIG, (200,), "unknown client id"),
        ("insufficient_scope invalid_scope", _CONFIG, (401, 403), "more rights asked than the application has"),
        ("invalid_grant bad_verification_code", _REAUTHORISE, (400,), "code or refresh token wrong, used or expired"),
        ("PAYMENT_REQUIRED", _PORTAL, (401,), "trial or paid period is over"),
        ("NOT_INSTALLED", _UNINSTALLED, (401,), "application removed"),
        ("NO_AUTH_FOUND", _PORTAL, (401,), "app.info with a bad token"),
        ("HTTP_4XX", _PORTAL, (404,), "portal not found"),
        ("OTHER HTTP_4XX", _RETRY, (429,), "too many requests: of all portals, not of this one"),
        ("HTTP_5XX NOT_JSON", _RETRY, (), "server trouble, or a page in front of the server"),
        # An error that the server's documents do not name is no verdict on our grant or keys (bitrix24.md 3.6).
        ("100 0 EMPTY ERROR_CORE OTHER HTTP_4XX", _RETRY, _WHATEVER, "an answer that means nothing there"),
    ),
    Where.APP_INFO: (
        ("ACCESS_DENIED", _CONFIG, (400,), "not an application's context"),
    ),
    Where.EVENT_BINDING: (
        ("ERROR_EVENT_NOT_FOUND", _CONFIG, (400,), "unknown event"),
        ("ERROR_WRONG_HANDLER_URL ERROR_UNSUPPORTED_PROTOCOL", _CONFIG, (400,), "bad address (placement-bind.md)"),
        ("ERROR_CORE", _CONFIG, (400,), "not bound, as where it was bound before (bitrix24.md 1.15)"),
        ("ACCESS_DENIED", _CONFIG, (403,), "needs an administrator"),
    ),
    Where.OPENLINES_CRM: (
        ("ACCESS_DENIED", _OBJECT, (403,), "no access to the CRM object"),
        ("CRM_CHAT_EMPTY_CRM_DATA", _NOT_FOUND, (400,), "no such CRM object, or none given (bitrix24.md 10.1)"),
    ),
    Where.OPENLINES_DIALOG: (
        ("ACCESS_ERROR", _NOT_FOUND, (400,), "not found, or no access (bitrix24.md 9, row 19)"),
        ("DIALOG_ID_EMPTY", _CALLER, (400,), "dialog id missing or malformed"),
    ),
    Where.OPENLINES: (
        ("IM_NOT_INSTALLED", _PORTAL, (400,), "messenger module missing"),
    ),
    Where.CRM_ITEM: (
        # Of one object: another status than that of a portal without a plan (bitrix24.md 10.1).
        ("ACCESS_DENIED", _OBJECT, (400, 403), "no access to the CRM object"),
        ("ALLOWED_ONLY_INTRANET_USER", _OBJECT, (403,), "the CRM is closed to the token's user, who is external"),
    ),
    Where.CHAT_GET: (
        ("AUTHORIZE_ERROR", _CONFIG, (403,), "guest session"),
        ("ACCESS_ERROR", _OBJECT, (403, 400), "no access, or no such chat"),
    ),
    Where.DIALOG_GET: (
        ("ACCESS_ERROR", _OBJECT, (403, 400), "no access, or no such chat"),
    ),
    Where.USER_GET: (
        ("ID_EMPTY", _CALLER, (400,), "user id missing (im-user-get.md)"),
        ("USER_NOT_EXISTS", _NOT_FOUND, (400,), "no such user (im-user-get.md)"),
        ("ACCESS_DENIED", _OBJECT, (403, 400), "this user is closed to us (im-user-get.md)"),
    ),
    Where.REGISTERING: (
        ("WRONG_AUTH_TYPE", _CONFIG, (403,), "session authorisation"),
        ("ACCESS_DENIED", _CONFIG, (403,), "no client id: a webhook passes CLIENT_ID"),
        ("CODE_ERROR NAME_ERROR", _CONFIG, (400,), "required field missing"),
        ("MAX_COUNT_ERROR", _CONFIG, (400,), "the application's limit of bots"),
        ("EVENT_MESSAGE_ADD_ERROR EVENT_MESSAGE_UPDATE_ERROR EVENT_MESSAGE_DELETE_ERROR EVENT_WELCOME_MESSAGE_ERROR "
         "EVENT_BOT_DELETE_ERROR EVENT_COMMAND_ADD_ERROR", _CONFIG, (400,), "handler missing, or a bad address"),
        ("COMMAND_ERROR COMMAND_ID_ERROR LANG_ERROR", _CONFIG, (400,), "bad command"),
    ),
    Where.V2_CHAT: (
        ("ACCESS_DENIED", _OBJECT, _V2, "the bot is no member, lacks the role, or it is not its message"),
    ),
    Where.V2: (
        ("BOT_TOKEN_NOT_SPECIFIED CLIENT_ID_NOT_SPECIFIED", _CONFIG, _V2, "the bot's token is missing (webhooks)"),
        ("BOT_ID_REQUIRED PARAMS_REQUIRED BOT_CODE_REQUIRED BOT_PROPERTIES_REQUIRED", _CONFIG, _V2, "missing field"),
        ("BOT_NOT_FOUND", _CONFIG, _V2, "bot deleted: register it again"),
        ("BOT_OWNERSHIP_ERROR", _CONFIG, _V2, "bot of another application, or a former token"),
        ("BOT_CODE_ALREADY_TAKEN", _CONFIG, _V2, "another application owns the code"),
        ("BOT_INVALID_TYPE BOT_INVALID_EVENT_MODE BOT_INVALID_CALLBACK BOT_WEBHOOK_URL_REQUIRED", _CONFIG, _V2,
         "bad field"),
        ("BOT_REGISTER_FAILED BOT_UNREGISTER_FAILED", _RETRY, _V2, "unspecified; once more, then our configuration"),
        ("BOT_LIMIT_EXCEEDED", _CONFIG, _V2, "100 bots"),
        ("BOT_AVATAR_INCORRECT_TYPE BOT_AVATAR_INCORRECT_SIZE", _CONFIG, _V2, "bad avatar"),
        ("BOT_TOKEN_INVALID_LENGTH", _CONFIG, _V2, "over 40 characters"),
        ("BOT_TOKEN_ROTATION_FAILED", _CONFIG, _V2, "collision, reason withheld"),
        ("BOT_TYPE_NOT_ALLOWED", _CONFIG, _V2, "for supervisors and personal bots only"),
        ("EMPTY_MESSAGE", _CALLER, _V2, "no text"),
        ("SENDING_FAILED", _RETRY, _V2, "unspecified; sending again may send twice"),
        ("COMMAND_ANSWER_FAILED", _RETRY, _V2, "as SENDING_FAILED, of an answer to a command (command-answer.md)"),
        ("MESSAGE_NOT_FOUND", _NOT_FOUND, _V2, "no such message"),
        ("MESSAGE_ACCESS_DENIED", _OBJECT, _V2, "no access to the message"),
        ("REACTION_NOT_FOUND REACTION_ALREADY_SET", _CALLER, _V2, "nothing to change"),
        ("COMMAND_REQUIRED COMMAND_NAME_INVALID COMMAND_TITLE_REQUIRED COMMAND_REGISTER_FAILED COMMAND_NOT_FOUND",
         _CONFIG, _V2, "bad command"),
        ("COMMAND_NAME_EMPTY COMMAND_ALREADY_EXISTS", _CONFIG, _V2, "bad command (command-update.md)"),
        ("EMPTY_USER_IDS", _CALLER, _V2, "empty list"),
        ("SCOPE_ERROR AUTH_ERROR USER_NOT_SUBSCRIBED", _CONFIG, _V2, "Event.get with withUserEvents"),
    ),
    Where.MESSENGER: (
        ("DIALOG_ID_EMPTY", _CALLER, (400,), "dialog id missing or malformed"),
        ("CHAT_ID_EMPTY USER_ID_EMPTY PARAMS_ERROR", _CALLER, (400,), "missing input"),
        ("INVALID_FORMAT", _CALLER, (400,), "USERS has a wrong type"),
        ("WRONG_REQUEST", _CALLER, (400,), "could not create, send or change"),
        ("BOT_ID_ERROR", _CONFIG, (400,), "bot not found: register it again"),
        ("APP_ID_ERROR", _CONFIG, (403,), "bot of another application"),
        ("MESSAGE_EMPTY", _CALLER, (400,), "no text"),
        ("MESSAGE_ID_EMPTY", _CALLER, (400,), "message id missing (imbot-command-answer.md)"),
        ("MESSAGE_ID_ERROR CANT_EDIT_MESSAGE", _CALLER, (400, 403), "bad id, or not our message"),
        ("ATTACH_ERROR ATTACH_OVERSIZE KEYBOARD_ERROR KEYBOARD_OVERSIZE MENU_ERROR MENU_OVERSIZE", _CALLER, (400,),
         "malformed, or over 30 KB"),
        ("AVATAR_ERROR WRONG_COLOR TITLE_EMPTY", _CALLER, (400,), "bad value"),
    ),
    Where.REST3: (
        ("VALIDATION_REQUESTVALIDATIONEXCEPTION VALIDATION_DTOVALIDATIONEXCEPTION", _CALLER, (400,), "bad value"),
        ("INVALIDJSONEXCEPTION INVALIDSELECTEXCEPTION INVALIDFILTEREXCEPTION INVALIDPAGINATIONEXCEPTION "
         "UNKNOWNDTOPROPERTYEXCEPTION UNKNOWNFILTEROPERATOREXCEPTION", _CONFIG, (400,), "malformed request"),
        ("ENTITYNOTFOUNDEXCEPTION", _NOT_FOUND, (400,), "entity missing"),
        ("METHODNOTFOUNDEXCEPTION", _CONFIG, (), "unknown method"),
        ("ACCESSDENIEDEXCEPTION", _PORTAL, (403, 401), "no access"),
        ("INSUFFICIENTSCOPEEXCEPTION", _CONFIG, (403,), "scope missing"),
        ("IDEMPOTENCYKEYREUSEDEXCEPTION", _CONFIG, (422,), "idempotency key of another request"),
        ("INVALIDIDEMPOTENCYKEYEXCEPTION", _CONFIG, (400,), "malformed idempotency key"),
    ),
    Where.ANY: (
        # Of two statuses the first is that of bitrix24.md 7.1; other versions of the vendor's table have the others.
        ("INTERNAL_SERVER_ERROR ERROR_UNEXPECTED_ANSWER", _RETRY, (500,), "server fault"),
        ("QUERY_LIMIT_EXCEEDED", _LIMIT, (503, 429), "rate limit of the portal"),
        ("OPERATION_TIME_LIMIT", _LIMIT, (429,), "operating budget of the method is spent"),
        ("OVERLOAD_LIMIT", _PORTAL, (503, 401), "blocked by the vendor by hand; not retryable although 503"),
        ("ERROR_BATCH_METHOD_NOT_ALLOWED", _CONFIG, (405,), "method not allowed in a batch"),
        ("ERROR_BATCH_LENGTH_EXCEEDED", _CONFIG, (400,), "more than 50 commands"),
        ("NO_AUTH_FOUND", _REFRESH, (401,), "bad token; of a webhook: bad code"),
        ("expired_token", _REFRESH, (401,), "access token expired"),
        ("INVALID_REQUEST", _CONFIG, (400, 401), "HTTPS required"),
        ("ACCESS_DENIED", _PORTAL, (403, 401), "REST needs a commercial plan"),
        ("INVALID_CREDENTIALS", _CONFIG, (403, 401), "the token's user lacks permissions, or a wrong webhook"),
        ("insufficient_scope", _CONFIG, (403, 401), "scope missing"),
        ("user_access_error", _PORTAL, (403, 401), "an administrator limited the application to certain users"),
        ("ERROR_MANIFEST_IS_NOT_AVAILABLE", _CONFIG, (404,), "manifest missing"),
        ("PORTAL_DELETED", _PORTAL, (500, 410, 403), "deleted, or its public part closed; not retryable although 500"),
        ("ERROR_METHOD_NOT_FOUND", _CONFIG, (404,), "unknown method, or not in scope"),
        ("METHOD_CONFIRM_WAITING", _PORTAL, (401,), "an administrator has to allow the method"),
        ("METHOD_CONFIRM_DENIED", _PORTAL, (403,), "an administrator refused the method"),
        ("invalid_token", _REFRESH, (401,), "no application for this token"),
        ("authorization_error", _REAUTHORISE, (401,), "the token's user is deactivated or removed"),
        ("ERROR_OAUTH", _UNINSTALLED, (401,), "application not installed"),
        ("APPLICATION_NOT_FOUND", _UNINSTALLED, (401,), "application deleted, token cached"),
        ("NOT_INSTALLED", _UNINSTALLED, (401,), "application removed"),
        ("PAYMENT_REQUIRED", _PORTAL, (401,), "subscription ended"),
        ("ALLOWED_ONLY_INTRANET_USER", _PORTAL, (403,), "the token's user is external"),
        ("WRONG_AUTH_TYPE", _CONFIG, (403,), "kind of authorisation not allowed for this method"),
        ("INVALID_ARG_VALUE ERROR_ARGUMENT", _CALLER, (400,), "bad or missing argument"),
        ("NOT_FOUND ERROR_NOT_FOUND ERROR_ENTITY_NOT_FOUND", _NOT_FOUND, (404, 400), "entity missing"),
        ("100 0 EMPTY ERROR_CORE", _CALLER, (400,), "legacy code for anything"),
        ("100 0 EMPTY ERROR_CORE", _LIMIT, (429,), "too many requests"),
        ("ERROR_UNKNOWN_ADD_TASK_ERROR", _CALLER, (400,), "a task of a group with two chats (bitrix24.md 1.8)"),
        ("PORTAL_RENAMED", _PORTAL, (302,), "the portal has a new address"),
        ("TRANSPORT TIMEOUT", _RETRY, (), "no answer came"),
        # A page in front of the portal, under whatever status: maintenance, a login, a proxy's refusal.
        ("NOT_JSON PROTOCOL", _RETRY, (), "an answer that cannot be understood"),
        ("ADDRESS_REFUSED", _CONFIG, (), "the portal's host has no public address"),
        # Without a code that a row knows, the status decides (bitrix24.md 7.2, point 5).
        # Under 401 this is an outage and never a dead token, which has documented codes.
        ("OTHER HTTP_4XX", _RETRY, (401,), "not authorised, for a reason that is not documented"),
        ("OTHER HTTP_4XX", _OBJECT, (403,), "no access"),
        ("OTHER HTTP_4XX", _CONFIG, (404,), "no such address or method"),
        ("OTHER HTTP_4XX", _LIMIT, (429,), "too many requests (7.2, points 3 and 5)"),
        ("OTHER", _RETRY, tuple(range(500, 600)), "server trouble"),
        ("OTHER HTTP_4XX", _CALLER, (), "refused"),
        ("HTTP_5XX", _RETRY, (), "server trouble"),
    ),
}
# fmt: on


def _rows() -> Iterator[ErrorRow]:
    for where, lines in _TABLE.items():
        for codes, error_class, statuses, meaning in lines:
            for code in codes.split():
                yield ErrorRow(_PREFIX.get(where, "") + code, where, error_class, statuses, meaning)


ROWS: Final[tuple[ErrorRow, ...]] = tuple(_rows())
"""One row per family and code, a narrower family before a wider one."""
