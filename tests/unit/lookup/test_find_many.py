"""Many pairs at once: each asked once, in as few requests as it takes, and each with an outcome of its own."""

from collections.abc import Sequence

import pytest

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.cache.rows import FRESH_POSITIVE
from chat_lookup.entity import EntityRef
from chat_lookup.errors import (
    ChatLookupError,
    ChatNotAccessible,
    ChatNotFound,
    InvalidRequest,
    PortalMisconfigured,
    PortalUnavailable,
)
from chat_lookup.lookup.find_many import FEW, Outcome
from chat_lookup.lookup.model import Found, Method
from chat_lookup.portals.portal import Portal
from tests.support.fakes import MEMBER_ID, FakeBitrix24, ManualClock, Output
from tests.support.in_process_service import Service, find, find_many, with_scopes


def deals(*numbers: int) -> list[EntityRef]:
    return [EntityRef("CRM", f"DEAL|{number}") for number in numbers]


def kinds(outcomes: Sequence[Outcome]) -> list[int | type]:
    """The chat's id of each that was found, and the class of what went wrong with the others."""
    return [each.chat_id if isinstance(each, Found) else type(each) for each in outcomes]


def sources(outcomes: Sequence[Outcome]) -> list[str]:
    return [each.source if isinstance(each, Found) else each.code for each in outcomes]


@pytest.fixture(autouse=True)
def _a_chat_for_every_deal(bitrix24: FakeBitrix24) -> None:
    """A deal's chat has its number; above 900 there are none."""

    def chat(params: object) -> int | None:
        assert isinstance(params, dict)
        number = int(params["ENTITY_ID"].rpartition("|")[2])
        return number if number < 900 else None

    bitrix24.answers_by("im.chat.get", chat)


# -- as few requests as it takes ---------------------------------------------------------------------------------------


