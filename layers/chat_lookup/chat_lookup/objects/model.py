"""What is known of an object's chats: its own list, which is stored, and the answer, made of several lists."""

import json
from enum import StrEnum
from typing import Final, NamedTuple

from chat_lookup.errors import ChatLookupError
from chat_lookup.objects.portal_objects import PortalObject

MOST_CONTACTS: Final = 15
"""Contacts whose chats are in an answer: with a company their commands are 48, of which a batch takes fifty."""


MOST_LINES: Final = 200
"""Open lines of one object that are in an answer. A company's may be thousands; a row of CacheTable holds 400 KB."""


class PartState(StrEnum):
    """What became of a part of an answer. `refused`, too, where the portal failed: then a problem is beside it."""

    FOUND = "found"
    NONE = "none"
    REFUSED = "refused"
    NOT_GRANTED = "not_granted"


class Line(NamedTuple):
    """An open line's chat. `active`: an operator has accepted the conversation, and it has not ended."""

    chat_id: int
    connector: str
    connector_title: str
    active: bool


class ChatList(NamedTuple):
    """An object's own chats, as the portal listed them, and the objects whose chats belong to the answer, too.

    `item` is what became of the question for those; NONE where it was not asked, or cannot be.
    """

    discussion: PartState = PartState.NONE
    chats: tuple[int, ...] = ()
    open_lines: PartState = PartState.NONE
    lines: tuple[Line, ...] = ()
    item: PartState = PartState.NONE
    contacts: tuple[int, ...] = ()
    company: int | None = None
    more: bool = False
    """Whether the object names more contacts and companies than these."""
    more_lines: bool = False
    """Whether it has more open lines than these."""
    missing: bool = False
    """Whether the portal has no such object."""

    @property
    def relatives(self) -> tuple[PortalObject, ...]:
        """The contacts, then the company."""
        contacts = [PortalObject("CONTACT", number) for number in self.contacts]
        return (*contacts, *([PortalObject("COMPANY", self.company)] if self.company else []))

    def to_json(self) -> str:
        return json.dumps(self._asdict(), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "ChatList":
        """Read it back. Another format gets another kind of rows (`cache.rows.LIST`)."""
        given = json.loads(text)
        given |= {part: PartState(given[part]) for part in ("discussion", "open_lines", "item")}
        given |= {part: tuple(given[part]) for part in ("chats", "contacts")}
        return cls(**given | {"lines": tuple(Line(*line) for line in given["lines"])})


class Reading(NamedTuple):
    """A list as the portal's replies have it. With a `failure` it is incomplete: a reply was missing.

    `refusal` is the error of its first part without an answer; `answered` whether any part has one.
    """

    list: ChatList
    asked_at: float
    answered: bool
    failure: ChatLookupError | None = None
    refusal: ChatLookupError | None = None

    @property
    def complete(self) -> bool:
        """Whether it may be stored: no error is (design 5)."""
        return self.answered and self.failure is None


class Held(NamedTuple):
    """A list that an answer is made of, with its source; with what is missing of it, if it is incomplete.

    `fresh_until` is 0 where it is not stored.
    """

    list: ChatList
    source: str
    asked_at: float
    fresh_until: float
    answered: bool = True
    failure: ChatLookupError | None = None
    refusal: ChatLookupError | None = None


class ObjectOptions(NamedTuple):
    """`relatives`: with the chats of contacts and company. `closed`: with open lines that are not active. `fresh`: the
    portal is asked whatever is cached."""

    relatives: bool = True
    closed: bool = True
    fresh: bool = False


class ListedChat(NamedTuple):
    """One chat of an answer, and the object whose it is; `line` is None for a discussion."""

    chat_id: int
    of: str
    line: Line | None = None


class ObjectPart(NamedTuple):
    """What became of the questions about one object. `relatives` only where they were wanted and are unknown."""

    of: str
    discussion: PartState
    open_lines: PartState
    relatives: PartState | None = None
    problem: ChatLookupError | None = None


class ObjectChats(NamedTuple):
    """The answer for one object."""

    object: PortalObject
    chats: tuple[ListedChat, ...]
    parts: tuple[ObjectPart, ...]
    truncated: bool
    source: str
    age_seconds: int


ObjectOutcome = ObjectChats | ChatLookupError
