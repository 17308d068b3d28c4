"""Reads an event's questions, and makes the answer of an outcome. Pure functions (design 5, Events).

Whether the bot is ours and the user an employee is checked elsewhere.
"""

import re
from collections.abc import Collection
from enum import Enum
from typing import Final, NamedTuple

from chat_lookup.bitrix24.event_names import EventKind
from chat_lookup.bot import texts
from chat_lookup.bot.entity_parser import objects_in
from chat_lookup.bot.profile import COMMAND
from chat_lookup.entity import EntityRef
from chat_lookup.errors import ChatLookupError, ChatNotAccessible, ChatNotFound, ObjectNotFound
from chat_lookup.events.model import BotEvent, EventChat, EventCommand
from chat_lookup.languages import Language
from chat_lookup.lookup.model import Found
from chat_lookup.objects.model import ObjectChats
from chat_lookup.objects.portal_objects import PortalObject, object_of


class WhichChat(NamedTuple):
    """Which chat belongs to this entity?"""

    ref: EntityRef


class AllChats(NamedTuple):
    """Which chats does this object have, those of its contacts and company included?"""

    object: PortalObject


class WhichEntity(NamedTuple):
    """Which entity does this chat belong to?"""

    chat_id: int


class Several(NamedTuple):
    """More than one question in a text, which has one answer; `left` is how many more are not answered."""

    questions: "tuple[_Asked, ...]"
    left: int = 0


class ThisChat(NamedTuple):
    """Which chat is this? `ref` is its entity if the event contains it: v2 may not (bitrix24.md 8, row 17).

    A `personal` chat with the bot has none.
    """

    chat_id: int
    ref: EntityRef | None
    personal: bool = False


class Plain(Enum):
    """Questions that ask for nothing in particular."""

    OTHER_PORTAL = "other_portal"
    """What is the object of a link to another portal?"""
    HELP = "help"
    """What can be asked?"""


_Asked = WhichChat | AllChats | WhichEntity
Question = WhichChat | AllChats | WhichEntity | Several | ThisChat | Plain
"""No two have fields of the same types, so that no two are equal."""


class BotQuestion(NamedTuple):
    """A question, and its command, which is answered by a method of its own. None for a message."""

    question: Question
    command: EventCommand | None = None


Outcome = Found | ObjectChats | ChatLookupError
"""Of a look-up."""

_MOST_ANSWERED: Final = 5
"""Objects of one text that are looked up."""
_ADDRESSING: Final = r"(?:\[USER=[0-9]{1,18}\][^\[]{0,255}\[/USER\]|[\s,:;])*"
"""The mention of the bot before a message's text, which the portal may remove (bitrix24.md 5.5)."""
_COMMANDING: Final = rf"(?i)\A/|\s/{COMMAND}\b"
"""A text for which the portal sends a command event, perhaps besides the message's (bitrix24.md 5.7 and 9, row 7)."""


def questions_in(event: BotEvent, hosts: Collection[str]) -> tuple[BotQuestion, ...]:
    """The questions of an event; empty where the bot does not answer. `hosts` are the portal's, as in `objects_in`.

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
    question = _written(re.sub(_ADDRESSING, "", message.text, count=1), chat, hosts)
    return () if question is None else (BotQuestion(question),)


def answer_to(question: Question, outcome: Outcome | None, language: Language, domain: str) -> str:
    """The answer, BB code in one line; with all chats of an object a line for each.

    `outcome` is the result or error of the look-up that a `WhichChat`, an `AllChats` or a `WhichEntity` needs, and for
    a `ThisChat` the error for which its entity is unknown, if so. `domain` is the portal's, for links that open chats.
    """
    match question:
        case AllChats(object_):
            return _listed(object_, outcome, language, domain)
        case WhichChat() | WhichEntity():
            return _looked_up(question, outcome, language, domain)
        case ThisChat(chat_id, _, personal=True):
            return texts.personal_chat(chat_id, language)
        case ThisChat(chat_id, ref):
            return texts.this_chat(chat_id, ref, language, shown=outcome is None)
        case Plain.OTHER_PORTAL:
            return texts.other_portal(domain, language)
    return texts.help_line(language)


def _listed(object_: PortalObject, outcome: Outcome | None, language: Language, domain: str) -> str:
    if isinstance(outcome, ObjectChats):
        return texts.all_chats(outcome, domain, language)
    if isinstance(outcome, ObjectNotFound):
        return texts.no_object(object_.ref, language)
    return texts.failed(outcome.code if isinstance(outcome, ChatLookupError) else "", language)


def _looked_up(question: WhichChat | WhichEntity, outcome: Outcome | None, language: Language, domain: str) -> str:
    match question, outcome:
        case WhichChat(ref), Found(chat_id=chat_id):
            return texts.found(ref, chat_id, domain, language)
        case WhichChat(ref), ChatNotFound():
            return texts.not_found(ref, language)
        case WhichEntity(chat_id), Found(ref=ref):
            return texts.entity_of(chat_id, ref, domain, language)
        case WhichEntity(chat_id), ChatNotAccessible():
            return texts.hidden(chat_id, language)
    return texts.failed(outcome.code if isinstance(outcome, ChatLookupError) else "", language)


def _commanded(params: str, chat: EventChat, hosts: Collection[str]) -> Question:
    """A command with a text is read like that text in a personal chat; without one it asks for the current chat."""
    return _objects(params, hosts) or (None if params else _this(chat)) or Plain.HELP


def _written(text: str, chat: EventChat, hosts: Collection[str]) -> Question | None:
    if re.search(_COMMANDING, text):
        return None
    if chat.open_line:
        return None  # the guest would read the answer
    # In a group the bot receives only what mentions it: a user who names no object asks for that chat.
    return _objects(text, hosts) or (Plain.HELP if chat.personal else _this(chat))


def _this(chat: EventChat) -> ThisChat | None:
    if chat.chat_id is None:
        return None
    ref = None if chat.personal else EntityRef.or_none(chat.entity_type, chat.entity_id)
    return ThisChat(chat.chat_id, ref, chat.personal)


def _objects(text: str, hosts: Collection[str]) -> Question | None:
    """The question about the objects of a text; about chats only where it names no other object."""
    found = objects_in(text, hosts)
    asked: list[_Asked] = [_about(ref, every=found.every) for ref in found.pairs]
    asked = asked or [WhichEntity(chat_id) for chat_id in found.chats]
    if len(asked) > 1:
        return Several(tuple(asked[:_MOST_ANSWERED]), max(0, len(asked) - _MOST_ANSWERED))
    if asked:
        return asked[0]
    return Plain.OTHER_PORTAL if found.foreign else None


def _about(ref: EntityRef, *, every: bool) -> WhichChat | AllChats:
    """The question about one pair; a pair of another kind than an object's has one chat at most."""
    object_ = object_of(ref) if every else None
    return WhichChat(ref) if object_ is None else AllChats(object_)
