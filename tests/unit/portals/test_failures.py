"""What a caller gets follows from the class of a portal's failure, and never tells more than its code."""

import pytest

from chat_lookup.bitrix24.errors import ROWS, BitrixError, ErrorClass, Where
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
)
from chat_lookup.portals.failures import for_caller

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
    ("NEVER_HEARD_OF", 502, PortalUnavailable, 503),
    ("NEVER_HEARD_OF", 400, PortalRefused, 400),
]


def said(code: str, status: int, **facts: float) -> BitrixError:
    return BitrixError(
        code, status, method="im.chat.get", description="the portal's own words", reset_at=facts.get("reset_at")
    )


@pytest.mark.parametrize(("code", "status", "kind", "shown"), CASES)
def test_each_class_of_failures_has_its_error(code: str, status: int, kind: type[ChatLookupError], shown: int) -> None:
    error = for_caller(said(code, status), NOW)
    assert type(error) is kind
    assert (error.status, error.portal_error) == (shown, code)


def test_every_class_has_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    error = said("ACCESS_ERROR", 403)
    for each in ErrorClass:
        monkeypatch.setattr(error, "error_class", each)
        assert for_caller(error, NOW).status >= 400


@pytest.mark.parametrize("code", sorted({row.code for row in ROWS if row.where is Where.ANY}))
def test_the_portals_words_are_never_shown(code: str) -> None:
    error = for_caller(said(code, 400), NOW)
    assert "own words" not in str(error)
    assert "own words" not in repr(vars(error))


@pytest.mark.parametrize("code", ["QUERY_LIMIT_EXCEEDED", "INTERNAL_SERVER_ERROR", "OVERLOAD_LIMIT"])
def test_whoever_may_ask_again_is_told_when(code: str) -> None:
    told = for_caller(said(code, 503), NOW).retry_after
    assert told is not None
    assert 1 <= told <= 600


def test_when_the_portal_names_the_moment_that_is_told() -> None:
    assert for_caller(said("OPERATION_TIME_LIMIT", 429, reset_at=NOW + 90), NOW).retry_after == pytest.approx(90)


@pytest.mark.parametrize("reset_at", [NOW - 90, 0.0])
def test_a_moment_that_has_passed_is_not_told(reset_at: float) -> None:
    assert for_caller(said("OPERATION_TIME_LIMIT", 429, reset_at=reset_at), NOW).retry_after == 25


@pytest.mark.parametrize("reset_at", [NOW + 1e6, 1e300])
def test_a_moment_beyond_all_reason_is_not_believed(reset_at: float) -> None:
    # Buckets of operating time leave after ten minutes at the latest (bitrix24.md 6.2).
    told = for_caller(said("OPERATION_TIME_LIMIT", 429, reset_at=reset_at), NOW).retry_after
    assert told is not None
    assert told <= 600


@pytest.mark.parametrize("code", ["TRANSPORT", "TIMEOUT", "NOT_JSON", "PROTOCOL", "PORTAL_RENAMED", "ADDRESS_REFUSED"])
def test_a_name_that_is_ours_is_not_passed_on_as_the_portals(code: str) -> None:
    error = for_caller(said(code, 0), NOW)
    assert error.portal_error is None
    assert error.detail != error.title  # what happened is told in words instead
