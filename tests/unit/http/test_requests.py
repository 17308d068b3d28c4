"""API Gateway's event in (HTTP API, payload 2.0), with the traps of that format."""

import base64
from collections.abc import Mapping
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_lookup.errors import InvalidRequest
from chat_lookup.http.requests import request_from


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
def test_raw_query_is_decoded_once_and_keeps_every_value(raw: str, read: dict[str, list[str]]) -> None:
    assert query(raw) == read


def test_parsed_parameters_of_the_gateway_are_ignored_because_they_join_repeated_keys() -> None:
    joined = event(rawQueryString="entity_id=a%2Cb", queryStringParameters={"entity_id": "a,b", "fresh": "true"})
    assert request_from(joined).query == {"entity_id": ["a,b"]}


@pytest.mark.parametrize("raw", ["entity_id=%ff", "%D0=1", "entity_id=%ED%A0%80", "a=%F0%9F%98"])
def test_bytes_that_are_not_utf_8_are_refused(raw: str) -> None:
    with pytest.raises(InvalidRequest, match="UTF-8"):
        query(raw)


@pytest.mark.parametrize("raw", ["a=" + "x" * 20_000, "&".join(f"p{n}=1" for n in range(60))])
def test_query_that_is_too_long_is_refused(raw: str) -> None:
    with pytest.raises(InvalidRequest, match="query has more than"):
        query(raw)


def test_longest_valid_pair_fits_into_the_query() -> None:
    emoji = "%F0%9F%98%80" * 255
    assert query(f"entity_type={emoji}&entity_id={emoji}") == {"entity_type": ["😀" * 255], "entity_id": ["😀" * 255]}


@given(st.text(alphabet=st.characters(codec="ascii"), max_size=200))
def test_any_raw_query_is_read_or_refused(raw: str) -> None:
    with suppress(InvalidRequest):
        assert isinstance(query(raw), dict)


# -- parameters --------------------------------------------------------------------------------------------------------


def test_missing_parameter_is_named() -> None:
    with pytest.raises(InvalidRequest, match="entity_id is missing"):
        request_from(event(rawQueryString="entity_type=CRM")).required("entity_id")


def test_repeated_parameter_is_named() -> None:
    with pytest.raises(InvalidRequest, match="entity_id is given 2 times"):
        request_from(event(rawQueryString="entity_id=1&entity_id=2")).only("entity_id")


def test_unknown_parameter_is_named_with_the_known_ones() -> None:
    with pytest.raises(InvalidRequest, match=r"entiti_id .* entity_type, entity_id"):
        request_from(event(rawQueryString="entiti_id=1")).only("entity_type", "entity_id")


def test_refusal_reports_that_no_parameter_is_known() -> None:
    with pytest.raises(InvalidRequest) as raised:
        request_from(event(rawQueryString="x=1")).only()
    assert str(raised.value) == "x is an unknown parameter; none is known"


def test_parameters_name_cannot_break_the_message_that_names_it() -> None:
    with pytest.raises(InvalidRequest) as raised:
        request_from(event(rawQueryString="%0Aa%00" + "b" * 500)).only("entity_id")
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 120


def test_optional_parameter_may_be_absent() -> None:
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
def test_key_is_read_from_either_header_in_any_case(headers: dict[str, str]) -> None:
    assert request_from(event(headers=headers)).key == "the-key"


def test_request_without_a_key_has_none() -> None:
    assert request_from(event(headers={"authorization": "Basic dTpw"})).key is None
    assert request_from(event(headers=None)).key is None


@pytest.mark.parametrize("body", ["", "plain", '{"a":"é😀"}'])
def test_body_is_equal_in_both_encodings(body: str) -> None:
    coded = base64.b64encode(body.encode()).decode()
    assert request_from(event(body=body)).body == body.encode()
    assert request_from(event(body=coded, isBase64Encoded=True)).body == body.encode()


def test_body_of_any_bytes_is_read_from_base64() -> None:
    coded = base64.b64encode(bytes(range(256))).decode()
    assert request_from(event(body=coded, isBase64Encoded=True)).body == bytes(range(256))


@pytest.mark.parametrize("body", ["%%%", "abc", "dGVzdA==\u00e9"])
def test_body_that_is_declared_but_not_encoded_as_base64_is_refused(body: str) -> None:
    with pytest.raises(InvalidRequest, match="base64"):
        request_from(event(body=body, isBase64Encoded=True))


def test_body_of_broken_text_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="body"):
        request_from(event(body="\ud800"))


@pytest.mark.parametrize("odd", [{}, {"requestContext": None, "headers": None, "rawQueryString": None, "body": None}])
def test_event_without_the_usual_fields_is_an_empty_request(odd: dict[str, object]) -> None:
    request = request_from(odd)
    assert (request.route, request.verb, request.query, request.body) == ("$default", "GET", {}, b"")
