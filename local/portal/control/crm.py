"""Control of the CRM's objects and of open lines."""

from dataclasses import replace
from typing import Final

from chat_lookup.clock import Clock
from local.portal.content.chat import Chat
from local.portal.content.content import User
from local.portal.content.crm import CrmKey, CrmObject, type_number
from local.portal.content.open_lines import ACCEPTED, CLOSED, STATUSES, TYPES, Session
from local.portal.control.fields import ControlError, Fields
from local.portal.control.routes import Query, Route
from local.portal.state import State

_LONGEST_CONNECTOR: Final = 50
_HIGHEST_ID: Final = 10**15 - 1


class CrmControl:
    """An object that a line or another object names and that is not there is added."""

    def __init__(self, state: State, clock: Clock) -> None:
        self._state = state
        self._clock = clock

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("POST", "/crm", self._add_object),
            Route("GET", "/crm", self._objects),
            Route("POST", "/lines", self._add_line),
            Route("POST", "/lines/close", self._close_line),
            Route("GET", "/lines", self._lines),
        )

    def _add_object(self, _: Query, body: object) -> object:
        """Adds an object, or replaces the one with its key."""
        fields, crm = Fields(body), self._state.content.crm
        key = read_key(fields)
        contacts = tuple(fields.wholes("contact_ids", []))
        company, readable = fields.whole("company_id", 0), fields.flag("readable", default=True)
        title = fields.text("title", f"{key.type_name.replace('_', ' ').capitalize()} #{key.id}")
        fields.finish()
        made = CrmObject(key, title, contacts, company, readable, self._clock.now())
        crm.put(made)
        return _object(made)

    def _objects(self, _: Query, __: object) -> object:
        return [_object(item) for item in self._state.content.crm]

    def _add_line(self, _: Query, body: object) -> object:
        """A customer writes, in a new chat, or with `chat_id` in the chat of a former session."""
        fields, content, now = Fields(body), self._state.content, self._clock.now()
        chat = self._chat_of_line(fields.whole("chat_id")) if fields.has("chat_id") else None
        connector = _connector(fields)
        line = fields.whole("line", 1, least=1)
        status = _status(fields)
        waits = status < ACCEPTED
        operator = fields.whole("operator_id", 0 if waits else self._state.webhook.user_id)
        bound_to = _bindings(fields)
        fields.finish()
        if chat is None:
            chat = self._new_chat(connector, line, operator, now)
        session = Session(content.lines.next_id(), chat.id, connector, status, operator, bound_to, now)
        content.put_session(session)
        return {"chat_id": chat.id, "session_id": session.id, "user_code": chat.entity_id}

    def _new_chat(self, connector: str, line: int, operator: int, now: float) -> Chat:
        """With the administrator, the operator and the customer in it."""
        content = self._state.content
        customer = User(content.free_id(), "Customer", kind="connector")
        content.add_user(customer)
        code = f"{connector}|{line}|{content.next_number()}|{customer.id}"
        members = frozenset({self._state.webhook.user_id, operator, customer.id}) - {0}
        chat = Chat(content.free_id(), f"Customer {customer.id}", operator, members, "LINES", code, created_at=now)
        content.put_chat(chat)
        return chat

    def _chat_of_line(self, chat_id: int) -> Chat:
        chat = self._state.content.chats.get(chat_id)
        if chat is None or chat.entity_type != "LINES":
            raise ControlError('"chat_id" is not the chat of an open line')
        return chat

    def _close_line(self, _: Query, body: object) -> object:
        """Closes the chat's last session."""
        fields, content = Fields(body), self._state.content
        session = content.lines.of_chat(fields.whole("chat_id"))
        fields.finish()
        if session is None:
            raise ControlError('"chat_id" is not the chat of an open line')
        closed = replace(session, status=CLOSED)
        content.put_session(closed)
        return _session(closed)

    def _lines(self, _: Query, __: object) -> object:
        """Every session, changed last first."""
        return [_session(session) for session in reversed(list(self._state.content.lines))]


def read_key(fields: Fields) -> CrmKey:
    """An object by the fields `type`, by name and in any case, and `id`."""
    name = fields.text("type")
    number = type_number(name)
    if number is None:
        raise ControlError('"type" must be lead, deal, contact, company, quote, smart_invoice or dynamic_<number>')
    return CrmKey(number, fields.whole("id", least=1, most=_HIGHEST_ID))


def _bindings(fields: Fields) -> tuple[CrmKey, ...]:
    given = fields.take("crm", [])
    if not isinstance(given, list):
        raise ControlError('"crm" must be a list of objects')
    keys = []
    for each in given:
        inner = Fields(each, 'each of "crm"')
        keys.append(read_key(inner))
        inner.finish()
    if any(key.type not in TYPES for key in keys):
        raise ControlError('"crm" must be leads, deals, contacts and companies: open lines know no others')
    return tuple(keys)


def _connector(fields: Fields) -> str:
    connector = fields.text("connector", shortest=1, longest=_LONGEST_CONNECTOR)
    if "|" in connector:
        raise ControlError('"connector" must not contain |, which separates the parts of a user code')
    return connector


def _status(fields: Fields) -> int:
    status = fields.whole("status", ACCEPTED)
    if status not in STATUSES:
        raise ControlError(f'"status" must be one of {", ".join(map(str, STATUSES))}')
    return status


def _object(item: CrmObject) -> dict[str, object]:
    return {
        **_key(item.key),
        "title": item.title,
        "contact_ids": list(item.contact_ids),
        "company_id": item.company_id,
        "readable": item.readable,
        "phone": item.phone,
        "mail": item.mail,
    }


def _session(session: Session) -> dict[str, object]:
    return {
        "chat_id": session.chat_id,
        "session_id": session.id,
        "connector": session.connector,
        "status": session.status,
        "active": session.active,
        "operator_id": session.operator_id,
        "crm": [_key(key) for key in session.bound_to],
    }


def _key(key: CrmKey) -> dict[str, object]:
    return {"type": key.type_name.lower(), "id": key.id}
