"""Methods that read objects of the CRM of any type (bitrix24.md 10.1)."""

import re
from collections.abc import Callable, Mapping
from typing import Final, NoReturn

from local.portal.content import crm_json
from local.portal.content.crm import CrmKey, CrmObject
from local.portal.methods.call import Call, Method, Page
from local.portal.protocol import php
from local.portal.protocol.errors import Refused

_PAGE: Final = 50
_FILTER: Final = re.compile(r"(=|@|!=|>=|<=|>|<|)([A-Za-z0-9_]+)")
_CAN_BE_FILTERED: Final = ("id", "title", "companyId", "contactId", "contactIds", "imol")
_CAN_BE_ORDERED: Final = ("id", "title", "companyId", "contactId", "createdTime")
_COMPARISONS: Final[Mapping[str, Callable[[int, int], bool]]] = {
    ">": lambda left, right: left > right,
    "<": lambda left, right: left < right,
    ">=": lambda left, right: left >= right,
    "<=": lambda left, right: left <= right,
}

Item = dict[str, object]


def item_get(call: Call) -> object:
    """The whole object, telephone and mail included; ACCESS_DENIED and NOT_FOUND have status 400."""
    number = _type(call)
    found = call.content.crm.get(CrmKey(number, php.whole(call.text("id")) or 0))
    if found is None:
        raise Refused("NOT_FOUND", 400, "Item not found")
    if not found.readable:
        raise Refused("ACCESS_DENIED", 400, "You do not have permission to view this item")
    return {"item": _shown(call, found)}


def item_list(call: Call) -> object:
    """The objects of a type that the caller may read, fifty at a time, with the selected fields only."""
    number = _type(call)
    items = [_shown(call, found) for found in call.content.crm.of_type(number) if found.readable]
    conditions = [_condition(name, wanted) for name, wanted in call.array("filter").items()]
    items = [item for item in items if all(condition(item) for condition in conditions)]
    items = _ordered(items, call.array("order"))
    start = php.whole(call.text("start")) or 0
    end = start + _PAGE
    selected = [php.text(name) for name in call.array("select").values()]
    shown = [_selected(item, selected) for item in items[start:end]]
    return Page({"items": shown}, len(items), end if end < len(items) else None)


def _type(call: Call) -> int:
    """The type's number; raises Refused to those outside the company, and for an unknown type."""
    if call.content.users[call.grant.user_id].kind != "employee":
        raise Refused("allowed_only_intranet_user", 403, "Action is allowed only to intranet users")
    number = php.whole(call.text("entityTypeId"))
    if number is None or not call.content.crm.has_type(number):
        raise Refused("NOT_FOUND", 400, "SPA not found")
    return number


def _shown(call: Call, found: CrmObject) -> Item:
    chat_ids = {session.chat_id for session in call.content.lines.bound_to(found.key) if session.chat_id}
    codes = [call.content.chats[chat_id].entity_id for chat_id in sorted(chat_ids)]
    return crm_json.item(found, codes, original_names=php.is_true(call.param("useOriginalUfNames")))


def _condition(name: str, wanted: object) -> Callable[[Item], bool]:
    """One condition of a filter, an operator before the field's name; raises Refused for one that is not allowed."""
    found = _FILTER.fullmatch(name)
    if found is None or found[2] not in _CAN_BE_FILTERED:
        _invalid(f"Invalid filter: field '{found[2] if found else name}' is not allowed in filter")
    operator, field = found[1], found[2]
    values = {php.text(value) for value in php.entries(wanted).values()} or {php.text(wanted)}
    if operator not in _COMPARISONS:
        return lambda item: _values(item, field).isdisjoint(values) == (operator == "!=")
    bound = php.whole(min(values))
    if bound is None:
        _invalid(f"Invalid filter: field '{field}' has invalid value")
    compare = _COMPARISONS[operator]

    def matches(item: Item) -> bool:
        numbers = map(php.whole, _values(item, field))
        return any(compare(number, bound) for number in numbers if number is not None)

    return matches


def _values(item: Item, field: str) -> set[str]:
    """What a field holds: of a list each entry, of the messenger field each line's code."""
    value = item.get(field)
    if field == "imol":
        return set(php.text(value).split(", "))
    return {php.text(each) for each in value} if isinstance(value, list) else {php.text(value)}


def _ordered(items: list[Item], order: Mapping[str, object]) -> list[Item]:
    for field, direction in reversed(list(order.items())):
        if field not in _CAN_BE_ORDERED:
            _invalid(f"Invalid order: field '{field}' is not allowed in order")
        way = php.text(direction).upper()
        if way not in ("ASC", "DESC"):
            _invalid(
                "Invalid order: allowed sort directions are ASC, DESC. "
                f"But got '{php.text(direction)}' for field '{field}'"
            )
        items = sorted(items, key=lambda item: _sortable(item, field), reverse=way == "DESC")
    return items


def _sortable(item: Item, field: str) -> tuple[int, str]:
    """Numbers before texts, each by its own order."""
    value = item.get(field, 0)
    return (value, "") if isinstance(value, int) else (0, php.text(value))


def _selected(item: Item, names: list[str]) -> Item:
    return {name: value for name, value in item.items() if not names or "*" in names or name in names}


def _invalid(description: str) -> NoReturn:
    raise Refused("INVALID_ARG_VALUE", 400, description)


METHODS = (Method("crm.item.get", "crm", item_get), Method("crm.item.list", "crm", item_list))
