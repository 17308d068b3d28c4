"""The caller's error follows from the class of a portal's failure and reveals no more than its code."""

import pytest

from chat_lookup.bitrix24.errors import BitrixError, ErrorClass
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
    PortalUnavailable,
)
from chat_lookup.portals.failures import for_caller, for_token

NOW = 1_763_000_000.0

CASES: list[tuple[str, int, type[ChatLookupError], int]] = [
    ("INTERNAL_SERVER_ERROR", 500, PortalUnavailable, 503),
    ("QUERY_LIMIT_EXCEEDED", 503, PortalBusy, 429),
    ("QUERY_LIMIT_EXCEEDED", 429, PortalBusy, 429),
    ("OPERATION_TIME_LIMIT", 429, PortalBusy, 429),
    ("OVERLOAD_LIMIT", 503, PortalBlocked, 503),
    ("PORTAL_DELETED", 500, PortalBlocked, 503),
    ("PAYMENT_REQUIRED", 401, PortalBlocked, 503),
    ("expired_token", 401, PortalReauthorise, 503),
    ("authorization_error", 401, PortalReauthorise, 503),
    ("APPLICATION_NOT_FOUND", 401, PortalNotInstalled, 403),
    ("ACCESS_ERROR", 403, ChatNotAccessible, 403),
    ("insufficient_scope", 403, PortalMisconfigured, 502),
    ("INVALID_ARG_VALUE", 400, PortalRefused, 400),
    ("ERROR_NOT_FOUND", 404, ChatNotFound, 404),
    ("UNKNOWN_CODE", 502, PortalUnavailable, 503),
    ("UNKNOWN_CODE", 400, PortalRefused, 400),
]


def failure(code: str, status: int, **facts: float) -> BitrixError:
    return BitrixError(
        code, status, method="im.chat.get", description="the portal's own words", reset_at=facts.get("reset_at")
    )


@pytest.mark.parametrize(("code", "status", "kind", "shown"), CASES)
def test_failure_of_each_class_has_its_error_without_the_portals_words(
    code: str, status: int, kind: type[ChatLookupError], shown: int
) -> None:
    error = for_caller(failure(code, status), NOW)
    assert type(error) is kind
    assert (error.status, error.portal_error) == (shown, code)
    assert "own words" not in f"{error} {vars(error)!r}", "the portal's description is for the log"


@pytest.mark.parametrize(("code", "status", "kind", "shown"), CASES)
def test_failure_with_a_users_own_token_concerns_the_token_unless_any_would_meet_it(
    code: str, status: int, kind: type[ChatLookupError], shown: int
) -> None:
    del shown
    error = for_token(failure(code, status), NOW)
    of_any_token = kind in (PortalBusy, PortalBlocked, PortalUnavailable)
    assert type(error) is (kind if of_any_token else CallerTokenRejected)
    assert error.portal_error == code


@pytest.mark.parametrize("code", ["user_access_error", "ALLOWED_ONLY_INTRANET_USER"])
def test_refusal_of_a_tokens_user_concerns_the_token(code: str) -> None:
    assert type(for_token(failure(code, 403), NOW)) is CallerTokenRejected


def test_cases_have_every_class() -> None:
    assert {failure(code, status).error_class for code, status, *_ in CASES} == set(ErrorClass)


@pytest.mark.parametrize("code", ["QUERY_LIMIT_EXCEEDED", "INTERNAL_SERVER_ERROR", "OVERLOAD_LIMIT"])
def test_retryable_failure_has_a_retry_time(code: str) -> None:
    retry_after = for_caller(failure(code, 503), NOW).retry_after
    assert retry_after is not None
    assert 1 <= retry_after <= 600


def test_retry_time_is_the_one_of_the_portal() -> None:
    assert for_caller(failure("OPERATION_TIME_LIMIT", 429, reset_at=NOW + 90), NOW).retry_after == pytest.approx(90)


@pytest.mark.parametrize("reset_at", [NOW - 90, 0.0])
def test_retry_time_in_the_past_is_replaced_by_the_default(reset_at: float) -> None:
    assert for_caller(failure("OPERATION_TIME_LIMIT", 429, reset_at=reset_at), NOW).retry_after == 25


@pytest.mark.parametrize("reset_at", [NOW + 1e6, 1e300])
def test_unreasonably_late_retry_time_is_capped(reset_at: float) -> None:
    # Buckets of operating time leave after ten minutes at the latest (bitrix24.md 6.2).
    retry_after = for_caller(failure("OPERATION_TIME_LIMIT", 429, reset_at=reset_at), NOW).retry_after
    assert retry_after is not None
    assert retry_after <= 600


@pytest.mark.parametrize("code", ["TRANSPORT", "TIMEOUT", "NOT_JSON", "PROTOCOL", "PORTAL_RENAMED", "ADDRESS_REFUSED"])
def test_our_own_code_is_not_reported_as_the_portals(code: str) -> None:
    error = for_caller(failure(code, 0), NOW)
    assert error.portal_error is None
    assert error.detail != error.title  # the detail describes the failure instead
