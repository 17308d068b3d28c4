"""Results of `imopenlines.crm.chat.get` and `crm.item.get`: ids of chats and of objects, and nothing else of a client
(bitrix24.md 10.1)."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from chat_lookup.bitrix24.error_table import PROTOCOL
from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.bitrix24.results import chat_id_from

_LONGEST_NAME: Final = 100
"""Characters of a connector's name or title."""


class LineChat(NamedTuple):
    """An open line's chat that is bound to an object of the CRM."""

    chat_id: int
    connector: str
    connector_title: str


class CrmRelatives(NamedTuple):
    """The contacts and companies that an object of the CRM names, each once and in its order."""

    contacts: tuple[int, ...]
    companies: tuple[int, ...]


def line_chats_from(result: object) -> tuple[LineChat, ...]:
    """The chats in the result of `imopenlines.crm.chat.get`, the one whose session changed last first.

    A row without a chat is of a session that was removed. Raises `BitrixError` PROTOCOL for what is no list of rows.
    """
    rows = [] if result in (None, False, "", {}) else result
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise _undecodable("a list of an object's chats", result)
    found: dict[int, LineChat] = {}
    for row in rows:
        chat_id = chat_id_from(row.get("CHAT_ID"))
        if chat_id is not None:
            line = LineChat(chat_id, _name(row.get("CONNECTOR_ID")), _name(row.get("CONNECTOR_TITLE")))
            found.setdefault(chat_id, line)
    return tuple(found.values())


def relatives_from(result: object) -> CrmRelatives:
    """The ids of contacts and companies in the result of `crm.item.get`; names, telephone numbers, mails stay behind.

    The first of each is the main one. Raises `BitrixError` PROTOCOL where there is no item in it.
    """
    item = result.get("item") if isinstance(result, dict) else None
    if not isinstance(item, dict):
        raise _undecodable("an item of the CRM", result)
    return CrmRelatives(*(_ids(item.get(f"{each}Id"), item.get(f"{each}Ids")) for each in ("contact", "company")))


def _ids(main: object, more: object) -> tuple[int, ...]:
    values = list(more.values()) if isinstance(more, dict) else more if isinstance(more, list) else []
    return tuple(dict.fromkeys(_found([main, *values])))


def _found(values: Iterable[object]) -> Iterable[int]:
    for value in values:
        if isinstance(value, dict):
            raise _undecodable("an id", value)
        number = chat_id_from(value)
        if number is not None:
            yield number


def _name(value: object) -> str:
    """A connector's name, as far as it is one: a title is text that an administrator wrote."""
    return value[:_LONGEST_NAME] if isinstance(value, str) else ""


def _undecodable(what: str, result: object) -> BitrixError:
    return BitrixError(PROTOCOL, 200, description=f"{what} is none: {type(result).__name__}")
