"""Reads callers' requests: a query or a JSON object over HTTP, and a direct invocation (design 3.1, 3.3)."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from chat_lookup.entity import EntityRef
from chat_lookup.errors import BodyTooLarge, ChatLookupError, InvalidRequest
from chat_lookup.http.json_fields import Fields, digits_of, whole
from chat_lookup.http.requests import Request
from chat_lookup.lookup.model import Method, Options

MOST_LOOKUPS: Final = 1_000
LARGEST_BODY: Final = 1024 * 1024
"""Bytes. A thousand pairs of usual length take a tenth of it."""
_TYPE: Final = ("entity_type", "ENTITY_TYPE")
_ID: Final = ("entity_id", "ENTITY_ID")
_BOT: Final = ("bot_id", "BOT_ID")
"""Parameters that have the platform's own spelling, too."""
_PAIR: Final = (*_TYPE, *_ID)
_FLAGS: Final[Mapping[str, bool]] = {"true": True, "1": True, "false": False, "0": False}


def single(request: Request, linked: EntityRef | None = None) -> tuple[EntityRef, Options]:
    """The pair and the options in the query of GET /v1/chats; with `linked`, what its `url` shows, no other pair.

    Raises `InvalidRequest`.
    """
    if linked is not None and not request.query.keys().isdisjoint(_PAIR):
        raise InvalidRequest("url takes the place of entity_type and entity_id")
    request.only(*(_PAIR if linked is None else ("url",)), "method", *_BOT, "expand", "fresh")
    ref = linked or _pair_of(request)
    expand = request.optional("expand")
    if expand not in (None, "chat"):
        raise InvalidRequest("expand can only be chat")
    bot_id = request.optional(*_BOT)
    options = Options(
        method=method_named(request.optional("method")),
        bot_id=None if bot_id is None else whole("bot_id", bot_id),
        expand=expand is not None,
        fresh=flag_of(request, "fresh"),
        user_token=request.user_token,
    )
    return ref, options


def many(request: Request) -> tuple[list[object], Options]:
    """The look-ups, each as it was given, and the options in the body of POST /v1/chats/batch.

    Raises `BodyTooLarge` or `InvalidRequest`.
    """
    request.only()
    if request.user_token is not None:
        raise InvalidRequest("X-Bitrix24-Token is only accepted for single look-ups")
    fields = fields_in(request.body)
    options = expanding(fields)
    lookups = lookups_in(fields.any("lookups"))
    fields.nothing_else()
    return lookups, options


def cached(request: Request) -> EntityRef:
    """The pair that DELETE /v1/chats deletes from the cache. Raises `InvalidRequest`."""
    request.only(*_PAIR)
    return _pair_of(request)


def chat_id(request: Request) -> int:
    """The chat in the path of GET /v1/chats/{chat_id}: its id, or its dialog's. Raises `InvalidRequest`."""
    request.only()
    return whole("chat_id", request.path_parameters.get("chat_id", "").removeprefix("chat"))


def fields_in(body: bytes) -> Fields:
    """The fields of a request's body. Raises `BodyTooLarge` or `InvalidRequest`."""
    if len(body) > LARGEST_BODY:
        raise BodyTooLarge(f"The body has {len(body)} bytes, at most {LARGEST_BODY} are read")
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidRequest("The body is not valid JSON") from None
    if not isinstance(content, Mapping):
        raise InvalidRequest("The body must be a JSON object")
    return Fields(content, strict=True)


def flag_of(request: Request, name: str, *, otherwise: bool = False) -> bool:
    """A flag in a query, in any case; `otherwise` where it is not given. Raises `InvalidRequest`."""
    given = request.optional(name)
    if given is not None and given.lower() not in _FLAGS:
        raise InvalidRequest(f"{name} can only be true or false")
    return otherwise if given is None else _FLAGS[given.lower()]


def method_named(name: str | None) -> Method:
    if name is None:
        return Method.AUTO
    if name not in tuple(Method):
        raise InvalidRequest("method can only be auto, im or imbot")
    return Method(name)


def options_in(fields: Fields) -> Options:
    """The options that a batch over HTTP and a direct invocation have in common."""
    return Options(
        method=method_named(fields.optional_text("method")),
        bot_id=fields.optional_whole(*_BOT),
        fresh=fields.optional_flag("fresh"),
    )


def expanding(fields: Fields) -> Options:
    """The same, with `expand`."""
    expand = fields.optional_text("expand")
    if expand not in (None, "chat"):
        raise InvalidRequest("expand can only be chat")
    return replace(options_in(fields), expand=expand is not None)


def pair_in(fields: Fields) -> EntityRef:
    """The pair in either spelling. The platform's own samples send ids as numbers, too (bitrix24.md 1.1.1)."""
    return EntityRef(_text(_TYPE, fields), _text(_ID, fields))


def lookups_in(value: object) -> list[object]:
    """Many look-ups, each as it was given. Raises `InvalidRequest` for a value that is no list of 1 to 1,000 items."""
    if not isinstance(value, list) or not 0 < len(value) <= MOST_LOOKUPS:
        raise InvalidRequest(f"lookups must be a list of 1 to {MOST_LOOKUPS} pairs")
    return value


def pair_or_error(lookup: object) -> EntityRef | ChatLookupError:
    """The pair of one of many look-ups, or its error, which fails no other."""
    if not isinstance(lookup, Mapping):
        return InvalidRequest("A pair must be a JSON object")
    fields = Fields(lookup)
    try:
        pair = pair_in(fields)
        fields.nothing_else()
    except ChatLookupError as error:
        return error
    return pair


def _pair_of(request: Request) -> EntityRef:
    return EntityRef(request.required(*_TYPE), request.required(*_ID))


def _text(names: tuple[str, ...], fields: Fields) -> str:
    value = digits_of(fields.any(*names))
    if value is None:
        raise fields.not_given(*names)
    if not isinstance(value, str):
        raise InvalidRequest(f"{names[0]} must be text")
    return value
