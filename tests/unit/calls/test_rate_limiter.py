"""Reservations of the shared pace, by several processes on one table."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chat_lookup.calls.gcra import BULK_PATIENCE, HOLD, QUIET, RESTORE, Pace, RateState, Share
from chat_lookup.calls.rate_limiter import Limiter
from chat_lookup.clock import Deadline
from chat_lookup.errors import DeadlineReached, PortalBusy
from tests.support.fakes import MEMBER_ID, Stores, UnmovedClock
from tests.support.stores.faulty_dynamodb import FaultyDynamoDB
from tests.support.stores.shared_pace import TINY, USUAL, process, wait

NOW = 1_763_000_000.0

paces = st.builds(
    Pace, rate=st.sampled_from([0.1, 0.7, 1.0, 2.0, 5.0, 33.3]), burst=st.integers(1, 260), factor=st.just(1.0)
)
shares = st.sampled_from(Share)


@pytest.fixture
def clock() -> UnmovedClock:
    return UnmovedClock()


@pytest.fixture
def dynamodb(stores: Stores) -> FaultyDynamoDB:
    return FaultyDynamoDB(stores.dynamodb)


def until_refused(
    limiter: Limiter, clock: UnmovedClock, *, share: Share = Share.INTERACTIVE, patience: float = 10
) -> list[float]:
    """Reserve until no slot is left; returns how long each had to wait."""
    waited: list[float] = []
    with suppress(PortalBusy):
        while True:
            waited.append(wait(limiter, clock, share=share, patience=patience))
    return waited


def put_tat(stores: Stores, tat: float) -> None:
    stores.dynamodb.put_item(
        TableName=stores.cache_table, Item={"pk": {"S": f"LIMIT#{MEMBER_ID}"}, "tat": {"N": f"{tat:.6f}"}}
    )


def test_a_burst_is_admitted_at_once_and_then_one_each_interval(stores: Stores, clock: UnmovedClock) -> None:
    limiter = process(stores, clock)
    waited = [wait(limiter, clock, Pace(2, 10)) for _ in range(15)]
    assert waited[:9] == [0.0] * 9
    assert waited[9:] == pytest.approx([0.5, 1.0, 1.5, 2.0, 2.5, 3.0], abs=TINY)


def test_wait_sleeps_for_exactly_the_time_that_it_returns(stores: Stores, clock: UnmovedClock) -> None:
    limiter = process(stores, clock)
    for _ in range(3):
        waited = wait(limiter, clock, Pace(2, 1))
    assert clock.slept[-1] == pytest.approx(waited, abs=TINY)
    assert waited == pytest.approx(1.0, abs=TINY)


def test_processes_that_share_only_the_table_keep_one_pace(stores: Stores, clock: UnmovedClock) -> None:
    processes = [process(stores, clock) for _ in range(5)]
    waited = [wait(each, clock, Pace(2, 10)) for _ in range(5) for each in processes]
    assert waited == pytest.approx([max(0.0, (number - 8) * 0.5) for number in range(25)], abs=0.01)


def test_portals_do_not_wait_for_each_other(stores: Stores, clock: UnmovedClock) -> None:
    limiter = process(stores, clock)
    deadline = Deadline.after(10, clock)
    assert limiter.wait("a", Pace(2, 1), Share.INTERACTIVE, deadline) == 0
    assert limiter.wait("b", Pace(2, 1), Share.INTERACTIVE, deadline) == 0


def test_whole_burst_and_no_more_is_available_after_a_pause(stores: Stores, clock: UnmovedClock) -> None:
    limiter = process(stores, clock)
    for _ in range(9):
        wait(limiter, clock, Pace(2, 10))
    clock.advance(3600)
    assert [wait(limiter, clock, Pace(2, 10)) for _ in range(10)] == [0.0] * 9 + [pytest.approx(0.5, abs=TINY)]


def test_no_slot_is_reserved_beyond_the_deadline(stores: Stores, clock: UnmovedClock) -> None:
    limiter = process(stores, clock)
    pace = Pace(2, 1)
    assert wait(limiter, clock, pace, patience=1.2) == 0.0
    assert wait(limiter, clock, pace, patience=1.2) == pytest.approx(0.5, abs=TINY)
    assert wait(limiter, clock, pace, patience=1.2) == pytest.approx(1.0, abs=TINY)
    with pytest.raises(PortalBusy) as raised:
        wait(limiter, clock, pace, patience=1.2)
    assert raised.value.retry_after == pytest.approx(1.0)  # at least a second is returned


def test_slot_is_available_at_the_time_that_a_refusal_names(stores: Stores, clock: UnmovedClock) -> None:
    limiter = process(stores, clock)
    until_refused(limiter, clock, patience=4)
    with pytest.raises(PortalBusy) as raised:
        wait(limiter, clock, patience=0.5)
    retry_after = raised.value.retry_after
    assert retry_after is not None
    assert retry_after > 3
    clock.advance(retry_after - 0.1)
    with pytest.raises(PortalBusy):
        wait(limiter, clock, patience=0.5)
    clock.advance(0.11)
    assert wait(limiter, clock, patience=0.5) <= 0.5


def test_second_refusal_of_a_process_costs_no_write(
    stores: Stores, clock: UnmovedClock, dynamodb: FaultyDynamoDB
) -> None:
    limiter = process(stores, clock, dynamodb)
    for _ in range(3):
        wait(limiter, clock, Pace(2, 1))
    written = dynamodb.writes
    for _ in range(20):
        with pytest.raises(PortalBusy):
            wait(limiter, clock, Pace(2, 1), patience=0.3)
    assert dynamodb.writes == written


def test_a_refusal_reserves_nothing(stores: Stores, clock: UnmovedClock) -> None:
    limiter = process(stores, clock)
    wait(limiter, clock, Pace(2, 1))
    for _ in range(5):
        with pytest.raises(PortalBusy):
            wait(process(stores, clock), clock, Pace(2, 1), patience=0.1)
    assert wait(limiter, clock, Pace(2, 1)) == pytest.approx(0.5, abs=TINY)


@pytest.mark.parametrize("before", [0, 1, 3])
def test_caller_past_the_deadline_is_refused_and_reserves_nothing(
    stores: Stores, clock: UnmovedClock, dynamodb: FaultyDynamoDB, before: int
) -> None:
    limiter = process(stores, clock, dynamodb)
    for _ in range(before):
        wait(limiter, clock)
    written = dynamodb.writes
    for late in (0, -5):
        with pytest.raises(DeadlineReached):
            wait(limiter, clock, patience=late)
    assert dynamodb.writes == written


def test_one_reservation_costs_one_write_once_the_row_was_seen(
    stores: Stores, clock: UnmovedClock, dynamodb: FaultyDynamoDB
) -> None:
    limiter = process(stores, clock, dynamodb)
    wait(limiter, clock)
    written = dynamodb.writes
    for _ in range(10):
        wait(limiter, clock)
    assert dynamodb.writes == written + 10


def test_a_new_process_needs_two_writes_at_most(stores: Stores, clock: UnmovedClock, dynamodb: FaultyDynamoDB) -> None:
    wait(process(stores, clock), clock)
    wait(process(stores, clock, dynamodb), clock)
    assert dynamodb.writes == 2


@pytest.mark.parametrize(("asked_before", "slots"), [(False, 45), (True, 36)])
def test_bulk_never_reserves_more_than_a_second_ahead(
    stores: Stores, clock: UnmovedClock, asked_before: bool, slots: int
) -> None:
    limiter = process(stores, clock)
    if asked_before:
        wait(process(stores, clock), clock)
        clock.advance(QUIET - 1)
    waited = until_refused(limiter, clock, share=Share.BULK, patience=60)
    assert max(waited) <= BULK_PATIENCE + TINY
    assert len(waited) == slots + 2  # its share of the burst, and what leaks in a second


def test_an_interactive_caller_is_admitted_at_once_while_bulk_takes_all_it_may(
    stores: Stores, clock: UnmovedClock
) -> None:
    bulk, interactive = process(stores, clock), process(stores, clock)
    wait(interactive, clock)
    until_refused(bulk, clock, share=Share.BULK)
    assert [wait(interactive, clock) for _ in range(6)] == [0.0] * 6


# -- the reserve while no interactive caller asks (design 14) ----------------------------------------------------------


def test_the_first_interactive_caller_after_a_quiet_minute_waits_a_second_and_a_half_at_most_and_no_other_waits(
    stores: Stores, clock: UnmovedClock
) -> None:
    """One question every two seconds, while eight processes of bulk work take all they may have."""
    bulk, person = [process(stores, clock) for _ in range(8)], process(stores, clock)
    waited = []
    for _ in range(20):
        for each in bulk:
            until_refused(each, clock, share=Share.BULK)
        waited.append(wait(person, clock))
        for _ in range(20):
            clock.advance(0.1)
            for each in bulk:
                until_refused(each, clock, share=Share.BULK)
    assert 0 < waited[0] <= 1.5 + TINY
    assert waited[1:] == pytest.approx([0.0] * 19, abs=TINY)


def test_bulk_learns_of_an_interactive_caller_of_another_process_with_its_next_slot(
    stores: Stores, clock: UnmovedClock
) -> None:
    bulk = process(stores, clock)
    for _ in range(40):
        assert wait(bulk, clock, share=Share.BULK) <= BULK_PATIENCE
    wait(process(stores, clock), clock)
    with pytest.raises(PortalBusy):
        wait(bulk, clock, share=Share.BULK)


def test_after_a_minute_without_an_interactive_caller_bulk_takes_the_reserve_again(
    stores: Stores, clock: UnmovedClock
) -> None:
    wait(process(stores, clock), clock)
    clock.advance(QUIET + 0.1)
    assert len(until_refused(process(stores, clock), clock, share=Share.BULK)) == 45 + 2


def test_bulk_does_not_use_the_reserve_after_a_recent_refusal(stores: Stores, clock: UnmovedClock) -> None:
    """Another application uses the burst, too, and would be refused for ours."""
    limiter = process(stores, clock)
    limiter.refused(MEMBER_ID, USUAL)
    clock.advance(HOLD + RESTORE - 1)
    assert len(until_refused(limiter, clock, share=Share.BULK)) <= 36 + 2
    clock.advance(60)
    assert len(until_refused(limiter, clock, share=Share.BULK)) == 45 + 2


def test_an_interactive_caller_by_a_clock_that_ran_wrong_does_not_take_the_reserve_from_bulk(
    stores: Stores, clock: UnmovedClock
) -> None:
    ahead = UnmovedClock(clock.now() + 3600)
    wait(process(stores, ahead), ahead)
    assert len(until_refused(process(stores, clock), clock, share=Share.BULK)) == 45 + 2


# -- another pace (`portal.set`) ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("calls", [1, 15, 30])
@pytest.mark.parametrize(("before", "after"), [(Pace(2, 50), Pace(100, 50)), (Pace(100, 50), Pace(2, 50))])
def test_after_a_change_of_pace_what_was_used_counts_in_requests(
    stores: Stores, clock: UnmovedClock, calls: int, before: Pace, after: Pace
) -> None:
    one, another = process(stores, clock), process(stores, clock)
    wait(another, clock, after)  # it has seen a row of that portal before
    clock.advance(60)
    for _ in range(calls):
        wait(one, clock, before)
    waited = [wait(each, clock, after) for each in [another, one, process(stores, clock)] * 5]
    reach = after.reach(Share.INTERACTIVE)
    expected = [max(0.0, (calls + number) / after.rate - reach) for number in range(15)]
    assert waited == pytest.approx(expected, abs=TINY)


def test_portal_throttled_by_an_operator_is_called_at_its_new_pace_soon_after_any_use(
    stores: Stores, clock: UnmovedClock
) -> None:
    """One call in ten seconds, as the runbook has it: a bucket of one is full with one."""
    limiter, slow = process(stores, clock), Pace(0.1, 1)
    for _ in range(40):
        wait(limiter, clock)
    assert [wait(limiter, clock, slow, patience=60) for _ in range(2)] == pytest.approx([10, 20], abs=TINY)
    clock.advance(20)
    assert wait(limiter, clock) == 0.0


def test_callers_that_wait_for_their_slots_already_count_after_a_change_of_pace(
    stores: Stores, clock: UnmovedClock
) -> None:
    limiter, slow = process(stores, clock), Pace(0.1, 1)
    for _ in range(45 + 3):
        wait(limiter, clock)
    assert wait(limiter, clock, slow, patience=60) == pytest.approx(10 * (1 + 3), abs=TINY)


def test_processes_that_still_use_the_former_pace_neither_lose_nor_gain_a_slot(
    stores: Stores, clock: UnmovedClock
) -> None:
    """A process remembers a portal's record for up to thirty seconds."""
    former, today = process(stores, clock), process(stores, clock)
    waited = [
        wait(limiter, clock, pace)
        for _ in range(40)
        for limiter, pace in ((former, Pace(2, 100)), (today, Pace(5, 100)))
    ]
    assert waited == [0.0] * 80
    (item,) = stores.dynamodb.scan(TableName=stores.cache_table)["Items"]
    used = (float(item["tat"]["N"]) - clock.now()) * float(item["rate"]["N"])
    assert used == pytest.approx(80, abs=0.1)


