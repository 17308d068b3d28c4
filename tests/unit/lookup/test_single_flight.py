"""One miss is asked once: what the others do meanwhile, what they get, and when they stop waiting."""

import pytest

from chat_lookup.cache.leases import LEASE, Lease, Standing
from chat_lookup.cache.rows import FRESH_POSITIVE, Row
from chat_lookup.errors import ChatNotAccessible, DeadlineReached, PortalBlocked, PortalBusy, PortalUnavailable
from chat_lookup.observability.telemetry import Telemetry
from tests.support.interleaving import Actor, Stage
from tests.support.stores.unknown_pair import CHAT, Portal, answered, runs_out

CROWD = 12


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def portal(stage: Stage, telemetry: Telemetry) -> Portal:
    return Portal(stage, telemetry)


def crowd(portal: Portal, count: int = CROWD, *, seconds: float = 10.0) -> list[Actor]:
    return [portal.begin(f"caller {number}", seconds=seconds) for number in range(count)]


def got(actor: Actor) -> tuple[int | None, str]:
    """The chat that somebody was told, and the source."""
    assert actor.error is None, actor.error
    assert isinstance(actor.result, tuple)
    row, source = actor.result
    assert isinstance(row, Row)
    return row.chat_id, source


def until_the_portal_is_called(stage: Stage, portal: Portal) -> None:
    while not portal.calls:
        for actor in stage.ready():
            stage.advance(actor)


# -- one call ----------------------------------------------------------------------------------------------------------


def test_however_many_ask_the_portal_is_asked_once_and_all_get_its_answer(stage: Stage, portal: Portal) -> None:
    callers = crowd(portal)
    runs_out(stage)
    assert [got(caller) for caller in callers] == [(CHAT, "portal")] * CROWD
    assert portal.calls == 1


def test_also_when_the_slot_lies_ten_seconds_ahead(stage: Stage, portal: Portal) -> None:
    portal.ahead = 10.0
    callers = crowd(portal, seconds=20)
    runs_out(stage)
    assert [got(caller) for caller in callers] == [(CHAT, "portal")] * CROWD
    assert (portal.calls, portal.rows.extended) == (1, 1)


def test_a_call_without_a_wait_extends_nothing(stage: Stage, portal: Portal) -> None:
    crowd(portal)
    runs_out(stage)
    assert portal.rows.extended == 0


def test_whoever_comes_after_the_answer_has_it_from_the_cache(stage: Stage, portal: Portal) -> None:
    crowd(portal, 1)
    runs_out(stage)
    late = portal.begin("late")
    runs_out(stage)
    assert (got(late), portal.calls) == ((CHAT, "cache"), 1)


def test_what_an_event_fills_in_meanwhile_serves_those_who_wait(stage: Stage, portal: Portal) -> None:
    portal.takes = 2.0
    callers = crowd(portal, 3)
    until_the_portal_is_called(stage, portal)
    told = Row(answered(0).ref, 7, "event", "event", stage.now(), stage.now() + 3600, stage.now() + 7200)
    portal.rows.standing = Standing(told, portal.rows.standing.lease)
    runs_out(stage)
    assert sorted(got(caller) for caller in callers) == [(7, "event"), (7, "event"), (CHAT, "portal")]


def test_an_answer_counts_as_asked_for_when_its_slot_came(stage: Stage, portal: Portal) -> None:
    began = stage.now()
    portal.ahead = 5.0
    (caller,) = crowd(portal, 1)
    runs_out(stage)
    assert isinstance(caller.result, tuple)
    assert caller.result[0].asked_at == pytest.approx(began + 5.0)


# -- something stale stands --------------------------------------------------------------------------------------------


def test_a_loser_is_served_the_stale_row_at_once(stage: Stage, portal: Portal) -> None:
    portal.rows.standing = Standing(answered(stage.now() - FRESH_POSITIVE - 1, 7), Lease())
    began = stage.now()
    callers = crowd(portal)
    until_the_portal_is_called(stage, portal)
    assert stage.now() == began
    runs_out(stage)
    assert sorted(got(caller) for caller in callers) == [(7, "stale")] * (CROWD - 1) + [(CHAT, "portal")]


def test_the_winner_is_served_it_when_the_portal_fails(stage: Stage, portal: Portal) -> None:
    portal.rows.standing = Standing(answered(stage.now() - FRESH_POSITIVE - 1, 7), Lease())
    portal.failures = [PortalUnavailable()]
    (caller,) = crowd(portal, 1)
    runs_out(stage)
    assert got(caller) == (7, "stale")


# -- wanting it fresh --------------------------------------------------------------------------------------------------


def test_those_who_want_it_fresh_share_what_was_asked_for_after_they_came(stage: Stage, portal: Portal) -> None:
    portal.takes = 1.0
    first = portal.begin("first")
    until_the_portal_is_called(stage, portal)
    fresh = [portal.begin(f"fresh {number}", fresh=True) for number in range(CROWD)]
    runs_out(stage)
    assert {got(each) for each in (first, *fresh)} == {(CHAT, "portal")}
    assert portal.calls == 2  # the first call had gone out before they came


def test_who_wants_it_fresh_is_served_nothing_stale(stage: Stage, portal: Portal) -> None:
    portal.rows.standing = Standing(answered(stage.now() - FRESH_POSITIVE - 1, 7), Lease())
    portal.failures = [PortalUnavailable()]
    caller = portal.begin("fresh", fresh=True)
    runs_out(stage)
    assert isinstance(caller.error, PortalUnavailable)


# -- the winner fails --------------------------------------------------------------------------------------------------


