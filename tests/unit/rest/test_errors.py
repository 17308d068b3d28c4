"""Our errors in the platform's format: documented codes, texts and statuses, never one that makes clients refresh."""

import pytest

from chat_lookup import errors
from chat_lookup.bitrix24.errors import ROWS, BitrixError, ErrorClass, ErrorRow, Where
from chat_lookup.errors import ChatLookupError
from chat_lookup.portals.failures import for_caller
from chat_lookup.rest.errors import DOCUMENTED, refusal
from local.portal.protocol.errors import documented

_FAULT = "INTERNAL_SERVER_ERROR"
LEADS_TO_REFRESHING = {"expired_token", "invalid_token", "no_auth_found"}


@pytest.mark.parametrize(
    "code", sorted(DOCUMENTED.keys() - {"INVALID_CREDENTIALS", "ACCESS_ERROR", "INVALID_ARG_VALUE"})
)
def test_texts_and_statuses_equal_those_of_the_local_portal_from_the_documents(code: str) -> None:
    assert DOCUMENTED[code] == documented(code)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.KeyRejected(), 403, "INVALID_CREDENTIALS"),
        (errors.ScopeMissing(), 403, "insufficient_scope"),
        (errors.PortalBusy(retry_after=3), 503, "QUERY_LIMIT_EXCEEDED"),
        (errors.PortalUnavailable(), 503, "INTERNAL_SERVER_ERROR"),
        (errors.StoreUnavailable(), 503, "INTERNAL_SERVER_ERROR"),
        (errors.DeadlineReached(), 503, "INTERNAL_SERVER_ERROR"),
        (errors.PortalStopped(), 503, "OVERLOAD_LIMIT"),
        (errors.PortalReauthorise(), 403, "INVALID_CREDENTIALS"),
        (errors.PortalMisconfigured(), 403, "INVALID_CREDENTIALS"),
        (errors.PortalNotInstalled(), 401, "ERROR_OAUTH"),
        (errors.ServiceMisconfigured(), 500, "INTERNAL_SERVER_ERROR"),
        (ChatLookupError(), 500, "INTERNAL_SERVER_ERROR"),
        (errors.InvalidRequest("body"), 400, "INVALID_ARG_VALUE"),
        (errors.BodyTooLarge(), 413, "INVALID_ARG_VALUE"),
        (errors.PortalBlocked(portal_error="PAYMENT_REQUIRED"), 401, "PAYMENT_REQUIRED"),
        (errors.PortalReauthorise(portal_error="invalid_grant"), 403, "INVALID_CREDENTIALS"),
        (errors.PortalReauthorise(portal_error="expired_token"), 503, "INTERNAL_SERVER_ERROR"),
        (errors.PortalMisconfigured(portal_error="NO_AUTH_FOUND"), 403, "INVALID_CREDENTIALS"),
        (errors.ChatNotAccessible(portal_error="ACCESS_ERROR"), 403, "ACCESS_ERROR"),
        (errors.PortalRefused(portal_error="SOMETHING_NEW"), 400, "SOMETHING_NEW"),
    ],
    ids=lambda each: f"{each.code} {each.portal_error or ''}" if isinstance(each, ChatLookupError) else None,
)
def test_our_error_has_the_nearest_documented_code(error: ChatLookupError, status: int, code: str) -> None:
    answer = refusal(error)
    assert (answer.status, answer.code) == (status, code)


LEADS_ASTRAY = LEADS_TO_REFRESHING | {"authorization_error"}


def from_portal(code: str, status: int, text: str = "the portal's text", *, webhook: bool = False) -> ChatLookupError:
    return for_caller(BitrixError(code, status, method="im.chat.get", description=text, webhook=webhook), now=0.0)


# OTHER is one of our names as well, for the codes without a row.
NAMED_BY_US = {"PORTAL_RENAMED", "NOT_JSON", "HTTP_4XX", "HTTP_5XX", "OTHER"}
ONE_OF_EACH_CLASS = {
    row.error_class: row
    for row in reversed(ROWS)
    if row.statuses
    and row.where is not Where.AUTH_SERVER
    and row.code.casefold() not in LEADS_ASTRAY
    and row.code not in NAMED_BY_US
}


@pytest.mark.parametrize("row", ONE_OF_EACH_CLASS.values(), ids=lambda row: f"{row.where} {row.code}")
def test_error_of_the_portal_is_passed_on_unchanged(row: ErrorRow) -> None:
    for status in row.statuses:
        answer = refusal(from_portal(row.code, status))
        assert (answer.code, answer.status, answer.description) == (row.code, status, "the portal's text")


def test_error_of_every_class_but_those_about_grants_is_passed_on() -> None:
    assert set(ErrorClass) - ONE_OF_EACH_CLASS.keys() == {ErrorClass.REFRESH, ErrorClass.REAUTHORISE}


def test_no_code_that_makes_clients_refresh_is_sent() -> None:
    for code in LEADS_TO_REFRESHING:
        for spelling in (code, code.upper()):
            for error in (from_portal(spelling, 401), from_portal(spelling, 401, webhook=True)):
                assert refusal(error).code.casefold() not in LEADS_TO_REFRESHING


@pytest.mark.parametrize("webhook", [True, False])
def test_unknown_code_under_401_is_a_transient_error_that_makes_no_client_refresh(webhook: bool) -> None:
    answer = refusal(from_portal("CONNECTION_ERROR", 401, "Error connecting to authorization server", webhook=webhook))
    assert (answer.status, answer.code) == (503, _FAULT)


def test_unknown_code_of_the_portals_keeps_its_status_and_its_text() -> None:
    answer = refusal(from_portal("BRAND_NEW", 418, "a teapot"))
    assert (answer.code, answer.status, answer.description) == ("BRAND_NEW", 418, "a teapot")


def test_code_without_a_text_gets_the_documented_one() -> None:
    assert (
        refusal(from_portal("OPERATION_TIME_LIMIT", 429, "")).description
        == "Method is blocked due to operation time limit."
    )


def test_final_error_is_not_retryable() -> None:
    answer = refusal(errors.PortalUnavailable(retry_after=5)).final()
    assert (answer.status, answer.code, answer.of_all, answer.retry_after) == (500, _FAULT, False, None)
    refused = refusal(from_portal("ACCESS_DENIED", 403))
    assert refused.final() == refused
