"""Objects with their chats in the local portal, and the answer that is due for each: an independent oracle."""

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from tests.support.service import Reply, Service

CRM_TYPES: Final = ("lead", "deal", "contact", "company", "quote", "smart_invoice", "dynamic_177")
TYPES: Final = (*CRM_TYPES, "task", "group")
_WITH_LINES: Final = frozenset({"lead", "deal", "contact", "company"})
_ENTITY_TYPES: Final = {"task": "TASKS_TASK", "group": "SONET_GROUP"}
_CONNECTORS: Final = itertools.cycle((("telegrambot", "Telegram"), ("livechat", "Live Chat")))
SCOPES: Final = frozenset({"crm", "im", "imbot", "imopenlines", "task"})

Tell = Callable[[str, object], Any]
Json = dict[str, Any]


class Situation(NamedTuple):
    """What an object has: a discussion, and lines in the order in which they were changed last."""

    name: str
    discussion: bool = False
    statuses: tuple[int, ...] = ()
    readable: bool = True
    exists: bool = True


SITUATIONS: Final = (
    Situation("a discussion", discussion=True),
    Situation("an active line", statuses=(40,)),
    Situation("a closed line", statuses=(60,)),
    Situation("a line that no operator accepted", statuses=(0,)),
    Situation("a line that is closing", statuses=(50,)),
    Situation("all kinds of chats", discussion=True, statuses=(60, 10, 0, 25, 75)),
    Situation("no chat"),
    Situation("refused", discussion=True, statuses=(40,), readable=False),
    Situation("refused, and no chat", readable=False),
    Situation("gone", exists=False),
)


class OpenLine(NamedTuple):
    chat_id: int
    connector: str
    title: str
    active: bool


class KnownObject(NamedTuple):
    """An object of the portal, with what it was given; `lines` newest first."""

    kind: str
    number: int
    situation: Situation
    discussion: int | None = None
    lines: tuple[OpenLine, ...] = ()
    relatives: tuple["KnownObject", ...] = ()

    @property
    def key(self) -> tuple[str, int]:
        return self.kind, self.number

    @property
    def of(self) -> str:
        kind = "SONET_GROUP" if self.kind == "group" else self.kind.upper()
        return f"{kind}|{self.number}"

    @property
    def pair(self) -> tuple[str, str]:
        if self.kind in CRM_TYPES:
            return "CRM", self.of
        return ("TASK" if self.kind == "task" else "SONET_GROUP"), str(self.number)


def objects_in(tell: Tell, first: int, kinds: Sequence[str] = TYPES) -> list[KnownObject]:
    """Put an object of each type into the portal for each situation, with relatives in several situations."""
    numbers = itertools.count(first)
    contacts = tuple(
        _put(tell, "contact", next(numbers), situation) for situation in (SITUATIONS[5], SITUATIONS[7], SITUATIONS[6])
    )
    company = _put(tell, "company", next(numbers), SITUATIONS[2])
    return [
        _put(tell, kind, next(numbers), situation, _relatives_of(kind, contacts, company))
        for kind in kinds
        for situation in SITUATIONS
        if kind in CRM_TYPES or situation.name in ("a discussion", "no chat")
    ]


def _relatives_of(kind: str, contacts: tuple[KnownObject, ...], company: KnownObject) -> tuple[KnownObject, ...]:
    """A contact names a company only, a company contacts only."""
    if kind in CRM_TYPES:
        return (*(() if kind == "contact" else contacts), *(() if kind == "company" else (company,)))
    return ()


def _put(
    tell: Tell, kind: str, number: int, situation: Situation, relatives: tuple[KnownObject, ...] = ()
) -> KnownObject:
    known = KnownObject(kind, number, situation, relatives=relatives)
    if situation.discussion:
        entity_type = _ENTITY_TYPES.get(kind, "CRM")
        entity_id = known.of if entity_type == "CRM" else str(number)
        chat = tell("/chats", {"entity_type": entity_type, "entity_id": entity_id})
        known = known._replace(discussion=chat["chat_id"])
    if kind in _WITH_LINES:
        lines = [_line(tell, kind, number, status) for status in situation.statuses]
        known = known._replace(lines=tuple(reversed(lines)))
    if kind in CRM_TYPES and situation.exists:
        contact_ids = [each.number for each in relatives if each.kind == "contact"]
        company_id = next((each.number for each in relatives if each.kind == "company"), 0)
        clients = {"contact_ids": contact_ids, "company_id": company_id}
        tell("/crm", {"type": kind, "id": number, "readable": situation.readable, **clients})
    return known