def test_pause_keeps_its_length_after_a_change_of_pace(stores: Stores, clock: UnmovedClock) -> None:
    process(stores, clock).refused(MEMBER_ID, Pace(2, 50), clock.now() + 20)
    assert 20 <= wait(process(stores, clock), clock, Pace(100, 50), patience=30) <= 20.5


def test_row_of_a_former_version_without_a_rate_counts_at_the_current_pace(stores: Stores, clock: UnmovedClock) -> None:
    put_tat(stores, clock.now() + 22.5)
    limiter = process(stores, clock)
    assert [wait(limiter, clock) for _ in range(2)] == pytest.approx([0.5, 1.0], abs=TINY)
    assert len(until_refused(process(stores, clock), clock, share=Share.BULK)) == 0


# -- clocks that run wrong ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ahead", [103, 600, 3599, 2 * 24 * 3600])
def test_clock_that_runs_ahead_delays_no_caller_longer_than_a_full_queue_would(
    stores: Stores, clock: UnmovedClock, ahead: float
) -> None:
    wrong = UnmovedClock(clock.now() + ahead)
    wait(process(stores, wrong), wrong)
    for _ in range(3):
        assert wait(process(stores, clock), clock) == 0.0


@given(st.floats(0, 7200))
def test_row_of_a_clock_ahead_counts_for_no_longer_than_some_hundred_seconds(ahead: float) -> None:
    seen = RateState(tat=NOW + ahead, rate=2.0).credible(USUAL, NOW)
    assert seen.tat is None or seen.tat <= NOW + 102 + TINY