def test_outcomes_stand_in_the_order_of_the_pairs_and_each_pair_is_asked_once(
    service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    broken = InvalidRequest("entity_id is empty")
    refs: list[EntityRef | ChatLookupError] = [*deals(2), broken, *deals(901, 1, 2, 901)]
    outcomes = find_many(service, portal, refs)
    assert kinds(outcomes) == [2, InvalidRequest, ChatNotFound, 1, 2, ChatNotFound]
    assert [len(call.params["cmd"]) for call in bitrix24.calls] == [3]  # type: ignore[arg-type]  # a list


@pytest.mark.parametrize(("pairs", "requests"), [(1, 1), (2, 1), (50, 1), (51, 2), (899, 18)])
def test_fifty_pairs_share_a_request(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, pairs: int, requests: int
) -> None:
    assert kinds(find_many(service, portal, deals(*range(1, pairs + 1)))) == list(range(1, pairs + 1))
    assert len(bitrix24.calls) == requests


def test_what_is_cached_is_not_asked_for(service: Service, portal: Portal, bitrix24: FakeBitrix24) -> None:
    find_many(service, portal, deals(*range(1, 251), 901))
    bitrix24.calls.clear()
    outcomes = find_many(service, portal, deals(*range(1, 251), 901, 902))
    assert sources(outcomes) == ["cache"] * 250 + ["chat-not-found"] * 2
    assert bitrix24.methods == ["im.chat.get"]


def test_what_was_found_for_many_serves_each_and_the_other_way_round(
    service: Service, another_process: Service, portal: Portal
) -> None:
    find_many(service, portal, deals(1, 2))
    assert find(another_process, portal, deals(1)[0]).source == "cache"
    find(another_process, portal, deals(3)[0])
    assert sources(find_many(service, portal, deals(3))) == ["cache"]


def test_a_fresh_answer_is_asked_for_whatever_is_cached(service: Service, portal: Portal, clock: ManualClock) -> None:
    find_many(service, portal, deals(1, 2))
    clock.advance(1)
    assert sources(find_many(service, portal, deals(1, 2), fresh=True)) == ["portal", "portal"]


def test_pairs_that_a_batch_does_not_carry_are_asked_alone(
    service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    reference = EntityRef("CRM", "$result[k0]|7")
    outcomes = find_many(service, portal, [*deals(1, 2), reference, *deals(3)])
    assert kinds(outcomes) == [1, 2, 7, 3]
    assert sorted(bitrix24.methods) == ["batch", "im.chat.get"]


# -- which method ------------------------------------------------------------------------------------------------------


def test_the_elder_method_answers_where_the_scope_of_the_newer_is_missing_and_that_is_learned_once(
    service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    bitrix24.fails("im.chat.get", "insufficient_scope", 403)
    bitrix24.answers("imbot.chat.get", 7)
    outcomes = find_many(service, portal, deals(*range(1, 101)))
    assert kinds(outcomes) == [7] * 100
    # The first fifty find out; nobody after them asks in vain.
    assert len(bitrix24.calls) == 3
    assert service.portals.get(portal.member_id).scopes == frozenset({"imbot"})


def test_a_method_that_is_stopped_is_stood_in_for(service: Service, portal: Portal, bitrix24: FakeBitrix24) -> None:
    bitrix24.fails("im.chat.get", "OPERATION_TIME_LIMIT", 429)
    bitrix24.answers("imbot.chat.get", 7)
    assert kinds(find_many(service, portal, deals(1, 2, 3))) == [7, 7, 7]


def test_a_method_that_was_named_is_asked_with_the_bot(
    service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    bitrix24.answers_by("imbot.chat.get", lambda params: params["BOT_ID"])
    assert kinds(find_many(service, portal, deals(1, 2), method=Method.IMBOT, bot_id=17)) == [17, 17]


def test_neighbours_are_asked_in_further_requests_for_those_only_that_need_them(
    service: Service, bitrix24: FakeBitrix24
) -> None:
    portal = with_scopes(service, "im", "imopenlines", "task")
    bitrix24.answers("im.chat.get", None)
    bitrix24.answers("imopenlines.dialog.get", {"id": 5})
    bitrix24.answers("tasks.task.get", {"task": {"chatId": 6}})
    refs = [*deals(*range(1, 71)), EntityRef("TASK", "8"), EntityRef("TASK", "9"), EntityRef("LINES", "a|1|2|3")]
    outcomes = find_many(service, portal, refs)
    assert kinds(outcomes)[-4:] == [ChatNotFound, 6, 6, 5]
    # 70 deals, two tasks three times each and a line twice are 78 calls; a task's three come one after the other.
    assert len(bitrix24.calls) == 3


def test_one_methods_null_is_not_kept_for_those_who_leave_the_choice(
    service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    bitrix24.answers("im.chat.get", None)
    line = EntityRef("LINES", "a|1|2|3")
    find_many(service, portal, [line], method=Method.IM)
    bitrix24.calls.clear()
    find_many(service, portal, [line])
    assert bitrix24.calls


def test_details_come_with_what_was_found_and_fail_nothing(
    service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    def details(params: object) -> object:
        assert isinstance(params, dict)
        return {"id": 1, "name": "Tyres"} if params["DIALOG_ID"] == "chat1" else {"id": None}

    bitrix24.answers_by("im.dialog.get", details)
    bitrix24.fails("imbot.dialog.get", "ACCESS_ERROR", 403)
    outcomes = find_many(service, portal, deals(1, 2, 901), expand=True)
    found = [each for each in outcomes if isinstance(each, Found)]
    assert [(each.chat_id, each.chat.title if each.chat else None, each.expanded) for each in found] == [
        (1, "Tyres", True),
        (2, None, True),
    ]


# -- partial failure ---------------------------------------------------------------------------------------------------


def test_a_failure_of_one_is_no_others(service: Service, portal: Portal, bitrix24: FakeBitrix24) -> None:
    def chat(params: object) -> object:
        assert isinstance(params, dict)
        if params["ENTITY_ID"] == "DEAL|2":
            raise BitrixError("ACCESS_ERROR", 403, method="im.chat.get", webhook=True)
        return 7 if params["ENTITY_ID"] != "DEAL|3" else {"ID": "nonsense"}

    bitrix24.answers_by("im.chat.get", chat)
    outcomes = find_many(service, portal, deals(1, 2, 3, 4))
    assert kinds(outcomes) == [7, ChatNotAccessible, PortalUnavailable, 7]


def test_a_batch_that_fails_as_a_whole_fails_each_of_its_pairs_and_nobody_takes_it_for_a_missing_scope(
    service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    bitrix24.fails("batch", "insufficient_scope", 403)
    assert kinds(find_many(service, portal, deals(1, 2))) == [PortalMisconfigured] * 2
    assert service.portals.get(portal.member_id).scopes == frozenset({"im", "imbot"})


def test_a_batch_that_takes_too_long_is_asked_in_smaller_ones_and_not_as_it_was(
    service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    bitrix24.fails("batch", "TIMEOUT", 0)
    assert kinds(find_many(service, portal, deals(*range(1, 13)))) == list(range(1, 13))
    batches = [call.params["cmd"] for call in bitrix24.calls if call.method == "batch"]
    assert [len(commands) for commands in batches] == [12, 6, 3]  # type: ignore[arg-type]  # lists
    assert bitrix24.methods[3:] == ["im.chat.get"] * 12


def test_what_was_known_is_served_as_stale_while_the_portal_fails(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    find_many(service, portal, deals(1))
    clock.advance(FRESH_POSITIVE * 1.2)
    bitrix24.fails("batch", "INTERNAL_SERVER_ERROR", 500)
    assert sources(find_many(service, portal, deals(1, 2))) == ["stale", "portal-unavailable"]
    assert sources(find_many(service, portal, deals(1, 2), fresh=True)) == ["portal-unavailable"] * 2


def test_a_portal_that_took_our_right_away_serves_nothing_stale(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    find_many(service, portal, deals(1, 2))
    clock.advance(FRESH_POSITIVE * 1.2)
    bitrix24.fails("batch", "APPLICATION_NOT_FOUND", 401)
    assert sources(find_many(service, portal, deals(1, 2))) == ["portal-not-installed"] * 2


# -- what operators see ------------------------------------------------------------------------------------------------


def test_each_pair_is_counted_by_its_source_and_all_are_told_on_one_line(
    service: Service, portal: Portal, output: Output
) -> None:
    find(service, portal, deals(1)[0])
    find_many(service, portal, [*deals(1, 2, 901, 2), InvalidRequest("entity_id is empty")])
    line = output.lines[-1]
    assert (line["portal"], line["lookups"], line["pairs"]) == (MEMBER_ID, 5, 3)
    assert line["sources"] == {"cache": 1, "portal": 2}
    assert line["problems"] == {"chat-not-found": 1}
    assert (output.metric("Lookups", source="cache"), output.metric("Lookups", source="portal")) == (1, 3)


def test_few_pairs_wait_like_a_caller_and_many_leave_room_for_callers(
    service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    bitrix24.answers("im.chat.get", 7)
    # Thirty-six slots are bulk work's share of the burst, forty-five are everybody's.
    assert len(find_many(service, portal, deals(*range(FEW + 1)), seconds=2)) == FEW + 1
    for number in range(32):
        find(service, portal, EntityRef("CHAT", str(number + 1)))
    with_room = find_many(service, portal, deals(*range(1_000, 1_000 + FEW)), seconds=2)
    assert {type(each) for each in with_room} == {Found}
    without = find_many(service, portal, deals(*range(2_000, 2_001 + FEW)), seconds=2)
    assert {type(each) for each in without} != {Found}