def test_what_the_portal_says_to_one_is_the_answer_to_all_who_waited(stage: Stage, portal: Portal) -> None:
    portal.failures = [ChatNotAccessible(portal_error="ACCESS_ERROR")] * CROWD
    callers = crowd(portal)
    runs_out(stage)
    assert [type(caller.error) for caller in callers] == [ChatNotAccessible] * CROWD
    assert {getattr(caller.error, "portal_error", None) for caller in callers} == {"ACCESS_ERROR"}
    assert portal.calls == 1


def test_it_is_told_with_the_time_after_which_to_ask_again(stage: Stage, portal: Portal) -> None:
    portal.failures = [PortalBlocked(portal_error="OVERLOAD_LIMIT", retry_after=300)]
    callers = crowd(portal, 2)
    runs_out(stage)
    assert [getattr(caller.error, "retry_after", None) for caller in callers] == [300, 300]


def test_it_is_no_answer_to_who_comes_later(stage: Stage, portal: Portal) -> None:
    portal.failures = [ChatNotAccessible(portal_error="ACCESS_ERROR")]
    crowd(portal)
    runs_out(stage)
    late = portal.begin("late")
    runs_out(stage)
    assert (got(late), portal.calls) == ((CHAT, "portal"), 2)


def test_nor_to_who_asks_in_another_way(stage: Stage, portal: Portal) -> None:
    portal.failures = [ChatNotAccessible(portal_error="insufficient_scope")]
    by_bot = portal.begin("by bot", how="imbot")
    until_the_portal_is_called(stage, portal)
    other = portal.begin("other", how="auto")
    runs_out(stage)
    assert isinstance(by_bot.error, ChatNotAccessible)
    assert got(other) == (CHAT, "portal")


def test_where_a_connection_failed_the_next_one_tries(stage: Stage, portal: Portal) -> None:
    portal.failures = [PortalUnavailable("The connection to the portal failed")]
    callers = crowd(portal)
    runs_out(stage)
    assert sorted(type(caller.error).__name__ for caller in callers) == ["NoneType"] * (CROWD - 1) + [
        "PortalUnavailable"
    ]
    assert portal.calls == 2


def test_whoever_finds_no_slot_in_time_leaves_it_to_those_who_have_more(stage: Stage, portal: Portal) -> None:
    portal.ahead = 5.0
    hurried = portal.begin("hurried", seconds=4)
    patient = portal.begin("patient", seconds=20)
    runs_out(stage)
    assert isinstance(hurried.error, PortalBusy)
    assert got(patient) == (CHAT, "portal")


def test_a_dead_winner_costs_his_lease_and_one_call_more(stage: Stage, portal: Portal) -> None:
    callers = crowd(portal)
    until_the_portal_is_called(stage, portal)
    began = stage.now()
    winner = max(callers, key=lambda caller: caller.wakes_at)
    stage.kill(winner)
    runs_out(stage)
    assert [got(caller) for caller in callers if caller is not winner] == [(CHAT, "portal")] * (CROWD - 1)
    assert portal.calls == 2
    assert stage.now() < began + LEASE + 2


# -- the end of waiting ------------------------------------------------------------------------------------------------


def test_nobody_waits_for_a_slot_past_his_own_deadline(stage: Stage, portal: Portal) -> None:
    portal.ahead = 20.0
    patient = portal.begin("patient", seconds=28)
    for _ in range(4):
        stage.advance(patient)
    began = stage.now()
    hurried = portal.begin("hurried", seconds=5)
    while not hurried.done:
        stage.advance(hurried)
    assert isinstance(hurried.error, PortalBusy)
    assert stage.now() == began
    assert hurried.error.retry_after == pytest.approx(20 + LEASE)
    runs_out(stage)
    assert got(patient) == (CHAT, "portal")


def test_nobody_waits_longer_than_he_has(stage: Stage, portal: Portal) -> None:
    portal.takes = 2.5
    began = stage.now()
    patient = portal.begin("patient")
    until_the_portal_is_called(stage, portal)
    hurried = portal.begin("hurried", seconds=1)
    while not hurried.done:
        for actor in stage.ready():
            stage.advance(actor)
    assert isinstance(hurried.error, PortalUnavailable)
    assert hurried.error.retry_after is not None
    assert stage.now() <= began + 1
    runs_out(stage)
    assert got(patient) == (CHAT, "portal")


# -- stores in trouble -------------------------------------------------------------------------------------------------


def test_without_leases_the_portal_is_asked_all_the_same(stage: Stage, portal: Portal) -> None:
    portal.rows.down = True
    (caller,) = crowd(portal, 1)
    runs_out(stage)
    assert got(caller) == (CHAT, "portal")


def test_whoever_can_no_longer_see_the_row_asks_for_himself(stage: Stage, portal: Portal) -> None:
    portal.takes = 2.0
    callers = crowd(portal, 2)
    until_the_portal_is_called(stage, portal)
    portal.rows.down = True
    runs_out(stage)
    assert [got(caller) for caller in callers] == [(CHAT, "portal")] * 2
    assert portal.calls == 2


@pytest.mark.parametrize("seconds", [0.1, 0.0, -0.8])
def test_whoever_comes_without_time_does_not_wait_and_is_told_so(stage: Stage, portal: Portal, seconds: float) -> None:
    portal.takes = 2.0
    holder = portal.begin("holder")
    until_the_portal_is_called(stage, portal)
    late = portal.begin("late", seconds=seconds)
    runs_out(stage)
    assert got(holder) == (CHAT, "portal")
    assert isinstance(late.error, DeadlineReached)
