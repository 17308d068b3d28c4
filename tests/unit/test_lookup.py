"""Entity in, chat id out: from memory, from the cache, from the portal, or stale while the portal fails."""

from typing import Any

import pytest

from chat_lookup.asking import Method
from chat_lookup.cache import FRESH_NEGATIVE, FRESH_POSITIVE, USABLE_POSITIVE
from chat_lookup.clock import Deadline
from chat_lookup.entity import EntityRef
from chat_lookup.errors import (
    ChatLookupError,
    ChatNotAccessible,
    ChatNotFound,
    InvalidRequest,
    PortalBlocked,
    PortalBusy,
    PortalMisconfigured,
    PortalNotInstalled,
    PortalRefused,
    PortalUnavailable,
)
from chat_lookup.lookup import Found, Options
from chat_lookup.records import Portal
from tests.building import Service, install
from tests.fakes import MEMBER_ID, WEBHOOK_CODE, FakeBitrix24, ManualClock, Output

DEAL = EntityRef("CRM", "DEAL|1663")
LINE = EntityRef("LINES", "whatsapp|2|79161234567|744")
PASSING = [
    ("TRANSPORT", 0, PortalUnavailable),
    ("TIMEOUT", 0, PortalUnavailable),
    ("INTERNAL_SERVER_ERROR", 500, PortalUnavailable),
    ("QUERY_LIMIT_EXCEEDED", 503, PortalBusy),
    ("OPERATION_TIME_LIMIT", 429, PortalBusy),
    ("OVERLOAD_LIMIT", 503, PortalBlocked),
]
LASTING = [
    ("APPLICATION_NOT_FOUND", 401, PortalNotInstalled),
    ("ACCESS_ERROR", 403, ChatNotAccessible),
    ("INVALID_CREDENTIALS", 401, PortalMisconfigured),
    ("INVALID_ARG_VALUE", 400, PortalRefused),
]


def find(service: Service, portal: Portal, ref: EntityRef = DEAL, seconds: float = 10, **options: Any) -> Found:
    deadline = Deadline.after(seconds, service.clock)
    with service.telemetry.invocation("test"):
        return service.lookup.find(portal, ref, Options(**options), deadline)


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


# -- when the portal fails ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "status", "error"), PASSING + LASTING)
def test_a_failure_is_told_by_its_class_with_the_portals_code_and_nothing_is_cached(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, code: str, status: int, error: type[ChatLookupError]
) -> None:
    bitrix24.fails("im.chat.get", code, status)
    with pytest.raises(error) as raised:
        find(service, portal)
    assert raised.value.portal_error == (None if status == 0 else code)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__
    bitrix24.answers("im.chat.get", 1437)
    assert find(service, portal).source == "portal"


@pytest.mark.parametrize(("code", "status", "error"), PASSING)
def test_while_the_portal_fails_the_last_known_answer_serves_for_a_week(
    service: Service,
    portal: Portal,
    bitrix24: FakeBitrix24,
    clock: ManualClock,
    code: str,
    status: int,
    error: type[ChatLookupError],
) -> None:
    bitrix24.answers("im.chat.get", 1437)
    find(service, portal)
    bitrix24.fails("im.chat.get", code, status)
    clock.advance(FRESH_POSITIVE + 1)
    stale = find(service, portal)
    assert (stale.chat_id, stale.source, stale.age_seconds) == (1437, "stale", int(FRESH_POSITIVE) + 1)
    clock.advance(USABLE_POSITIVE - FRESH_POSITIVE)
    with pytest.raises(error):
        find(service, portal)


@pytest.mark.parametrize(("code", "status", "error"), LASTING)
def test_where_the_portal_took_a_right_away_nothing_stale_is_served(
    service: Service,
    portal: Portal,
    bitrix24: FakeBitrix24,
    clock: ManualClock,
    code: str,
    status: int,
    error: type[ChatLookupError],
) -> None:
    bitrix24.answers("im.chat.get", 1437)
    find(service, portal)
    clock.advance(FRESH_POSITIVE + 1)
    bitrix24.fails("im.chat.get", code, status)
    with pytest.raises(error):
        find(service, portal)


