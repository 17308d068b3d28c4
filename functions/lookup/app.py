"""Chats of pairs and of objects under /v1, one or many, GET /health, and every route that does not exist."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from chat_lookup import VERSION
from chat_lookup.bootstrap import process
from chat_lookup.clock import Deadline, bound_by
from chat_lookup.entity import EntityRef
from chat_lookup.http import entrypoint
from chat_lookup.http.entrypoint import Handler
from chat_lookup.http.requests import Event, Request
from chat_lookup.http.responses import Response, empty_response, json_response
from chat_lookup.lookup import requests
from chat_lookup.lookup.responses import found_body, results_body
from chat_lookup.observability import invocation
from chat_lookup.portals.portal import Portal

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SECONDS = 10.0
BATCH_SECONDS = 25.0
"""Deadlines (design 3.1)."""
ELSEWHERE = (
    *(
        f"{verb} /bitrix24/{page}{slash}"
        for page in ("install", "app", "events")
        for slash in ("", "/")
        for verb in ("GET", "HEAD", "POST")
    ),
    *(f"{verb} /rest/{{proxy+}}" for verb in ("GET", "POST", "OPTIONS")),
    "POST /v1/page/session",
    "POST /v1/page/find",
    "GET /v1/page/doctor",
    "GET /v1/page/keys",
    "POST /v1/page/keys",
    "DELETE /v1/page/keys/{key_id}",
    "GET /assets/{proxy+}",
)
"""Routes of other functions: here the gateway brings their other verbs."""


def handler(event: Event, context: "LambdaContext") -> Response:
    deadline = invocation.time_left(context, process.clock, at_most=SECONDS)
    batch_deadline = invocation.time_left(context, process.clock, at_most=BATCH_SECONDS)
    with bound_by(deadline):
        return entrypoint.respond(event, process.telemetry(), partial(routes, deadline, batch_deadline), ELSEWHERE)


def routes(deadline: Deadline, batch_deadline: Deadline) -> Mapping[str, Handler]:
    return {
        "GET /v1/chats": partial(find, deadline),
        "DELETE /v1/chats": forget,
        "GET /v1/chats/{chat_id}": partial(reverse, deadline),
        "POST /v1/chats/batch": partial(find_many, batch_deadline),
        "GET /v1/objects/{type}/{id}/chats": partial(list_chats, deadline),
        "POST /v1/objects/chats/batch": partial(list_many, batch_deadline),
        "GET /health": health,
        # Monitors probe an address by HEAD; the gateway sends no body with it.
        "HEAD /health": health,
    }


def find(deadline: Deadline, request: Request) -> Response:
    portal = authorised(request, "details" if request.optional("expand") else "lookup")
    ref, options = requests.single(request, linked_in(request, portal) if "url" in request.query else None)
    return json_response(200, found_body(process.services().lookup.find(portal, ref, options, deadline)))


def linked_in(request: Request, portal: Portal) -> EntityRef:
    # Imported here: look-ups by a pair do not pay for links.
    from chat_lookup.objects.links import object_linked  # noqa: PLC0415 - as above

    return object_linked(request.required("url"), {portal.domain, *portal.former_domains})


def find_many(deadline: Deadline, request: Request) -> Response:
    portal = authorised(request, "lookup")
    lookups, options = requests.many(request)
    if options.expand:
        authorised(request, "details")
    pairs = [requests.pair_or_error(each) for each in lookups]
    with bound_by(deadline):
        outcomes = process.services().many().find(portal, pairs, options, deadline)
    return json_response(200, results_body(lookups, pairs, outcomes))


def list_chats(deadline: Deadline, request: Request) -> Response:
    # Imported here, and below, for the same reason.
    from chat_lookup.objects.requests import one_object  # noqa: PLC0415 - as above
    from chat_lookup.objects.responses import object_body  # noqa: PLC0415 - as above

    portal = authorised(request, "lookup")
    asked, options = one_object(request)
    return json_response(200, object_body(process.services().objects().find(portal, asked, options, deadline)))


def list_many(deadline: Deadline, request: Request) -> Response:
    from chat_lookup.objects.requests import many_objects, object_or_error  # noqa: PLC0415 - as above
    from chat_lookup.objects.responses import objects_body  # noqa: PLC0415 - as above

    portal = authorised(request, "lookup")
    given, options = many_objects(request)
    objects = [object_or_error(each) for each in given]
    with bound_by(deadline):
        outcomes = process.services().objects().find_many(portal, objects, options, deadline)
    return json_response(200, objects_body(objects, outcomes))


def forget(request: Request) -> Response:
    portal = authorised(request, "lookup")
    process.services().lookup.forget(portal, requests.cached(request))
    return empty_response(204)


def reverse(deadline: Deadline, request: Request) -> Response:
    portal = authorised(request, "details")
    chat_id = requests.chat_id(request)
    found = process.services().lookup.reverse(portal, chat_id, deadline, user_token=request.user_token)
    return json_response(200, found_body(found))


def health(_: Request) -> Response:
    return json_response(200, {"status": "ok", "version": VERSION, "layer": process.layer()})


def authorised(request: Request, scope: str) -> Portal:
    """The portal of the key that was sent."""
    key = process.services().keys.authenticate(request.key, scope)
    process.telemetry().note(key_id=key.key_id)
    return process.services().portals.get(key.member_id)


process.before_snapshot(process.services)
