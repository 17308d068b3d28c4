"""One call per miss: what the other callers do meanwhile, what they receive, and when they stop waiting."""

import pytest

from chat_lookup.cache.leases import LEASE, Lease, StoredLease
from chat_lookup.cache.rows import FRESH_POSITIVE, Row
from chat_lookup.errors import ChatNotAccessible, DeadlineReached, PortalBlocked, PortalBusy, PortalUnavailable
from chat_lookup.observability.telemetry import Telemetry
from tests.support.interleaving import Actor, Stage
from tests.support.stores.unknown_pair import CHAT, Portal, answered, run_all

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
    """The chat that a caller received, and its source."""
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


def test_portal_is_called_once_for_any_number_of_callers_and_all_get_its_answer(stage: Stage, portal: Portal) -> None:
    callers = crowd(portal)
    run_all(stage)
    assert [got(caller) for caller in callers] == [(CHAT, "portal")] * CROWD
    assert portal.calls == 1


def test_portal_is_called_once_when_the_slot_is_ten_seconds_ahead(stage: Stage, portal: Portal) -> None:
    portal.ahead = 10.0
    callers = crowd(portal, seconds=20)
    run_all(stage)
    assert [got(caller) for caller in callers] == [(CHAT, "portal")] * CROWD
    assert (portal.calls, portal.rows.extended) == (1, 1)


def test_call_without_a_wait_extends_no_lease(stage: Stage, portal: Portal) -> None:
    crowd(portal)
    run_all(stage)
    assert portal.rows.extended == 0


def test_later_caller_gets_the_answer_from_the_cache(stage: Stage, portal: Portal) -> None:
    crowd(portal, 1)
    run_all(stage)
    late = portal.begin("late")
    run_all(stage)
    assert (got(late), portal.calls) == ((CHAT, "cache"), 1)


def test_row_stored_by_an_event_is_served_to_waiting_callers(stage: Stage, portal: Portal) -> None:
    portal.takes = 2.0
    callers = crowd(portal, 3)
    until_the_portal_is_called(stage, portal)
    row = Row(answered(0).ref, 7, "event", "event", stage.now(), stage.now() + 3600, stage.now() + 7200)
    portal.rows.standing = StoredLease(row, portal.rows.standing.lease)
    run_all(stage)
    assert sorted(got(caller) for caller in callers) == [(7, "event"), (7, "event"), (CHAT, "portal")]


def test_answer_is_dated_by_its_slot(stage: Stage, portal: Portal) -> None:
    began = stage.now()
    portal.ahead = 5.0
    (caller,) = crowd(portal, 1)
    run_all(stage)
    assert isinstance(caller.result, tuple)
    assert caller.result[0].asked_at == pytest.approx(began + 5.0)


# -- a stale row is stored ---------------------------------------------------------------------------------------------


def test_caller_without_the_lease_is_served_the_stale_row_at_once(stage: Stage, portal: Portal) -> None:
    portal.rows.standing = StoredLease(answered(stage.now() - FRESH_POSITIVE - 1, 7), Lease())
    began = stage.now()
    callers = crowd(portal)
    until_the_portal_is_called(stage, portal)
    assert stage.now() == began
    run_all(stage)
    assert sorted(got(caller) for caller in callers) == [(7, "stale")] * (CROWD - 1) + [(CHAT, "portal")]


def test_lease_holder_is_served_the_stale_row_when_the_portal_fails(stage: Stage, portal: Portal) -> None:
    portal.rows.standing = StoredLease(answered(stage.now() - FRESH_POSITIVE - 1, 7), Lease())
    portal.failures = [PortalUnavailable()]
    (caller,) = crowd(portal, 1)
    run_all(stage)
    assert got(caller) == (7, "stale")


# -- fresh look-ups ----------------------------------------------------------------------------------------------------


def test_fresh_look_ups_share_one_call_sent_after_they_started(stage: Stage, portal: Portal) -> None:
    portal.takes = 1.0
    first = portal.begin("first")
    until_the_portal_is_called(stage, portal)
    fresh = [portal.begin(f"fresh {number}", fresh=True) for number in range(CROWD)]
    run_all(stage)
    assert {got(each) for each in (first, *fresh)} == {(CHAT, "portal")}
    assert portal.calls == 2  # the first call was sent before they started


def test_fresh_look_up_is_not_served_a_stale_row(stage: Stage, portal: Portal) -> None:
    portal.rows.standing = StoredLease(answered(stage.now() - FRESH_POSITIVE - 1, 7), Lease())
    portal.failures = [PortalUnavailable()]
    caller = portal.begin("fresh", fresh=True)
    run_all(stage)
    assert isinstance(caller.error, PortalUnavailable)


# -- the lease holder fails --------------------------------------------------------------------------------------------


