"""Many objects: each question is asked once, fifty in a request, and each object has its own outcome."""

import os
from collections.abc import Sequence
from random import Random
from typing import Final

import pytest

from chat_lookup.errors import ChatLookupError, DeadlineReached, InvalidRequest, ObjectNotFound
from chat_lookup.objects.lists import FRESH_LIST
from chat_lookup.objects.model import MOST_CONTACTS, ObjectChats, ObjectOutcome
from chat_lookup.objects.portal_objects import PortalObject
from chat_lookup.portals.portal import Portal
from tests.support.fakes import FakeBitrix24, ManualClock, Output
from tests.support.in_process_service import Service, list_chats, list_many
from tests.support.portals.crm_content import FakeCrm, FakeLine, named

CRMS: Final = int(os.environ.get("CRMS", "8"))
"""How many random portals are walked."""


def deals(count: int) -> list[PortalObject]:
    return [PortalObject("DEAL", number) for number in range(1, count + 1)]


def codes(outcomes: Sequence[ObjectOutcome]) -> list[str]:
    return [each.code if isinstance(each, ChatLookupError) else each.source for each in outcomes]


def test_outcomes_have_the_order_of_the_objects_and_each_is_asked_once(
    service: Service, portal: Portal, crm: FakeCrm, bitrix24: FakeBitrix24, output: Output
) -> None:
    crm.discussions["DEAL|1"] = 1437
    crm.gone |= {"DEAL|2"}
    broken = InvalidRequest("id must be a positive whole number")
    asked: list[PortalObject | ChatLookupError] = [named("DEAL|1"), broken, named("DEAL|2"), named("DEAL|1")]
    outcomes = list_many(service, portal, asked)
    assert codes(outcomes) == ["portal", "invalid-request", "object-not-found", "portal"]
    assert outcomes[0] == outcomes[3]
    assert isinstance(outcomes[2], ObjectNotFound)
    assert [len(call.params["cmd"]) for call in bitrix24.calls] == [8]  # type: ignore[arg-type]  # a list
    assert (output.metric("ObjectLookups", source="portal"), output.metric("ObjectLookups", source="none")) == (1, 1)


@pytest.mark.parametrize(("objects", "requests"), [(12, 1), (13, 2), (51, 5)])
def test_fifty_questions_share_a_request(
    service: Service, portal: Portal, crm: FakeCrm, bitrix24: FakeBitrix24, objects: int, requests: int
) -> None:
    assert crm.contacts == {}
    assert codes(list_many(service, portal, deals(objects))) == ["portal"] * objects
    assert len(bitrix24.calls) == requests
    assert codes(list_many(service, portal, deals(objects))) == ["cache"] * objects
    assert len(bitrix24.calls) == requests


def test_contact_of_many_objects_is_asked_once(
    service: Service, portal: Portal, crm: FakeCrm, bitrix24: FakeBitrix24
) -> None:
    crm.contacts |= {each.name: [42] for each in deals(12)}
    crm.lines["CONTACT|42"] = [FakeLine(1800)]
    outcomes = list_many(service, portal, [*deals(12)])
    assert all(isinstance(each, ObjectChats) and each.chats[0].of == "CONTACT|42" for each in outcomes)
    assert [len(call.params["cmd"]) for call in bitrix24.calls] == [48, 3]  # type: ignore[arg-type]  # lists


def test_object_that_finds_no_time_has_that_problem_and_others_are_answered(
    service: Service, portal: Portal, crm: FakeCrm, bitrix24: FakeBitrix24
) -> None:
    assert crm.gone == set()
    bitrix24.seconds = 3.0
    outcomes = list_many(service, portal, deals(200), seconds=10)
    problems = [each for each in outcomes if isinstance(each, ChatLookupError)]
    assert codes(outcomes)[:12] == ["portal"] * 12
    assert problems
    assert all(isinstance(each, DeadlineReached) for each in problems)


