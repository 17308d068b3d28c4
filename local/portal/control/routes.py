"""The control interface of the portal: JSON in and out, on an address of its own (design 3.6)."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qsl

from chat_lookup.clock import Clock
from local.portal.control.fields import ControlError, read_json
from local.portal.oauth.applications import Impossible
from local.portal.protocol import rest_wire
from local.portal.state import State

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

Query = Mapping[str, str]


class MovableClock(Clock, Protocol):
    """A clock that can be advanced, and reset to the real time."""

    def advance(self, seconds: float) -> None: ...

    def reset(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Route:
    """`run` takes the query and the body and returns the answer. It runs under the portal's lock, unless it `sends`:
    what is sent causes calls from the service, which need the lock."""

    verb: str
    path: str
    run: Callable[[Query, object], object]
    sends: bool = False


class Control:
    """A WSGI application over a table of routes."""

    def __init__(self, state: State, routes: "Iterable[Route]") -> None:
        self._state = state
        self._routes: dict[str, dict[str, Route]] = {}
        for route in routes:
            self._routes.setdefault(route.path, {})[route.verb] = route

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> "Iterable[bytes]":
        headers = [("Content-Type", rest_wire.JSON_TYPE)]
        verb, path, query = environ["REQUEST_METHOD"], environ["PATH_INFO"], environ.get("QUERY_STRING", "")
        try:
            status, answer = 200, self.answer(verb, path, query, environ["wsgi.input"].read())
        except ControlError as error:
            status, answer = error.status, {"error": str(error)}
            headers += [("Allow", error.allow)] if error.allow else []
        except Impossible as error:
            status, answer = 409, {"error": str(error)}
        start_response(rest_wire.status_line(status), headers)
        return [rest_wire.encode(answer)]

    def answer(self, verb: str, path: str, query: str, content: bytes) -> object:
        """What a route answers, before it is written as JSON; `content` is the request's body.

        Raises `ControlError` or `Impossible` for what is refused.
        """
        verbs = self._routes.get(path)
        if verbs is None:
            raise ControlError(f"no such route; there are {', '.join(self._routes)}", 404)
        route = verbs.get(verb)
        if route is None:
            allow = ", ".join(verbs)
            raise ControlError(f"{path} answers {allow} only", 405, allow=allow)
        fields = dict(parse_qsl(query, keep_blank_values=True))
        body = read_json(content)
        with nullcontext() if route.sends else self._state.lock:
            return route.run(fields, body)
