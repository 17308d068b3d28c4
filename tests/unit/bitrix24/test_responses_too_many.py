"""Every form in which a portal, or a proxy before it, reports too many requests (bitrix24.md 7.2)."""

import json

import pytest

from chat_lookup.bitrix24.endpoints import Endpoint
from chat_lookup.bitrix24.errors import BitrixError, ErrorClass
from chat_lookup.bitrix24.responses import Reply, read_reply

ENDPOINT = Endpoint.from_webhook("https://example.bitrix24.com/rest/1/c4nary0code1/")
NOW = 1_763_000_000.0


def error(status: int, body: object) -> BitrixError:
    encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
    found = read_reply(Reply(status, encoded, retry_at=NOW + 30), ENDPOINT, "im.chat.get", 0.1)
    assert isinstance(found, BitrixError)
    return found


TOO_MANY: list[tuple[int, object]] = [
    (429, b"<html>Too Many Requests</html>"),
    (429, b""),
    (429, b"slow down"),
    (429, b"\xff\xfe"),
    (429, {}),
    (429, []),
    (429, None),
    (429, {"message": "rate limited"}),
    (429, {"result": 1437}),
    (429, {"error": "TOO_MANY_REQUESTS"}),
    (429, {"error": 429}),
    (429, {"error": True}),
    (429, {"error": ""}),
    (429, {"error": "0"}),
    (429, {"error": "100"}),
    (429, {"error": "ERROR_CORE"}),
    (429, {"error": {}}),
    (429, {"error": {"code": "RATE", "message": "no"}}),
    (429, {"error": "QUERY_LIMIT_EXCEEDED"}),
    (503, {"error": "QUERY_LIMIT_EXCEEDED"}),
    (200, {"error": "query_limit_exceeded"}),
    (403, {"error": "QUERY_LIMIT_EXCEEDED"}),
]


@pytest.mark.parametrize(("status", "body"), TOO_MANY, ids=repr)
def test_each_form_is_an_unexecuted_limit_error_with_the_retry_time_of_the_portal(status: int, body: object) -> None:
    found = error(status, body)

    assert (found.error_class, found.too_many, found.retry_at) == (ErrorClass.LIMIT, True, NOW + 30)


@pytest.mark.parametrize(
    ("status", "body", "error_class"),
    [
        (429, {"error": "OPERATION_TIME_LIMIT"}, ErrorClass.LIMIT),
        (429, {"error": "OVERLOAD_LIMIT"}, ErrorClass.PORTAL),
        (503, b"<html>maintenance</html>", ErrorClass.RETRY),
        (503, b"", ErrorClass.RETRY),
        (502, {}, ErrorClass.RETRY),
        (503, {"error": "BRAND_NEW"}, ErrorClass.RETRY),
        (200, b"<html>maintenance</html>", ErrorClass.RETRY),
        (200, {"other": "field"}, ErrorClass.RETRY),
    ],
    ids=repr,
)
def test_other_answers_keep_their_class_and_the_retry_time_of_the_portal(
    status: int, body: object, error_class: ErrorClass
) -> None:
    found = error(status, body)

    assert (found.error_class, found.too_many, found.retry_at) == (error_class, False, NOW + 30)


def test_too_many_requests_to_the_authorisation_server_count_as_its_outage() -> None:
    for code in ("HTTP_4XX", "RATE_LIMITED"):
        assert BitrixError(code, 429, method="oauth/token").error_class is ErrorClass.RETRY
