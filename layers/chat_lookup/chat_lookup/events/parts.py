"""The parts of an event, checked and bounded, whichever version spelled their fields."""

import re
from collections.abc import Sequence
from typing import Final

from chat_lookup.entity import EntityRef
from chat_lookup.errors import InvalidRequest
from chat_lookup.events.model import EventChat, EventCommand, EventMessage

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
    pair = _entity(entity_type, entity_id)
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


def _entity(entity_type: str, entity_id: str) -> EntityRef | None:
    """The pair that the chat is bound to. An ordinary group chat is a THREAD without an id: no entity (5.9)."""
    try:
        return EntityRef(entity_type, entity_id)
    except InvalidRequest:
        return None
