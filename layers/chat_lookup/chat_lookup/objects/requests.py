"""Reads callers' questions about objects: over HTTP, one or many, and by direct invocation (design 11)."""

from collections.abc import Mapping
from typing import Final

from chat_lookup.errors import ChatLookupError, InvalidRequest
from chat_lookup.http.json_fields import Fields, whole
from chat_lookup.http.requests import Request
from chat_lookup.lookup.requests import fields_in, flag_of
from chat_lookup.objects.model import ObjectOptions
from chat_lookup.objects.portal_objects import PortalObject, object_named

MOST_OBJECTS: Final = 200


def one_object(request: Request) -> tuple[PortalObject, ObjectOptions]:
    """The object and the options of GET /v1/objects/{type}/{id}/chats. Raises `InvalidRequest`."""
    request.only("relatives", "closed", "fresh")
    _refuse_token(request)
    path = request.path_parameters
    options = ObjectOptions(
        flag_of(request, "relatives", otherwise=True),
        flag_of(request, "closed", otherwise=True),
        flag_of(request, "fresh"),
    )
    return object_named(path.get("type", ""), whole("id", path.get("id", ""))), options


def many_objects(request: Request) -> tuple[list[object], ObjectOptions]:
    """The objects, each as it was given, and the options of POST /v1/objects/chats/batch.

    Raises `BodyTooLarge` or `InvalidRequest`.
    """
    request.only()
    _refuse_token(request)
    fields = fields_in(request.body)
    options = object_options_in(fields)
    objects = many_in(fields.any("objects"))
    fields.nothing_else()
    return objects, options


def many_in(value: object) -> list[object]:
    """Many objects, each as it was given. Raises `InvalidRequest` for a value that is no list of 1 to 200 items."""
    if not isinstance(value, list) or not 0 < len(value) <= MOST_OBJECTS:
        raise InvalidRequest(f"objects must be a list of 1 to {MOST_OBJECTS} objects")
    return value


def object_options_in(fields: Fields) -> ObjectOptions:
    """The options that a batch over HTTP and a direct invocation have in common."""
    return ObjectOptions(
        fields.optional_flag("relatives", otherwise=True),
        fields.optional_flag("closed", otherwise=True),
        fields.optional_flag("fresh"),
    )


def object_in(given: object) -> PortalObject:
    """The object `{"type", "id"}`; the id may be text. Raises `InvalidRequest`."""
    if not isinstance(given, Mapping):
        raise InvalidRequest("An object is given as a JSON object with type and id")
    fields = Fields(given)
    kind, number = fields.text("type"), fields.any("id")
    if number is None:
        raise fields.not_given("id")
    fields.nothing_else()
    return object_named(kind, whole("id", number))


def object_or_error(given: object) -> PortalObject | ChatLookupError:
    """One of many objects, or its error, which fails no other."""
    try:
        return object_in(given)
    except ChatLookupError as error:
        return error


def _refuse_token(request: Request) -> None:
    """An answer here is made of many chats: whether a user may see each of them would have to be asked one by one."""
    if request.user_token is not None:
        raise InvalidRequest("X-Bitrix24-Token is only accepted for single look-ups of chats")
