"""The same look-ups by direct invocation: Step Functions, other functions, `sam local invoke` (design 3.3)."""

from typing import TYPE_CHECKING

from chat_lookup.bootstrap import process
from chat_lookup.clock import Deadline, bound_by
from chat_lookup.entity import EntityRef
from chat_lookup.errors import ChatNotFound, InvalidRequest, ObjectNotFound
from chat_lookup.http.json_fields import Fields
from chat_lookup.lookup.model import Options
from chat_lookup.lookup.requests import expanding, lookups_in, pair_in, pair_or_error
from chat_lookup.lookup.responses import found_body, problem_body, results_body
from chat_lookup.observability import invocation
from chat_lookup.portals.portal import Portal

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


def handler(event: object, context: "LambdaContext") -> dict[str, object]:
    deadline = invocation.time_left(context, process.clock)
    with bound_by(deadline):
        return invocation.invoke("direct", context, process.telemetry(), lambda: answer(event, deadline))


def answer(event: object, deadline: Deadline) -> dict[str, object]:
    fields = Fields(event)
    name = fields.optional_text("portal")
    asked, objects = fields.any("object"), fields.any("objects")
    if asked is not None and objects is not None:
        raise InvalidRequest("object and objects exclude each other")
    if asked is not None:
        return chats_of_object(name, asked, fields, deadline)
    if objects is not None:
        return chats_of_objects(name, objects, fields, deadline)
    options = expanding(fields)
    given = fields.any("lookups")
    pair = None if given is not None else pair_in(fields)
    fields.nothing_else()
    portal = process.services().portals.find(name)
    if pair is None:
        return many(portal, lookups_in(given), options, deadline)
    return one(portal, pair, options, deadline)


def one(portal: Portal, pair: EntityRef, options: Options, deadline: Deadline) -> dict[str, object]:
    """Like GET /v1/chats; not found is a result here, with `chat_id: null`."""
    try:
        return found_body(process.services().lookup.find(portal, pair, options, deadline))
    except ChatNotFound as error:
        return problem_body(pair.entity_type, pair.entity_id, error)


def many(portal: Portal, lookups: list[object], options: Options, deadline: Deadline) -> dict[str, object]:
    """Like POST /v1/chats/batch."""
    pairs = [pair_or_error(each) for each in lookups]
    return results_body(lookups, pairs, process.services().many().find(portal, pairs, options, deadline))


def chats_of_object(name: str | None, given: object, fields: Fields, deadline: Deadline) -> dict[str, object]:
    """Like GET /v1/objects/{type}/{id}/chats; an object that there is not is a result here, with `chats: null`."""
    # Imported here: look-ups do not pay for lists.
    from chat_lookup.objects.requests import object_in, object_options_in  # noqa: PLC0415 - as above
    from chat_lookup.objects.responses import outcome_of  # noqa: PLC0415 - as above

    asked, options = object_in(given), object_options_in(fields)
    fields.nothing_else()
    portal = process.services().portals.find(name)
    try:
        return outcome_of(asked, process.services().objects().find(portal, asked, options, deadline))
    except ObjectNotFound as error:
        return outcome_of(asked, error)


def chats_of_objects(name: str | None, given: object, fields: Fields, deadline: Deadline) -> dict[str, object]:
    """Like POST /v1/objects/chats/batch."""
    from chat_lookup.objects.requests import many_in, object_options_in, object_or_error  # noqa: PLC0415 - as above
    from chat_lookup.objects.responses import objects_body  # noqa: PLC0415 - as above

    objects, options = [object_or_error(each) for each in many_in(given)], object_options_in(fields)
    fields.nothing_else()
    portal = process.services().portals.find(name)
    outcomes = process.services().objects().find_many(portal, objects, options, deadline)
    return objects_body(objects, outcomes)


process.before_snapshot(process.services)
