"""Many pairs at once: each is looked up once, in as few requests as possible, and each has its own outcome."""

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
from chat_lookup.lookup.find_many import FEW, LookupOutcome
from chat_lookup.lookup.model import Found, Method
from chat_lookup.portals.portal import Portal
from tests.support.fakes import MEMBER_ID, FakeBitrix24, ManualClock, Output
from tests.support.in_process_service import Service, find, find_many, with_scopes


def deals(*numbers: int) -> list[EntityRef]:
    return [EntityRef("CRM", f"DEAL|{number}") for number in numbers]


def kinds(outcomes: Sequence[LookupOutcome]) -> list[int | type]:
    """The chat id of each found pair and the class of the error of each other one."""
    return [each.chat_id if isinstance(each, Found) else type(each) for each in outcomes]


def sources(outcomes: Sequence[LookupOutcome]) -> list[str]:
    return [each.source if isinstance(each, Found) else each.code for each in outcomes]


@pytest.fixture(autouse=True)
def _a_chat_for_every_deal(bitrix24: FakeBitrix24) -> None:
    """The id of a deal's chat is the number of the deal; deals from 900 have no chat."""

    def chat(params: object) -> int | None:
        assert isinstance(params, dict)
        number = int(params["ENTITY_ID"].rpartition("|")[2])
        return number if number < 900 else None

    bitrix24.answers_by("im.chat.get", chat)


# -- number of requests ------------------------------------------------------------------------------------------------


