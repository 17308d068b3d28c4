"""API Gateway's event in, response out (HTTP API, payload 2.0), with the traps of that format."""

import base64
import json
from collections.abc import Mapping
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_lookup.errors import (
    ChatLookupError,
    ChatNotFound,
    InvalidRequest,
    KeyRejected,
    MethodNotAllowed,
    PortalBusy,
    PortalUnavailable,
    RouteNotFound,
)
from chat_lookup.web import (
    Handler,
    Request,
    Response,
    as_named,
    dispatch,
    error_response,
    json_response,
    no_content,
    request_from,
)


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


# -- the query ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        ("", {}),
        ("entity_type=CRM&entity_id=DEAL%7C1663", {"entity_type": ["CRM"], "entity_id": ["DEAL|1663"]}),
        ("entity_id=DEAL|1663", {"entity_id": ["DEAL|1663"]}),
        ("entity_id=a+b", {"entity_id": ["a b"]}),
        ("entity_id=a%2Bb", {"entity_id": ["a+b"]}),
        ("entity_id=a%20b", {"entity_id": ["a b"]}),
        ("entity_id=%D0%A7%D0%B0%D1%82", {"entity_id": ["Чат"]}),
        ("entity_id=%F0%9F%98%80", {"entity_id": ["😀"]}),
        ("entity_id=DEAL%257C1663", {"entity_id": ["DEAL%7C1663"]}),  # decoded once, never twice
        ("entity_id=a%2Cb", {"entity_id": ["a,b"]}),
        ("entity_id=a,b", {"entity_id": ["a,b"]}),
        ("entity_id=a&entity_id=b", {"entity_id": ["a", "b"]}),
        ("entity_id=x=y", {"entity_id": ["x=y"]}),
        ("entity_id=", {"entity_id": [""]}),
        ("entity_id", {"entity_id": [""]}),
        ("entity%5Fid=7", {"entity_id": ["7"]}),
        ("&&entity_id=7&", {"entity_id": ["7"]}),
        ("entity_id=100%", {"entity_id": ["100%"]}),
        ("entity_id=%zz", {"entity_id": ["%zz"]}),
    ],
)
def test_the_raw_query_is_decoded_once_and_keeps_every_value(raw: str, read: dict[str, list[str]]) -> None:
    assert query(raw) == read


def test_the_gateways_own_parameters_are_not_read_for_they_join_repeated_keys() -> None:
    joined = event(rawQueryString="entity_id=a%2Cb", queryStringParameters={"entity_id": "a,b", "fresh": "true"})
    assert request_from(joined).query == {"entity_id": ["a,b"]}


@pytest.mark.parametrize("raw", ["entity_id=%ff", "%D0=1", "entity_id=%ED%A0%80", "a=%F0%9F%98"])
def test_bytes_that_are_not_utf_8_are_refused(raw: str) -> None:
    with pytest.raises(InvalidRequest, match="UTF-8"):
        query(raw)


@pytest.mark.parametrize("raw", ["a=" + "x" * 20_000, "&".join(f"p{n}=1" for n in range(60))])
def test_a_query_that_is_too_long_is_refused(raw: str) -> None:
    with pytest.raises(InvalidRequest, match="query has more than"):
        query(raw)


def test_the_longest_pair_that_is_admitted_fits_into_the_query() -> None:
    emoji = "%F0%9F%98%80" * 255
    assert query(f"entity_type={emoji}&entity_id={emoji}") == {"entity_type": ["😀" * 255], "entity_id": ["😀" * 255]}


@given(st.text(alphabet=st.characters(codec="ascii"), max_size=200))
def test_any_raw_query_is_read_or_refused(raw: str) -> None:
    with suppress(InvalidRequest):
        assert isinstance(query(raw), dict)


# -- parameters --------------------------------------------------------------------------------------------------------


def test_a_missing_parameter_is_named() -> None:
    with pytest.raises(InvalidRequest, match="entity_id is missing"):
        request_from(event(rawQueryString="entity_type=CRM")).required("entity_id")


def test_a_repeated_parameter_is_named() -> None:
    with pytest.raises(InvalidRequest, match="entity_id stands 2 times"):
        request_from(event(rawQueryString="entity_id=1&entity_id=2")).only("entity_id")


def test_an_unknown_parameter_is_named_with_those_that_are_known() -> None:
    with pytest.raises(InvalidRequest, match=r"entiti_id .* entity_type, entity_id"):
        request_from(event(rawQueryString="entiti_id=1")).only("entity_type", "entity_id")


def test_where_no_parameter_is_known_the_refusal_says_so() -> None:
    with pytest.raises(InvalidRequest) as raised:
        request_from(event(rawQueryString="x=1")).only()
    assert str(raised.value) == "x is not a parameter here; none is known"


def test_a_parameters_name_cannot_break_the_message_that_names_it() -> None:
    with pytest.raises(InvalidRequest) as raised:
        request_from(event(rawQueryString="%0Aa%00" + "b" * 500)).only("entity_id")
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 120


def test_an_optional_parameter_may_be_absent() -> None:
    request = request_from(event(rawQueryString="fresh=true"))
    assert (request.optional("fresh"), request.optional("method")) == ("true", None)