def _line(tell: Tell, kind: str, number: int, status: int) -> OpenLine:
    connector, title = next(_CONNECTORS)
    made = tell("/lines", {"connector": connector, "status": status, "crm": [{"type": kind, "id": number}]})
    return OpenLine(made["chat_id"], connector, title, active=10 <= status < 50)


def chats_of(service: Service, kind: str, number: int, **options: bool) -> Reply:
    """Ask for the chats of one object over HTTP."""
    query = urlencode({name: json.dumps(value) for name, value in options.items()})
    return service.get(f"/v1/objects/{kind}/{number}/chats?{query}")


def chats_of_many(service: Service, known: Iterable[tuple[str, int]], **options: bool) -> Iterator[Json]:
    """Ask for many objects at once; the outcomes in their order."""
    objects = [{"type": kind, "id": number} for kind, number in known]
    headers = {"X-Api-Key": service.api_key, "Content-Type": "application/json"}
    body = json.dumps({"objects": objects, **options}).encode()
    reply = service.request("POST", "/v1/objects/chats/batch", headers, body)
    assert reply.status == 200, reply.body
    results: list[Json] = reply.json["results"]
    assert len(results) == len(objects)
    yield from results


class Asked(NamedTuple):
    """How an object is asked for, and what the application may ask."""

    relatives: bool = True
    closed: bool = True
    scopes: frozenset[str] = SCOPES


def due(known: KnownObject, asked: Asked) -> Json | None:
    """What the answer must be, its source and age left out; None where the object must not be found."""
    in_crm = known.kind in CRM_TYPES
    if in_crm and not known.situation.exists and "crm" in asked.scopes:
        return None
    related = list(_known_relatives(known, asked))
    parts = [_part(each, asked) for each in (known, *related)]
    if asked.relatives and in_crm:
        if "crm" not in asked.scopes:
            parts[0]["relatives"] = "not_granted"
        elif not known.situation.readable:
            parts[0]["relatives"] = "refused"
    return {
        "entity_type": known.pair[0],
        "entity_id": known.pair[1],
        "chats": [chat for each in (known, *related) for chat in _chats(each, asked)],
        "parts": parts,
        "truncated": False,
    }


def _known_relatives(known: KnownObject, asked: Asked) -> Iterator[KnownObject]:
    """Those that the portal names to us: none of an object that may not be read."""
    if asked.relatives and "crm" in asked.scopes and known.situation.readable and known.situation.exists:
        yield from known.relatives


def _shown(known: KnownObject, asked: Asked) -> list[OpenLine]:
    if "imopenlines" not in asked.scopes or not known.situation.readable:
        return []
    return [line for line in known.lines if asked.closed or line.active]


def _part(known: KnownObject, asked: Asked) -> Json:
    lines = "found" if _shown(known, asked) else "none"
    if known.kind in _WITH_LINES:
        if "imopenlines" not in asked.scopes:
            lines = "not_granted"
        elif not known.situation.readable:
            lines = "refused"
    return {"of": known.of, "discussion": "found" if known.discussion else "none", "open_lines": lines}


def _chats(known: KnownObject, asked: Asked) -> Iterator[Json]:
    if known.discussion:
        yield _named(known.discussion) | {"kind": "discussion", "of": known.of}
    for line in _shown(known, asked):
        titles = {"connector": line.connector, "connector_title": line.title, "active": line.active}
        yield _named(line.chat_id) | {"kind": "open_line", "of": known.of} | titles


def _named(chat_id: int) -> Json:
    return {"chat_id": chat_id, "dialog_id": f"chat{chat_id}"}
