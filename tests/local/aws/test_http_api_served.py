"""The local API chooses routes, and sends its own answers, as API Gateway's HTTP API does."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import urllib3

from chat_lookup.clock import SystemClock
from local.aws.http_api import LARGEST_BODY, HttpApi, match
from local.net.http_server import HttpServer
from local.template.reader import Route

ROUTES = (
    Route("ANY", "$default", "Fallback"),
    Route("GET", "/things/{id}", "Reader"),
    Route("ANY", "/things/special", "Special"),
    Route("GET", "/things", "Lister"),
    Route("POST", "/things/{id}", "Writer"),
    Route("ANY", "/files/{path+}", "Files"),
    Route("GET", "/files/{name}/head", "Head"),
)
Invoked = list[tuple[str, dict[str, Any]]]


def chosen(method: str, path: str) -> tuple[str, dict[str, str]]:
    found = match(ROUTES, method, path)
    assert found is not None
    return found[0].function, found[1]


@pytest.mark.parametrize(
    ("method", "path", "function", "parameters"),
    [
        ("GET", "/things", "Lister", {}),
        ("GET", "/things/7", "Reader", {"id": "7"}),
        ("POST", "/things/7", "Writer", {"id": "7"}),
        ("GET", "/things/special", "Special", {}),
        ("GET", "/files/a/b.txt", "Files", {"path": "a/b.txt"}),
        ("GET", "/files/a/head", "Head", {"name": "a"}),
    ],
)
def test_more_exact_route_goes_first(method: str, path: str, function: str, parameters: dict[str, str]) -> None:
    assert chosen(method, path) == (function, parameters)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/things/"),
        ("GET", "/things/7/"),
        ("GET", "/Things"),
        ("DELETE", "/things"),
        ("HEAD", "/things"),
        ("OPTIONS", "/things/7"),
        ("GET", "/files"),
    ],
)
def test_unmatched_path_or_verb_goes_to_the_default_route(method: str, path: str) -> None:
    assert chosen(method, path) == ("Fallback", {})


@pytest.fixture
def invoked() -> Invoked:
    return []


@pytest.fixture
def base(invoked: Invoked) -> Iterator[str]:
    def invoke(function: str, event: object) -> object:
        assert isinstance(event, dict)
        invoked.append((function, event))
        if function == "Writer":
            raise RuntimeError("with a secret in it")
        if function == "Special":
            return {"statusCode": 200, "body": 5}
        return {"statusCode": 203, "headers": {"X-Seen": function}, "body": event.get("body", "nothing")}

    server = HttpServer(HttpApi(ROUTES, invoke, SystemClock()))
    server.start()
    yield server.url()
    server.stop()


Ask = Callable[..., urllib3.BaseHTTPResponse]


@pytest.fixture
def ask(base: str) -> Ask:
    pool = urllib3.PoolManager(retries=False, timeout=20)
    return lambda method, path, **options: pool.request(method, base + path, **options)


def test_request_becomes_one_event_and_its_answer_the_response(ask: Ask, invoked: Invoked) -> None:
    response = ask("GET", "/things/caf%C3%A9?a=%7C&a=2", headers={"X-API-Key": "k"})

    ((function, event),) = invoked
    assert (function, event["routeKey"], event["pathParameters"]) == ("Reader", "GET /things/{id}", {"id": "café"})
    assert (event["rawPath"], event["rawQueryString"]) == ("/things/café", "a=%7C&a=2")
    assert event["headers"]["x-api-key"] == "k"
    assert (response.status, response.headers["x-seen"], response.data) == (203, "Reader", b"nothing")


def test_response_has_the_request_id_of_the_event(ask: Ask, invoked: Invoked) -> None:
    response = ask("GET", "/things")

    assert response.headers["apigw-requestid"] == invoked[0][1]["requestContext"]["requestId"]


def test_repeated_headers_arrive_joined(ask: Ask, invoked: Invoked) -> None:
    headers = urllib3.HTTPHeaderDict([("X-Api-Key", "a"), ("X-Api-Key", "b")])
    ask("GET", "/things", headers=headers)

    assert invoked[0][1]["headers"]["x-api-key"] in ("a,b", "a, b")


def test_head_reaches_the_default_route_and_has_no_body(ask: Ask, invoked: Invoked) -> None:
    response = ask("HEAD", "/things")

    assert (response.status, response.data) == (203, b"")
    assert invoked[0][1]["routeKey"] == "$default"
    assert invoked[0][1]["requestContext"]["http"]["method"] == "HEAD"


@pytest.mark.parametrize("path", ["/things/7", "/things/special"])
def test_failing_function_or_invalid_answer_is_a_500_without_details(path: str, ask: Ask) -> None:
    response = ask("POST", path, body=b"{}")

    assert (response.status, response.json()) == (500, {"message": "Internal Server Error"})


def test_body_over_the_gateways_quota_is_refused_before_any_function(ask: Ask, invoked: Invoked) -> None:
    response = ask("GET", "/things", body=bytes(LARGEST_BODY + 1))

    assert (response.status, response.json()) == (413, {"message": "Request Entity Too Large"})
    assert not invoked


def test_body_of_exactly_the_quota_arrives_whole(ask: Ask) -> None:
    response = ask("GET", "/things", body=b"x" * LARGEST_BODY, headers={"Content-Type": "text/plain"})

    assert len(response.data) == LARGEST_BODY


def test_no_route_matches_without_a_default_route() -> None:
    assert match(ROUTES[1:], "GET", "/nowhere") is None
