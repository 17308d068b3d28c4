"""What callers ask, as a JSON object: over HTTP for many pairs, and by direct invocation (design 3.1, 3.3)."""

import json
from collections.abc import Mapping
from typing import Final

from chat_lookup.entity import EntityRef
from chat_lookup.errors import BodyTooLarge, ChatLookupError, InvalidRequest
from chat_lookup.http.json_fields import Fields
from chat_lookup.lookup.find import Options
from chat_lookup.lookup.plan import Method

MOST_LOOKUPS: Final = 1_000
LARGEST_BODY: Final = 1024 * 1024
"""Bytes. A thousand pairs of usual length take a tenth of it."""


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
    return Fields(content)


def method_named(name: str | None) -> Method:
    if name is None:
        return Method.AUTO
    if name not in tuple(Method):
        raise InvalidRequest("method can only be auto, im or imbot")
    return Method(name)


def options_in(fields: Fields) -> Options:
    """How to look up, as far as both ways in have it."""
    return Options(
        method=method_named(fields.optional_text("method")),
        bot_id=fields.optional_whole("bot_id", "BOT_ID"),
        fresh=fields.optional_flag("fresh"),
    )


def pair_in(fields: Fields) -> EntityRef:
    """The pair in either spelling. The platform's own samples send ids as numbers too (bitrix24.md 1.1.1)."""
    return EntityRef(_text("entity_type", fields), _text("entity_id", fields))


def lookups_in(value: object) -> list[object]:
    """Many look-ups, each as it was given. Raises `InvalidRequest` for what is no list of an admitted length."""
    if not isinstance(value, list) or not 0 < len(value) <= MOST_LOOKUPS:
        raise InvalidRequest(f"lookups must be a list of 1 to {MOST_LOOKUPS} pairs")
    return value


def pair_or_error(lookup: object) -> EntityRef | ChatLookupError:
    """The pair of one of many look-ups, or what is wrong with it: that fails no other."""
    if not isinstance(lookup, Mapping):
        return InvalidRequest("A pair must be a JSON object")
    fields = Fields(lookup)
    try:
        pair = pair_in(fields)
        fields.nothing_else()
    except ChatLookupError as error:
        return error
    return pair


def _text(name: str, fields: Fields) -> str:
    value = fields.any(name, name.upper())
    if value is None:
        raise InvalidRequest(f"{name} is missing")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InvalidRequest(f"{name} must be text")
    return str(value)
