"""The local API uses API Gateway's payload format 2.0 as the real one does."""

import base64
from typing import Any

import pytest

from local.aws.http_payload import AnswerError, Call, answer, event

CALL = Call("GET /things/{id}", {"id": "7"}, "request-1", time=1584043438.5)
ENVIRON = {
    "REQUEST_METHOD": "GET",
    "PATH_INFO": "/things/Ñ".encode().decode("latin-1"),
    "QUERY_STRING": "a=1&b=%7C&a=2&empty=",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "REMOTE_ADDR": "127.0.0.7",
    "CONTENT_LENGTH": "0",
    "HTTP_HOST": "api.example:3000",
    "HTTP_USER_AGENT": "probe/1",
    "HTTP_X_REPEATED": "one,two",
    "HTTP_COOKIE": "a=1; b=2",
}


def made(body: bytes = b"", **changed: str) -> dict[str, Any]:
    return event({**ENVIRON, **changed}, body, CALL)


def test_path_arrives_decoded_and_query_as_sent() -> None:
    assert made()["rawPath"] == "/things/Ñ"
    assert made()["rawQueryString"] == "a=1&b=%7C&a=2&empty="


def test_parameters_arrive_decoded_with_repeated_ones_joined_by_commas() -> None:
    assert made()["queryStringParameters"] == {"a": "1,2", "b": "|", "empty": ""}
    assert made()["pathParameters"] == {"id": "7"}


def test_header_names_are_in_lower_case_and_cookies_are_separate() -> None:
    assert made()["headers"] == {"host": "api.example:3000", "user-agent": "probe/1", "x-repeated": "one,two"}
    assert made()["cookies"] == ["a=1", "b=2"]


def test_context_has_route_time_and_caller() -> None:
    context = made()["requestContext"]

    assert (context["routeKey"], context["requestId"], context["stage"]) == (
        "GET /things/{id}",
        "request-1",
        "$default",
    )
    assert (context["time"], context["timeEpoch"]) == ("12/Mar/2020:20:03:58 +0000", 1584043438500)
    assert context["http"] == {
        "method": "GET",
        "path": "/things/Ñ",
        "protocol": "HTTP/1.1",
        "sourceIp": "127.0.0.7",
        "userAgent": "probe/1",
    }


def test_event_has_no_field_for_what_the_request_does_not_have() -> None:
    bare = event(
        {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "QUERY_STRING": ""}, b"", Call("$default", {}, "request-1", 0.0)
    )

    assert not {"body", "cookies", "queryStringParameters", "pathParameters"} & bare.keys()
    assert bare["isBase64Encoded"] is False


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8", "text/plain"])
def test_text_arrives_as_text(content_type: str) -> None:
    arrived = made("ü".encode(), CONTENT_TYPE=content_type, CONTENT_LENGTH="2")

    assert (arrived["body"], arrived["isBase64Encoded"]) == ("ü", False)
    assert (arrived["headers"]["content-type"], arrived["headers"]["content-length"]) == (content_type, "2")


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "image/png", ""]
)
def test_forms_and_everything_else_arrive_in_base64(content_type: str) -> None:
    arrived = made(b"a=1\xff", CONTENT_TYPE=content_type)

    assert (base64.b64decode(arrived["body"]), arrived["isBase64Encoded"]) == (b"a=1\xff", True)


def test_response_has_the_functions_status_and_headers_with_each_cookie_in_a_header() -> None:
    response = answer(
        {"statusCode": 201, "headers": {"Content-Type": "text/html", "X-N": 5}, "cookies": ["a=1", "b=2"], "body": "ü"}
    )

    assert (response.status, response.body) == (201, "ü".encode())
    assert response.headers == (
        ("content-type", "text/html"),
        ("x-n", "5"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
    )


def test_response_in_base64_is_decoded() -> None:
    assert answer({"statusCode": 200, "body": "/w==", "isBase64Encoded": True}).body == b"\xff"


@pytest.mark.parametrize(
    ("result", "body"), [({"chat_id": 10}, b'{"chat_id": 10}'), ("plain", b"plain"), (None, b"null"), ([1], b"[1]")]
)
def test_answer_without_a_status_is_the_body_of_a_200(result: object, body: bytes) -> None:
    response = answer(result)

    assert (response.status, response.headers, response.body) == (200, (("content-type", "application/json"),), body)


@pytest.mark.parametrize(
    "result",
    [
        {"statusCode": "200"},
        {"statusCode": True},
        {"statusCode": 42},
        {"statusCode": 200, "headers": ["a"]},
        {"statusCode": 200, "body": {"a": 1}},
        {"statusCode": 200, "body": "no base64!", "isBase64Encoded": True},
    ],
)
def test_answer_that_the_gateway_cannot_send_is_refused(result: object) -> None:
    with pytest.raises(AnswerError):
        answer(result)
