"""POST /bitrix24/events: events of portals, such as a message to the bot. Proved, queued, and answered at once.

And all that is posted to an address for Bitrix24 with a slash at its end: the gateway can have no route for each of
these, but one for all, and events must not wait for another function there.
"""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Final

from chat_lookup.bootstrap import process
from chat_lookup.clock import Deadline, bound_by
from chat_lookup.errors import RouteNotFound
from chat_lookup.http import entrypoint
from chat_lookup.http.entrypoint import Handler
from chat_lookup.http.requests import Event, Request
from chat_lookup.http.responses import Response, json_response, redirect

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


PAGES: Final = frozenset({"install", "app"})
SECONDS = 10.0
"""A portal waits no longer than this, and the function's time-out is fifteen."""


def handler(event: Event, _: "LambdaContext") -> Response:
    deadline = Deadline.after(SECONDS, process.clock)
    with bound_by(deadline):
        return entrypoint.respond(event, process.telemetry(), partial(routes, deadline))


def routes(deadline: Deadline) -> Mapping[str, Handler]:
    return {
        "POST /bitrix24/events": partial(received, deadline),
        "POST /bitrix24/{address+}": partial(posted, deadline),
    }


def posted(deadline: Deadline, request: Request) -> Response:
    """Posted to an address with a slash at its end: an event, or what belongs to a page."""
    address = request.path_parameters.get("address", "").removesuffix("/")
    if address == "events":
        return received(deadline, request)
    if address in PAGES:
        return moved(address, request)
    raise RouteNotFound


def moved(address: str, request: Request) -> Response:
    """To the same address without the slash, with the same verb and body (status 308)."""
    return redirect(308, f"../{address}", request.query)


def received(deadline: Deadline, request: Request) -> Response:
    content_type = request.headers.get("content-type", "")
    process.receiving().receive(request.body, content_type, request.request_id, deadline)
    return json_response(200, {"status": "success"})


process.before_snapshot(process.receiving)
