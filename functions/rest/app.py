"""/rest/{method} and /rest/{user}/{KEY}/{method}: the same results in Bitrix24's own wire format (design 3.2)."""

from functools import partial
from typing import TYPE_CHECKING

from chat_lookup.bootstrap import process
from chat_lookup.clock import Deadline, bound_by
from chat_lookup.errors import ChatLookupError
from chat_lookup.http.requests import Event, request_id_of
from chat_lookup.http.responses import Response
from chat_lookup.observability import invocation
from chat_lookup.rest import requests, responses
from chat_lookup.rest.errors import Refusal, refusal
from chat_lookup.rest.methods import Caller

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SECONDS = 7.5
"""Clients stop reading after ten, and eight are promised; the rest is for the work around the call."""


def handler(event: Event, context: "LambdaContext") -> Response:
    telemetry = process.telemetry()
    deadline = invocation.time_left(context, process.clock, at_most=SECONDS)
    line = telemetry.invocation("request", request_id=request_id_of(event), route=event.get("routeKey"))
    with bound_by(deadline), line:
        response = invocation.guarded(telemetry, partial(answer, event, deadline), refused)
        telemetry.note(status=response["statusCode"])
        return response


def answer(event: Event, deadline: Deadline) -> Response:
    if requests.is_preflight(event):
        return responses.preflight()
    services, telemetry = process.services(), process.telemetry()
    # Before anything else is read: without a key nothing is parsed (docs/decisions/012).
    first = requests.key_of(event)
    telemetry.hide(first)
    services.keys.authenticate(first, "rest")
    request = requests.read(event)
    telemetry.hide(request.key)
    # Normally the same key, cached a moment ago.
    key = services.keys.authenticate(request.key, "rest")
    telemetry.note(key_id=key.key_id)
    if isinstance(request.call, Refusal):
        return respond(request.call)
    telemetry.note(rest_method=request.call.folded)
    caller = Caller(services.portals.get(key.member_id), key, deadline)
    return respond(services.rest().answer(caller, request.call))


def refused(error: ChatLookupError) -> Response:
    return respond(refusal(error))


def respond(outcome: responses.RestOutcome) -> Response:
    if isinstance(outcome, Refusal):
        process.telemetry().note(rest_error=outcome.code)
    return responses.response(outcome)


process.before_snapshot(lambda: process.services().rest())
