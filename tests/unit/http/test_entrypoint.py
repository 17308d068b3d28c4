"""No foreign exception, trace or secret leaves the entry point; one log line reports how each invocation ended."""

import json
from collections.abc import Callable, Mapping

import pytest

from chat_lookup.errors import ChatNotFound, InvalidRequest, PortalBusy, PortalMisconfigured, ServiceMisconfigured
from chat_lookup.http import entrypoint
from chat_lookup.http.entrypoint import Handler
from chat_lookup.http.requests import Request
from chat_lookup.http.responses import Response, json_response
from chat_lookup.observability.telemetry import Telemetry
from tests.support.fakes import WEBHOOK_CODE, WEBHOOK_URL, Output

KEY = "clk_" + "k3y" * 14


def event(**fields: object) -> dict[str, object]:
    return {
        "routeKey": "GET /health",
        "rawPath": "/health",
        "rawQueryString": "",
        "headers": {"x-api-key": KEY},
        "requestContext": {"requestId": "request-1", "http": {"method": "GET"}},
    } | fields


def health(handler: Handler) -> Callable[[], Mapping[str, Handler]]:
    return lambda: {"GET /health": handler}


def raising(error: Exception) -> Handler:
    def handler(_: Request) -> Response:
        raise error

    return handler


def cannot_reach() -> None:
    raise OSError(f"cannot reach {WEBHOOK_URL}")


def foreign(_: Request) -> Response:
    try:
        cannot_reach()
    except OSError as cause:
        raise RuntimeError(f"broken: {WEBHOOK_URL} with {KEY}") from cause
    return {}


# -- HTTP --------------------------------------------------------------------------------------------------------------


def test_response_of_the_handler_is_returned_unchanged(telemetry: Telemetry, output: Output) -> None:
    response = entrypoint.respond(event(), telemetry, health(lambda _: json_response(200, {"status": "ok"})))
    assert (response["statusCode"], response["body"]) == (200, '{"status":"ok"}')
    (line,) = output.lines
    assert (line["request_id"], line["route"], line["status"]) == ("request-1", "GET /health", 200)
    assert line["level"] == "INFO"


@pytest.mark.parametrize(
    ("error", "status", "level"),
    [
        (ChatNotFound(), 404, "INFO"),
        (InvalidRequest("no"), 400, "INFO"),
        (PortalBusy(retry_after=3), 429, "INFO"),
        (PortalMisconfigured(), 502, "INFO"),
        (ServiceMisconfigured("CACHE_TABLE is not set"), 500, "ERROR"),
    ],
)
def test_our_errors_become_problem_documents_and_one_log_line(
    telemetry: Telemetry, output: Output, error: Exception, status: int, level: str
) -> None:
    response = entrypoint.respond(event(), telemetry, health(raising(error)))
    body = json.loads(response["body"])
    assert (response["statusCode"], body["status"], body["request_id"]) == (status, status, "request-1")
    (line,) = output.lines
    assert (line["status"], line["level"], line["detail"]) == (status, level, str(error))
    assert str(body["type"]).endswith(f":{line['problem']}")


def test_unexpected_exception_is_a_plain_500_and_a_log_line_without_secrets(
    telemetry: Telemetry, output: Output
) -> None:
    telemetry.redactor.register(WEBHOOK_CODE, owner="acme")
    response = entrypoint.respond(event(), telemetry, health(foreign))
    assert response["statusCode"] == 500
    assert json.loads(response["body"])["type"].endswith(":internal-error")
    for leak in ("RuntimeError", "broken", "Traceback", WEBHOOK_CODE, KEY):
        assert leak not in json.dumps(response)
    assert [line["level"] for line in output.lines] == ["ERROR", "ERROR"]
    assert "RuntimeError" in output.text
    assert WEBHOOK_CODE not in output.text
    assert KEY not in output.text


@pytest.mark.parametrize(
    "odd", [event(rawQueryString="a=%ff"), event(body="%%%", isBase64Encoded=True), event(rawQueryString="a" * 20_000)]
)
def test_request_that_cannot_be_read_is_a_problem_too(
    telemetry: Telemetry, output: Output, odd: dict[str, object]
) -> None:
    response = entrypoint.respond(odd, telemetry, health(lambda _: json_response(200, {})))
    assert response["statusCode"] == 400
    assert len(output.lines) == 1


@pytest.mark.parametrize("odd", [{}, {"requestContext": None}, {"requestContext": {"http": None}}])
def test_event_without_the_usual_fields_is_answered(telemetry: Telemetry, odd: dict[str, object]) -> None:
    assert entrypoint.respond(odd, telemetry, health(lambda _: json_response(200, {})))["statusCode"] == 404


