"""What the client sends to a portal, and how it classifies the replies, over real TLS."""

import json

import pytest

from chat_lookup import VERSION
from chat_lookup.bitrix24.client import Endpoint
from chat_lookup.bitrix24.errors import BitrixError, ErrorClass
from tests.support.portals.scripted_portal import CODE, Script, answer, client_of, cut, raw, result, scripted, soon

PAIR = {"ENTITY_TYPE": "CRM", "ENTITY_ID": "DEAL|1663"}


def _error(*scripts: Script, method: str = "im.chat.get") -> BitrixError:
    with scripted(*scripts) as portal, pytest.raises(BitrixError) as caught:
        client_of(portal).call(portal.endpoint(), method, PAIR, soon())
    assert len(portal.requests) == 1  # no request is repeated
    return caught.value


def test_call_is_one_json_post_to_the_address_of_the_method() -> None:
    with scripted(result({"ID": 1437})) as portal:
        client_of(portal).call(portal.endpoint(), "im.chat.get", PAIR, soon())

    (request,) = portal.requests
    assert request.line == f"POST /rest/1/{CODE}/im.chat.get HTTP/1.1"
    assert json.loads(request.body) == PAIR
    assert request.headers["content-type"] == request.headers["accept"] == "application/json"
    assert request.headers["user-agent"] == f"bitrix24-chat-lookup/{VERSION}"


def test_text_of_every_script_is_sent_unchanged() -> None:
    params = {"ENTITY_ID": "telegrambot|2|Иван 😀|744", "quote": '"\\\n'}
    with scripted(result(None)) as portal:
        client_of(portal).call(portal.endpoint(), "im.chat.get", params, soon())

    assert json.loads(portal.requests[0].body) == params


def test_access_token_is_sent_only_in_the_body() -> None:
    with scripted(result(None)) as portal:
        endpoint = Endpoint(f"https://127.0.0.1:{portal.port}/rest/", auth="t0ken")
        client_of(portal).call(endpoint, "im.chat.get", PAIR, soon())

    (request,) = portal.requests
    assert request.line == "POST /rest/im.chat.get HTTP/1.1"
    assert json.loads(request.body) == {**PAIR, "auth": "t0ken"}
    assert "t0ken" not in str(request.headers)


@pytest.mark.parametrize("value", [{"ID": 2725}, 10, None, []])
def test_result_is_returned_unchanged(value: object) -> None:
    with scripted(result(value)) as portal:
        assert client_of(portal).call(portal.endpoint(), "im.chat.get", PAIR, soon()).result == value


def test_answer_contains_operating_time_and_elapsed_time() -> None:
    time = {"start": 1.5, "operating": 0.25, "operating_reset_at": 1700000000}
    with scripted(answer(body={"result": None, "time": time})) as portal:
        cost = client_of(portal).call(portal.endpoint(), "im.chat.get", PAIR, soon())

    assert (cost.time.operating, cost.time.reset_at, cost.time.duration) == (0.25, 1700000000, None)
    assert cost.elapsed >= 0


def test_chunked_body_is_read() -> None:
    chunks = b'8\r\n{"result\r\n4\r\n":7}\r\n0\r\n\r\n'
    with scripted(raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)) as portal:
        assert client_of(portal).call(portal.endpoint(), "im.chat.get", PAIR, soon()).result == 7


@pytest.mark.parametrize(
    ("status", "body", "code", "error_class"),
    [
        (503, {"error": "QUERY_LIMIT_EXCEEDED", "error_description": "Too many"}, "QUERY_LIMIT_EXCEEDED", "limit"),
        (401, {"error": "Expired_Token"}, "Expired_Token", "config"),
        (403, {"error": "ACCESS_ERROR"}, "ACCESS_ERROR", "object"),
        (200, {"error": "ERROR_METHOD_NOT_FOUND"}, "ERROR_METHOD_NOT_FOUND", "config"),
        (400, {"error": 0}, "0", "caller"),
        (200, b"<html>maintenance</html>", "NOT_JSON", "retry"),
        (502, b"<html>bad gateway</html>", "HTTP_5XX", "retry"),
        (200, b"", "NOT_JSON", "retry"),
        (200, {"time": {}}, "PROTOCOL", "retry"),
        (200, b'{"result":"' + b"x" * 1024 * 1024 + b'"}', "NOT_JSON", "retry"),
    ],
)
def test_reply_without_result_raises_a_classified_error(status: int, body: object, code: str, error_class: str) -> None:
    error = _error(answer(status, body))

    assert (error.code, error.status, error.error_class) == (code, status, ErrorClass(error_class))


@pytest.mark.parametrize(
    "script",
    [
        cut(),
        cut(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"result":'),
        cut(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{"),
        cut(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n"),
        cut(b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n{}"),
        cut(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope"),
        cut(b"HTTP/1.1 200 OK\r\n" + b"X-Header: 1\r\n" * 200 + b"\r\n"),
        cut(b"HTTP/1.1 200 OK\r\nX-Header: " + b"x" * 100_000 + b"\r\n\r\n"),
        cut(b"this is no HTTP\r\n\r\n"),
    ],
)
def test_cut_or_garbled_connection_raises_a_transport_error(script: Script) -> None:
    error = _error(script)

    assert (error.metric_code, error.error_class, error.status) == ("TRANSPORT", ErrorClass.RETRY, 0)


def test_reply_cut_within_its_headers_is_retryable() -> None:
    assert _error(cut(b"HTTP/1.1 200 OK\r\nContent-Le")).error_class is ErrorClass.RETRY


def test_closed_port_raises_a_transport_error() -> None:
    with scripted(result(1)) as portal:
        client = client_of(portal)
    with pytest.raises(BitrixError) as caught:
        client.call(portal.endpoint(), "im.chat.get", PAIR, soon())

    assert (caught.value.metric_code, caught.value.description) == ("TRANSPORT", "connect")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_never_followed(status: int) -> None:
    with scripted(result(5)) as elsewhere:
        location = f"Location: https://127.0.0.1:{elsewhere.port}/rest/1/{CODE}/im.chat.get"
        error = _error(answer(status, b"", [location]))

    assert (error.metric_code, error.error_class) == ("PORTAL_RENAMED", ErrorClass.PORTAL)
    assert error.description == "moved to 127.0.0.1"
    assert elsewhere.connections == 0


def test_retry_after_raises_a_limit_error_without_waiting() -> None:
    error = _error(answer(503, {"error": "QUERY_LIMIT_EXCEEDED"}, ["Retry-After: 3600"]))

    assert error.error_class is ErrorClass.LIMIT


@pytest.mark.parametrize(
    "method", ["", "../x", "im.chat.get?x=1", "im/chat", "im chat", "..", "im.", "имя", "x" * 9 + "\n"]
)
def test_invalid_method_name_is_not_sent(method: str) -> None:
    with scripted(result(1)) as portal, pytest.raises(ValueError, match="not the name of a method"):
        client_of(portal).call(portal.endpoint(), method, PAIR, soon())

    assert portal.connections == 0
