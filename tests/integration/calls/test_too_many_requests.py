"""A portal that replies "too many requests" or "not now" in any form: it is not called, and callers get its own time.

The forms are tested with look-ups, the notations of `Retry-After` and the entry points with some of them. What an
authorisation server names in each form: bitrix24/test_oauth_answers.py.
"""

import json
import re
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from itertools import count
from typing import Any, Final

import pytest

from chat_lookup.bitrix24.http import LONGEST_RETRY_AFTER
from tests.support.error_scenarios import heal
from tests.support.portals.unknown_portal import Stage
from tests.support.service import Service
from tests.support.too_many_requests import FORMS, TOO_MANY

NAMED: Final = 30
NEAR: Final = 10
"""Seconds by which the time that a caller gets may differ from the portal's own (design 16)."""


def date(seconds: float) -> str:
    """Return the date this many seconds from now; the portal's host sends the time of this machine as its `Date`."""
    return formatdate(time.time() + seconds, usegmt=True)


WRITTEN: Final[dict[str, tuple[Callable[[], str], float]]] = {
    "seconds": (lambda: str(NAMED), NAMED),
    "a date": (lambda: date(NAMED), NAMED),
    "two minutes": (lambda: "120", 120),
    "a year": (lambda: "31536000", LONGEST_RETRY_AFTER),
    "a date in a year": (lambda: date(365 * 86400), LONGEST_RETRY_AFTER),
}
UNREADABLE: Final = ["-30", "soon", "Wed, 99 Nov 2026 25:61:61 GMT", ""]
"""Treated as no header."""


@pytest.fixture
def numbers() -> Iterator[int]:
    return count(600_000)


@pytest.fixture(scope="module")
def _begun(running_service: Service) -> Service:
    running_service.reset()
    return running_service


@pytest.fixture
def portal(_begun: Service) -> Service:
    """The service in a warm process, after the pauses of former tests have expired."""
    _begun.clock.advance(LONGEST_RETRY_AFTER + 1)
    heal(_begun)
    return _begun


def faulty(service: Service, form: dict[str, object], retry_after: str, **more: object) -> None:
    service.control("/faults", {"method": "*", **form, "headers": {"Retry-After": retry_after}, **more})


def near(seconds: float, named: float) -> bool:
    return named - NEAR <= seconds <= named + NEAR


# -- the entry points --------------------------------------------------------------------------------------------------


def by_look_up(service: Service, deal: int) -> float:
    reply = service.look_up("CRM", f"DEAL|{deal}")
    assert reply.status in (429, 503), reply.body
    assert reply.json["retry_after"] == int(reply.headers["retry-after"])
    return float(reply.headers["retry-after"])


def by_batch(service: Service, deal: int) -> float:
    return _least(_batch(service, deal)["results"])


def by_direct(service: Service, deal: int) -> float:
    with pytest.raises(Exception, match=r"try again in \d+ s") as raised:
        service.direct({"entity_type": "CRM", "entity_id": f"DEAL|{deal}"})
    return float(re.findall(r"try again in (\d+) s", str(raised.value))[0])


def by_direct_batch(service: Service, deal: int) -> float:
    return _least(service.direct({"lookups": _pairs(deal)})["results"])


def by_rest(service: Service, deal: int) -> float:
    path = f"/rest/1/{service.api_key}/im.chat.get?ENTITY_TYPE=CRM&ENTITY_ID=DEAL%7C{deal}"
    reply = service.get(path, {})
    assert reply.status in (429, 503), reply.body
    return float(reply.headers["retry-after"])


def _pairs(deal: int) -> list[dict[str, object]]:
    return [{"entity_type": "CRM", "entity_id": f"DEAL|{deal * 10 + number}"} for number in range(3)]


def _batch(service: Service, deal: int) -> Any:
    body = json.dumps({"lookups": _pairs(deal)}).encode()
    reply = service.request("POST", "/v1/chats/batch", {"X-Api-Key": service.api_key}, body)
    assert reply.status == 200, reply.body
    return reply.json


def _least(results: list[Any]) -> float:
    problems = [each["problem"] for each in results]
    assert all(each["status"] in (429, 503) for each in problems)
    return float(min(each["retry_after"] for each in problems))


ENTRY_POINTS: Final = {
    "look-up": by_look_up,
    "batch": by_batch,
    "direct": by_direct,
    "direct, many": by_direct_batch,
    "/rest": by_rest,
}
EntryPoint = Callable[[Service, int], float]


