"""Entity in, chat id out: from memory, from the cache or from the portal, and deleted on request."""

import pytest

from chat_lookup.cache.rows import FRESH_NEGATIVE, FRESH_POSITIVE
from chat_lookup.entity import EntityRef
from chat_lookup.errors import ChatNotFound
from chat_lookup.lookup.model import Method
from chat_lookup.portals.portal import Portal
from tests.support.fakes import MEMBER_ID, FakeBitrix24, ManualClock
from tests.support.in_process_service import DEAL, Service, find, install

LINE = EntityRef("LINES", "whatsapp|2|79161234567|744")


def calls_made(bitrix24: FakeBitrix24) -> int:
    return len(bitrix24.calls)


# -- source of the answer ----------------------------------------------------------------------------------------------


def test_same_pair_twice_costs_one_call(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    bitrix24.answers("im.chat.get", {"ID": 1437})
    first = find(service, portal)
    clock.advance(5)
    second = find(service, portal)
    assert (first.chat_id, first.source, first.method, first.age_seconds) == (1437, "portal", "im.chat.get", 0)
    assert (second.chat_id, second.source, second.method, second.age_seconds) == (1437, "cache", "im.chat.get", 5)
    assert calls_made(bitrix24) == 1


def test_answer_of_one_process_serves_another(
    service: Service, another_process: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    bitrix24.answers("im.chat.get", {"ID": 1437})
    find(service, portal)
    assert find(another_process, portal).source == "cache"
    assert calls_made(bitrix24) == 1


def test_answer_is_requested_again_when_it_is_no_longer_fresh(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    bitrix24.answers("im.chat.get", {"ID": 1437})
    find(service, portal)
    clock.advance(FRESH_POSITIVE - 1)
    assert find(service, portal).source == "cache"
    clock.advance(2)
    bitrix24.answers("im.chat.get", {"ID": 2000})
    assert (find(service, portal).chat_id, calls_made(bitrix24)) == (2000, 2)


def test_not_found_is_remembered_for_a_minute_only(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    bitrix24.answers("im.chat.get", None)
    for _ in range(5):
        with pytest.raises(ChatNotFound):
            find(service, portal)
        clock.advance((FRESH_NEGATIVE - 1) / 5)
    assert calls_made(bitrix24) == 1
    clock.advance(2)
    bitrix24.answers("im.chat.get", {"ID": 7})
    assert (find(service, portal).chat_id, calls_made(bitrix24)) == (7, 2)


def test_not_found_carries_a_hint_for_a_suspicious_pair(
    service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    bitrix24.answers("im.chat.get", None)
    for _ in range(2):  # from the portal, then from the cache
        with pytest.raises(ChatNotFound) as raised:
            find(service, portal, EntityRef("DEAL", "1663"))
        assert raised.value.hint
        assert "DEAL|1663" in raised.value.hint


def test_similar_pairs_are_looked_up_separately(service: Service, portal: Portal, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers_by("im.chat.get", lambda params: len(str(params["ENTITY_TYPE"])))
    refs = [EntityRef("A#B", "C"), EntityRef("A", "B#C"), EntityRef("😀" * 255, "😀" * 255)]
    for _ in range(2):
        assert [find(service, portal, ref).chat_id for ref in refs] == [3, 1, 255]
    assert calls_made(bitrix24) == 3


def test_answers_are_cached_per_portal(service: Service, portal: Portal, bitrix24: FakeBitrix24) -> None:
    other = install(service, member_id="f" * 32, domain="globex.bitrix24.com")
    bitrix24.answers("im.chat.get", 1)
    find(service, portal)
    bitrix24.answers("im.chat.get", 2)
    assert find(service, other).chat_id == 2


def test_fresh_look_up_ignores_the_cache_and_stores_the_answer(
    service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    bitrix24.answers("im.chat.get", 1)
    find(service, portal)
    bitrix24.answers("im.chat.get", 2)
    assert find(service, portal).chat_id == 1
    fresh = find(service, portal, fresh=True)
    assert (fresh.chat_id, fresh.source) == (2, "portal")
    after = find(service, portal)
    assert (after.chat_id, after.source) == (2, "cache")


def test_requested_method_is_called(service: Service, portal: Portal, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("imbot.chat.get", 7)
    assert find(service, portal, method=Method.IMBOT, bot_id=17).method == "imbot.chat.get"
    assert bitrix24.calls[0].params["BOT_ID"] == 17


def test_not_found_of_a_requested_method_is_not_used_for_look_ups_without_a_method(
    service: Service, bitrix24: FakeBitrix24
) -> None:
    # A null of im.chat.get is not final for LINES unless the caller requested the method (design 5, Which method).
    portal = install(service, scopes=frozenset({"im", "imopenlines"}))
    bitrix24.answers("im.chat.get", None)
    bitrix24.answers("imopenlines.dialog.get", {"id": 1763})
    with pytest.raises(ChatNotFound):
        find(service, portal, LINE, method=Method.IM)
    assert find(service, portal, LINE).chat_id == 1763


# -- deletion, within half a minute in every process -------------------------------------------------------------------


def test_deleted_answer_is_requested_again_at_once_in_the_same_process(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    bitrix24.answers("im.chat.get", 1)
    find(service, portal)
    service.lookup.forget(portal, DEAL)
    clock.advance(0.01)
    bitrix24.answers("im.chat.get", 2)
    assert find(service, portal).chat_id == 2


def test_deleted_answer_is_requested_again_within_half_a_minute_in_a_busy_process(
    service: Service, another_process: Service, portal: Portal, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    bitrix24.answers("im.chat.get", 1)
    find(another_process, portal)
    service.lookup.forget(portal, DEAL)
    bitrix24.answers("im.chat.get", 2)
    for _ in range(6):
        clock.advance(4.9)
        assert find(another_process, portal).chat_id == 1  # remembered: no read per request
    clock.advance(0.7)
    assert find(another_process, portal).chat_id == 2


def test_purge_deletes_every_answer_of_the_portal(
    service: Service, another_process: Service, portal: Portal, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    bitrix24.answers("im.chat.get", 1)
    find(service, portal)
    another_process.portals.raise_generation(MEMBER_ID)
    clock.advance(31)
    bitrix24.answers("im.chat.get", 2)
    assert find(service, service.portals.get(MEMBER_ID)).chat_id == 2
