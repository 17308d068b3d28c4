"""Methods of open lines: a line's chat, and the chats of an object of the CRM (bitrix24.md 10.1)."""

from collections.abc import Callable
from typing import Final

from local.portal.content import chat_json
from local.portal.content.chat import Chat
from local.portal.content.crm import CrmKey, type_number
from local.portal.content.open_lines import TYPES, Session
from local.portal.methods.call import Call, Method
from local.portal.protocol import php
from local.portal.protocol.errors import Refused

_CRM_PREFIX: Final = "imol|"  # how the CRM's messenger field begins (bitrix24.md 1.20)
_DENIED: Final = ("ACCESS_DENIED", 403, "Access denied! You don't have access to this action")


def crm_chat_get(call: Call) -> object:
    """The chats of an object, the one that changed last first; `[]` for an object without chats and for one that does
    not exist. Everything but `N` as ACTIVE_ONLY leaves the active ones only."""
    for name in ("CRM_ENTITY_TYPE", "CRM_ENTITY"):
        if php.is_empty(call.text(name)):
            raise Refused("ERROR_ARGUMENT", 400, f"Argument '{name}' is null or empty")
    number = _whole(call, "The value of an argument 'CRM_ENTITY' has an invalid type")
    kind = type_number(call.text("CRM_ENTITY_TYPE"))
    if not _may_read(call, kind, number):
        raise Refused(*_DENIED)
    found = _sessions(call, kind, number)
    if call.text("ACTIVE_ONLY").upper() != "N":
        found = [session for session in found if session.active]
    return list({(session.chat_id, session.connector): _shown(session) for session in found}.values())


def crm_last_chat(call: Call) -> object:
    """The chat whose conversation changed last, open or closed; one code for all that keeps it from being found."""
    if php.is_empty(call.text("CRM_ENTITY_TYPE")) or php.is_empty(call.text("CRM_ENTITY")):
        raise Refused("CRM_CHAT_EMPTY_CRM_DATA", 400, "Empty CRM data")
    number = _whole(call, "The value of an argument CRM_ENTITY has an invalid type")
    kind = type_number(call.text("CRM_ENTITY_TYPE"))
    found = _sessions(call, kind, number) if _may_read(call, kind, number) else []
    chat_id = next((session.chat_id for session in found if session.chat_id), None)
    if chat_id is None:
        raise Refused("CRM_CHAT_EMPTY_CRM_DATA")
    return chat_id


def dialog_get(call: Call) -> object:
    """An open line's chat by any of four parameters; ACCESS_ERROR with 400 for every failure (bitrix24.md 1.19)."""
    chat = _line(call)
    if chat is None or chat.entity_type != "LINES" or not _may_join(call, chat):
        raise Refused("ACCESS_ERROR", 400)
    return chat_json.dialog(chat, f"chat{chat.id}", call.grant.user_id)


def _whole(call: Call, otherwise: str) -> int:
    number = php.whole(call.text("CRM_ENTITY"))
    if not number:
        raise Refused("ERROR_ARGUMENT", 400, otherwise)
    return number


def _may_read(call: Call, kind: int | None, number: int) -> bool:
    """Access is asked before the type: what does not exist is open to administrators only (by the source)."""
    found = call.content.crm.get(CrmKey(kind, number)) if kind else None
    return found.readable if found else call.content.users[call.grant.user_id].admin


def _sessions(call: Call, kind: int | None, number: int) -> list[Session]:
    return call.content.lines.bound_to(CrmKey(kind, number)) if kind in TYPES else []


def _shown(session: Session) -> dict[str, object]:
    return {
        "CHAT_ID": None if session.chat_id is None else str(session.chat_id),
        "CONNECTOR_ID": session.connector,
        "CONNECTOR_TITLE": session.connector_title,
    }


def _line(call: Call) -> Chat | None:
    """The chat by the first parameter that is given, in the order of the source."""
    content = call.content
    if text := call.text("CHAT_ID"):
        return content.chats.get(_number(text))
    if text := call.text("DIALOG_ID"):
        return content.chats.get(_number(text.removeprefix("chat"))) if text.startswith("chat") else None
    if text := call.text("SESSION_ID"):
        session = content.lines.get(_number(text))
        return content.chats.get(session.chat_id) if session and session.chat_id else None
    code = call.text("USER_CODE").removeprefix(_CRM_PREFIX)
    return content.bound_to("LINES", code) if code else None


def _number(text: str) -> int:
    """0, the id of nothing, for what is no number."""
    return php.whole(text) or 0


def _may_join(call: Call, chat: Chat) -> bool:
    """Operators in the chat, administrators, and employees who may read the object that the line is bound to first."""
    user = call.content.users[call.grant.user_id]
    if user.id in chat.members or user.admin:
        return True
    session = call.content.lines.of_chat(chat.id)
    found = call.content.crm.get(session.bound_to[0]) if session and session.bound_to else None
    return user.kind == "employee" and found is not None and found.readable


_ROWS: tuple[tuple[str, Callable[[Call], object]], ...] = (
    ("imopenlines.dialog.get", dialog_get),
    ("imopenlines.crm.chat.get", crm_chat_get),
    ("imopenlines.crm.chat.getLastId", crm_last_chat),
)
METHODS = tuple(Method(name, "imopenlines", run) for name, run in _ROWS)
