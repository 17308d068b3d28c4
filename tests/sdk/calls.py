"""The calls that every client makes at both doors, with their outcomes, and what may differ between the doors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

Params = Mapping[str, object]
Command = tuple[str, Params]

LINE: Final = "telegrambot|2|209607941|744"
FOUND: Final = (("CRM", "DEAL|1663", 1437), ("CRM", "LEAD|13", 10), ("LINES", LINE, 1764), ("CHAT", "13", 2725))
NO_CHAT: Final = ("CRM", "DEAL|404")


class Outcome(NamedTuple):
    """What the user of a client gets: a result, or the code and the status of an error."""

    result: object = None
    error: str = ""
    status: int = 0

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> "Outcome":
        """Of an answer in the platform's form."""
        if "error" in answer:
            return cls(error=answer["error"], status=answer["status"])
        return cls(result=answer["result"])


def refused(error: str, status: int) -> Outcome:
    return Outcome(error=error, status=status)


@dataclass(frozen=True, slots=True)
class Call:
    """One call; `fault` is what the portal answers meanwhile. `expected` is None if the result is not constant."""

    method: str
    params: Params = field(default_factory=dict)
    expected: Outcome | None = None
    fault: Params = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch of named commands; `expected` has the outcome of each that is executed."""

    commands: Mapping[str, Command]
    expected: Mapping[str, Outcome | None]
    halt: bool = False


def pair(entity_type: str, entity_id: object) -> Params:
    return {"ENTITY_TYPE": entity_type, "ENTITY_ID": entity_id}


def chat(chat_id: int) -> Outcome:
    return Outcome({"ID": chat_id})


NULL: Final = Outcome()
NO_METHOD: Final = refused("ERROR_METHOD_NOT_FOUND", 404)
NO_ACCESS: Final = refused("ACCESS_ERROR", 403)
_ONE: Final = ("im.chat.get", pair(*FOUND[0][:2]))
_TWO: Final = ("imbot.chat.get", pair(*FOUND[1][:2]))
_HIDDEN: Final = ("im.dialog.get", {"DIALOG_ID": "chat404"})
_UNKNOWN: Final = ("im.nothing", {"ID": 1})

_LOOK_UPS: Final = {
    f"{method} of {entity_type} {entity_id}": Call(method, pair(entity_type, entity_id), chat(chat_id))
    for method in ("im.chat.get", "imbot.chat.get")
    for entity_type, entity_id, chat_id in FOUND
}


def _failing(error: str, status: int) -> Call:
    params = {"DIALOG_ID": "chat10"}
    fault = {"method": "im.dialog.get", "error": error}
    return Call("im.dialog.get", params, refused(error, status), fault)


CALLS: Final[Mapping[str, Call]] = {
    **_LOOK_UPS,
    "the same again, from the cache": Call(*_ONE, chat(1437)),
    "a number for an id": Call("im.chat.get", pair("CHAT", 13), chat(2725)),
    "a method in other letters": Call("IM.Chat.Get", pair("CHAT", "13"), chat(2725)),
    "a pair without a chat": Call("im.chat.get", pair(*NO_CHAT), NULL),
    "half a pair": Call("im.chat.get", {"ENTITY_TYPE": "CRM"}, NULL),
    "no parameters": Call("im.chat.get", {}, NULL),
    "the details of a chat": Call("im.dialog.get", {"DIALOG_ID": "chat1437"}),
    "these by the bots' method": Call("imbot.dialog.get", {"DIALOG_ID": "chat10"}),
    "a chat that the user may not see": Call(*_HIDDEN, NO_ACCESS),
    "details of no chat": Call("im.dialog.get", {}, refused("DIALOG_ID_EMPTY", 400)),
    "the user's profile": Call("profile"),
    "the scopes": Call("scope"),
    "all scopes": Call("scope", {"full": 1}),
    "a method that exists": Call(
        "method.get", {"name": "im.chat.get"}, Outcome({"isExisting": True, "isAvailable": True})
    ),
    "a method that does not exist": Call(
        "method.get", {"name": "im.nothing"}, Outcome({"isExisting": False, "isAvailable": False})
    ),
    "the server's time": Call("server.time"),
    "the calling application": Call("app.info"),
    "the calling user": Call("user.current"),
    "an unknown method": Call(*_UNKNOWN, NO_METHOD),
    "another method that reads": Call("im.user.get", {"ID": 1}),
    "the look-up of open lines": Call("imopenlines.dialog.get", {"CHAT_ID": 1764}),
    "the portal is busy": Call(
        "im.chat.get",
        pair("CRM", "DEAL|4711"),
        refused("QUERY_LIMIT_EXCEEDED", 503),
        {"method": "im.chat.get", "error": "QUERY_LIMIT_EXCEEDED"},
    ),
    "the portal is overloaded": _failing("OVERLOAD_LIMIT", 503),
    "the portal is deleted": _failing("PORTAL_DELETED", 500),
    "the portal fails": _failing("ERROR_UNEXPECTED_ANSWER", 500),
    "the method took too long before": _failing("OPERATION_TIME_LIMIT", 429),
    "an error without a name": _failing("100", 400),
}

BATCHES: Final[Mapping[str, Batch]] = {
    "look-ups": Batch({"a": _ONE, "b": _TWO}, {"a": chat(1437), "b": chat(10)}),
    "one that finds nothing": Batch(
        {"a": _ONE, "none": ("im.chat.get", pair(*NO_CHAT))}, {"a": chat(1437), "none": NULL}
    ),
    "two that fail among others": Batch(
        {"a": _ONE, "no": _UNKNOWN, "hidden": _HIDDEN, "b": _TWO},
        {"a": chat(1437), "no": NO_METHOD, "hidden": NO_ACCESS, "b": chat(10)},
    ),
    "halted where one fails": Batch(
        {"a": _ONE, "no": _UNKNOWN, "b": _TWO}, {"a": chat(1437), "no": NO_METHOD}, halt=True
    ),
    "one that refers to another": Batch(
        {"a": _ONE, "b": ("im.dialog.get", {"DIALOG_ID": "chat$result[a][ID]"})}, {"a": chat(1437), "b": None}
    ),
    "fifty": Batch(
        {f"k{place}": ("im.chat.get", pair(*FOUND[place % 4][:2])) for place in range(50)},
        {f"k{place}": chat(FOUND[place % 4][2]) for place in range(50)},
    ),
}

MANY: Final[Sequence[Command]] = [("im.chat.get", pair(*FOUND[place % 4][:2])) for place in range(120)]
MANY_FOUND: Final = Outcome([{"ID": FOUND[place % 4][2]} for place in range(120)])


class Difference(NamedTuple):
    """The outcomes of a call that differ at the doors, in every client and in the named modes."""

    on_portal: Outcome | None
    on_service: Outcome | None
    reason: str
    modes: Sequence[str] = ("webhook", "oauth")


DIFFERENCES: Final[Mapping[str, Difference]] = {
    "another method that reads": Difference(
        None, NO_METHOD, "Methods outside the service pass only for keys that list them (`passthrough`)."
    ),
    "the look-up of open lines": Difference(None, NO_METHOD, "As above."),
    "the calling application": Difference(
        None,
        refused("ACCESS_DENIED", 400),
        "The service asks with the portal's webhook, which has no application; installed as one, it has that one.",
        ("oauth",),
    ),
    "the calling user": Difference(
        refused("insufficient_scope", 403),
        Outcome({"ID": "1", "NAME": "Anna", "LAST_NAME": "Schneider", "ADMIN": True}),
        "The service makes the user of `profile`, which needs no scope.",
    ),
}
"""All that may differ; None is any result."""


def comparable(call: str, outcome: Outcome) -> Outcome:
    """The outcome without what changes from call to call."""
    if call == "the server's time" and isinstance(outcome.result, str):
        assert datetime.fromisoformat(outcome.result).tzinfo is not None
        return Outcome("a moment")
    return outcome
