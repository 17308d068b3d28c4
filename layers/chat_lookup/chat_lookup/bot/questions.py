"""Reads an event's questions, and makes the answer of an outcome. Pure functions (design 5, Events).

Whether the bot is ours and the user an employee is checked elsewhere.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from chat_lookup.bitrix24.event_names import EventKind
from chat_lookup.bot import texts
from chat_lookup.bot.entity_parser import entity_in
from chat_lookup.bot.profile import COMMAND
from chat_lookup.entity import EntityRef
from chat_lookup.errors import ChatLookupError, ChatNotFound
from chat_lookup.events.model import BotEvent, EventChat, EventCommand
from chat_lookup.languages import Language
from chat_lookup.lookup.model import Found


@dataclass(frozen=True, slots=True)
class WhichChat:
    """Which chat belongs to this entity?"""

    ref: EntityRef


@dataclass(frozen=True, slots=True)
class ThisChat:
    """Which chat is this? `ref` is its entity if the event contains it: v2 may not (bitrix24.md 8, row 17)."""

    chat_id: int
    ref: EntityRef | None


@dataclass(frozen=True, slots=True)
class Help:
    """What can be asked?"""


Question = WhichChat | ThisChat | Help


@dataclass(frozen=True, slots=True)
class BotQuestion:
    """A question, and its command, which is answered by a method of its own. None for a message."""

    question: Question
    command: EventCommand | None = None


_ADDRESSING: Final = re.compile(r"(?:\[USER=[0-9]{1,18}\][^\[]{0,255}\[/USER\]|[\s,:;])*")
"""The mention of the bot before a message's text, which the portal may remove (bitrix24.md 5.5)."""
_COMMANDING: Final = re.compile(rf"(?i)\A/|\s/{COMMAND}\b")
"""A text for which the portal sends a command event, perhaps besides the message's (bitrix24.md 5.7 and 9, row 7)."""


def questions_in(event: BotEvent, hosts: Collection[str]) -> tuple[BotQuestion, ...]:
    """The questions of an event; empty where the bot does not answer. `hosts` are the portal's, as in `entity_in`.

    A message has one question at most, an event of v1 may contain several commands.
    """
    message, chat = event.message, event.chat
    if chat is None or (message is not None and (message.system or message.author_id in (0, *event.bot_ids))):
        return ()
    if event.kind is EventKind.COMMAND:
        ours = (command for command in event.commands if command.name.casefold() == COMMAND)
        return tuple(BotQuestion(_commanded(command.params.strip(), chat, hosts), command) for command in ours)
    if event.kind is not EventKind.MESSAGE_ADD or message is None:
        return ()
    question = _written(_ADDRESSING.sub("", message.text, count=1), chat, hosts)
    return () if question is None else (BotQuestion(question),)


def answer_to(question: Question, outcome: Found | ChatLookupError | None, language: Language, domain: str) -> str:
    """The answer, BB code in one line.

    `outcome` is the result or error of a `WhichChat`'s look-up, and for a `ThisChat` the error for which its entity is
    unknown, if so. `domain` is the portal's, for the link that opens the chat.
    """
    match question, outcome:
        case WhichChat(ref), Found(chat_id=chat_id):
            return texts.found(ref, chat_id, domain, language)
        case WhichChat(ref), ChatNotFound():
            return texts.not_found(ref, language)
        case WhichChat(), _:
            return texts.failed(outcome.code if isinstance(outcome, ChatLookupError) else "", language)
        case ThisChat(chat_id, ref), _:
            return texts.this_chat(chat_id, ref, language, shown=outcome is None)
    return texts.help_line(language)


def _commanded(params: str, chat: EventChat, hosts: Collection[str]) -> Question:
    """A command with a text is read like that text in a personal chat; without one it asks for the current chat."""
    if not params and not chat.personal and chat.chat_id is not None:
        return ThisChat(chat.chat_id, EntityRef.or_none(chat.entity_type, chat.entity_id))
    return _entity(params, hosts) or Help()


def _written(text: str, chat: EventChat, hosts: Collection[str]) -> Question | None:
    if _COMMANDING.search(text):
        return None
    if chat.personal:
        return _entity(text, hosts) or Help()
    # In an open line the guest would read the answer; in a group a text without an entity is no question.
    return None if chat.open_line else _entity(text, hosts)


def _entity(text: str, hosts: Collection[str]) -> WhichChat | None:
    ref = entity_in(text, hosts)
    return None if ref is None else WhichChat(ref)