@pytest.mark.parametrize("pause", [Limiter.refused, Limiter.closed])
@pytest.mark.parametrize("ahead", [61, 600, 3599])
def test_pause_written_by_a_clock_that_runs_ahead_delays_no_caller_longer_than_its_bound(
    stores: Stores, clock: UnmovedClock, ahead: float, pause: Callable[[Limiter, str, Pace, float], None]
) -> None:
    wrong = UnmovedClock(clock.now() + ahead)
    pause(process(stores, wrong), MEMBER_ID, USUAL, wrong.now() + 20)
    assert wait(process(stores, clock), clock, patience=45) <= 42
    process(stores, clock).refused(MEMBER_ID, USUAL)
    assert wait(process(stores, clock), clock, patience=45) >= 4 - TINY


def test_a_row_from_a_clock_that_ran_wrong_does_not_block_the_portal(stores: Stores, clock: UnmovedClock) -> None:
    limiter = process(stores, clock)
    put_tat(stores, clock.now() + 2 * 24 * 3600)
    assert wait(limiter, clock) == 0.0
    assert wait(process(stores, clock), clock, Pace(2, 1)) == pytest.approx(0.5, abs=TINY)


def test_process_that_saw_the_row_before_is_not_blocked_by_a_clock_that_ran_wrong(
    stores: Stores, clock: UnmovedClock
) -> None:
    limiter = process(stores, clock)
    put_tat(stores, clock.now() + 100)
    with pytest.raises(PortalBusy):
        wait(limiter, clock)
    put_tat(stores, clock.now() + 2 * 24 * 3600)
    assert wait(process(stores, clock), clock) == 0.0