def test_stale_lists_are_served_while_the_portal_fails(
    service: Service, portal: Portal, crm: FakeCrm, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    crm.contacts["DEAL|1"] = [42]
    list_many(service, portal, deals(3))
    clock.advance(FRESH_LIST + 10)
    bitrix24.refuses("INTERNAL_SERVER_ERROR", 500)
    assert codes(list_many(service, portal, deals(4))) == ["stale"] * 3 + ["portal-unavailable"]


# -- against an oracle -------------------------------------------------------------------------------------------------


def random_crm(random: Random) -> FakeCrm:
    """A small portal in which objects share contacts, lines and companies."""
    names = [f"{kind}|{number}" for kind in ("DEAL", "LEAD", "CONTACT", "COMPANY") for number in range(1, 5)]
    crm = FakeCrm()
    for name in names:
        if random.random() < 0.5:
            crm.discussions[name] = random.randint(1, 30)
        lines = random.sample(range(100, 115), random.randint(0, 4))
        crm.lines[name] = [FakeLine(number, active=random.random() < 0.5) for number in lines]
        crm.contacts[name] = random.sample(range(1, 20), random.choice([0, 1, 2, 17]))
        crm.companies[name] = random.sample(range(1, 5), random.randint(0, 2))
        if random.random() < 0.1:
            crm.closed.add(name)
        if random.random() < 0.1:
            crm.gone.add(name)
    return crm


def expected(crm: FakeCrm, name: str, *, relatives: bool, closed: bool) -> object:
    """What the answer for one object has to be: written from the contract, and not from the code."""
    if name in crm.gone:
        return "object-not-found"
    readable = name not in crm.closed
    contacts = [f"CONTACT|{each}" for each in crm.contacts.get(name, []) if f"CONTACT|{each}" != name]
    companies = [f"COMPANY|{each}" for each in crm.companies.get(name, []) if f"COMPANY|{each}" != name]
    others = [*contacts[:MOST_CONTACTS], *companies[:1]] if relatives and readable else []
    if not any(each not in crm.closed for each in (name, *others)):
        return "chat-not-accessible"
    chats: dict[int, tuple[str, bool | None]] = {}
    parts = []
    for each in (name, *others):
        if each in crm.closed:
            parts.append((each, "refused", "refused"))
            continue
        discussion = [crm.discussions[each]] if each in crm.discussions else []
        lines = [line for line in crm.lines.get(each, []) if closed or line.active]
        for chat_id in discussion:
            chats.setdefault(chat_id, (each, None))
        for line in lines:
            chats.setdefault(line.chat_id, (each, line.active))
        parts.append((each, "found" if discussion else "none", "found" if lines else "none"))
    more = relatives and readable and (len(contacts) > MOST_CONTACTS or len(companies) > 1)
    return ([(chat_id, *rest) for chat_id, rest in chats.items()], parts, more)


def seen(outcome: ObjectOutcome) -> object:
    if isinstance(outcome, ChatLookupError):
        return outcome.code
    chats = [(each.chat_id, each.of, each.line.active if each.line else None) for each in outcome.chats]
    return chats, [(each.of, each.discussion, each.open_lines) for each in outcome.parts], outcome.truncated


@pytest.mark.parametrize("seed", range(CRMS))
def test_every_answer_alone_and_among_others_cached_or_not_is_that_of_the_contract(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, seed: int
) -> None:
    random = Random(seed)  # noqa: S311 - a test's portal
    crm = random_crm(random)
    crm.behind(bitrix24)
    names = random.sample(sorted(crm.lines), 6)
    for _ in range(3):
        options = {"relatives": random.random() < 0.6, "closed": random.random() < 0.6}
        wanted = [expected(crm, name, **options) for name in names]
        outcomes = list_many(service, portal, [named(name) for name in names], **options)
        assert [seen(each) for each in outcomes] == wanted
        for name, one in zip(names, wanted, strict=True):
            bitrix24.calls.clear()
            try:
                answer: ObjectOutcome = list_chats(service, portal, named(name), **options)
            except ChatLookupError as error:
                answer = error
            assert seen(answer) == one
            assert len(bitrix24.calls) <= 2
        service.clock.advance(random.choice([0, 30, 90]))
