"""POST /bitrix24/events: events of portals, such as a message to the bot. Proved, queued, and answered at once."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from chat_lookup.bootstrap import process
from chat_lookup.clock import Deadline, bound_by
from chat_lookup.http import entrypoint
from chat_lookup.http.entrypoint import Handler
from chat_lookup.http.requests import Event, Request
from chat_lookup.http.responses import Response, json_response

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


SECONDS = 10.0
"""A portal waits no longer than this, and the function's time-out is fifteen."""


def handler(event: Event, _: "LambdaContext") -> Response:
    deadline = Deadline.after(SECONDS, process.clock)
    with bound_by(deadline):
        return entrypoint.respond(event, process.telemetry(), partial(routes, deadline))


def routes(deadline: Deadline) -> Mapping[str, Handler]:
    return {"POST /bitrix24/events": partial(received, deadline)}


def received(deadline: Deadline, request: Request) -> Response:
    content_type = request.headers.get("content-type", "")
    process.receiving().receive(request.body, content_type, request.request_id, deadline)
    return json_response(200, {"status": "success"})


process.before_snapshot(process.receiving)
