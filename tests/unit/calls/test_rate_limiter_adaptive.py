"""How a refusal by the portal changes the pace, and how many callers may wait."""

from collections.abc import Callable

import pytest

from chat_lookup.calls.gcra import HOLD, LONGEST_PAUSE, MOST_WAITERS, RESTORE, Pace, Share
from chat_lookup.calls.rate_limiter import Limiter
from chat_lookup.clock import Deadline
from chat_lookup.errors import PortalBusy, PortalUnavailable
from tests.support.fakes import MEMBER_ID, ManualClock, Stores, UnmovedClock
from tests.support.stores.faulty_dynamodb import FaultyDynamoDB
from tests.support.stores.shared_pace import TINY, USUAL, process, wait


class Meanwhile(ManualClock):
    """Calls `happens` when a process sleeps on it for the first time."""

    def __init__(self) -> None:
        super().__init__()
        self.happens: Callable[[], object] | None = None

    def sleep(self, seconds: float) -> None:
        happens, self.happens = self.happens, None
        if seconds > 0 and happens:
            happens()
        super().sleep(seconds)


@pytest.fixture
def clock() -> UnmovedClock:
    return UnmovedClock()


@pytest.fixture
def meanwhile() -> Meanwhile:
    return Meanwhile()


def between_slots(limiter: Limiter, clock: ManualClock) -> float:
    """Seconds between the last of the burst and the one after it."""
    waited = [wait(limiter, clock, patience=30) for _ in range(USUAL.burst)]
    return waited[-1] - waited[-2]


def test_all_processes_pause_after_a_refusal_and_continue_at_half_the_pace_without_a_burst(
    stores: Stores, clock: UnmovedClock
) -> None:
    one, another = process(stores, clock), process(stores, clock)
    one.refused(MEMBER_ID, USUAL)
    waited = [wait(each, clock) for each in (one, another, process(stores, clock), one)]
    assert waited == pytest.approx([4.0, 5.0, 6.0, 7.0], abs=TINY)


def test_a_process_that_saw_the_row_before_learns_of_a_refusal_with_its_next_slot(
    stores: Stores, clock: UnmovedClock
) -> None:
    one, another = process(stores, clock), process(stores, clock)
    wait(another, clock)
    one.refused(MEMBER_ID, USUAL)
    assert [wait(another, clock) for _ in range(3)] == pytest.approx([4.0, 4.5, 5.5], abs=TINY)


def test_a_process_that_never_called_that_portal_may_be_the_first_to_be_refused(
    stores: Stores, clock: UnmovedClock
) -> None:
    process(stores, clock).refused(MEMBER_ID, USUAL)
    assert wait(process(stores, clock), clock) == pytest.approx(4.0, abs=TINY)


def test_several_refusals_at_once_count_as_one(stores: Stores, clock: UnmovedClock) -> None:
    processes = [process(stores, clock) for _ in range(5)]
    for each in processes:
        wait(each, clock)
    for each in processes:
        each.refused(MEMBER_ID, USUAL)
        clock.advance(0.05)
    waited = [wait(each, clock) for each in processes]
    assert waited == pytest.approx([3.75, 4.75, 5.75, 6.75, 7.75], abs=TINY)


def test_pace_is_halved_at_each_refusal_but_never_below_a_quarter(stores: Stores, clock: UnmovedClock) -> None:
    limiter = process(stores, clock)
    pauses = []
    for _ in range(4):
        limiter.refused(MEMBER_ID, USUAL)
        first, second = wait(limiter, clock, patience=30), wait(limiter, clock, patience=30)
        pauses.append((first, second - first))
        clock.advance(second)
    assert [each for pause in pauses for each in pause] == pytest.approx([4, 1, 8, 2, 8, 2, 8, 2], abs=TINY)


def test_a_caller_whose_deadline_comes_before_the_end_of_a_pause_gets_that_end(
    stores: Stores, clock: UnmovedClock
) -> None:
    process(stores, clock).refused(MEMBER_ID, USUAL)
    clock.advance(0.5)
    with pytest.raises(PortalBusy) as raised:
        wait(process(stores, clock), clock, patience=1)
    assert raised.value.retry_after == pytest.approx(3.5, abs=TINY)


def test_interactive_callers_precede_bulk_after_a_pause(stores: Stores, clock: UnmovedClock) -> None:
    limiter = process(stores, clock)
    limiter.refused(MEMBER_ID, USUAL)
    clock.advance(4)
    with pytest.raises(PortalBusy):
        wait(limiter, clock, share=Share.BULK)
    assert wait(limiter, clock) == pytest.approx(0.0, abs=TINY)


