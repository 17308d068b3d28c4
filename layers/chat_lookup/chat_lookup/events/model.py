"""Bot events after decoding: one model for v1 and v2, without tokens (design 5, Events).

Decoded in `decoder`; written into the queue and read from it as a `Record`.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple, TypeVar

from chat_lookup.bitrix24.event_names import EventKind
from chat_lookup.bitrix24.results import bindings_from
from chat_lookup.entity import EntityRef

VERSION: Final = 1
"""Of a record's JSON. A format that an older worker cannot read gets another number."""
LARGEST_RECORD: Final = 240 * 1024
"""Bytes of a record in either: a queue's message and an asynchronous invocation take 256 KB each, in all."""
_NO_DATA: Final[Mapping[str, object]] = {}


class EventChat(NamedTuple):
    """The chat of the event, as far as the event names it. Empty texts are fields that the event does not contain.

    `type` is as sent: a letter in v1 (`C`, `P`, `L`, bitrix24.md 5.4), a word in v2 (`chat`, `lines`). `personal` is a
    dialog between a user and the bot; `dialog_id` is the user's id then. A `THREAD` without an id is no entity, and
    neither part of the pair is stored alone.
    """

    chat_id: int | None = None
    dialog_id: str = ""
    type: str = ""
    personal: bool = False
    open_line: bool = False
    entity_type: str = ""
    entity_id: str = ""
    crm: tuple[str, ...] = ()
    """The objects of the CRM that an open line's chat is bound to, as `DEAL|1663`."""


class EventUser(NamedTuple):
    """The user that caused the event. `employee` is None where the event contains no flag."""

    user_id: int
    employee: bool | None = None


class EventMessage(NamedTuple):
    """A message; `text` without the mention of the bot. `author_id` 0 is the system."""

    message_id: int | None = None
    text: str = ""
    author_id: int | None = None
    system: bool = False

    def __repr__(self) -> str:
        return _without("text", self)


class EventCommand(NamedTuple):
    """A command to the bot: `name` without its slash, `params` the text after it."""

    command_id: int
    name: str
    params: str = ""

    def __repr__(self) -> str:
        return _without("params", self)


class BotEvent(NamedTuple):
    """One event. `api` is v1 or v2, empty for events of neither; `sent_at` in Unix seconds, None if missing.

    `data` is the whole event as received, without credentials, for the kind without fields of its own (OTHER).
    """

    name: str
    kind: EventKind
    api: str = ""
    bot_ids: tuple[int, ...] = ()
    chat: EventChat | None = None
    user: EventUser | None = None
    message: EventMessage | None = None
    commands: tuple[EventCommand, ...] = ()
    reaction: str = ""
    action: str = ""
    language: str = ""
    sent_at: int | None = None
    data: Mapping[str, object] = _NO_DATA

    def __repr__(self) -> str:
        return _without("data", self)


class Record(NamedTuple):
    """A proved event as stored in the queue, with its portal, its arrival (Unix seconds) and its request. `event_id` is
    the same for every delivery of the same event (design 5)."""

    event_id: str
    member_id: str
    received_at: float
    request_id: str
    event: BotEvent

    def to_json(self) -> str:
        """The record as text for the queue, in at most `LARGEST_RECORD` bytes of UTF-8, also as a text inside JSON.

        `data` is left out where it would take more: everything else is bounded by `decoder`.
        """
        text = _written(self)
        if len(json.dumps(text, ensure_ascii=False).encode(errors="replace")) > LARGEST_RECORD:
            text = _written(self._replace(event=self.event._replace(data=_NO_DATA)))
        return text

    @classmethod
    def from_json(cls, text: str) -> "Record":
        """Read it back. Raises `RecordUnreadable` for what is no record of ours."""
        with suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):
            given = json.loads(text)
            if given["version"] == VERSION:
                return _built(cls, given | {"event": _event_from(given["event"])})
        # Here and not in an `except`, so that the error contains no text of a message.
        raise RecordUnreadable("not a record of ours, or of another version")


class RecordUnreadable(ValueError):
    """A message of the queue that none of our functions wrote. Nothing of it is quoted."""


def event_id(member_id: str, identity: str) -> str:
    """The stable id of a portal's event, 32 hexadecimal digits; `identity` is the hash of its content."""
    return hashlib.sha256(f"{member_id}:{identity}".encode()).hexdigest()[:32]


_Part = TypeVar("_Part", EventChat, EventUser, EventMessage, EventCommand, BotEvent, Record)


def _without(hidden: str, part: EventMessage | EventCommand | BotEvent) -> str:
    """A part as `repr` shows it: what users wrote is in no traceback."""
    shown = (f"{name}={value!r}" for name, value in part._asdict().items() if name != hidden)
    return f"{type(part).__name__}({', '.join(shown)})"


def _written(record: Record) -> str:
    text = json.dumps({"version": VERSION, **_named(record)}, ensure_ascii=False, separators=(",", ":"))
    # U+FFFE and U+FFFF are no characters of a message's body; JSON escapes the control characters by itself.
    return text.replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")


