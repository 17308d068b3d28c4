"""However many chats objects have, a response is one that Lambda returns, and a row one that CacheTable takes."""

import json
from typing import Final

import pytest

from chat_lookup.bitrix24.results import ChatDetails
from chat_lookup.entity import EntityRef
from chat_lookup.http.responses import json_response
from chat_lookup.lookup.model import Found
from chat_lookup.lookup.responses import results_body
from chat_lookup.objects.model import MOST_CONTACTS, MOST_LINES, ChatList, Line, ObjectChats
from chat_lookup.objects.portal_objects import PortalObject
from chat_lookup.objects.responses import objects_body
from chat_lookup.portals.portal import Portal
from tests.support.in_process_service import Service, list_chats, list_many
from tests.support.portals.crm_content import FakeCrm, FakeLine, named

LAMBDAS_MOST: Final = 6 * 1024 * 1024
"""Bytes of a response (Lambda quotas)."""
ROWS_MOST: Final = 400 * 1024
"""Bytes of an item (DynamoDB quotas)."""
DEALS: Final = [PortalObject("DEAL", number) for number in range(1, 201)]
LONG: Final = {"ordinary": "Telegram", "wide": "😀" * 100, "escaped": '"\\' * 50}
"""Titles of a connector."""


def sent(body: dict[str, object]) -> int:
    """The bytes that the function returns."""
    return len(json.dumps(json_response(200, body), ensure_ascii=False).encode())


def busy_company(crm: FakeCrm, lines: int, connector: str = "telegrambot") -> None:
    """All deals are of one company, in whose open lines many clients write."""
    crm.companies |= {each.name: [7] for each in DEALS}
    crm.lines["COMPANY|7"] = [FakeLine(10_000 + number, connector=connector) for number in range(lines)]


@pytest.mark.parametrize(("title", "deals"), list(zip(LONG.values(), (200, 40, 40), strict=True)), ids=LONG)
def test_many_objects_of_one_busy_company_have_an_answer_or_are_asked_for_again(
    service: Service, portal: Portal, crm: FakeCrm, title: str, deals: int
) -> None:
    busy_company(crm, MOST_LINES + 1, title)
    left, requests = DEALS[:deals], 0
    outcomes = dict(zip(left, list_many(service, portal, left), strict=True))
    assert all(isinstance(each, ObjectChats) for each in outcomes.values())
    while left:
        requests += 1
        body = objects_body(left, [outcomes[each] for each in left])
        assert sent(body) < LAMBDAS_MOST
        results = body["results"]
        assert isinstance(results, list)
        problems = [each.get("problem") for each in results]
        assert {each["type"].rpartition(":")[2] for each in problems if each} <= {"response-full"}
        assert all(each["retry_after"] == 1 for each in problems if each)
        left = [each for each, problem in zip(left, problems, strict=True) if problem]
    assert 1 < requests < 10


def test_object_lists_the_lines_that_changed_last_and_is_truncated(
    service: Service, portal: Portal, crm: FakeCrm
) -> None:
    for lines, truncated in ((MOST_LINES, False), (MOST_LINES + 1, True)):
        busy_company(crm, lines)
        for asked in (named("DEAL|1"), named("COMPANY|7")):
            answer = list_chats(service, portal, asked, fresh=True)
            assert [each.chat_id for each in answer.chats] == list(range(10_000, 10_000 + MOST_LINES))
            assert answer.truncated is truncated


@pytest.mark.parametrize("title", LONG.values(), ids=LONG)
def test_longest_list_is_one_that_the_cache_takes(title: str) -> None:
    lines = tuple(Line(2**63 - 1, title, title, active=True) for _ in range(MOST_LINES))
    listed = ChatList(lines=lines, contacts=(2**63 - 1,) * MOST_CONTACTS)
    assert len(listed.to_json().encode()) < ROWS_MOST


@pytest.mark.parametrize("title", ["Deal", "😀" * 5_000, '"\\' * 5_000], ids=["ordinary", "wide", "escaped"])
def test_details_of_many_chats_fit_into_a_response(title: str) -> None:
    pairs = [EntityRef("CRM", f"DEAL|{number}") for number in range(1_000)]
    chat = ChatDetails(1437, "chat1437", "chat", title, 1, 2, "CRM", "DEAL|1")
    found = [Found(each, 1437, "portal", "im.chat.get", 0, chat, expanded=True) for each in pairs]
    body = results_body([{}] * len(pairs), pairs, found)
    assert sent(body) < LAMBDAS_MOST
    results = body["results"]
    assert isinstance(results, list)
    answered = sum(each["chat_id"] is not None for each in results)
    assert answered == 1_000 if title == "Deal" else 100 < answered < 1_000