def test_an_answer_that_is_still_fresh_needs_no_portal_at_all(
    service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    bitrix24.answers("im.chat.get", 1437)
    find(service, portal)
    bitrix24.fails("im.chat.get", "TRANSPORT", 0)
    assert find(service, portal).source == "cache"


def test_a_stale_not_found_is_never_served(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    bitrix24.answers("im.chat.get", None)
    with pytest.raises(ChatNotFound):
        find(service, portal)
    clock.advance(FRESH_NEGATIVE + 1)
    bitrix24.fails("im.chat.get", "TRANSPORT", 0)
    with pytest.raises(PortalUnavailable):
        find(service, portal)


def test_when_no_slot_is_left_in_time_the_last_known_answer_serves(
    service: Service, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    portal = install(service, rate=0.1, burst=1)
    bitrix24.answers("im.chat.get", 1437)
    find(service, portal)
    clock.advance(FRESH_POSITIVE + 1)
    find(service, portal, EntityRef("CRM", "DEAL|7"))
    assert find(service, portal, seconds=2).source == "stale"
    with pytest.raises(PortalBusy):
        find(service, portal, EntityRef("CRM", "DEAL|8"), seconds=2)


def test_the_portals_words_are_on_the_line_and_in_no_error(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, output: Output
) -> None:
    bitrix24.fails("im.chat.get", "INVALID_ARG_VALUE", 400)
    with pytest.raises(PortalRefused) as raised:
        find(service, portal)
    assert "what the portal said" not in repr(vars(raised.value))
    assert output.lines[0]["portal_said"] == "what the portal said"


# -- details -----------------------------------------------------------------------------------------------------------

CHAT = {"id": 1437, "type": "chat", "name": "Tyres", "owner": 1, "user_counter": 3}


def test_details_are_asked_for_only_if_the_caller_wants_them(
    service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    bitrix24.answers("im.chat.get", 1437)
    bitrix24.answers("im.dialog.get", CHAT)
    assert find(service, portal).expanded is False
    found = find(service, portal, expand=True)
    assert found.chat is not None
    assert (found.chat.title, found.chat.type, found.chat.owner_id, found.chat.members) == ("Tyres", "chat", 1, 3)
    assert (found.source, bitrix24.methods) == ("cache", ["im.chat.get", "im.dialog.get"])


@pytest.mark.parametrize(
    ("code", "status"), [("ACCESS_ERROR", 403), ("insufficient_scope", 403), ("TRANSPORT", 0), ("OVERLOAD_LIMIT", 503)]
)
def test_details_that_are_refused_are_null_and_never_fail_the_look_up(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, code: str, status: int
) -> None:
    bitrix24.answers("im.chat.get", 1437)
    for method in ("im.dialog.get", "imbot.dialog.get"):
        bitrix24.fails(method, code, status)
    found = find(service, portal, expand=True)
    assert (found.chat_id, found.chat, found.expanded) == (1437, None, True)


def test_when_no_slot_is_left_for_the_details_they_are_null(service: Service, bitrix24: FakeBitrix24) -> None:
    portal = install(service, rate=0.1, burst=1)
    bitrix24.answers("im.chat.get", 1437)
    assert find(service, portal, seconds=5, expand=True).chat is None


# -- the reverse -------------------------------------------------------------------------------------------------------


def reverse(service: Service, portal: Portal, chat_id: int = 1437) -> Found:
    with service.telemetry.invocation("test"):
        return service.lookup.reverse(portal, chat_id, Deadline.after(10, service.clock))


def test_the_reverse_names_the_entity_that_the_chat_carries(
    service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    bitrix24.answers("im.dialog.get", CHAT | {"entity_type": "CRM", "entity_id": "DEAL|1663"})
    found = reverse(service, portal)
    assert (found.ref, found.chat_id, found.source, found.method) == (DEAL, 1437, "portal", "im.dialog.get")
    assert found.chat is not None


@pytest.mark.parametrize(
    "fields", [{}, {"entity_type": "", "entity_id": ""}, {"entity_type": "THREAD", "entity_id": ""}]
)
def test_a_chat_that_belongs_to_no_object_has_no_entity(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, fields: dict[str, str]
) -> None:
    bitrix24.answers("im.dialog.get", CHAT | fields)
    assert reverse(service, portal).ref is None


def test_a_chat_that_is_closed_to_us_is_told_with_what_the_cache_knows(
    service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    bitrix24.answers("im.chat.get", 1437)
    find(service, portal)
    for method in ("im.dialog.get", "imbot.dialog.get"):
        bitrix24.fails(method, "ACCESS_ERROR", 403)
    with pytest.raises(ChatNotAccessible) as raised:
        reverse(service, portal)
    assert raised.value.extra == {"chat_id": 1437, "known": {"entity_type": "CRM", "entity_id": "DEAL|1663"}}
    with pytest.raises(ChatNotAccessible) as raised:
        reverse(service, portal, 99)
    assert raised.value.extra == {"chat_id": 99, "known": None}


@pytest.mark.parametrize(("code", "status", "error"), PASSING)
def test_a_portal_that_fails_is_not_taken_for_a_closed_chat(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, code: str, status: int, error: type[ChatLookupError]
) -> None:
    bitrix24.fails("im.dialog.get", code, status)
    with pytest.raises(error):
        reverse(service, portal)


# -- many --------------------------------------------------------------------------------------------------------------


def test_many_are_answered_in_order_each_with_its_own_outcome_and_each_pair_once(
    service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    known = {"DEAL|1": 11, "DEAL|2": 12}
    bitrix24.answers_by("im.chat.get", lambda params: known.get(str(params["ENTITY_ID"])))
    broken = InvalidRequest("entity_id is empty")
    refs: list[EntityRef | ChatLookupError] = [
        EntityRef("CRM", "DEAL|2"),
        broken,
        EntityRef("CRM", "DEAL|3"),
        EntityRef("CRM", "DEAL|1"),
        EntityRef("CRM", "DEAL|2"),
        EntityRef("CRM", "DEAL|3"),
    ]
    outcomes = list(service.lookup.find_many(portal, refs, Options(), Deadline.after(10, service.clock)))
    chats = [outcome.chat_id if isinstance(outcome, Found) else type(outcome) for outcome in outcomes]
    assert chats == [12, InvalidRequest, ChatNotFound, 11, 12, ChatNotFound]
    assert asked(bitrix24) == 3


def test_one_failure_among_many_fails_no_other(service: Service, portal: Portal, bitrix24: FakeBitrix24) -> None:
    def reply(params: Any) -> object:
        if params["ENTITY_ID"] == "DEAL|2":
            bitrix24.fails("nothing", "INTERNAL_SERVER_ERROR", 500)
            return bitrix24.call(bitrix24.calls[0].endpoint, "nothing", {}, Deadline.after(1, service.clock))
        return 7

    bitrix24.answers_by("im.chat.get", reply)
    refs = [EntityRef("CRM", f"DEAL|{number}") for number in (1, 2, 3)]
    outcomes = list(service.lookup.find_many(portal, refs, Options(), Deadline.after(10, service.clock)))
    assert [type(outcome) for outcome in outcomes] == [Found, PortalUnavailable, Found]


# -- what operators see ------------------------------------------------------------------------------------------------


def test_each_look_up_is_counted_by_its_source_and_told_on_one_line(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, clock: ManualClock, output: Output
) -> None:
    bitrix24.seconds = 0.2
    bitrix24.answers("im.chat.get", 1437)
    find(service, portal)
    find(service, portal)
    clock.advance(FRESH_POSITIVE + 1)
    bitrix24.fails("im.chat.get", "TRANSPORT", 0)
    find(service, portal)
    with pytest.raises(PortalUnavailable):
        find(service, portal, EntityRef("CRM", "DEAL|7"))
    assert [line["source"] for line in output.lines] == ["portal", "cache", "stale", "none"]
    for source in ("portal", "cache", "stale", "none"):
        assert output.metric("Lookups", source=source) == 1
    assert output.metric("LookupLatency", source="portal") == pytest.approx(200)
    assert output.metric("LookupLatency", source="cache") == 0
    first = output.lines[0]
    assert (first["portal"], first["entity_type"], first["entity_id"], first["chat_id"]) == (
        MEMBER_ID,
        "CRM",
        "DEAL|1663",
        1437,
    )
    assert WEBHOOK_CODE not in output.text


def test_no_telephone_number_of_an_open_line_is_on_a_line(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, output: Output
) -> None:
    bitrix24.answers("im.chat.get", 1437)
    find(service, portal, LINE)
    service.lookup.forget(portal, LINE)
    assert output.lines
    assert "79161234567" not in output.text
