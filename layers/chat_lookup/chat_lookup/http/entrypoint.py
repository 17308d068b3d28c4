"""One HTTP request from API Gateway's event to the response: routing, one log line, and problems for all errors."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache

from chat_lookup.errors import MethodNotAllowed, RouteNotFound
from chat_lookup.http.requests import Event, Request, request_from, request_id_of
from chat_lookup.http.responses import Response, error_response
from chat_lookup.observability.invocation import guarded
from chat_lookup.observability.telemetry import Telemetry

Handler = Callable[[Request], Response]


def respond(
    event: Event, telemetry: Telemetry, routes: Callable[[], Mapping[str, Handler]], elsewhere: Iterable[str] = ()
) -> Response:
    """Return the response to one HTTP request; every error becomes a problem document.

    `routes` is called inside, so that an error at the start of the service has the same form. `elsewhere` are routes of
    other functions, for the function that the gateway invokes with what has no route.
    """
    request_id = request_id_of(event)

    def routed() -> Response:
        request = request_from(event)
        telemetry.note(route=request.route)
        telemetry.hide(request.key, request.user_token)
        return dispatch(request, routes(), elsewhere)

    with telemetry.invocation("request", request_id=request_id):
        response = guarded(telemetry, routed, lambda error: error_response(error, request_id))
        telemetry.note(status=response["statusCode"])
        return response


def dispatch(request: Request, routes: Mapping[str, Handler], elsewhere: Iterable[str] = ()) -> Response:
    """Call the handler of the request's route. Raises `RouteNotFound`, or `MethodNotAllowed` with what is allowed."""
    handler = routes.get(request.route)
    # A literal path goes before all others, with each of its verbs: to search the routes took a sixth of a warm answer.
    if handler is not None and "{" not in request.route:
        return handler(request)
    verb, path = (request.verb, request.path) if handler is None else _routed(request)
    allowed = _verbs((*routes, *elsewhere), path)
    if handler is not None and (not allowed or verb in allowed):
        return handler(request)
    # The gateway routes by more than the path: what it did not route, with a verb that the path has, has no route.
    if allowed and verb not in allowed:
        raise MethodNotAllowed(f"Here the methods are {' and '.join(allowed)}", allow=", ".join(allowed))
    raise RouteNotFound(f"The routes are {', '.join(routes)}")


def _routed(request: Request) -> tuple[str, str]:
    """The verb of the route and its path with the values of its parameters: `rawPath` may have a stage in front."""
    verb, _, path = request.route.partition(" ")
    for name, value in request.path_parameters.items():
        path = path.replace(f"{{{name}}}", value)
    return verb, path


def _verbs(routes: Iterable[str], path: str) -> list[str]:
    """The verbs of a path, sorted. A literal path goes before one with a parameter.

    The gateway compares the verb first, so that a literal path under another verb reaches the route with a parameter.
    """
    parts = path.split("/")
    matching = [route.split(" ") for route in routes if _matches(_pattern(route), parts)]
    literal = {verb for verb, pattern in matching if "{" not in pattern}
    return sorted(literal or {verb for verb, _ in matching})


@cache
def _pattern(route: str) -> list[str]:
    """The parts of a route's path."""
    return route.partition(" ")[2].split("/")


def _matches(pattern: list[str], parts: list[str]) -> bool:
    """As the gateway compares them: with a slash at its end a path is another one."""
    if pattern[-1].endswith("+}"):  # The rest of the path, at least one part of it.
        last = len(pattern) - 1
        parts = [*parts[:last], "/".join(parts[last:])]
    return len(pattern) == len(parts) and all(
        wanted == part or (wanted.startswith("{") and part) for wanted, part in zip(pattern, parts, strict=True)
    )
