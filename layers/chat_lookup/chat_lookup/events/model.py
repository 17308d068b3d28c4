"""Bot events as everything behind the edge sees them: one model for v1 and v2, no token in it (design 5, Events).

Decoded in `decoder`; written into the queue and read from it as a `Record`.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Final, TypeVar

from chat_lookup.bitrix24.event_names import EventKind
from chat_lookup.entity import EntityRef

VERSION: Final = 1
"""Of a record's form. A later one that an older worker could not read would get another number."""
LARGEST_RECORD: Final = 240 * 1024
"""Bytes of a record in either: a queue's message and an asynchronous invocation take 256 KB each, in all."""


@dataclass(frozen=True, slots=True)
class EventChat:
    """The chat that it happened in, as far as the event says. Empty texts are what the event does not tell.

    `type` is as sent: a letter in v1 (`C`, `P`, `L`, bitrix24.md 5.4), a word in v2 (`chat`, `lines`). `personal` is a
    dialog between a user and the bot; `dialog_id` is the user's id then. A `THREAD` without an id is no entity, and
    neither part of the pair is told by itself.
    """

    chat_id: int | None = None
    dialog_id: str = ""
    type: str = ""
    personal: bool = False
    open_line: bool = False
    entity_type: str = ""
    entity_id: str = ""


@dataclass(frozen=True, slots=True)
class EventUser:
    """Whose doing it was. `employee` is None where the event does not say."""

    user_id: int
    employee: bool | None = None


@dataclass(frozen=True, slots=True)
class EventMessage:
    """A message; `text` without the mention of the bot. `author_id` 0 is the system's own."""

    message_id: int | None = None
    text: str = field(default="", repr=False)
    author_id: int | None = None
    system: bool = False


@dataclass(frozen=True, slots=True)
class EventCommand:
    """A command that was given to the bot: `name` without its slash, `params` what stood behind it."""

    command_id: int
    name: str
    params: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class BotEvent:
    """One event. `api` is v1 or v2, empty for what belongs to neither; `sent_at` Unix seconds, None if not told.

    `data` is the whole event as it came, without any credential, for kinds that the fields do not exhaust (OTHER).
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
    data: Mapping[str, object] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Record:
    """An event that is proved, as it stands in the queue: of which portal, when it came (Unix seconds), by which
    request. `event_id` is the same for every sending of the same event (design 5)."""

    event_id: str
    member_id: str
    received_at: float
    request_id: str
    event: BotEvent

    def to_json(self) -> str:
        """The record as text for the queue, in at most `LARGEST_RECORD` bytes of UTF-8, also as a text inside of JSON.

        `data` is left out where it would take more: everything else is bounded by `decoder`.
        """
        text = _written(self)
        if len(json.dumps(text, ensure_ascii=False).encode(errors="replace")) > LARGEST_RECORD:
            text = _written(replace(self, event=replace(self.event, data={})))
        return text

    @classmethod
    def from_json(cls, text: str) -> "Record":
        """Read it back. Raises `RecordUnreadable` for what is no record of ours."""
        with suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):
            given = json.loads(text)
            if given["version"] == VERSION:
                return _built(cls, given | {"event": _event_from(given["event"])})
        # Here and not in an `except`, so that no text of a message hangs on to the error.
        raise RecordUnreadable("not a record of ours, or of another version")


class RecordUnreadable(ValueError):
    """A message of the queue that none of our functions wrote. Nothing of it is quoted."""


def event_id(member_id: str, identity: str) -> str:
    """The stable id of a portal's event, 32 hexadecimal digits; `identity` is the hash of what it says."""
    return hashlib.sha256(f"{member_id}:{identity}".encode()).hexdigest()[:32]


def _written(record: Record) -> str:
    text = json.dumps({"version": VERSION, **asdict(record)}, ensure_ascii=False, separators=(",", ":"))
    # U+FFFE and U+FFFF are no characters of a message's body; JSON escapes the control characters by itself.
    return text.replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")


_Part = TypeVar("_Part")


