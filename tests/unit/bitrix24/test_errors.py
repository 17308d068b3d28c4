"""The table of errors: complete against the documents, total, and case-insensitive."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chat_lookup.bitrix24.errors import METRIC_CODES, ROWS, BitrixError, ErrorClass, classify


@pytest.mark.parametrize(
    ("status", "error_class"),
    [
        (401, ErrorClass.RETRY),
        (403, ErrorClass.OBJECT),
        (404, ErrorClass.CONFIG),
        (429, ErrorClass.LIMIT),
        (500, ErrorClass.RETRY),
        (502, ErrorClass.RETRY),
        (503, ErrorClass.RETRY),
        (504, ErrorClass.RETRY),
        (599, ErrorClass.RETRY),
        (400, ErrorClass.CALLER),
        (418, ErrorClass.CALLER),
    ],
)
def test_unknown_code_is_classified_by_its_status(status: int, error_class: ErrorClass) -> None:
    row = classify("im.chat.get", "SOMETHING_NEW", status)

    assert (row.code, row.error_class) == ("OTHER", error_class)


def test_code_of_another_family_counts_as_unknown() -> None:
    assert classify("im.chat.get", "BOT_NOT_FOUND", 400).code == "OTHER"


def test_code_decides_over_a_retryable_status() -> None:
    assert classify("im.chat.get", "OVERLOAD_LIMIT", 503).error_class is ErrorClass.PORTAL
    assert classify("im.chat.get", "PORTAL_DELETED", 500).error_class is ErrorClass.PORTAL


def test_empty_code_has_a_metric_code() -> None:
    assert classify("im.chat.get", " ", 400).code == "EMPTY"


@given(st.text(), st.text(), st.integers(0, 999))
@example("", "", 0)
def test_every_error_has_a_row_and_every_row_a_metric_code(method: str, code: str, status: int) -> None:
    assert classify(method, code, status).code in METRIC_CODES


@given(st.sampled_from(ROWS), st.sampled_from(["im.chat.get", "IMBOT.V2.CHAT.GET", "Oauth/Token"]), st.data())
def test_codes_and_methods_are_compared_without_case(row: object, method: str, data: st.DataObject) -> None:
    code = getattr(row, "code")  # noqa: B009 - sampled_from loses the type
    spelled = "".join(data.draw(st.sampled_from([letter.lower(), letter.upper()])) for letter in code)

    assert classify(method, f" {spelled}\n", 400) == classify(method.lower(), code, 400)


def test_metric_codes_are_a_closed_set_without_blanks() -> None:
    assert "OTHER" in METRIC_CODES
    assert all(code and code.isascii() and " " not in code for code in METRIC_CODES)


def test_error_keeps_the_code_and_the_description_within_their_bounds() -> None:
    error = BitrixError("x" * 1000, 400, method="im.chat.get", description="y" * 10_000)

    assert error.code == "x" * 64
    assert error.metric_code == "OTHER"
    assert len(error.description) == 500


def test_text_of_an_error_omits_the_portals_code_and_description() -> None:
    error = BitrixError("SECRET_CODE", 400, description="secret words")

    assert "secret" not in (str(error) + repr(error)).lower()


@pytest.mark.parametrize("code", ["NO_AUTH_FOUND", "expired_token", "authorization_error"])
def test_token_errors_of_a_webhook_are_configuration_errors(code: str) -> None:
    assert BitrixError(code, 401, webhook=True).error_class is ErrorClass.CONFIG
    assert BitrixError(code, 401).error_class in (ErrorClass.REFRESH, ErrorClass.REAUTHORISE)


CODES_OF_AN_OUTAGE = ["CONNECTION_ERROR", "SOMETHING_NEW", "unauthorized", "401", "HTTP_4XX", "NOT_JSON"]


@pytest.mark.parametrize("code", CODES_OF_AN_OUTAGE)
@pytest.mark.parametrize("webhook", [True, False])
def test_undocumented_code_under_401_is_an_outage_and_no_dead_token(code: str, webhook: bool) -> None:
    assert BitrixError(code, 401, method="im.chat.get", webhook=webhook).error_class is ErrorClass.RETRY


@pytest.mark.parametrize("code", [*CODES_OF_AN_OUTAGE, "ERROR_CORE", "", "0", "100"])
@pytest.mark.parametrize("status", [200, 400, 401, 403, 429, 503])
def test_undocumented_code_of_the_authorisation_server_is_an_outage(code: str, status: int) -> None:
    assert BitrixError(code, status, method="oauth/token").error_class is ErrorClass.RETRY


@pytest.mark.parametrize(
    "code", ["PORTAL_BLOCKED_BY_LICENSE_SCANNER", "license_expired", "LICENCE_NOT_FOUND", "SUBSCRIPTION_REQUIRED"]
)
@pytest.mark.parametrize("status", [401, 402, 403])
def test_undocumented_code_that_names_the_plan_is_of_the_portal_class(code: str, status: int) -> None:
    error = BitrixError(code, status, method="im.chat.get")

    assert (error.metric_code, error.error_class) == ("OTHER", ErrorClass.PORTAL)


@pytest.mark.parametrize(
    ("description", "error_class"),
    [
        ("Current user can't be authorized in this context", ErrorClass.REAUTHORISE),
        ("Current user can&#39;t be authorized in this context", ErrorClass.REAUTHORISE),
        ("REST API is available only on commercial plans", ErrorClass.PORTAL),
        ("", ErrorClass.PORTAL),
    ],
)
def test_description_of_access_denied_separates_a_dead_grant_from_a_plan_without_rest(
    description: str, error_class: ErrorClass
) -> None:
    assert BitrixError("ACCESS_DENIED", 401, method="im.chat.get", description=description).error_class is error_class


def test_webhooks_other_errors_keep_their_class() -> None:
    assert BitrixError("QUERY_LIMIT_EXCEEDED", 503, webhook=True).error_class is ErrorClass.LIMIT


@given(st.sampled_from(sorted(METRIC_CODES)) | st.text(), st.integers(0, 599))
def test_authorisation_server_errors_are_never_of_the_classes_for_methods_chats_or_callers(
    code: str, status: int
) -> None:
    error = BitrixError(code, status, method="oauth/token")

    assert error.error_class not in (ErrorClass.REFRESH, ErrorClass.OBJECT, ErrorClass.CALLER, ErrorClass.NOT_FOUND)