def test_error_of_the_portal_is_raised_to_all_waiting_callers(stage: Stage, portal: Portal) -> None:
    portal.failures = [ChatNotAccessible(portal_error="ACCESS_ERROR")] * CROWD
    callers = crowd(portal)
    run_all(stage)
    assert [type(caller.error) for caller in callers] == [ChatNotAccessible] * CROWD
    assert {getattr(caller.error, "portal_error", None) for caller in callers} == {"ACCESS_ERROR"}
    assert portal.calls == 1


def test_shared_error_has_the_retry_time_of_the_portal(stage: Stage, portal: Portal) -> None:
    portal.failures = [PortalBlocked(portal_error="OVERLOAD_LIMIT", retry_after=300)]
    callers = crowd(portal, 2)
    run_all(stage)
    assert [getattr(caller.error, "retry_after", None) for caller in callers] == [300, 300]


def test_shared_error_is_not_raised_to_later_callers(stage: Stage, portal: Portal) -> None:
    portal.failures = [ChatNotAccessible(portal_error="ACCESS_ERROR")]
    crowd(portal)
    run_all(stage)
    late = portal.begin("late")
    run_all(stage)
    assert (got(late), portal.calls) == ((CHAT, "portal"), 2)


def test_shared_error_is_not_raised_to_callers_with_another_method(stage: Stage, portal: Portal) -> None:
    portal.failures = [ChatNotAccessible(portal_error="insufficient_scope")]
    by_bot = portal.begin("by bot", how="imbot")
    until_the_portal_is_called(stage, portal)
    other = portal.begin("other", how="auto")
    run_all(stage)
    assert isinstance(by_bot.error, ChatNotAccessible)
    assert got(other) == (CHAT, "portal")


def test_next_caller_calls_the_portal_after_a_connection_failure(stage: Stage, portal: Portal) -> None:
    portal.failures = [PortalUnavailable("The connection to the portal failed")]
    callers = crowd(portal)
    run_all(stage)
    assert sorted(type(caller.error).__name__ for caller in callers) == ["NoneType"] * (CROWD - 1) + [
        "PortalUnavailable"
    ]
    assert portal.calls == 2


def test_caller_without_a_slot_in_time_leaves_the_call_to_callers_with_more_time(stage: Stage, portal: Portal) -> None:
    portal.ahead = 5.0
    hurried = portal.begin("hurried", seconds=4)
    patient = portal.begin("patient", seconds=20)
    run_all(stage)
    assert isinstance(hurried.error, PortalBusy)
    assert got(patient) == (CHAT, "portal")


def test_dead_lease_holder_costs_its_lease_and_one_more_call(stage: Stage, portal: Portal) -> None:
    callers = crowd(portal)
    until_the_portal_is_called(stage, portal)
    began = stage.now()
    lease_holder = max(callers, key=lambda caller: caller.wakes_at)
    stage.kill(lease_holder)
    run_all(stage)
    assert [got(caller) for caller in callers if caller is not lease_holder] == [(CHAT, "portal")] * (CROWD - 1)
    assert portal.calls == 2
    assert stage.now() < began + LEASE + 2


# -- the end of waiting ------------------------------------------------------------------------------------------------


def test_wait_for_slot_ends_at_the_deadline(stage: Stage, portal: Portal) -> None:
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
    run_all(stage)
    assert got(patient) == (CHAT, "portal")


def test_wait_for_the_lease_holder_ends_at_the_deadline(stage: Stage, portal: Portal) -> None:
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
    run_all(stage)
    assert got(patient) == (CHAT, "portal")


# -- stores in trouble -------------------------------------------------------------------------------------------------


def test_portal_is_called_without_a_lease_when_the_store_is_down(stage: Stage, portal: Portal) -> None:
    portal.rows.down = True
    (caller,) = crowd(portal, 1)
    run_all(stage)
    assert got(caller) == (CHAT, "portal")


def test_waiting_caller_calls_the_portal_when_the_row_cannot_be_read(stage: Stage, portal: Portal) -> None:
    portal.takes = 2.0
    callers = crowd(portal, 2)
    until_the_portal_is_called(stage, portal)
    portal.rows.down = True
    run_all(stage)
    assert [got(caller) for caller in callers] == [(CHAT, "portal")] * 2
    assert portal.calls == 2


@pytest.mark.parametrize("seconds", [0.1, 0.0, -0.8])
def test_caller_without_time_does_not_wait_and_gets_the_deadline_error(
    stage: Stage, portal: Portal, seconds: float
) -> None:
    portal.takes = 2.0
    holder = portal.begin("holder")
    until_the_portal_is_called(stage, portal)
    late = portal.begin("late", seconds=seconds)
    run_all(stage)
    assert got(holder) == (CHAT, "portal")
    assert isinstance(late.error, DeadlineReached)
