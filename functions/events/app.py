"""POST /bitrix24/events: what portals send while somebody writes to the bot. Proved, queued, and answered at once."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from chat_lookup.bootstrap import process
from chat_lookup.http import entrypoint
from chat_lookup.http.entrypoint import Handler
from chat_lookup.http.requests import Event, Request
from chat_lookup.http.responses import Response, json_response

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


def handler(event: Event, _: "LambdaContext") -> Response:
    return entrypoint.respond(event, process.telemetry(), routes)


def routes() -> Mapping[str, Handler]:
    return {"POST /bitrix24/events": received}


def received(request: Request) -> Response:
    content_type = request.headers.get("content-type", "")
    process.receiving().receive(request.body, content_type, request.request_id)
    return json_response(200, {"status": "success"})


process.before_snapshot(process.receiving)
