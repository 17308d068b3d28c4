"""Which handler a request reaches, and the response to API Gateway."""

import json
from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_lookup.errors import (
    ChatLookupError,
    ChatNotFound,
    KeyRejected,
    MethodNotAllowed,
    PortalBusy,
    PortalUnavailable,
    RouteNotFound,
)
from chat_lookup.http.entrypoint import Handler, dispatch
from chat_lookup.http.requests import Request, as_named, request_from
from chat_lookup.http.responses import Response, empty_response, error_response, json_response, redirect, retry_header


def event(**fields: object) -> dict[str, object]:
    return {
        "version": "2.0",
        "routeKey": "GET /v1/chats",
        "rawPath": "/v1/chats",
        "rawQueryString": "",
        "headers": {},
        "requestContext": {"requestId": "request-1", "http": {"method": "GET"}},
        "isBase64Encoded": False,
    } | fields


def query(raw: str) -> Mapping[str, object]:
    return request_from(event(rawQueryString=raw)).query


# -- routes ------------------------------------------------------------------------------------------------------------


def named(name: str) -> Handler:
    def handler(_: Request) -> Response:
        return {"statusCode": 200, "body": name}

    return handler


ROUTES = {
    route: named(route)
    for route in ("GET /v1/chats", "DELETE /v1/chats", "GET /v1/chats/{chat_id}", "GET /health")
}  # fmt: skip


def unrouted(verb: str, path: str) -> Request:
    context = {"requestId": "request-1", "http": {"method": verb}}
    return request_from(event(routeKey="$default", rawPath=path, requestContext=context))


@pytest.mark.parametrize("route", ROUTES)
def test_route_of_the_gateway_takes_precedence_over_the_path(route: str) -> None:
    assert dispatch(request_from(event(routeKey=route, rawPath="/somewhere/else")), ROUTES)["body"] == route


class _NotSearched(dict[str, Handler]):
    def __iter__(self) -> Iterator[str]:
        raise AssertionError("the routes were searched")


@pytest.mark.parametrize("route", [each for each in ROUTES if "{" not in each])
def test_request_of_a_literal_route_is_compared_with_no_other_route(route: str) -> None:
    routes = _NotSearched(ROUTES)
    assert dispatch(request_from(event(routeKey=route)), routes, routes)["body"] == route


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/v1", "/v1/chats/1/members", "/v1/chats/", "/health/", "//v1/chats", ""]
)
def test_path_without_a_route_is_not_found(path: str) -> None:
    with pytest.raises(RouteNotFound):
        dispatch(unrouted("GET", path), ROUTES)


@pytest.mark.parametrize(
    ("verb", "path", "allow"),
    [
        ("POST", "/v1/chats", "DELETE, GET"),
        ("HEAD", "/v1/chats", "DELETE, GET"),
        ("PUT", "/v1/chats/1437", "GET"),
        ("POST", "/health", "GET"),
        ("OPTIONS", "/health", "GET"),
    ],
)
def test_error_of_a_wrong_verb_lists_the_allowed_ones(verb: str, path: str, allow: str) -> None:
    with pytest.raises(MethodNotAllowed) as raised:
        dispatch(unrouted(verb, path), ROUTES)
    assert raised.value.allow == allow


# -- responses ---------------------------------------------------------------------------------------------------------


def body_of(response: Response) -> dict[str, object]:
    read: dict[str, object] = json.loads(response["body"])
    return read


def test_answer_is_json_that_must_not_be_stored() -> None:
    response = json_response(200, {"title": "Чат 😀"})
    assert body_of(response) == {"title": "Чат 😀"}
    assert response["headers"] == {
        "content-type": "application/json",
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
    }
    assert empty_response(204)["statusCode"] == 204


@pytest.mark.parametrize(
    ("query", "location"), [({}, "/there"), ({"code": ["a b", "&"], "x": [""]}, "/there?code=a+b&code=%26&x=")]
)
def test_redirect_takes_each_value_of_the_query_along(query: dict[str, list[str]], location: str) -> None:
    answer = redirect(307, "/there", query)
    assert (answer["statusCode"], answer["headers"]["location"]) == (307, location)


@pytest.mark.parametrize(("seconds", "shown"), [(None, {}), (0.0, {"retry-after": "1"}), (2.1, {"retry-after": "3"})])
def test_wait_is_named_in_whole_seconds_if_there_is_one(seconds: float | None, shown: dict[str, str]) -> None:
    assert retry_header(seconds) == shown


def test_error_is_a_problem_document_with_its_fields() -> None:
    error = ChatNotFound("No chat", portal_error="NOT_FOUND", hint="Look again.", extra={"known": None})
    response = error_response(error, "request-1")
    assert response["statusCode"] == 404
    assert response["headers"]["content-type"] == "application/problem+json"
    assert body_of(response) == {
        "type": "urn:bitrix24-chat-lookup:problem:chat-not-found",
        "title": "No chat has this pair",
        "status": 404,
        "detail": "No chat",
        "portal_error": "NOT_FOUND",
        "hint": "Look again.",
        "known": None,
        "request_id": "request-1",
    }


@pytest.mark.parametrize("error", [PortalBusy, PortalUnavailable])
@pytest.mark.parametrize(("seconds", "header"), [(0.2, "1"), (1.0, "1"), (1.2, "2"), (25, "25"), (None, "1")])
def test_retryable_error_has_a_retry_time_in_whole_seconds(
    error: type[ChatLookupError], seconds: float | None, header: str
) -> None:
    assert error_response(error(retry_after=seconds), "request-1")["headers"]["retry-after"] == header


def test_permanent_error_has_no_retry_time() -> None:
    assert "retry-after" not in error_response(ChatNotFound(), "request-1")["headers"]


def test_rejected_key_gets_the_scheme_to_use() -> None:
    assert error_response(KeyRejected(), "request-1")["headers"]["www-authenticate"] == "Bearer"


def test_response_to_a_wrong_verb_has_the_header_allow() -> None:
    assert error_response(MethodNotAllowed(allow="GET"), "request-1")["headers"]["allow"] == "GET"


@given(st.text())
def test_name_sent_by_a_caller_is_shortened_and_printable_in_a_message(text: str) -> None:
    assert len(as_named(text)) <= 40
    assert as_named(text).isprintable()


@pytest.mark.parametrize("secret", ["clk_Zm9vYmFyYmF6", "s3cr3tw3bh00kc0d3", "https://acme.bitrix24.com/rest/1/x/"])
def test_secret_sent_as_a_name_is_not_repeated(secret: str) -> None:
    assert as_named(secret) == "What was sent"