# -- headers, key, body ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer the-key"},
        {"Authorization": "bearer the-key"},
        {"AUTHORIZATION": "BEARER   the-key "},
        {"x-api-key": "the-key"},
        {"X-Api-Key": "the-key"},
        {"X-API-KEY": "the-key", "Authorization": "Basic dTpw"},
    ],
)
def test_the_key_is_read_from_either_header_in_any_case(headers: dict[str, str]) -> None:
    assert request_from(event(headers=headers)).key == "the-key"


def test_without_a_key_there_is_none() -> None:
    assert request_from(event(headers={"authorization": "Basic dTpw"})).key is None
    assert request_from(event(headers=None)).key is None


@pytest.mark.parametrize("body", ["", "plain", '{"a":"é😀"}'])
def test_a_body_is_the_same_in_both_encodings(body: str) -> None:
    coded = base64.b64encode(body.encode()).decode()
    assert request_from(event(body=body)).body == body.encode()
    assert request_from(event(body=coded, isBase64Encoded=True)).body == body.encode()


def test_a_body_of_any_bytes_arrives_as_base64() -> None:
    coded = base64.b64encode(bytes(range(256))).decode()
    assert request_from(event(body=coded, isBase64Encoded=True)).body == bytes(range(256))


@pytest.mark.parametrize("body", ["%%%", "abc", "dGVzdA==\u00e9"])
def test_a_body_that_is_not_base64_although_said_to_be_is_refused(body: str) -> None:
    with pytest.raises(InvalidRequest, match="base64"):
        request_from(event(body=body, isBase64Encoded=True))


def test_a_body_of_broken_text_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="body"):
        request_from(event(body="\ud800"))


@pytest.mark.parametrize("odd", [{}, {"requestContext": None, "headers": None, "rawQueryString": None, "body": None}])
def test_an_event_without_its_usual_fields_is_a_request_for_nothing(odd: dict[str, object]) -> None:
    request = request_from(odd)
    assert (request.route, request.verb, request.query, request.body) == ("$default", "GET", {}, b"")


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
def test_the_gateways_route_decides_whatever_the_path_says(route: str) -> None:
    assert dispatch(request_from(event(routeKey=route, rawPath="/somewhere/else")), ROUTES)["body"] == route


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/v1", "/v1/chats/1/members", "/v1/chats/", "/health/", "//v1/chats", ""]
)
def test_a_path_that_no_route_has_is_not_found(path: str) -> None:
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
def test_a_wrong_verb_is_told_the_right_ones(verb: str, path: str, allow: str) -> None:
    with pytest.raises(MethodNotAllowed) as raised:
        dispatch(unrouted(verb, path), ROUTES)
    assert raised.value.allow == allow


# -- responses ---------------------------------------------------------------------------------------------------------


def body_of(response: Response) -> dict[str, object]:
    read: dict[str, object] = json.loads(response["body"])
    return read


def test_an_answer_is_json_that_nobody_may_store() -> None:
    response = json_response(200, {"title": "Чат 😀"})
    assert body_of(response) == {"title": "Чат 😀"}
    assert response["headers"] == {"content-type": "application/json", "cache-control": "no-store"}
    assert no_content()["statusCode"] == 204


def test_an_error_is_a_problem_document_with_the_facts_that_it_carries() -> None:
    error = ChatNotFound("No chat", portal_error="NOT_FOUND", hint="Look again.", extra={"known": None})
    response = error_response(error, "request-1")
    assert response["statusCode"] == 404
    assert response["headers"]["content-type"] == "application/problem+json"
    assert body_of(response) == {
        "type": "urn:bitrix24-chat-lookup:problem:chat-not-found",
        "title": "No chat carries this pair",
        "status": 404,
        "detail": "No chat",
        "portal_error": "NOT_FOUND",
        "hint": "Look again.",
        "known": None,
        "request_id": "request-1",
    }


@pytest.mark.parametrize("error", [PortalBusy, PortalUnavailable])
@pytest.mark.parametrize(("seconds", "header"), [(0.2, "1"), (1.0, "1"), (1.2, "2"), (25, "25"), (None, "1")])
def test_whoever_may_ask_again_is_told_when_in_whole_seconds(
    error: type[ChatLookupError], seconds: float | None, header: str
) -> None:
    assert error_response(error(retry_after=seconds), "request-1")["headers"]["retry-after"] == header


def test_whoever_may_not_ask_again_is_not_told_when() -> None:
    assert "retry-after" not in error_response(ChatNotFound(), "request-1")["headers"]


def test_a_rejected_key_is_told_which_scheme_to_use() -> None:
    assert error_response(KeyRejected(), "request-1")["headers"]["www-authenticate"] == "Bearer"


def test_a_wrong_verb_has_the_header_allow() -> None:
    assert error_response(MethodNotAllowed(allow="GET"), "request-1")["headers"]["allow"] == "GET"


@given(st.text())
def test_a_callers_name_is_short_and_printable_in_a_message(text: str) -> None:
    assert len(as_named(text)) <= 40
    assert as_named(text).isprintable()


@pytest.mark.parametrize("secret", ["clk_Zm9vYmFyYmF6", "s3cr3tw3bh00kc0d3", "https://acme.bitrix24.com/rest/1/x/"])
def test_a_secret_in_the_place_of_a_name_is_not_repeated(secret: str) -> None:
    assert as_named(secret) == "What was sent"