def _built(part: type[_Part], given: Mapping[str, Any]) -> _Part:
    """A dataclass from its fields; what it does not know is left out, what is missing has its default."""
    known = {each.name for each in fields(part)}  # type: ignore[arg-type]  # dataclasses only
    return part(**{name: value for name, value in given.items() if name in known})


def _event_from(given: Mapping[str, Any]) -> BotEvent:
    parts: dict[str, Any] = {
        "kind": EventKind(str(given["kind"])),
        "bot_ids": tuple(_listed(given.get("bot_ids"))),
        "commands": tuple(_built(EventCommand, each) for each in _listed(given.get("commands"))),
    }
    for name, part in (("chat", EventChat), ("user", EventUser), ("message", EventMessage)):
        value = given.get(name)
        parts[name] = None if value is None else _built(part, value)
    return _built(BotEvent, {**given, **parts})


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


LONGEST_TEXT: Final = 20_000
"""Characters of a message (bitrix24.md 5.7)."""
LONGEST_PARAMS: Final = 2_000
"""Characters of what stands behind a command: room for a link with its tail."""
MOST_COMMANDS: Final = 5
MOST_BOTS: Final = 100
_DIALOG: Final = re.compile(r"[A-Za-z]{0,10}[0-9]{1,15}", re.ASCII)
_CHATS_DIALOG: Final = re.compile(r"chat([1-9][0-9]{0,14})", re.ASCII)
_WORD: Final = re.compile(r"[A-Za-z0-9_-]{1,50}", re.ASCII)
_COMMAND: Final = re.compile(r"\S{1,100}")
_PERSONAL: Final = frozenset({"P", "PRIVATE"})
_OPEN_LINE: Final = frozenset({"L", "LINES"})
_OPEN_LINE_ENTITIES: Final = frozenset({"LINES", "LIVECHAT"})
"""The two ends of an open line: what a bot says there, a customer reads."""


def chat_from(
    chat_id: int | None, dialog_id: str, types: Sequence[str], entity_type: str, entity_id: str
) -> EventChat | None:
    """The chat, None if nothing is told of it.

    A dialog id names the chat only as `chat<id>`: a number is a user's (bitrix24.md 5.9). `types` are all that the
    event calls it, in a letter or a word; the first is told.
    """
    dialog = dialog_id if _DIALOG.fullmatch(dialog_id) else ""
    named = _CHATS_DIALOG.fullmatch(dialog)
    folded = {each.upper() for each in types}
    # An ordinary group chat is a THREAD without an id: no entity (5.9).
    pair = EntityRef.or_none(entity_type, entity_id)
    chat = EventChat(
        chat_id=chat_id or (int(named[1]) if named else None),
        dialog_id=dialog,
        type=next((each for each in map(word, types) if each), ""),
        personal=bool(folded & _PERSONAL) or dialog.isdecimal(),
        open_line=bool(folded & _OPEN_LINE) or entity_type.upper() in _OPEN_LINE_ENTITIES,
        entity_type=pair.entity_type if pair else "",
        entity_id=pair.entity_id if pair else "",
    )
    return None if chat == EventChat() else chat


def message_from(message_id: int | None, text: str, author_id: int | None, *, system: bool) -> EventMessage | None:
    """The message, None if neither its id nor its text is told. What nobody wrote is the system's."""
    if message_id is None and not text:
        return None
    return EventMessage(message_id, text[:LONGEST_TEXT], author_id, system=system or author_id == 0)


def command_from(command_id: int | None, name: str, params: str) -> EventCommand | None:
    """The command, None for what has no id or no name. Version 2 sends the slash, version 1 does not (5.5, 5.7)."""
    name = name.removeprefix("/").lower()
    if not command_id or not _COMMAND.fullmatch(name):
        return None
    return EventCommand(command_id, name, params[:LONGEST_PARAMS])


def word(text: str) -> str:
    """A text that is one short word of ASCII, else an empty one."""
    return text if _WORD.fullmatch(text) else ""