def test_a_large_burst_of_a_slow_portal_is_not_taken_for_a_clock_that_ran_wrong(
    stores: Stores, clock: UnmovedClock
) -> None:
    pace = Pace(rate=0.1, burst=1000)
    full = clock.now() + pace.reach(Share.INTERACTIVE) + pace.interval
    assert full > clock.now() + 3600
    put_tat(stores, full)
    assert wait(process(stores, clock), clock, pace, patience=30) == pytest.approx(10, abs=TINY)


@given(paces, st.floats(0, 5))
@example(Pace(0.1, 1000), 0.0)
def test_a_full_bucket_is_never_absurd(pace: Pace, ahead: float) -> None:
    assert NOW + pace.reach(Share.INTERACTIVE) + pace.interval + ahead < pace.absurd(NOW)


@pytest.mark.parametrize("parts_of_a_microsecond", [-0.4, -0.2, 0.0, 0.2, 0.4])
def test_caller_in_the_same_microsecond_as_the_row_is_not_refused_by_rounding(
    stores: Stores, parts_of_a_microsecond: float
) -> None:
    moment = 1_000_000.0  # early enough for a float to represent parts of a microsecond
    put_tat(stores, moment)
    clock = UnmovedClock(moment + parts_of_a_microsecond * 1e-6)
    assert wait(process(stores, clock), clock) == pytest.approx(0.0, abs=TINY)


def test_row_has_an_expiry_time(stores: Stores, clock: UnmovedClock) -> None:
    wait(process(stores, clock), clock)
    (item,) = stores.dynamodb.scan(TableName=stores.cache_table)["Items"]
    assert item["expires_at"]["N"].isdecimal()
    assert float(item["expires_at"]["N"]) > clock.now() + 3600