# -- what callers get --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_retry_after_of_the_portal_is_returned_to_both_callers_and_the_portal_is_called_once(
    portal: Service, numbers: Iterator[int], form: str
) -> None:
    before = len(portal.calls())
    faulty(portal, FORMS[form], str(NAMED))
    for passed in (0, 6):
        portal.clock.advance(passed)
        reply = portal.look_up("CRM", f"DEAL|{next(numbers)}")
        assert (reply.status, reply.json["type"].rpartition(":")[2]) == (
            (429, "portal-busy") if form in TOO_MANY else (503, "portal-unavailable")
        )
        assert near(int(reply.headers["retry-after"]), NAMED - passed), reply.headers
    assert len(portal.calls()) - before == 1

    portal.control("/faults", [])
    portal.clock.advance(NAMED)
    assert [portal.look_up("CRM", f"DEAL|{next(numbers)}").status for _ in range(3)] == [404] * 3


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
@pytest.mark.parametrize("form", ["429 with a page", "503 with a page", "QUERY_LIMIT_EXCEEDED under 503"])
def test_retry_after_is_returned_twice_by_each_entry_point(
    portal: Service, numbers: Iterator[int], entry_point: str, form: str
) -> None:
    """Two minutes: no function waits that long."""
    value, named = WRITTEN["two minutes"]
    before = len(portal.calls())
    faulty(portal, FORMS[form], value())
    retry_afters = [ENTRY_POINTS[entry_point](portal, next(numbers)) for _ in range(2)]
    assert all(near(seconds, named) for seconds in retry_afters), retry_afters
    assert len(portal.calls()) - before == 1


@pytest.mark.parametrize("written", WRITTEN)
def test_retry_after_counts_in_each_notation_and_for_ten_minutes_at_most(
    portal: Service, numbers: Iterator[int], written: str
) -> None:
    value, named = WRITTEN[written]
    faulty(portal, FORMS["429 with a page"], value())
    retry_afters = [by_look_up(portal, next(numbers)) for _ in range(2)]
    assert all(near(seconds, named) for seconds in retry_afters), retry_afters
    portal.control("/faults", [])
    portal.clock.advance(LONGEST_RETRY_AFTER + 1)
    assert portal.look_up("CRM", f"DEAL|{next(numbers)}").status == 404


@pytest.mark.parametrize("value", UNREADABLE)
def test_unreadable_retry_after_counts_as_none(portal: Service, numbers: Iterator[int], value: str) -> None:
    faulty(portal, FORMS["503 with a page"], value)
    assert by_look_up(portal, next(numbers)) <= 60
    portal.control("/faults", [])
    portal.clock.advance(60)
    assert portal.look_up("CRM", f"DEAL|{next(numbers)}").status == 404


def test_look_up_waits_for_a_retry_after_of_one_second(portal: Service, numbers: Iterator[int]) -> None:
    before = len(portal.calls())
    faulty(portal, FORMS["503 with a page"], "1", times=1)
    assert portal.look_up("CRM", f"DEAL|{next(numbers)}").status == 404
    assert len(portal.calls()) - before == 2


def test_stale_answer_is_served_during_the_pause(portal: Service) -> None:
    assert portal.look_up("CRM", "DEAL|1663").json["chat_id"] == 1437
    portal.clock.advance(27 * 3600)
    faulty(portal, FORMS["429 with a page"], str(NAMED))
    assert [portal.look_up("CRM", "DEAL|1663").json["source"] for _ in range(2)] == ["stale", "stale"]


# -- the authorisation server ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["429 with a page", "503 with a page"])
def test_authorisation_server_is_not_called_before_its_retry_after(stage: Stage, form: str) -> None:
    stage.install()
    key = stage.key()
    stage.tell("/reset", {})
    stage.tell("/expire_tokens", {})
    stage.answers("oauth/token", **FORMS[form], headers={"Retry-After": str(NAMED)})
    for number in range(2):
        reply = stage.look_up(key, entity_id=f"DEAL|{number + 1}")
        assert reply.status in (429, 503), reply.body
        assert near(int(reply.headers["retry-after"]), NAMED), reply.headers
    assert stage.calls().count("oauth/token") == 1
    assert stage.state == "active"

    stage.tell("/faults", [])
    stage.service.clock.advance(NAMED + 1)
    assert stage.look_up(key, entity_id="DEAL|3").status == 404
