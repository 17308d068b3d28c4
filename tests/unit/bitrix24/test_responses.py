"""The envelope: what counts as a result, what as an error, in the order of bitrix24.md 7.2."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_lookup.bitrix24.endpoints import Endpoint
from chat_lookup.bitrix24.errors import METRIC_CODES, BitrixError, ErrorClass
from chat_lookup.bitrix24.responses import Answer, OperatingTime, Reply, error_in, operating_time, read_reply

CODE = "c4nary0code1"
WEBHOOK = Endpoint.from_webhook(f"https://example.bitrix24.com/rest/1/{CODE}/")
OAUTH = Endpoint("https://example.bitrix24.com/rest/", auth=CODE)


def _read(status: int, body: object, endpoint: Endpoint = OAUTH, location: str = "") -> Answer | BitrixError:
    encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_reply(Reply(status, encoded, location), endpoint, "im.chat.get", 0.25)


def _answer(status: int, body: object) -> Answer:
    answer = _read(status, body)
    assert isinstance(answer, Answer)
    return answer


def _error(status: int, body: object, endpoint: Endpoint = OAUTH, location: str = "") -> BitrixError:
    error = _read(status, body, endpoint, location)
    assert isinstance(error, BitrixError)
    return error


@pytest.mark.parametrize("result", [{"ID": 2725}, 10, "10", None, [], False])
def test_any_result_is_a_success(result: object) -> None:
    answer = _answer(200, {"result": result, "time": {"operating": 0.3}})

    assert (answer.result, answer.time.operating, answer.elapsed) == (result, 0.3, 0.25)


def test_error_field_is_an_error_under_any_status() -> None:
    error = _error(200, {"error": "wrong_client", "error_description": "no such client", "result": 1})

    assert (error.code, error.status, error.description) == ("wrong_client", 200, "no such client")


@pytest.mark.parametrize(
    ("sent", "code", "metric_code"),
    [
        ("0", "0", "0"),
        (0, "0", "0"),
        (100, "100", "100"),
        ("", "", "EMPTY"),
        ([], "", "EMPTY"),
        ({}, "", "EMPTY"),
        (" expired_TOKEN ", "expired_TOKEN", "expired_token"),
        ({"code": "BITRIX_REST_V3_EXCEPTION_ACCESSDENIEDEXCEPTION", "message": "no"},
         "BITRIX_REST_V3_EXCEPTION_ACCESSDENIEDEXCEPTION", "BITRIX_REST_V3_EXCEPTION_ACCESSDENIEDEXCEPTION"),
        ({"code": ["x"]}, "", "EMPTY"),
        ("x" * 100_000, "x" * 64, "OTHER"),
    ],
)  # fmt: skip
def test_code_may_be_text_a_number_empty_or_an_object(sent: object, code: str, metric_code: str) -> None:
    error = _error(400, {"error": sent, "error_description": ["not text"]})

    assert (error.code, error.metric_code) == (code, metric_code)


@pytest.mark.parametrize("nothing", [None, False])
def test_empty_error_field_is_no_error(nothing: object) -> None:
    assert _answer(200, {"error": nothing, "result": 5}).result == 5


@pytest.mark.parametrize(
    ("status", "body", "code", "error_class"),
    [
        (200, b"<html>hello</html>", "NOT_JSON", ErrorClass.RETRY),
        (200, b"", "NOT_JSON", ErrorClass.RETRY),
        (200, b"[" * 500_000, "NOT_JSON", ErrorClass.RETRY),
        (200, b"9" * 100_000, "NOT_JSON", ErrorClass.RETRY),
        (200, b"\xff\xfe\xfa", "NOT_JSON", ErrorClass.RETRY),
        *((status, b"<html>a page</html>", "NOT_JSON", ErrorClass.RETRY) for status in (400, 401, 402, 403, 404, 418)),
        (404, b"", "NOT_JSON", ErrorClass.RETRY),
        (429, b"<html>slow down</html>", "HTTP_4XX", ErrorClass.LIMIT),
        (502, b"<html>bad gateway</html>", "HTTP_5XX", ErrorClass.RETRY),
        (503, b"", "HTTP_5XX", ErrorClass.RETRY),
        (500, b'{"result":5}', "HTTP_5XX", ErrorClass.RETRY),
        (401, b"{}", "HTTP_4XX", ErrorClass.RETRY),
        (418, b"{}", "HTTP_4XX", ErrorClass.CALLER),
        (200, b"{}", "PROTOCOL", ErrorClass.RETRY),
        (200, b"[]", "PROTOCOL", ErrorClass.RETRY),
        (204, b"null", "PROTOCOL", ErrorClass.RETRY),
    ],
)
def test_answer_without_result_and_error_is_classified_by_its_kind(
    status: int, body: bytes, code: str, error_class: ErrorClass
) -> None:
    error = _error(status, body)

    assert (error.metric_code, error.error_class) == (code, error_class)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_means_a_renamed_portal_and_its_error_names_the_host_only(status: int) -> None:
    error = _error(status, b"", WEBHOOK, location=f"https://new.bitrix24.com/rest/1/{CODE}/im.chat.get")

    assert (error.metric_code, error.error_class) == ("PORTAL_RENAMED", ErrorClass.PORTAL)
    assert error.description == "moved to new.bitrix24.com"


@pytest.mark.parametrize(
    "location",
    [
        "",
        "/login/",
        "https://[bad",
        "https://new.bitrix24.com:bad/",
        "https://example.bitrix24.com/auth/?backurl=/rest/",
        f"https://example.bitrix24.com/rest/1/{CODE}/im.chat.get",
        f"https://EXAMPLE.BITRIX24.COM:443/rest/1/{CODE}/im.chat.get",
        f"http://example.bitrix24.com/rest/1/{CODE}/im.chat.get",
        f"/rest/1/{CODE}/im.chat.get",
        "https://new.bitrix24.com/",
        "https://new.bitrix24.com/rest/",
        "https://login.example/maintenance",
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_other_than_to_another_host_with_the_same_path_is_a_page_before_the_portal(
    status: int, location: str
) -> None:
    error = _error(status, b"", WEBHOOK, location=location)

    assert (error.metric_code, error.error_class) == ("NOT_JSON", ErrorClass.RETRY)
    assert CODE not in error.description


def test_another_port_counts_as_another_host() -> None:
    error = _error(302, b"", WEBHOOK, location=f"https://example.bitrix24.com:8443/rest/1/{CODE}/im.chat.get")

    assert error.metric_code == "PORTAL_RENAMED"


@pytest.mark.parametrize("endpoint", [WEBHOOK, OAUTH])
def test_secret_quoted_by_the_portal_is_not_in_the_error(endpoint: Endpoint) -> None:
    error = _error(404, {"error": CODE, "error_description": f"nothing at /rest/1/{CODE}/"}, endpoint)

    assert CODE not in error.code + error.description + str(error)


def test_webhook_with_a_wrong_code_is_a_configuration_error() -> None:
    body = {"error": "NO_AUTH_FOUND", "error_description": "Wrong authorization data"}

    assert _error(401, body, WEBHOOK).error_class is ErrorClass.CONFIG
    assert _error(401, body, OAUTH).error_class is ErrorClass.REFRESH


def test_operating_limit_carries_the_reset_time_of_the_portal() -> None:
    body = {"error": "OPERATION_TIME_LIMIT", "time": {"operating_reset_at": 1700000000}}

    assert _error(429, body).reset_at == 1700000000
    assert _error(429, {"error": "OPERATION_TIME_LIMIT"}).reset_at is None


def test_command_of_a_batch_is_classified_like_a_single_call() -> None:
    error = error_in({"error": "ACCESS_ERROR", "error_description": ""}, 200, OAUTH, "im.dialog.get")

    assert error is not None
    assert error.error_class is ErrorClass.OBJECT
    assert error_in({}, 200, OAUTH, "im.dialog.get") is None


def test_time_is_read_field_by_field() -> None:
    time = {"start": 1, "finish": 1.5, "duration": "0.07", "operating": 0, "operating_reset_at": 1700000600}

    assert operating_time(time) == OperatingTime(operating=0.0, reset_at=1700000600.0, duration=0.07, finished_at=1.5)


@pytest.mark.parametrize("time", [None, [], "x", {}, {"operating": None, "duration": True, "operating_reset_at": "x"},
                                  {"operating": "NaN", "duration": 1e999, "operating_reset_at": -5}])  # fmt: skip
def test_unreadable_time_is_no_error(time: object) -> None:
    assert operating_time(time) == OperatingTime()


@given(st.integers(100, 599), st.binary(max_size=200) | st.sampled_from([b'{"result":1}', b'{"error":"x"}']), st.text())
def test_every_reply_is_an_answer_or_an_error_of_the_closed_set(status: int, body: bytes, location: str) -> None:
    outcome = read_reply(Reply(status, body, location), WEBHOOK, "im.chat.get", 0)

    assert isinstance(outcome, Answer) or outcome.metric_code in METRIC_CODES


def test_reply_shows_its_status_only() -> None:
    assert repr(Reply(302, CODE.encode(), CODE)) == "Reply(status=302)"


def test_total_and_next_of_a_list_are_read() -> None:
    assert _answer(200, {"result": [], "next": 50, "total": 120, "time": {}, "more": 1}).pages == {
        "next": 50,
        "total": 120,
    }
    assert _answer(200, {"result": []}).pages == {}
