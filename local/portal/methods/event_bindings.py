"""Methods that bind an application's handlers to events (bitrix24.md 1.15)."""

from collections.abc import Callable, Mapping
from typing import Final

from local.portal.content.content import Binding
from local.portal.methods.call import Call, Method
from local.portal.oauth.grant import BASIC
from local.portal.protocol import handler_urls, php
from local.portal.protocol.errors import Refused

TESTED: Final = "ONAPPTEST"

# Events and their scopes; those of bots are bound as a bot is registered, and never here (bitrix24.md 1.10).
_EVENTS: Mapping[str, str] = {
    "ONAPPUNINSTALL": BASIC,
    "ONAPPINSTALL": BASIC,
    "ONAPPUPDATE": BASIC,
    "ONAPPPAYMENT": BASIC,
    TESTED: BASIC,
    "ONAPPMETHODCONFIRM": BASIC,
    "ONAPPUSERREADY": BASIC,
    "ONOFFLINEEVENT": BASIC,
    "ONUSERADD": "user",
}
_KINDS = ("online", "offline")


def bind(call: Call) -> object:
    """One more handler; the same one twice is ERROR_CORE."""
    client_id = _application(call)
    event, handler, offline = _needed(call, "EVENT").upper(), call.text("HANDLER"), _is_offline(call)
    if event not in _EVENTS:
        raise Refused("ERROR_EVENT_NOT_FOUND")
    auth_type = _auth_type(call)
    if not offline:
        handler = _needed(call, "HANDLER")
        if fault := handler_urls.fault_of(handler):
            raise Refused(fault)
    bound = call.content.bindings.setdefault(client_id, [])
    binding = Binding(call.content.next_number(), event, handler, auth_type, offline)
    if any(_same(binding, each) for each in bound):
        raise Refused("ERROR_CORE", 400, "Unable to set event handler: Handler already binded")
    bound.append(binding)
    return True


def get(call: Call) -> object:
    """The application's handlers, and to a user who is no administrator the own ones; `auth_type` is a string
    (event-get.md)."""
    bound = call.content.bindings.get(_application(call), [])
    return [
        {
            "event": binding.event,
            "handler": binding.handler,
            "auth_type": str(binding.auth_type),
            "offline": int(binding.offline),
        }
        for binding in bound
        if _is_admin(call) or _is_own(call, binding)
    ]


def unbind(call: Call) -> object:
    """Removes the handlers that match the parameters; users who are no administrators may remove their own online ones
    (event-unbind.md)."""
    client_id = _application(call)
    event, handler, offline = _needed(call, "EVENT").upper(), call.text("HANDLER"), _is_offline(call, "unbinding")
    auth_type, admin = call.param("AUTH_TYPE"), _is_admin(call)
    _auth_type(call, "unbinding")

    def matches(binding: Binding) -> bool:
        return (
            binding.event == event
            and (admin or _is_own(call, binding))
            and binding.offline == offline
            and (not handler or binding.handler == handler)
            and (auth_type is None or str(binding.auth_type) == (call.text("AUTH_TYPE") or "0"))
        )

    bound = call.content.bindings.get(client_id, [])
    left = [binding for binding in bound if not matches(binding)]
    call.content.bindings[client_id] = left
    return {"count": len(bound) - len(left)}


def listed(call: Call) -> object:
    """The names of events (events.md): of one scope, all of them, or those of the scopes that are granted."""
    _application(call)
    if asked := call.text("SCOPE"):
        return [event for event, scope in _EVENTS.items() if scope == asked]
    whole = not php.is_empty(call.text("FULL"))
    return [event for event, scope in _EVENTS.items() if whole or call.grant.allows(scope)]


def tested(call: Call) -> object:
    """Sends ONAPPTEST to its handlers, with the parameters of this call but for the token (test-handler.md)."""
    _application(call)
    call.events.tested(call.grant, {name: value for name, value in call.params.items() if name != "auth"})
    return 1


def _application(call: Call) -> str:
    if not call.grant.client_id:
        raise Refused("WRONG_AUTH_TYPE", 403, "Current authorization type is denied for this method")
    return call.grant.client_id


def _needed(call: Call, name: str) -> str:
    value = call.text(name)
    if not value:
        raise Refused("ERROR_ARGUMENT", 400, f"Argument '{name}' is null or empty")
    return value


def _is_offline(call: Call, doing: str = "binding") -> bool:
    kind = call.text("EVENT_TYPE") or "online"
    if kind not in _KINDS:
        raise Refused("ERROR_ARGUMENT", 400, "Value must be one of {online|offline}")
    if kind == "offline" and not _is_admin(call):
        text = f"Access denied! Offline events {doing} requires administrator access rights"
        raise Refused("ACCESS_DENIED", 403, text)
    return kind == "offline"


def _auth_type(call: Call, doing: str = "binding") -> int:
    """The user whose token an event carries: an administrator may name any user, all others get their own."""
    named = php.whole(call.text("AUTH_TYPE")) or 0
    if _is_admin(call):
        return named
    if named not in (0, call.grant.user_id):
        text = f"Access denied! Event {doing} with AUTH_TYPE requires administrator access rights"
        raise Refused("ACCESS_DENIED", 403, text)
    return call.grant.user_id


def _is_admin(call: Call) -> bool:
    return call.content.users[call.grant.user_id].admin


def _is_own(call: Call, binding: Binding) -> bool:
    """Whether a handler is the caller's: those of a user who is no administrator always carry the user's own token."""
    return not binding.offline and binding.auth_type == call.grant.user_id


def _same(one: Binding, other: Binding) -> bool:
    return (one.event, one.handler, one.auth_type, one.offline) == (
        other.event,
        other.handler,
        other.auth_type,
        other.offline,
    )


_ROWS: tuple[tuple[str, str, Callable[[Call], object]], ...] = (
    ("event.bind", BASIC, bind),
    ("event.get", BASIC, get),
    ("event.unbind", BASIC, unbind),
    ("event.test", BASIC, tested),
    ("events", BASIC, listed),
)
METHODS = tuple(Method(*row) for row in _ROWS)
