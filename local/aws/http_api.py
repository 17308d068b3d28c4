"""The HTTP API in front of the functions, like API Gateway: the template's routes, its limits, its own answers."""

import json
import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from chat_lookup.clock import Clock
from local.aws.http_payload import Answer, Call, answer, event, raw_path
from local.template.reader import DEFAULT_ROUTE, Route

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

_PHRASES: Mapping[int, str] = {status.value: status.phrase for status in HTTPStatus}
LARGEST_BODY = 10 * 1024 * 1024  # the gateway's quota
Invoke = Callable[[str, object], object]
"""Invokes a function by its logical id with an event; raises what the function raises."""


@dataclass(frozen=True, slots=True)
class HttpApi:
    """WSGI: one request, one event, one function, one response."""

    routes: Sequence[Route]
    invoke: Invoke
    clock: Clock

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        request_id = str(uuid.uuid4())
        response = self._respond(environ, request_id)
        headers = [*response.headers, ("apigw-requestid", request_id)]
        start_response(f"{response.status} {_PHRASES.get(response.status, 'Unknown')}", headers)
        return [response.body]

    def _respond(self, environ: "WSGIEnvironment", request_id: str) -> Answer:
        body = environ["wsgi.input"].read(LARGEST_BODY + 1)
        if len(body) > LARGEST_BODY:
            return _own(413, "Request Entity Too Large")
        found = match(self.routes, environ["REQUEST_METHOD"], raw_path(environ))
        if found is None:
            return _own(404, "Not Found")
        route, parameters = found
        call = Call(route.key, parameters, request_id, self.clock.now())
        try:
            return answer(self.invoke(route.function, event(environ, body, call)))
        except Exception:  # noqa: BLE001 - a function's failure is in its log; the caller gets no details
            return _own(500, "Internal Server Error")


def match(routes: Sequence[Route], method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """The route that the gateway chooses, and its path parameters; None if there is not even a `$default`.

    A literal part goes before a parameter and that before a greedy one, a method of its own before ANY, `$default`
    last; a path that exists for other methods only goes to `$default`.
    """
    for route in sorted(routes, key=_precedence):
        if route.path == DEFAULT_ROUTE:
            return route, {}
        if route.method in (method, "ANY") and (found := _pattern(route.path).fullmatch(path)):
            return route, found.groupdict()
    return None


def _precedence(route: Route) -> tuple[bool, list[int], bool]:
    parts = [2 if part.endswith("+}") else int(part.startswith("{")) for part in route.path.split("/")]
    return route.path == DEFAULT_ROUTE, parts, route.method == "ANY"


def _pattern(path: str) -> re.Pattern[str]:
    whole = re.escape(path)
    whole = re.sub(r"\\\{(\w+)\\\+\\\}", r"(?P<\1>.+)", whole)
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", whole))


def _own(status: int, message: str) -> Answer:
    """What the gateway answers by itself."""
    return Answer(status, (("content-type", "application/json"),), json.dumps({"message": message}).encode())
