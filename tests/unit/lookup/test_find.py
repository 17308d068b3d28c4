"""Entity in, chat id out: from memory, from the cache or from the portal, and forgotten when told so."""

import pytest

from chat_lookup.cache.rows import FRESH_NEGATIVE, FRESH_POSITIVE
from chat_lookup.entity import EntityRef
from chat_lookup.errors import ChatNotFound
from chat_lookup.lookup.model import Method
from chat_lookup.portals.portal import Portal
from tests.support.fakes import MEMBER_ID, FakeBitrix24, ManualClock
from tests.support.in_process_service import DEAL, Service, find, install

LINE = EntityRef("LINES", "whatsapp|2|79161234567|744")


def asked(bitrix24: FakeBitrix24) -> int:
    return len(bitrix24.calls)


# -- from where the answer comes ---------------------------------------------------------------------------------------


def test_the_same_pair_twice_costs_one_call(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    bitrix24.answers("im.chat.get", {"ID": 1437})
    first = find(service, portal)
    clock.advance(5)
    second = find(service, portal)
    assert (first.chat_id, first.source, first.method, first.age_seconds) == (1437, "portal", "im.chat.get", 0)
    assert (second.chat_id, second.source, second.method, second.age_seconds) == (1437, "cache", "im.chat.get", 5)
    assert asked(bitrix24) == 1


def test_what_one_process_asked_another_need_not(
    service: Service, another_process: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    bitrix24.answers("im.chat.get", {"ID": 1437})
    find(service, portal)
    assert find(another_process, portal).source == "cache"
    assert asked(bitrix24) == 1


def test_an_answer_is_asked_for_again_when_it_is_no_longer_fresh(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    bitrix24.answers("im.chat.get", {"ID": 1437})
    find(service, portal)
    clock.advance(FRESH_POSITIVE - 1)
    assert find(service, portal).source == "cache"
    clock.advance(2)
    bitrix24.answers("im.chat.get", {"ID": 2000})
    assert (find(service, portal).chat_id, asked(bitrix24)) == (2000, 2)


def test_not_found_is_remembered_for_a_minute_only(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    bitrix24.answers("im.chat.get", None)
    for _ in range(5):
        with pytest.raises(ChatNotFound):
            find(service, portal)
        clock.advance((FRESH_NEGATIVE - 1) / 5)
    assert asked(bitrix24) == 1
    clock.advance(2)
    bitrix24.answers("im.chat.get", {"ID": 7})
    assert (find(service, portal).chat_id, asked(bitrix24)) == (7, 2)


def test_not_found_carries_a_hint_where_the_pair_looks_wrong(
    service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    bitrix24.answers("im.chat.get", None)
    for _ in range(2):  # from the portal, then from the cache
        with pytest.raises(ChatNotFound) as raised:
            find(service, portal, EntityRef("DEAL", "1663"))
        assert raised.value.hint
        assert "DEAL|1663" in raised.value.hint


def test_pairs_that_look_alike_are_asked_for_each_on_its_own(
    service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    bitrix24.answers_by("im.chat.get", lambda params: len(str(params["ENTITY_TYPE"])))
    refs = [EntityRef("A#B", "C"), EntityRef("A", "B#C"), EntityRef("😀" * 255, "😀" * 255)]
    for _ in range(2):
        assert [find(service, portal, ref).chat_id for ref in refs] == [3, 1, 255]
    assert asked(bitrix24) == 3


def test_portals_do_not_see_each_others_answers(service: Service, portal: Portal, bitrix24: FakeBitrix24) -> None:
    other = install(service, member_id="f" * 32, domain="globex.bitrix24.com")
    bitrix24.answers("im.chat.get", 1)
    find(service, portal)
    bitrix24.answers("im.chat.get", 2)
    assert find(service, other).chat_id == 2


def test_fresh_asks_the_portal_whatever_is_cached_and_keeps_what_it_says(
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


def test_the_method_that_the_caller_names_is_asked(service: Service, portal: Portal, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("imbot.chat.get", 7)
    assert find(service, portal, method=Method.IMBOT, bot_id=17).method == "imbot.chat.get"
    assert bitrix24.calls[0].params["BOT_ID"] == 17


def test_an_answer_that_one_method_could_not_find_is_not_denied_to_those_who_let_us_choose(
    service: Service, bitrix24: FakeBitrix24
) -> None:
    # A null of im.chat.get is not the last word for LINES unless the caller said so (design 5, Which method).
    portal = install(service, scopes=frozenset({"im", "imopenlines"}))
    bitrix24.answers("im.chat.get", None)
    bitrix24.answers("imopenlines.dialog.get", {"id": 1763})
    with pytest.raises(ChatNotFound):
        find(service, portal, LINE, method=Method.IM)
    assert find(service, portal, LINE).chat_id == 1763


# -- forgetting, within half a minute everywhere -----------------------------------------------------------------------


def test_what_is_forgotten_is_asked_for_again_here_at_once(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    bitrix24.answers("im.chat.get", 1)
    find(service, portal)
    service.lookup.forget(portal, DEAL)
    clock.advance(0.01)
    bitrix24.answers("im.chat.get", 2)
    assert find(service, portal).chat_id == 2


def test_what_is_forgotten_is_asked_for_again_everywhere_within_half_a_minute_however_often_it_is_used(
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


def test_a_purge_makes_every_answer_of_the_portal_vanish(
    service: Service, another_process: Service, portal: Portal, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    bitrix24.answers("im.chat.get", 1)
    find(service, portal)
    another_process.portals.raise_generation(MEMBER_ID)
    clock.advance(31)
    bitrix24.answers("im.chat.get", 2)
    assert find(service, service.portals.get(MEMBER_ID)).chat_id == 2
