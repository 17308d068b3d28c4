"""Lists of chats while the portal fails: stale for a day, never wrong, and every question is answered.

OBJECT_FAULTS is the number of portals with faults that are walked, 1 by default.
"""

import os
from typing import Any, Final

import pytest

from tests.support.portals.crm_objects import Asked, KnownObject, chats_of, chats_of_many, due, objects_in
from tests.support.reply_checks import problem
from tests.support.service import Service

pytestmark = pytest.mark.usefixtures("leaping_clock")

SEEDS: Final = range(int(os.environ.get("OBJECT_FAULTS", "1")))
SHARE: Final = 0.2
MINUTE, HOUR = 60.0, 3600.0
SPREAD: Final = 1.1
"""Freshness is spread by a tenth (design 5)."""
OF_REQUESTS: Final[tuple[dict[str, object], ...]] = (
    {"error": "QUERY_LIMIT_EXCEEDED"},
    {"error": "INTERNAL_SERVER_ERROR"},
    {"drop": True},
    {"truncate": 40},
    {"status": 502, "body": "<html>", "content_type": "text/html"},
)
OF_COMMANDS: Final = ("im.chat.get", "imopenlines.crm.chat.get", "crm.item.get")
PASSING: Final = {"portal-busy": 429, "portal-unavailable": 503, "deadline": 504}


@pytest.fixture(scope="module")
def known(running_service: Service) -> list[KnownObject]:
    return objects_in(running_service.control, 900_000, ("deal", "contact", "quote", "task"))


@pytest.fixture
def unlimited(service: Service) -> Service:
    service.control("/plan", {"rate": 10_000, "burst": 10_000})
    return service


def with_all_kinds(known: list[KnownObject]) -> KnownObject:
    return next(each for each in known if each.kind == "deal" and each.situation.name == "all kinds of chats")


def test_list_is_fresh_for_a_minute(unlimited: Service, known: list[KnownObject]) -> None:
    deal = with_all_kinds(known)
    sources = []
    for seconds in (0.0, MINUTE / SPREAD - 5, MINUTE * SPREAD):
        unlimited.clock.advance(seconds)
        sources.append(chats_of(unlimited, *deal.key).json["source"])
    assert sources == ["portal", "cache", "portal"]


@pytest.mark.parametrize("trouble", [{"drop": True}, {"error": "OVERLOAD_LIMIT"}, {"error": "QUERY_LIMIT_EXCEEDED"}])
def test_list_is_served_stale_for_a_day_with_its_relatives(
    unlimited: Service, known: list[KnownObject], trouble: dict[str, object]
) -> None:
    deal = with_all_kinds(known)
    assert chats_of(unlimited, *deal.key).json["source"] == "portal"
    unlimited.control("/faults", {"method": "*", **trouble})
    expected = due(deal, Asked())
    for hours in (1, 20):
        unlimited.clock.advance(hours * HOUR)
        body = chats_of(unlimited, *deal.key).json
        assert (body.pop("source"), body.pop("age_seconds") >= hours * HOUR) == ("stale", True)
        assert body == expected
    (outcome,) = chats_of_many(unlimited, [deal.key])
    assert outcome["source"] == "stale"
    unlimited.clock.advance(6 * HOUR)
    reply = chats_of(unlimited, *deal.key)
    assert reply.status in (429, 503), "a day is over"


def test_object_that_was_asked_for_before_it_was_deleted_is_not_found_then(unlimited: Service) -> None:
    key = ("lead", 999_901)
    unlimited.control("/lines", {"connector": "viber", "crm": [{"type": key[0], "id": key[1]}]})
    assert chats_of(unlimited, *key).status == 200
    unlimited.control("/delete", {"type": key[0], "id": key[1]})
    unlimited.clock.advance(MINUTE * SPREAD)
    problem(chats_of(unlimited, *key), 404, "object-not-found")


@pytest.mark.parametrize("seed", SEEDS)
def test_with_a_fifth_of_all_calls_failing_no_list_is_wrong_and_none_is_missing_in_the_end(
    unlimited: Service, known: list[KnownObject], seed: int
) -> None:
    share = SHARE / len(OF_REQUESTS)
    faults: list[dict[str, object]] = [
        {"method": "batch", **each, "probability": share, "seed": [seed, number]}
        for number, each in enumerate(OF_REQUESTS)
    ]
    inner = {"error": "INTERNAL_SERVER_ERROR", "probability": SHARE, "seed": seed}
    unlimited.control("/faults", [*faults, *({"method": method, **inner} for method in OF_COMMANDS)])
    for each in known:
        reply = chats_of(unlimited, *each.key)
        if reply.status not in (200, 404):
            assert reply.status == PASSING[reply.json["type"].rpartition(":")[2]], reply.body
        else:
            agrees(reply.status, reply.json, due(each, Asked()))
    for each, outcome in zip(known, chats_of_many(unlimited, (each.key for each in known)), strict=True):
        if "problem" in outcome and outcome["problem"]["status"] != 404:
            assert outcome["problem"]["type"].rpartition(":")[2] in PASSING
        else:
            agrees(404 if "problem" in outcome else 200, outcome, due(each, Asked()))

    assert sum(fault["applied"] for fault in unlimited.control("/faults")) > len(known) / 10
    unlimited.control("/faults", [])
    unlimited.clock.advance(10 * MINUTE)
    for each in known:
        body = chats_of(unlimited, *each.key, fresh=True).json
        expected = due(each, Asked())
        assert {name: body[name] for name in expected} == expected if expected else body["status"] == 404


def agrees(status: int, body: dict[str, Any], expected: dict[str, Any] | None) -> None:
    """What is named is right, and in its order; what is missing is called so, with the problem that it had."""
    if expected is None or status == 404:
        assert expected is None or status == 200, body
        return
    assert [each for each in expected["chats"] if each in body["chats"]] == body["chats"], body
    parts = {part["of"]: part for part in expected["parts"]}
    complete = [part["of"] for part in body["parts"]] == list(parts)
    for part in body["parts"]:
        complete &= "problem" not in part
        for name in ("discussion", "open_lines"):
            assert part[name] == parts[part["of"]][name] or (part[name] == "refused" and "problem" in part), part
    if complete:
        assert {name: body[name] for name in expected} == expected
    else:
        assert any("problem" in part for part in body["parts"]), body


@pytest.mark.parametrize("method", OF_COMMANDS[1:])
def test_method_without_operating_time_leaves_the_other_parts_answered(
    unlimited: Service, known: list[KnownObject], method: str
) -> None:
    deal = with_all_kinds(known)
    expected = due(deal, Asked())
    assert expected is not None
    unlimited.control("/faults", {"method": method, "error": "OPERATION_TIME_LIMIT"})
    body = chats_of(unlimited, *deal.key).json
    own, *others = body["parts"]
    assert (own["discussion"], own["problem"]["portal_error"]) == ("found", "OPERATION_TIME_LIMIT")
    assert (own["open_lines"], len(others)) == (("found", 0) if method == "crm.item.get" else ("refused", 4))
    agrees(200, body, expected)

    unlimited.control("/faults", [])
    unlimited.clock.advance(11 * MINUTE)
    body = chats_of(unlimited, *deal.key).json
    assert {name: body[name] for name in expected} == expected, "what was incomplete is not stored"