def test_a_lowered_pace_stays_for_a_minute_and_then_comes_back_by_itself(stores: Stores, clock: UnmovedClock) -> None:
    limiter = process(stores, clock)
    limiter.refused(MEMBER_ID, USUAL)
    apart = []
    for seconds in (HOLD, RESTORE / 2, RESTORE / 2):
        clock.advance(seconds)
        apart.append(between_slots(process(stores, clock), clock))
    assert apart == pytest.approx([1.0, 2 / 3, 0.5], abs=0.01)


def test_portal_that_names_the_end_of_its_refusal_is_not_called_until_then(stores: Stores, clock: UnmovedClock) -> None:
    limiter = process(stores, clock)
    limiter.refused(MEMBER_ID, USUAL, clock.now() + 20)
    assert wait(limiter, clock, patience=30) == pytest.approx(20, abs=TINY)


@pytest.mark.parametrize("pause", [Limiter.refused, Limiter.closed])
def test_pause_that_a_portal_names_lasts_ten_minutes_at_most(
    stores: Stores, clock: UnmovedClock, pause: Callable[[Limiter, str, Pace, float], None]
) -> None:
    limiter = process(stores, clock)
    pause(limiter, MEMBER_ID, USUAL, clock.now() + 1e9)
    clock.advance(LONGEST_PAUSE - 1)
    assert wait(limiter, clock) == pytest.approx(1, abs=TINY)


@pytest.mark.parametrize("seconds", [20, 120, 600])
def test_each_caller_gets_the_end_of_the_pause_that_the_portal_named(
    stores: Stores, clock: UnmovedClock, seconds: float
) -> None:
    limiter = process(stores, clock)
    limiter.refused(MEMBER_ID, USUAL, clock.now() + seconds)
    for left in (seconds, seconds - 5):
        with pytest.raises(PortalBusy) as raised:
            wait(process(stores, clock), clock, patience=min(10, left - 1))
        assert raised.value.retry_after == pytest.approx(left, abs=TINY)
        clock.advance(5)


def test_a_later_end_counts_and_the_pace_is_halved_once(stores: Stores, clock: UnmovedClock) -> None:
    one, another = process(stores, clock), process(stores, clock)
    one.refused(MEMBER_ID, USUAL)
    another.refused(MEMBER_ID, USUAL, clock.now() + 20)
    one.refused(MEMBER_ID, USUAL, clock.now() + 10)
    assert [wait(each, clock, patience=30) for each in (one, another)] == pytest.approx([20, 21], abs=TINY)


def test_portal_out_of_service_is_not_called_until_its_end_and_then_at_the_pace_as_it_was(
    stores: Stores, clock: UnmovedClock
) -> None:
    process(stores, clock).closed(MEMBER_ID, USUAL, clock.now() + 20)
    with pytest.raises(PortalUnavailable) as raised:
        wait(process(stores, clock), clock)
    assert raised.value.retry_after == pytest.approx(20, abs=TINY)
    limiter = process(stores, clock)
    assert [wait(limiter, clock, patience=30) for _ in range(3)] == pytest.approx([20, 20.5, 21], abs=TINY)


def test_a_refusal_after_an_outage_is_one_for_too_many_requests_again(stores: Stores, clock: UnmovedClock) -> None:
    limiter = process(stores, clock)
    limiter.closed(MEMBER_ID, USUAL, clock.now() + 20)
    clock.advance(21)
    limiter.refused(MEMBER_ID, USUAL)
    with pytest.raises(PortalBusy):
        wait(process(stores, clock), clock, patience=1)


def test_slots_that_are_reserved_far_ahead_are_not_given_up_for_a_short_pause(
    stores: Stores, clock: UnmovedClock
) -> None:
    limiter = process(stores, clock)
    last = [wait(limiter, clock, Pace(2, 1)) for _ in range(15)][-1]
    process(stores, clock).refused(MEMBER_ID, Pace(2, 1))
    assert wait(limiter, clock, Pace(2, 1), patience=20) == pytest.approx(last + 0.5, abs=TINY)


# -- refusals while a process sleeps -----------------------------------------------------------------------------------


def asleep(stores: Stores, clock: Meanwhile, pace: Pace) -> Limiter:
    """A process that has to sleep for two intervals at its next reservation."""
    limiter = process(stores, clock)
    for _ in range(2):
        process(stores, UnmovedClock(clock.now())).wait(MEMBER_ID, pace, Share.BULK, Deadline.after(9, clock))
    return limiter


def test_sleeping_process_waits_for_the_end_of_a_pause_after_another_was_refused(
    stores: Stores, meanwhile: Meanwhile
) -> None:
    pace = Pace(2, 1)
    limiter, other = asleep(stores, meanwhile, pace), process(stores, meanwhile)
    began = meanwhile.now()
    meanwhile.happens = lambda: other.refused(MEMBER_ID, pace)
    waited = wait(limiter, meanwhile, pace)
    assert waited == pytest.approx(4.0, abs=TINY)
    assert meanwhile.now() == pytest.approx(began + waited, abs=TINY)


