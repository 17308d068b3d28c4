"""Requests about objects of the CRM, and a view of the page inside the portal, once each: they are counted as look-ups
are."""

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from benchmarks.cost.call_counter import Counted, Counting
from benchmarks.cost.kinds import (
    FOUND,
    FOUND_ASKED,
    OBJECT,
    OBJECT_ASKED,
    OBJECT_WHOLE,
    OBJECT_WHOLE_ASKED,
    OBJECTS,
    OBJECTS_ASKED,
)
from benchmarks.setting import LeftOut
from local.portal import LocalPortal
from local.portal.events.installer import Manner

_AT_ONCE: Final = 200
"""Objects in a batch, which is the most."""
_PER_ROUND: Final = 1_000
_CONTACTS: Final = 2
"""Beside the company, of an object with three relatives."""
_FIRST: Final = 100_000
"""The lowest id of these objects: the portal's own are below."""
_ALONE, _WHOLE, _VIEWED, _FIRST_OF_BATCH = 0, 1, 2, 10
_SESSION: Final = re.compile(r'data-session="([^"]+)"')


@dataclass(frozen=True, slots=True)
class ObjectScene:
    """`ready` is the usual state before a request: the portal in the process's memory, its rate limiter idle."""

    portal: LocalPortal
    counting: Counting
    invoke: Callable[[str, object], Any]
    control: Callable[[str, Mapping[str, object]], Any]
    sample: Callable[[str], dict[str, Any]]
    ready: Callable[[], None]

    def round(self, number: int) -> dict[str, Counted]:
        """Every kind once, of objects that no round had before."""
        first = _FIRST + number * _PER_ROUND
        for deal in (_ALONE, _WHOLE, _VIEWED):
            relatives = {
                "contact_ids": [first + deal * 10 + each for each in range(_CONTACTS)],
                "company_id": first + deal,
            }
            self._deal(first + deal, relatives)
        for deal in range(_AT_ONCE):
            self.control("/crm", {"type": "deal", "id": first + _FIRST_OF_BATCH + deal})
        session, token = self._opened()
        return {
            OBJECT_ASKED: self._of(lambda: self._object(first + _ALONE, "relatives=false")),
            OBJECT: self._of(lambda: self._object(first + _ALONE, "relatives=false")),
            OBJECT_WHOLE_ASKED: self._of(lambda: self._object(first + _WHOLE)),
            OBJECT_WHOLE: self._of(lambda: self._object(first + _WHOLE)),
            OBJECTS_ASKED: self._of(lambda: self._batch(first + _FIRST_OF_BATCH)),
            OBJECTS: self._of(lambda: self._batch(first + _FIRST_OF_BATCH)),
            FOUND_ASKED: self._of(lambda: self._find(first + _VIEWED, session, token)),
            FOUND: self._of(lambda: self._find(first + _VIEWED, session, token)),
        }

    def _of(self, work: Callable[[], object]) -> Counted:
        self.ready()
        return self.counting.of(work)

    def _deal(self, number: int, relatives: Mapping[str, object]) -> None:
        """With a discussion, and an open line of its own."""
        self.control("/crm", {"type": "deal", "id": number, **relatives})
        self.control("/chats", {"entity_type": "CRM", "entity_id": f"DEAL|{number}"})
        self.control("/lines", {"connector": "telegrambot", "crm": [{"type": "deal", "id": number}]})

    def _object(self, number: int, query: str = "") -> None:
        event = self.sample("objects-http")
        event |= {"rawQueryString": query, "pathParameters": {"type": "deal", "id": str(number)}}
        self._answered("LookupFunction", event)

    def _batch(self, first: int) -> None:
        objects = [{"type": "deal", "id": number} for number in range(first, first + _AT_ONCE)]
        body = json.dumps({"objects": objects})
        answer = self._answered("LookupFunction", {**self.sample("objects-batch"), "body": body})
        if any("error" in each or "problem" in each for each in json.loads(answer["body"])["results"]):
            raise LeftOut("an object of the batch has no answer")

    def _opened(self) -> tuple[str, str]:
        """The session of a page that an administrator opened, and that user's token."""
        (sent,) = self.portal.installer.visit(manner=Manner(send=False)).sent
        event = self.sample("app-frame")
        event |= {
            "rawQueryString": urlsplit(sent.message.url).query,
            "body": base64.b64encode(sent.message.body.encode()).decode(),
        }
        found = _SESSION.search(self._answered("PageFunction", event)["body"])
        if found is None:
            raise LeftOut("the page has no session")
        return found[1], dict(each.split("=", 1) for each in sent.message.body.split("&"))["AUTH_ID"]

    def _find(self, number: int, session: str, token: str) -> None:
        event = self.sample("page-find")
        headers = {**event["headers"], "x-page-session": session, "x-bitrix24-token": token}
        self._answered("PageFunction", {**event, "headers": headers, "body": json.dumps({"query": f"deal {number}"})})

    def _answered(self, function: str, event: Mapping[str, object]) -> Any:
        answer = self.invoke(function, event)
        if answer["statusCode"] != 200:  # noqa: PLR2004 - that of a success
            raise LeftOut(f"{function} answers {answer['statusCode']}: {answer.get('body', '')[:200]}")
        return answer
