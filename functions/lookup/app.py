"""GET and DELETE /v1/chats, one by its id, many in a batch, GET /health, and every route that does not exist."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from chat_lookup.bootstrap import process
from chat_lookup.clock import Deadline
from chat_lookup.entity import EntityRef
from chat_lookup.errors import InvalidRequest
from chat_lookup.http import entrypoint
from chat_lookup.http.json_fields import whole
from chat_lookup.http.requests import Event, Handler, Request, Response, json_response, no_content
from chat_lookup.lookup.find import Options
from chat_lookup.lookup.requests import fields_in, lookups_in, method_named, options_in, pair_or_error
from chat_lookup.lookup.responses import found_body, results_body
from chat_lookup.portals.portal import Portal

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SECONDS = 10.0
BATCH_SECONDS = 25.0
"""Deadlines (design 3.1)."""

Within = Callable[[float], Deadline]
"""A deadline so many seconds from now at most."""


def handler(event: Event, context: "LambdaContext") -> Response:
    def within(seconds: float) -> Deadline:
        return entrypoint.time_left(context, process.clock, at_most=seconds)

    return entrypoint.http(event, process.telemetry(), partial(routes, within))


def routes(within: Within) -> Mapping[str, Handler]:
    return {
        "GET /v1/chats": partial(find, within(SECONDS)),
        "DELETE /v1/chats": forget,
        "GET /v1/chats/{chat_id}": partial(reverse, within(SECONDS)),
        "POST /v1/chats/batch": partial(find_many, within(BATCH_SECONDS)),
        "GET /health": health,
    }


def find(deadline: Deadline, request: Request) -> Response:
    expand = request.optional("expand")
    portal = authorised(request, "details" if expand else "lookup")
    request.only("entity_type", "entity_id", "method", "bot_id", "expand", "fresh")
    ref = EntityRef(request.required("entity_type"), request.required("entity_id"))
    if expand not in (None, "chat"):
        raise InvalidRequest("expand can only be chat")
    fresh = request.optional("fresh")
    if fresh not in (None, "true", "false"):
        raise InvalidRequest("fresh can only be true or false")
    bot_id = request.optional("bot_id")
    options = Options(
        method=method_named(request.optional("method")),
        bot_id=None if bot_id is None else whole("bot_id", bot_id),
        expand=expand is not None,
        fresh=fresh == "true",
        user_token=user_token(request),
    )
    return json_response(200, found_body(process.services().lookup.find(portal, ref, options, deadline)))


def find_many(deadline: Deadline, request: Request) -> Response:
    portal = authorised(request, "lookup")
    request.only()
    if user_token(request) is not None:
        raise InvalidRequest("X-Bitrix24-Token goes with single look-ups only")
    fields = fields_in(request.body)
    options = options_in(fields)
    lookups = lookups_in(fields.any("lookups"))
    fields.nothing_else()
    pairs = [pair_or_error(each) for each in lookups]
    outcomes = process.services().many().find(portal, pairs, options, deadline)
    return json_response(200, results_body(lookups, pairs, outcomes))


def forget(request: Request) -> Response:
    portal = authorised(request, "lookup")
    request.only("entity_type", "entity_id")
    ref = EntityRef(request.required("entity_type"), request.required("entity_id"))
    process.services().lookup.forget(portal, ref)
    return no_content()


def reverse(deadline: Deadline, request: Request) -> Response:
    portal = authorised(request, "details")
    request.only()
    lookup = process.services().lookup
    chat_id = whole("chat_id", request.path_parameters.get("chat_id"))
    return json_response(200, found_body(lookup.reverse(portal, chat_id, deadline, user_token=user_token(request))))


def health(_: Request) -> Response:
    return json_response(200, {"status": "ok", "layer": process.layer()})


def authorised(request: Request, scope: str) -> Portal:
    """The portal of the key that was sent."""
    key = process.services().keys.authenticate(request.key, scope)
    process.telemetry().note(key_id=key.key_id)
    return process.services().portals.get(key.member_id)


def user_token(request: Request) -> str | None:
    """The access token of a portal's user, if one came along; never kept, and sent to the key's portal only."""
    token = request.headers.get("x-bitrix24-token")
    if token is not None:
        process.telemetry().redactor.register(token)
    return token


process.before_snapshot(process.services)
