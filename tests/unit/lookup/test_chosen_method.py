"""A caller's choice of a method or a bot is honoured on cached pairs, too: no answer names another method."""

from typing import Any

import pytest

from chat_lookup.errors import ChatNotFound, PortalMisconfigured, PortalUnavailable
from chat_lookup.lookup.model import Found, Method
from chat_lookup.portals.portal import Portal
from tests.support.fakes import MEMBER_ID, FakeBitrix24, ManualClock
from tests.support.in_process_service import DEAL, Service, find, find_many, with_scopes
from tests.support.portals.known_portal import BOT, with_a_bot

IM, IMBOT = "im.chat.get", "imbot.chat.get"
DAY = 24 * 3600

BATCH = pytest.mark.parametrize("in_a_batch", [False, True], ids=["alone", "in a batch"])


@pytest.fixture(autouse=True)
def _chats_of_each_method(bitrix24: FakeBitrix24) -> None:
    bitrix24.answers(IM, 1)
    bitrix24.answers(IMBOT, 2)


def look_up(service: Service, portal: Portal, *, in_a_batch: bool, **options: Any) -> Found:
    if not in_a_batch:
        return find(service, portal, **options)
    (outcome,) = find_many(service, portal, [DEAL], **options)
    if not isinstance(outcome, Found):
        raise outcome
    return outcome


@BATCH
@pytest.mark.parametrize("first", Method)
@pytest.mark.parametrize("second", Method)
@pytest.mark.parametrize("another", [False, True], ids=["same process", "another process"])
def test_cached_answer_serves_only_a_caller_who_did_not_choose_another_method(
    service: Service, another_process: Service, portal: Portal, first: Method, second: Method, *,
    in_a_batch: bool, another: bool,
) -> None:  # fmt: skip
    stored = look_up(service, portal, in_a_batch=in_a_batch, method=first)
    answer = look_up(another_process if another else service, portal, in_a_batch=in_a_batch, method=second)
    chosen = {Method.AUTO: stored.method, Method.IM: IM, Method.IMBOT: IMBOT}[second]
    assert (answer.method, answer.chat_id) == (chosen, 1 if chosen == IM else 2)
    assert answer.source == ("cache" if chosen == stored.method else "portal")


@BATCH
def test_chosen_method_gets_no_stale_answer_of_another(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, clock: ManualClock, *, in_a_batch: bool
) -> None:
    look_up(service, portal, in_a_batch=in_a_batch, method=Method.IM)
    clock.advance(2 * DAY)
    for method in (IM, IMBOT):
        bitrix24.fails(method, "INTERNAL_SERVER_ERROR", 500)
    assert look_up(service, portal, in_a_batch=in_a_batch, method=Method.IM).source == "stale"
    with pytest.raises(PortalUnavailable):
        look_up(service, portal, in_a_batch=in_a_batch, method=Method.IMBOT)


def test_not_found_by_one_method_is_not_reported_for_another(
    service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    bitrix24.answers(IM, None)
    for method in (Method.IM, Method.AUTO):
        with pytest.raises(ChatNotFound):
            find(service, portal, method=method)
    assert find(service, portal, method=Method.IMBOT).chat_id == 2
    assert bitrix24.methods == [IM, IMBOT]


def test_answer_of_an_event_serves_no_caller_who_chose_a_method(
    service: Service, portal: Portal, clock: ManualClock
) -> None:
    row = service.cache.answered(DEAL, 1, method="ONIMBOTV2MESSAGEADD", asked_at=clock.now())
    service.cache.keep(MEMBER_ID, portal.generation, row)
    assert find(service, portal).method == "ONIMBOTV2MESSAGEADD"
    assert find(service, portal, method=Method.IM).method == IM


def test_answers_in_the_platforms_own_format_are_of_any_method(
    service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    find(service, portal, method=Method.IM)
    answer = find(service, portal, method=Method.IMBOT, bot_id=99, any_method=True)
    assert (answer.chat_id, answer.source, bitrix24.methods) == (1, "cache", [IM])


@BATCH
def test_another_bots_id_is_sent_to_the_portal_at_each_look_up(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, *, in_a_batch: bool
) -> None:
    look_up(service, portal, in_a_batch=in_a_batch)
    for _ in range(2):
        answer = look_up(service, portal, in_a_batch=in_a_batch, bot_id=99)
        assert (answer.method, answer.source) == (IMBOT, "portal")
    assert [call.params.get("BOT_ID") for call in bitrix24.calls[1:]] == [99, 99]


@BATCH
def test_answer_for_our_own_bot_is_cached(service: Service, bitrix24: FakeBitrix24, *, in_a_batch: bool) -> None:
    portal = with_a_bot(service)
    look_up(service, portal, in_a_batch=in_a_batch)
    sources = [look_up(service, portal, in_a_batch=in_a_batch, bot_id=BOT).source for _ in range(2)]
    assert sources == ["portal", "cache"]
    assert bitrix24.calls[-1].params["BOT_ID"] == BOT


def test_look_up_for_a_bot_fails_where_the_portal_grants_no_method_of_bots(
    service: Service, bitrix24: FakeBitrix24
) -> None:
    portal = with_scopes(service, "im")
    bitrix24.fails(IMBOT, "insufficient_scope", 403)
    with pytest.raises(PortalMisconfigured):
        find(service, portal, bot_id=99)
    assert bitrix24.methods == [IMBOT]
