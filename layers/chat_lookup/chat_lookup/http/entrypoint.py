"""One HTTP request from API Gateway's event to the response: routing, one log line, and problems for all errors."""

from collections.abc import Callable, Mapping

from chat_lookup.errors import MethodNotAllowed, RouteNotFound
from chat_lookup.http.requests import Event, Request, request_from, request_id_of
from chat_lookup.http.responses import Response, error_response
from chat_lookup.observability.invocation import guarded
from chat_lookup.observability.telemetry import Telemetry

Handler = Callable[[Request], Response]


def respond(event: Event, telemetry: Telemetry, routes: Callable[[], Mapping[str, Handler]]) -> Response:
    """Return the response to one HTTP request; every error becomes a problem document.

    `routes` is called inside, so that an error at the start of the service has the same form.
    """
    request_id = request_id_of(event)

    def routed() -> Response:
        request = request_from(event)
        telemetry.note(route=request.route)
        telemetry.hide(request.key, request.user_token)
        return dispatch(request, routes())

    with telemetry.invocation("request", request_id=request_id):
        response = guarded(telemetry, routed, lambda error: error_response(error, request_id))
        telemetry.note(status=response["statusCode"])
        return response


def dispatch(request: Request, routes: Mapping[str, Handler]) -> Response:
    """Call the handler of the request's route. Raises `RouteNotFound`, or `MethodNotAllowed` with what is allowed."""
    handler = routes.get(request.route)
    if handler is not None:
        return handler(request)
    allowed = sorted({route.split(" ")[0] for route in routes if _matches(route, request.path)})
    # The gateway is stricter about slashes than `_matches`: a request with an allowed verb that it did not route has no
    # route.
    if allowed and request.verb not in allowed:
        raise MethodNotAllowed(allow=", ".join(allowed))
    raise RouteNotFound


def _matches(route: str, path: str) -> bool:
    pattern = route.partition(" ")[2].split("/")
    parts = path.rstrip("/").split("/")
    return len(pattern) == len(parts) and all(
        wanted == part or (wanted.startswith("{") and part) for wanted, part in zip(pattern, parts, strict=True)
    )
