"""Every chat of an object: all types in all situations, with relatives and without, as the oracle expects them.

With OBJECT_WALK=full also each one alone, and each combination of scopes with each of options.
"""

import itertools
import os
from bisect import bisect
from collections import Counter
from typing import Any, Final

import pytest

from tests.support.portals.crm_objects import (
    SCOPES,
    SITUATIONS,
    TYPES,
    Asked,
    KnownObject,
    chats_of,
    chats_of_many,
    due,
    objects_in,
)
from tests.support.reply_checks import conforms, problem
from tests.support.service import Service

pytestmark = pytest.mark.usefixtures("leaping_clock")

FULL: Final = os.environ.get("OBJECT_WALK") == "full"
WAYS: Final = list(itertools.product((True, False), repeat=2))
"""With relatives or without, with closed lines or without; by default all and none of them."""
LACKING: Final = ((), ("imopenlines",), ("crm",), ("imopenlines", "crm"))
MOST_CALLS: Final = 2


@pytest.fixture(scope="module")
def known(running_service: Service) -> list[KnownObject]:
    """One object of each type in each situation, in the portal for as long as it runs."""
    return objects_in(running_service.control, 700_000)


@pytest.fixture
def walked(service: Service) -> Service:
    service.control("/plan", {"rate": 10_000, "burst": 10_000})
    return service


def asks(walked: Service, known: KnownObject) -> tuple[int, Any]:
    """The status and the body for one object, asked afresh."""
    reply = chats_of(walked, *known.key, fresh=True)
    if reply.status != 200:
        return reply.status, problem(reply, reply.status, "object-not-found")
    conforms(reply.json, "ObjectChats")
    return 200, without_age(reply.json)


def without_age(body: dict[str, Any]) -> dict[str, Any]:
    assert body["source"] == "portal"
    return {name: value for name, value in body.items() if name not in ("source", "age_seconds")}


def test_each_object_gets_its_answer_with_two_requests_at_most(walked: Service, known: list[KnownObject]) -> None:
    asked = [each for each in known if FULL or each.kind in ("deal", "task") or each.situation is SITUATIONS[5]]
    began = []
    for each in asked:
        walked.clock.advance(1)
        began.append(walked.clock.now())
        status, body = asks(walked, each)
        expected = due(each, Asked())
        assert (status, body if expected else None) == (200 if expected else 404, expected), each
    calls = Counter(bisect(began, call["at"]) for call in walked.calls())
    assert set(calls) == set(range(1, len(asked) + 1))
    assert {asked[number - 1] for number, count in calls.items() if count > MOST_CALLS} == set()


@pytest.mark.parametrize("lacking", LACKING, ids=lambda scopes: "no " + " nor ".join(scopes) if scopes else "all")
def test_batch_has_the_answer_of_each_object_whatever_is_granted(
    walked: Service, known: list[KnownObject], lacking: tuple[str, ...]
) -> None:
    scopes = SCOPES - set(lacking)
    walked.control("/scopes", {"scopes": sorted(scopes)})
    for relatives, closed in WAYS if FULL else WAYS[:1] if lacking else WAYS[::3]:
        asked = Asked(relatives, closed, scopes)
        keys = (each.key for each in known)
        results = chats_of_many(walked, keys, relatives=relatives, closed=closed, fresh=True)
        for each, result in zip(known, results, strict=True):
            expected = due(each, asked)
            if expected is None:
                assert result["problem"]["type"].endswith("object-not-found"), each
            else:
                assert without_age(result) == expected, each


def test_walk_has_every_type_in_every_situation(known: list[KnownObject]) -> None:
    assert {each.kind for each in known} == set(TYPES)
    assert len(known) == 7 * 10 + 2 * 2


def test_chat_that_an_object_shares_with_its_contact_is_listed_once_with_the_object(walked: Service) -> None:
    body = chats_of(walked, "deal", 1663).json
    assert [(chat["chat_id"], chat["of"]) for chat in body["chats"]] == [
        (1437, "DEAL|1663"), (1764, "DEAL|1663"), (1763, "CONTACT|42"),
    ]  # fmt: skip
    assert [(part["of"], part["open_lines"]) for part in body["parts"]] == [
        ("DEAL|1663", "found"), ("CONTACT|42", "found"), ("COMPANY|7", "none"),
    ]  # fmt: skip
    of_contact = chats_of(walked, "contact", 42).json
    assert [(chat["chat_id"], chat["of"]) for chat in of_contact["chats"]] == [
        (1764, "CONTACT|42"), (1763, "CONTACT|42"),
    ]  # fmt: skip


@pytest.mark.parametrize("contacts", [15, 16])
def test_fifteen_contacts_and_a_company_are_listed_and_more_make_the_answer_truncated(
    walked: Service, contacts: int
) -> None:
    number = 790_000 + 100 * contacts
    ids = list(range(number + 1, number + 1 + contacts))
    walked.control("/crm", {"type": "deal", "id": number, "contact_ids": ids, "company_id": number})
    body = chats_of(walked, "deal", number).json
    assert [part["of"] for part in body["parts"]] == [
        f"DEAL|{number}", *(f"CONTACT|{each}" for each in ids[:15]), f"COMPANY|{number}",
    ]  # fmt: skip
    assert body["truncated"] == (contacts > 15)
    assert [call["method"] for call in walked.calls()] == ["batch", "batch"]


@pytest.mark.parametrize(("kind", "entity_type", "name"), [
    ("smart_invoice", "CRM", "SMART_INVOICE|{}"), ("smart_invoice", "CRM", "DYNAMIC_31|{}"),
    ("dynamic_31", "CRM", "SMART_INVOICE|{}"), ("Dynamic_2", "CRM", "DEAL|{}"),
    ("task", "TASKS_TASK", "{}"), ("task", "TASKS", "{}"), ("GROUP", "SONET_GROUP", "{}"),
])  # fmt: skip
def test_discussion_is_found_by_each_name_that_the_platform_has_for_its_object(
    walked: Service, kind: str, entity_type: str, name: str
) -> None:
    number = 780_000 + sum(map(ord, kind + entity_type + name))
    chat = {"entity_type": entity_type, "entity_id": name.format(number)}
    chat_id = walked.control("/chats", chat)["chat_id"]
    if entity_type == "CRM":
        walked.control("/crm", {"type": kind, "id": number})
    body = chats_of(walked, kind, number).json
    assert [(chat["chat_id"], chat["kind"]) for chat in body["chats"]] == [(chat_id, "discussion")]