def _named(part: Record | BotEvent | EventChat | EventUser | EventMessage | EventCommand) -> dict[str, object]:
    """A part by its fields' names, with the parts in it: JSON has no names for a tuple's fields."""
    return {name: _plain(value) for name, value in part._asdict().items()}


def _plain(value: object) -> object:
    if not isinstance(value, tuple):
        return value
    return _named(value) if isinstance(value, _PARTS) else [_plain(each) for each in value]


_PARTS: Final = (BotEvent, EventChat, EventUser, EventMessage, EventCommand)


def _built(part: type[_Part], given: Mapping[str, Any]) -> _Part:
    """A part from its fields; unknown ones are ignored, missing ones have their default."""
    return part(**{name: value for name, value in given.items() if name in part._fields})


def _built_or_none(part: type[_Part], given: Mapping[str, Any] | None) -> _Part | None:
    return None if given is None else _built(part, given)


def _event_from(given: Mapping[str, Any]) -> BotEvent:
    chat = _built_or_none(EventChat, given.get("chat"))
    parts = {
        "kind": EventKind(str(given["kind"])),
        "bot_ids": tuple(_listed(given.get("bot_ids"))),
        "chat": chat and chat._replace(crm=tuple(_listed(chat.crm))),
        "user": _built_or_none(EventUser, given.get("user")),
        "message": _built_or_none(EventMessage, given.get("message")),
        "commands": tuple(_built(EventCommand, each) for each in _listed(given.get("commands"))),
    }
    return _built(BotEvent, {**given, **parts})


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


LONGEST_TEXT: Final = 20_000
"""Characters of a message (bitrix24.md 5.7)."""
LONGEST_PARAMS: Final = 2_000
"""Characters of the text after a command: room for a link with its query."""
MOST_COMMANDS: Final = 5
MOST_BOTS: Final = 100
_DIALOG: Final = r"(?a)[A-Za-z]{0,10}[0-9]{1,15}"
_CHATS_DIALOG: Final = r"(?a)chat([1-9][0-9]{0,14})"
_WORD: Final = r"(?a)[A-Za-z0-9_-]{1,50}"
_COMMAND: Final = r"\S{1,100}"
_PERSONAL: Final = frozenset({"P", "PRIVATE"})
_OPEN_LINE: Final = frozenset({"L", "LINES"})
_OPEN_LINE_ENTITIES: Final = frozenset({"LINES", "LIVECHAT"})
"""The two ends of an open line: a customer reads what a bot sends there."""


def chat_from(
    chat_id: int | None,
    dialog_id: str,
    types: Sequence[str],
    entity_type: str,
    entity_id: str,
    entity_data_2: str = "",
) -> EventChat | None:
    """The chat, None if the event contains nothing about it.

    A dialog id names the chat only as `chat<id>`: a number is a user's (bitrix24.md 5.9). `types` are all types in the
    event, a letter or a word; the first is stored.
    """
    dialog = dialog_id if re.fullmatch(_DIALOG, dialog_id) else ""
    named = re.fullmatch(_CHATS_DIALOG, dialog)
    folded = {each.upper() for each in types}
    # An ordinary group chat is a THREAD without an id: no entity (5.9). U+FFFD is in place of bytes that are no text.
    pair = None if "\ufffd" in entity_type + entity_id else EntityRef.or_none(entity_type, entity_id)
    of_line = entity_type.upper() == "LINES"
    chat = EventChat(
        chat_id=chat_id or (int(named[1]) if named else None),
        dialog_id=dialog,
        type=next((each for each in map(word, types) if each), ""),
        personal=bool(folded & _PERSONAL) or dialog.isdecimal(),
        open_line=bool(folded & _OPEN_LINE) or entity_type.upper() in _OPEN_LINE_ENTITIES,
        entity_type=pair.entity_type if pair else "",
        entity_id=pair.entity_id if pair else "",
        crm=tuple(f"{bound.type}|{bound.id}" for bound in bindings_from(entity_data_2)) if of_line else (),
    )
    return None if chat == EventChat() else chat


def message_from(message_id: int | None, text: str, author_id: int | None, *, system: bool) -> EventMessage | None:
    """The message, None if it has neither id nor text. One without an author is the system's."""
    if message_id is None and not text:
        return None
    return EventMessage(message_id, text[:LONGEST_TEXT], author_id, system=system or author_id == 0)


def command_from(command_id: int | None, name: str, params: str) -> EventCommand | None:
    """The command, None without an id or a name. Version 2 sends the slash, version 1 does not (5.5, 5.7)."""
    name = name.removeprefix("/").lower()
    if not command_id or not re.fullmatch(_COMMAND, name):
        return None
    return EventCommand(command_id, name, params[:LONGEST_PARAMS])


def word(text: str) -> str:
    """The text if it is one short word of ASCII, else an empty one."""
    return text if re.fullmatch(_WORD, text) else ""