def test_sleeping_process_is_refused_if_the_pause_ends_after_its_deadline(stores: Stores, meanwhile: Meanwhile) -> None:
    pace = Pace(2, 1)
    limiter, other = asleep(stores, meanwhile, pace), process(stores, meanwhile)
    meanwhile.happens = lambda: other.refused(MEMBER_ID, pace)
    with pytest.raises(PortalBusy) as raised:
        wait(limiter, meanwhile, pace, patience=2)
    assert raised.value.retry_after == pytest.approx(3.0, abs=TINY)  # the pause began a second ago


def test_bulk_that_slept_between_two_steps_of_a_burst_learns_of_a_refusal_before_it_calls(
    stores: Stores, meanwhile: Meanwhile
) -> None:
    limiter, other = process(stores, meanwhile), process(stores, meanwhile)
    assert wait(other, meanwhile, share=Share.BULK) == 0.0
    meanwhile.happens = lambda: other.refused(MEMBER_ID, USUAL)
    with pytest.raises(PortalBusy):  # nothing is left for bulk work until the pause is over
        wait(limiter, meanwhile, share=Share.BULK)


def test_call_without_a_wait_costs_no_read_of_the_row(stores: Stores, clock: UnmovedClock) -> None:
    dynamodb = FaultyDynamoDB(stores.dynamodb)
    limiter = process(stores, clock, dynamodb)
    assert [wait(limiter, clock) for _ in range(45)] == [0.0] * 45
    assert dynamodb.reads == 0
    assert wait(limiter, clock, patience=30) <= USUAL.interval
    assert dynamodb.reads == 0  # no other process reserved meanwhile
    assert wait(limiter, clock, patience=30) > USUAL.interval
    assert dynamodb.reads == 1


# -- how many may wait -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lowered", [False, True])
def test_number_of_waiting_callers_is_bounded_at_any_patience(
    stores: Stores, clock: UnmovedClock, lowered: bool
) -> None:
    limiter = process(stores, clock)
    if lowered:
        limiter.refused(MEMBER_ID, USUAL)
        clock.advance(HOLD - 10)
    while wait(limiter, clock, patience=600) == 0:
        pass
    for _ in range(MOST_WAITERS - 1):
        wait(limiter, clock, patience=600)
    with pytest.raises(PortalBusy) as raised:
        wait(limiter, clock, patience=600)
    assert raised.value.retry_after == 1.0


# -- rows that no caller wrote, and writes whose answers are lost ------------------------------------------------------


def test_a_refusal_from_a_clock_that_ran_wrong_does_not_block_the_portal(stores: Stores, clock: UnmovedClock) -> None:
    stores.dynamodb.put_item(
        TableName=stores.cache_table,
        Item={
            "pk": {"S": f"LIMIT#{MEMBER_ID}"},
            "tat": {"N": "1"},
            "factor": {"N": "0.25"},
            "blocked_until": {"N": str(clock.now() + 500)},
            "lowered_at": {"N": str(clock.now() + 490)},
        },
    )
    limiter = process(stores, clock)
    assert wait(limiter, clock) == 0.0
    assert between_slots(limiter, clock) == pytest.approx(0.5, abs=TINY)
    process(stores, clock).refused(MEMBER_ID, USUAL)
    assert wait(process(stores, clock), clock, patience=30) >= 4.0 - TINY


def test_a_refusal_replaces_what_a_clock_that_ran_wrong_had_reserved(stores: Stores, clock: UnmovedClock) -> None:
    stores.dynamodb.put_item(
        TableName=stores.cache_table,
        Item={"pk": {"S": f"LIMIT#{MEMBER_ID}"}, "tat": {"N": str(clock.now() + 2 * 24 * 3600)}},
    )
    process(stores, clock).refused(MEMBER_ID, USUAL)
    assert [wait(process(stores, clock), clock) for _ in range(2)] == pytest.approx([4.0, 5.0], abs=TINY)


def test_a_refusal_that_is_written_twice_counts_once(stores: Stores, clock: UnmovedClock) -> None:
    twice = process(stores, clock, FaultyDynamoDB(stores.dynamodb, repeats=True))
    twice.refused(MEMBER_ID, USUAL)
    assert [wait(process(stores, clock), clock) for _ in range(2)] == pytest.approx([4.0, 5.0], abs=TINY)


def test_a_reservation_that_is_written_twice_wastes_one_slot_and_no_more(stores: Stores, clock: UnmovedClock) -> None:
    pace = Pace(2, 1)
    wait(process(stores, clock), clock, pace)
    loses = process(stores, clock, FaultyDynamoDB(stores.dynamodb, repeats=True))
    assert wait(loses, clock, pace) == pytest.approx(1.0, abs=TINY)
    assert wait(process(stores, clock), clock, pace) == pytest.approx(1.5, abs=TINY)