@pytest.mark.parametrize("odd", [[], "text", 7, None, {"requestContext": "x"}, {"headers": [1]}, {"routeKey": []}])
def test_event_that_is_no_object_is_answered(telemetry: Telemetry, output: Output, odd: object) -> None:
    response = entrypoint.respond(odd, telemetry, health(lambda _: json_response(200, {})))  # type: ignore[arg-type]
    assert response["statusCode"] >= 400
    assert output.lines


def test_service_that_cannot_start_answers_with_a_problem(telemetry: Telemetry, output: Output) -> None:
    def routes() -> Mapping[str, Handler]:
        raise ServiceMisconfigured("PORTAL_TABLE is not set")

    response = entrypoint.respond(event(), telemetry, routes)
    assert json.loads(response["body"])["detail"] == "PORTAL_TABLE is not set"
    assert output.lines[0]["problem"] == "service-misconfigured"


def test_portals_broken_text_in_an_answer_can_still_be_sent(telemetry: Telemetry) -> None:
    # Lambda's runtime encodes the answer as UTF-8 and crashes on half a character.
    for handler in (
        lambda _: json_response(200, {"title": "half: \ud83d"}),
        raising(PortalMisconfigured(portal_error="\ud83d")),
    ):
        response = entrypoint.respond(event(), telemetry, health(handler))
        assert json.loads(response["body"].encode())


# -- verbs and paths ---------------------------------------------------------------------------------------------------

ROUTES = ["GET /v1/chats", "DELETE /v1/chats", "GET /v1/chats/{chat_id}", "POST /v1/chats/batch", "GET /health"]
VERBS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/chats", "DELETE, GET"),
        ("/v1/chats/batch", "POST"),
        ("/v1/chats/7", "GET"),
        ("/v1/chats/batches", "GET"),
        ("/health", "GET"),
    ],
)
@pytest.mark.parametrize("verb", VERBS)
def test_verb_that_a_path_does_not_have_is_refused_with_its_verbs(
    telemetry: Telemetry, path: str, allowed: str, verb: str
) -> None:
    came = as_the_gateway_routes(verb, path)
    routes = {route: lambda _, route=route: json_response(200, {"route": route}) for route in ROUTES}

    response = entrypoint.respond(came, telemetry, lambda: routes)

    if verb in allowed.split(", "):
        assert json.loads(response["body"])["route"] == came["routeKey"]
    else:
        assert (response["statusCode"], response["headers"]["allow"]) == (405, allowed)
        assert json.loads(response["body"])["detail"].endswith(allowed.replace(", ", " and "))


def as_the_gateway_routes(verb: str, path: str) -> dict[str, object]:
    """The verb goes first: a literal path of another verb reaches the route with a parameter.

    What has a route also has a stage in front of its path.
    """
    last = path.rpartition("/")[2]
    parameters = {"chat_id": last} if path.count("/") == 3 and f"{verb} {path}" not in ROUTES else {}
    route = f"{verb} /v1/chats/{{chat_id}}" if parameters else f"{verb} {path}"
    known = route in ROUTES
    return event(
        routeKey=route if known else "$default",
        rawPath=f"/prod{path}" if known else path,
        pathParameters=parameters if known else {},
        requestContext={"requestId": "request-1", "http": {"method": verb}},
    )


def test_unknown_route_is_answered_with_the_routes(telemetry: Telemetry) -> None:
    response = entrypoint.respond(event(routeKey="$default", rawPath="/"), telemetry, health(lambda _: {}))
    assert response["statusCode"] == 404
    assert "GET /health" in json.loads(response["body"])["detail"]


# -- unauthenticated requests ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ['"level":"', "request-1", "GET /health", '{"', "service-misconfigured"])
def test_unauthenticated_key_cannot_corrupt_the_log(telemetry: Telemetry, output: Output, key: str) -> None:
    entrypoint.respond(event(headers={"x-api-key": key}), telemetry, health(lambda _: json_response(200, {})))
    entrypoint.respond(event(headers={}), telemetry, health(raising(ServiceMisconfigured())))
    first, second = output.lines
    assert (first["level"], first["route"], first["request_id"]) == ("INFO", "GET /health", "request-1")
    assert (second["level"], second["problem"]) == ("ERROR", "service-misconfigured")


def test_unauthenticated_keys_cannot_evict_used_secrets_from_the_redactor(telemetry: Telemetry) -> None:
    telemetry.redactor.register(WEBHOOK_CODE, owner="acme")
    for number in range(5_000):
        headers = {"x-api-key": f"guess-number-{number:08}"}
        entrypoint.respond(event(headers=headers), telemetry, health(lambda _: json_response(200, {})))
    assert WEBHOOK_CODE not in telemetry.redactor.clean(f"code {WEBHOOK_CODE}")


@pytest.mark.parametrize("where", [f"k%3D{KEY}", f"x{KEY}", f"Bearer {KEY}", f'"{KEY}"'])
def test_key_in_another_place_is_recognised_by_its_shape(telemetry: Telemetry, where: str) -> None:
    assert KEY not in telemetry.redactor.clean(where)