def test_outcomes_have_the_order_of_the_pairs_and_each_pair_is_requested_once(
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


def test_cached_pair_is_not_requested(service: Service, portal: Portal, bitrix24: FakeBitrix24) -> None:
    find_many(service, portal, deals(*range(1, 251), 901))
    bitrix24.calls.clear()
    outcomes = find_many(service, portal, deals(*range(1, 251), 901, 902))
    assert sources(outcomes) == ["cache"] * 250 + ["chat-not-found"] * 2
    assert bitrix24.methods == ["im.chat.get"]


def test_single_and_bulk_look_ups_share_their_answers(
    service: Service, another_process: Service, portal: Portal
) -> None:
    find_many(service, portal, deals(1, 2))
    assert find(another_process, portal, deals(1)[0]).source == "cache"
    find(another_process, portal, deals(3)[0])
    assert sources(find_many(service, portal, deals(3))) == ["cache"]


def test_fresh_bulk_look_up_ignores_the_cache(service: Service, portal: Portal, clock: ManualClock) -> None:
    find_many(service, portal, deals(1, 2))
    clock.advance(1)
    assert sources(find_many(service, portal, deals(1, 2), fresh=True)) == ["portal", "portal"]


def test_pairs_that_a_batch_cannot_carry_are_requested_alone(
    service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    reference = EntityRef("CRM", "$result[k0]|7")
    outcomes = find_many(service, portal, [*deals(1, 2), reference, *deals(3)])
    assert kinds(outcomes) == [1, 2, 7, 3]
    assert sorted(bitrix24.methods) == ["batch", "im.chat.get"]


# -- which method ------------------------------------------------------------------------------------------------------


def test_deprecated_method_is_used_without_the_scope_of_the_new_one_which_is_remembered(
    service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    bitrix24.fails("im.chat.get", "insufficient_scope", 403)
    bitrix24.answers("imbot.chat.get", 7)
    outcomes = find_many(service, portal, deals(*range(1, 101)))
    assert kinds(outcomes) == [7] * 100
    # The first fifty find the missing scope; the later ones do not call the refused method.
    assert len(bitrix24.calls) == 3
    assert service.portals.get(portal.member_id).scopes == frozenset({"imbot"})


def test_stopped_method_is_replaced_by_the_other_one(service: Service, portal: Portal, bitrix24: FakeBitrix24) -> None:
    bitrix24.fails("im.chat.get", "OPERATION_TIME_LIMIT", 429)
    bitrix24.answers("imbot.chat.get", 7)
    assert kinds(find_many(service, portal, deals(1, 2, 3))) == [7, 7, 7]


def test_requested_method_is_called_with_the_bot(service: Service, portal: Portal, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers_by("imbot.chat.get", lambda params: params["BOT_ID"])
    assert kinds(find_many(service, portal, deals(1, 2), method=Method.IMBOT, bot_id=17)) == [17, 17]


def test_fallback_conventions_are_requested_only_for_the_pairs_that_need_them(
    service: Service, bitrix24: FakeBitrix24
) -> None:
    portal = with_scopes(service, "im", "imopenlines", "task")
    bitrix24.answers("im.chat.get", None)
    bitrix24.answers("imopenlines.dialog.get", {"id": 5})
    bitrix24.answers("tasks.task.get", {"task": {"chatId": 6}})
    refs = [*deals(*range(1, 71)), EntityRef("TASK", "8"), EntityRef("TASK", "9"), EntityRef("LINES", "a|1|2|3")]
    outcomes = find_many(service, portal, refs)
    assert kinds(outcomes)[-4:] == [ChatNotFound, 6, 6, 5]
    # 70 deals, two tasks three times each and a line twice are 78 calls; a task's three are sequential.
    assert len(bitrix24.calls) == 3


def test_null_of_a_requested_method_is_not_used_for_look_ups_without_a_method(
    service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    bitrix24.answers("im.chat.get", None)
    line = EntityRef("LINES", "a|1|2|3")
    find_many(service, portal, [line], method=Method.IM)
    bitrix24.calls.clear()
    find_many(service, portal, [line])
    assert bitrix24.calls


def test_details_are_added_to_found_pairs_and_fail_no_outcome(
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


def test_failure_of_one_pair_does_not_fail_the_others(service: Service, portal: Portal, bitrix24: FakeBitrix24) -> None:
    def chat(params: object) -> object:
        assert isinstance(params, dict)
        if params["ENTITY_ID"] == "DEAL|2":
            raise BitrixError("ACCESS_ERROR", 403, method="im.chat.get", webhook=True)
        return 7 if params["ENTITY_ID"] != "DEAL|3" else {"ID": "nonsense"}

    bitrix24.answers_by("im.chat.get", chat)
    outcomes = find_many(service, portal, deals(1, 2, 3, 4))
    assert kinds(outcomes) == [7, ChatNotAccessible, PortalUnavailable, 7]


def test_failed_batch_fails_each_of_its_pairs_and_removes_no_scope(
    service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    bitrix24.fails("batch", "insufficient_scope", 403)
    assert kinds(find_many(service, portal, deals(1, 2))) == [PortalMisconfigured] * 2
    assert service.portals.get(portal.member_id).scopes == frozenset({"im", "imbot"})


def test_batch_that_timed_out_is_retried_in_smaller_batches(
    service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    bitrix24.fails("batch", "TIMEOUT", 0)
    assert kinds(find_many(service, portal, deals(*range(1, 13)))) == list(range(1, 13))
    batches = [call.params["cmd"] for call in bitrix24.calls if call.method == "batch"]
    assert [len(commands) for commands in batches] == [12, 6, 3]  # type: ignore[arg-type]  # lists
    assert bitrix24.methods[3:] == ["im.chat.get"] * 12


def test_cached_answers_are_served_as_stale_while_the_portal_fails(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    find_many(service, portal, deals(1))
    clock.advance(FRESH_POSITIVE * 1.2)
    bitrix24.fails("batch", "INTERNAL_SERVER_ERROR", 500)
    assert sources(find_many(service, portal, deals(1, 2))) == ["stale", "portal-unavailable"]
    assert sources(find_many(service, portal, deals(1, 2), fresh=True)) == ["portal-unavailable"] * 2


def test_stale_answers_are_not_served_after_the_portal_withdrew_our_rights(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    find_many(service, portal, deals(1, 2))
    clock.advance(FRESH_POSITIVE * 1.2)
    bitrix24.fails("batch", "APPLICATION_NOT_FOUND", 401)
    assert sources(find_many(service, portal, deals(1, 2))) == ["portal-not-installed"] * 2


# -- what operators see ------------------------------------------------------------------------------------------------


def test_each_pair_is_counted_by_its_source_and_all_are_logged_on_one_line(
    service: Service, portal: Portal, output: Output
) -> None:
    find(service, portal, deals(1)[0])
    find_many(service, portal, [*deals(1, 2, 901, 2), InvalidRequest("entity_id is empty")])
    line = output.lines[-1]
    assert (line["portal"], line["lookups"], line["pairs"]) == (MEMBER_ID, 5, 3)
    assert line["sources"] == {"cache": 1, "portal": 2}
    assert line["problems"] == {"chat-not-found": 1}
    assert (output.metric("Lookups", source="cache"), output.metric("Lookups", source="portal")) == (1, 3)


def test_few_pairs_use_the_interactive_share_and_many_the_bulk_share(
    service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    bitrix24.answers("im.chat.get", 7)
    # Thirty-six slots are bulk work's share of the burst, forty-five are shared by all.
    assert len(find_many(service, portal, deals(*range(FEW + 1)), seconds=2)) == FEW + 1
    for number in range(32):
        find(service, portal, EntityRef("CHAT", str(number + 1)))
    with_room = find_many(service, portal, deals(*range(1_000, 1_000 + FEW)), seconds=2)
    assert {type(each) for each in with_room} == {Found}
    without = find_many(service, portal, deals(*range(2_000, 2_001 + FEW)), seconds=2)
    assert {type(each) for each in without} != {Found}
