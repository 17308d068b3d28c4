"""The same look-up by direct invocation: Step Functions, other functions, `sam local invoke` (design 3.3)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from chat_lookup import bootstrap, edge
from chat_lookup.answers import found_body, outcome_body, problem_body
from chat_lookup.asking import Method
from chat_lookup.clock import Deadline
from chat_lookup.entity import LONGEST, EntityRef
from chat_lookup.errors import ChatLookupError, ChatNotFound, InvalidRequest
from chat_lookup.fields import Fields
from chat_lookup.lookup import Options
from chat_lookup.records import Portal

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

MOST_LOOKUPS = 1_000


def handler(event: object, context: "LambdaContext") -> dict[str, object]:
    deadline = edge.time_left(context, bootstrap.clock)
    return edge.invoke("direct", context, bootstrap.telemetry(), lambda: answer(event, deadline))


def answer(event: object, deadline: Deadline) -> dict[str, object]:
    fields = Fields(event)
    name = fields.optional_text("portal")
    options = options_from(fields)
    lookups = fields.any("lookups")
    ref = None if lookups is not None else ref_from(fields)
    fields.nothing_else()
    portal = bootstrap.services().portals.find(name)
    if ref is None:
        return many(portal, lookups, options, deadline)
    return one(portal, ref, options, deadline)


def one(portal: Portal, ref: EntityRef, options: Options, deadline: Deadline) -> dict[str, object]:
    """Like GET /v1/chats; not found is an answer here, with `chat_id: null`."""
    try:
        return found_body(bootstrap.services().lookup.find(portal, ref, options, deadline))
    except ChatNotFound as error:
        return problem_body(ref.entity_type, ref.entity_id, error)


def many(portal: Portal, lookups: object, options: Options, deadline: Deadline) -> dict[str, object]:
    """Answers in order, each with its own outcome."""
    if not isinstance(lookups, list) or not 0 < len(lookups) <= MOST_LOOKUPS:
        raise InvalidRequest(f"lookups must be a list of 1 to {MOST_LOOKUPS} pairs")
    refs = [ref_or_error(item) for item in lookups]
    outcomes = bootstrap.services().lookup.find_many(portal, refs, options, deadline)
    return {
        "results": [
            outcome_body(ref, outcome) if isinstance(ref, EntityRef) else as_given(item, ref)
            for item, ref, outcome in zip(lookups, refs, outcomes, strict=True)
        ]
    }


def options_from(fields: Fields) -> Options:
    name = fields.optional_text("method") or "auto"
    if name not in tuple(Method):
        raise InvalidRequest("method can only be auto, im or imbot")
    expand = fields.optional_text("expand")
    if expand not in (None, "chat"):
        raise InvalidRequest("expand can only be chat")
    bot_id = fields.optional_whole("bot_id", "BOT_ID")
    return Options(Method(name), bot_id, expand=expand is not None, fresh=fields.optional_flag("fresh"))


def ref_from(fields: Fields) -> EntityRef:
    """The pair in either spelling. The platform's own samples send ids as numbers too (bitrix24.md 1.1.1)."""
    return EntityRef(text_of("entity_type", fields), text_of("entity_id", fields))


def text_of(name: str, fields: Fields) -> str:
    value = fields.any(name, name.upper())
    if value is None:
        raise InvalidRequest(f"{name} is missing")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InvalidRequest(f"{name} must be text")
    return str(value)


def ref_or_error(item: object) -> EntityRef | ChatLookupError:
    try:
        fields = Fields(item)
        ref = ref_from(fields)
        fields.nothing_else()
    except ChatLookupError as error:
        return error
    return ref


def as_given(item: object, error: ChatLookupError) -> dict[str, object]:
    """What was given in place of a pair, if it is text that an answer can hold; the problem says what is wrong."""
    given = item if isinstance(item, Mapping) else {}
    entity_type, entity_id = (
        value if isinstance(value, str) and value.isprintable() and len(value) <= LONGEST else None
        for value in (given.get("entity_type"), given.get("entity_id"))
    )
    return problem_body(entity_type, entity_id, error)
