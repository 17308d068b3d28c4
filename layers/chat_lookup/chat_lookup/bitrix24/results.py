"""Results of the methods, decoded once and tolerantly: PHP renders what is empty as null, false, "", 0 or []."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from chat_lookup.bitrix24.error_table import PROTOCOL
from chat_lookup.bitrix24.errors import BitrixError

_LARGEST_ID: Final = 2**63 - 1
_LONGEST_ID: Final = len(str(_LARGEST_ID))


class ResultShape(StrEnum):
    """The form of a look-up's result; the documents contradict each other (bitrix24.md 1.1.2)."""

    OBJECT = "object"
    INT = "int"
    STRING = "string"
    NULL = "null"
    FALSE = "false"
    LIST = "list"
    OTHER = "other"


class CrmBinding(NamedTuple):
    """An object of the CRM that an open line's chat is bound to."""

    type: str
    id: int


class OpenLine(NamedTuple):
    """The conversation in an open line's chat: of `entity_id` and `entity_data_1`, without the client's own code.

    `active` is whether an operator has accepted it and it has not ended.
    """

    connector: str
    line: int | None
    session_id: int | None
    active: bool
    crm: tuple[CrmBinding, ...]


class ChatDetails(NamedTuple):
    """A chat as `im.dialog.get` and similar methods describe it. `members` counts users; `owner_id` is a user's.

    `open_line` is None for a chat that is none. The operator of one is its owner (bitrix24.md 10.1).
    """

    chat_id: int
    dialog_id: str
    type: str
    title: str
    owner_id: int | None
    members: int | None
    entity_type: str | None
    entity_id: str | None
    open_line: OpenLine | None = None


def shape_of(result: object) -> ResultShape:
    """The form of a look-up's result, for the metric `ResultShape`."""
    if result is None:
        return ResultShape.NULL
    if result is False:
        return ResultShape.FALSE
    return _SHAPES.get(type(result), ResultShape.OTHER)


_SHAPES: Final[Mapping[type, ResultShape]] = {
    dict: ResultShape.OBJECT,
    int: ResultShape.INT,
    str: ResultShape.STRING,
    list: ResultShape.LIST,
}


def chat_id_from(result: object) -> int | None:
    """The chat id in the result of `im.chat.get` or `imbot.chat.get`, None for "not found" (bitrix24.md 1.1.3).

    Takes an object with `ID` or `id`, a positive integer, or a string of digits. Raises `BitrixError` PROTOCOL for
    anything else, naming its type and nothing of its content.
    """
    if _is_empty(result):
        return None
    found = result
    if isinstance(result, dict):
        found = result.get("ID", result.get("id", result))
        if _is_empty(found):
            return None
    chat_id = _positive(found)
    if chat_id is None:
        raise _undecodable("a look-up's result", result)
    return chat_id


def details_from(result: object) -> ChatDetails:
    """A chat's details from `im.dialog.get`, `imbot.dialog.get`, `imopenlines.dialog.get` or `imbot.v2.Chat.get`.

    The former answer a flat object in snake_case, the latter `{"chat": {…}}` in camelCase (bitrix24.md 1.3 to 1.5).
    Fields that are missing, null or empty are alike. Raises `BitrixError` PROTOCOL where there is no chat in it.
    """
    chat = result.get("chat", result) if isinstance(result, dict) else None
    chat_id = _positive(chat.get("id")) if isinstance(chat, dict) else None
    if not isinstance(chat, dict) or chat_id is None:
        raise _undecodable("a chat's details", result)
    return ChatDetails(
        chat_id=chat_id,
        dialog_id=_text(chat, "dialog_id", "dialogId") or f"chat{chat_id}",
        type=_text(chat, "type", "message_type", "messageType") or "",
        title=_text(chat, "name", "title") or "",
        owner_id=_positive(_first(chat, "owner")),
        members=_positive(_first(chat, "user_counter", "userCounter")),
        entity_type=_text(chat, "entity_type", "entityType"),
        entity_id=_text(chat, "entity_id", "entityId"),
        open_line=_open_line(chat),
    )


_BOUND: Final = frozenset({"LEAD", "DEAL", "CONTACT", "COMPANY"})
"""The types of the CRM that open lines know (bitrix24.md 10.1)."""
_MOST_BOUND: Final = 8
"""Pairs that are read; the platform writes four. Events have them before they are proved, and users may make chats."""
_LONGEST_CONNECTOR: Final = 100
_CRM_TYPE, _CRM_ID, _AWAITS, _SESSION, _LINE = 1, 2, 4, 5, 7
"""Places in `entity_data_1`. Older chats have fewer parts (bitrix24.md 10.1)."""


def bindings_from(entity_data_2: str) -> tuple[CrmBinding, ...]:
    """The objects in the pairs of type and id of `entity_data_2`, in any order; 0 is none (bitrix24.md 10.1)."""
    parts = entity_data_2.split("|", 2 * _MOST_BOUND)
    found = (
        CrmBinding(kind, number)
        for kind, text in zip(parts[::2], parts[1::2], strict=False)
        if kind in _BOUND and (number := _positive(text)) is not None
    )
    return tuple(dict.fromkeys(found))


def _open_line(chat: dict[str, object]) -> OpenLine | None:
    if _text(chat, "entity_type", "entityType") != "LINES":
        return None
    connector, *user_code = (_text(chat, "entity_id", "entityId") or "").split("|", 2)
    session = dict(enumerate((_text(chat, "entity_data_1", "entityData1") or "").split("|", _LINE + 1)))
    session_id = _positive(session.get(_SESSION))
    bound = bindings_from(_text(chat, "entity_data_2", "entityData2") or "")
    return OpenLine(
        connector[:_LONGEST_CONNECTOR],
        _positive(session.get(_LINE)) or _positive(user_code[0] if user_code else None),
        session_id,
        active=session_id is not None and session.get(_AWAITS) == "N",
        crm=bound or bindings_from(f"{session.get(_CRM_TYPE)}|{session.get(_CRM_ID)}"),
    )


def _is_empty(value: object) -> bool:
    """What PHP treats as empty, including the string `"0"`."""
    return value is None or (isinstance(value, str | int | list | dict) and (not value or value == "0"))


def _positive(value: object) -> int | None:
    """A positive number that fits into 64 bits, also as a string of digits; None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _LONGEST_ID:
        value = int(value)
    return value if type(value) is int and 0 < value <= _LARGEST_ID else None


def _first(chat: dict[str, object], *names: str) -> object:
    return next((chat[name] for name in names if not _is_empty(chat.get(name))), None)


def _text(chat: dict[str, object], *names: str) -> str | None:
    value = _first(chat, *names)
    if isinstance(value, str):
        return value
    number = _positive(value)
    return None if number is None else str(number)


def _undecodable(what: str, result: object) -> BitrixError:
    return BitrixError(PROTOCOL, 200, description=f"{what} is no chat: {type(result).__name__}")
