"""Reads the objects of a user's text: `deal 1663`, `CRM DEAL|1663`, `chat 1437`, or a link of the portal.

Forms and conventions: bitrix24.md 1.20 and 9, rows 23 and 25; the routes of spaces are those of the product's source.
"""

import re
from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from chat_lookup.entity import EntityRef
from chat_lookup.errors import InvalidRequest
from chat_lookup.objects.links import FOREIGN, NUMBER, folded, pair_of, shown_by

READ: Final = 2_000
"""Characters of a text that are read: a message may have ten times as many (bitrix24.md 6.3)."""

_WORDS: Final[Mapping[str, str]] = {
    "LEAD": "lead leads лид лида лиду лидом лиде лиды лидов",
    "DEAL": "deal deals auftrag auftrags aufträge сделка сделки сделке сделку сделкой сделок",
    "CONTACT": "contact contacts kontakt kontakte kontakts контакт контакта контакту контактом контакте контакты "
    "контактов",
    "COMPANY": "company companies unternehmen unternehmens firma firmen компания компании компанию компанией компаний",
    "SMART_INVOICE": "smart_invoice",
    "TASK": "task tasks tasks_task aufgabe aufgaben задача задачи задаче задачу задачей задач",
    "GROUP": "group groups workgroup workgroups project projects sonet_group sg gruppe gruppen arbeitsgruppe projekt "
    "projekte группа группы группе группу группой групп проект проекта проекту проектом проекте проекты проектов",
}
"""Users' names of an object, in the languages of the bot; `sg133` is a group's dialog (bitrix24.md 1.20)."""
_KIND_OF: Final[Mapping[str, str]] = {word: kind for kind, words in _WORDS.items() for word in words.split()}

_CHAT_WORDS: Final = frozenset({"chat", "chats", "чат", "чата", "чату", "чатом", "чате"})
"""Users' names of a chat, whose number is its own id."""

_EVERY: Final = r"(?<![\w/.=-])(?i:chats|чаты|чатов|чатам|чатами|чатах)(?![\w/.=-])(?![\s:#№]{0,9}[0-9])"
"""Words that ask for all chats of the objects that a text names; before a number they name a chat."""

_TYPES: Final = frozenset({"TASKS_TASK", "TASKS", "TASK", "CALENDAR", "SONET_GROUP", "THREAD", "CHAT", "OPEN"})
_OPAQUE_TYPES: Final = frozenset({"LIVECHAT", "CALL", "MAIL", "VIDEOCONF", "ANNOUNCEMENT", "AI_ASSISTANT_PRIVATE"})
"""The platform's own names, unchanged and in capitals only: `call 5` and `open 3` are plain English."""

_LINK: Final = (
    # A link's target decides, not its label.
    r"(?is:\[URL=(?P<target>[^\]\s]*)\].*?(?:\[/URL\]|\Z))"
    r"|(?P<link>(?:(?<!\w)[A-Za-z][A-Za-z0-9+.-]{0,15}://|(?<![\w.@/-])(?=[\w-]+[.:])[\w.-]+(?::[0-9]{1,5})?/)"
    r"[^\s<>\"«»\[\]]*)"
)
_OPEN_LINE: Final = (
    r"(?<!\w)(?i:LINES[\s:|]{1,3}(?:imol\|)?|imol\|)"
    r"(?P<line>[^\s|\[\]]{1,60}\|[0-9]{1,18}\|[^|\[\]\r\n]{1,120}\|[\w-]{1,40})(?![\w|-])"
)
"""A user code of four parts; the third, the outside chat's, may contain anything but the separator."""
_OPAQUE: Final = (
    rf"(?<!\w)(?P<type>{'|'.join(sorted(_OPAQUE_TYPES))})[\s:|]{{1,3}}(?=[^\s0-9]{{0,254}}[0-9])"
    r"(?P<opaque>[^\s\[\]]{0,254}[^\s\[\].,;:!?])[.,;:!?]{0,9}(?!\S)"
)
_NAMED: Final = (
    r"(?<!\w)(?P<name>(?i:DYNAMIC_[1-9][0-9]{0,8})|[^\W\d]{2,20})"
    r"[\s:|=(#№-]{0,4}(?i:(?:nr|no|id|number|nummer|номер)\b[\s.:=#№]{0,4})?"
    # Neither 1.5, 10:30, 5% nor a part of something longer.
    rf"{NUMBER}(?![\w%|]|[.,:/-][0-9])"
)
_PART: Final = "|".join((_LINK, _OPEN_LINE, _OPAQUE, _NAMED))
"""All forms. Each repetition is bounded or ends at a character outside its class, so that no text takes long."""

_OWN: Final = r"\s*(?P<type>[^\W\d]\w{2,49})[\s:|]{1,3}(?P<id>[^\s\[\]|]{1,100}?)[.,;!?]{0,9}\s*"
"""A whole text that is an application's own pair: a type in capitals and an id with a digit, as `ORDER 2026-0815`."""
_NOT_OWN: Final = _TYPES | _OPAQUE_TYPES | {"CRM", "LINES"}


class NamedObjects(NamedTuple):
    """What a text names or links to, in order and each once. `foreign`: it has a link to another portal's object.

    `every`: it asks for all chats of its objects.
    """

    pairs: tuple[EntityRef, ...] = ()
    chats: tuple[int, ...] = ()
    foreign: bool = False
    every: bool = False


def objects_in(text: str, hosts: Collection[str]) -> NamedObjects:
    """The objects of a text.

    `hosts` are the addresses of the portal, each with its port if that is not the usual one. Links of other hosts are
    ignored as a whole: their ids mean nothing here. Of the text `READ` characters are read.
    """
    ours = {folded(host) for host in hosts}
    head = text if len(text) <= READ else text[:READ].rpartition(" ")[0]  # a number that is cut would be another one
    found = [_read(part, ours) for part in re.finditer(_PART, head)]
    pairs = [each for each in found if isinstance(each, EntityRef)]
    own = None if pairs else _own(head)
    if own is not None:
        return NamedObjects((own,))
    chats = [each for each in found if isinstance(each, int) and each]
    every = re.search(_EVERY, head) is not None
    return NamedObjects(tuple(dict.fromkeys(pairs)), tuple(dict.fromkeys(chats)), FOREIGN in found, every)


def _read(part: re.Match[str], ours: Collection[str]) -> EntityRef | int | None:
    """The pair of an object, the id of a chat, or `FOREIGN`; None for what names nothing."""
    address = part["target"] or part["link"]
    if address:
        return shown_by(address, ours)
    try:
        if part["line"]:
            return EntityRef("LINES", part["line"])
        if part["type"]:
            return EntityRef(part["type"], part["opaque"])
    except InvalidRequest:
        return None
    return _named(part["name"], part["number"]) if part["name"] else None


def _named(name: str, number: str) -> EntityRef | int | None:
    if name in _TYPES:
        return EntityRef(name, number)
    if name.casefold() in _CHAT_WORDS:
        return int(number)
    upper = name.upper()
    kind = upper if upper.startswith("DYNAMIC_") and upper[-1].isdigit() else _KIND_OF.get(name.casefold())
    return None if kind is None else pair_of(kind, number)


def _own(text: str) -> EntityRef | None:
    whole = re.fullmatch(_OWN, text)
    if whole is None or not whole["type"].isupper() or not any(each in "0123456789" for each in whole["id"]):
        return None
    known = whole["type"] in _NOT_OWN or whole["type"].startswith("DYNAMIC_")
    return None if known or whole["type"].casefold() in _KIND_OF else EntityRef.or_none(whole["type"], whole["id"])
