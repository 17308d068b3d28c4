"""The portal's limits as arithmetic: bucket and operating time under arbitrary sequences of calls."""

from hypothesis import given
from hypothesis import strategies as st

from local.portal.behaviour.limits import LeakyBucket, OperatingTime, Plan

GAPS = st.lists(st.floats(0, 30), min_size=1, max_size=200)
PLANS = st.builds(Plan, rate=st.floats(0.5, 20), burst=st.integers(1, 60).map(float))
START = 1_700_000_000.0
ROUNDING = 1e-3  # a moment in this century has about a tenth of a microsecond


def admitted(gaps: list[float], plan: Plan) -> list[float]:
    bucket, now, moments = LeakyBucket(), START, []
    for gap in gaps:
        now += gap
        poured = bucket.pour(now, plan)
        if poured:
            bucket = poured
            moments.append(now)
    return moments


@given(GAPS, PLANS)
def test_no_period_admits_more_than_the_burst_and_what_leaked(gaps: list[float], plan: Plan) -> None:
    moments = admitted(gaps, plan)
    for first in range(len(moments)):
        for last in range(first, len(moments)):
            leaked = (moments[last] - moments[first]) * plan.rate
            assert last - first + 1 <= plan.burst + leaked + ROUNDING


@given(GAPS, PLANS)
def test_caller_within_the_rate_is_never_refused(gaps: list[float], plan: Plan) -> None:
    slow = [gap + 1 / plan.rate + ROUNDING for gap in gaps]
    assert len(admitted(slow, plan)) == len(slow)


def test_bucket_admits_exactly_its_burst_and_then_one_request_per_interval() -> None:
    plan = Plan(rate=2, burst=50)
    assert len(admitted([0.0] * 80, plan)) == 50
    assert len(admitted([0.0] * 80 + [0.5] * 10, plan)) == 60


def test_client_that_keeps_asking_is_admitted_again_since_refusals_do_not_fill_the_bucket() -> None:
    plan = Plan(rate=2, burst=50)
    moments = admitted([0.0] * 50 + [0.0625] * 24, plan)
    assert len(moments) == 53


def test_clock_that_is_set_back_does_not_empty_the_bucket() -> None:
    plan = Plan(rate=1, burst=1)
    full = LeakyBucket().pour(START, plan)
    assert full is not None
    assert full.pour(START - 100, plan) is None


@given(st.lists(st.tuples(st.floats(0, 200), st.floats(0, 5_000)), min_size=1, max_size=60))
def test_call_counts_for_nine_minutes_at_least_and_ten_at_most(calls: list[tuple[float, float]]) -> None:
    used, now, charged = OperatingTime(), START, []
    for gap, cost in calls:
        now += gap
        used = used.charge(now, cost)
        charged.append((now, cost))
        certain = sum(cost for at, cost in charged if now - at < 540 - ROUNDING)
        possible = sum(cost for at, cost in charged if now - at < 600 + ROUNDING)
        assert certain - ROUNDING <= used.spent_ms(now) <= possible + ROUNDING
        assert len(used.minutes) <= 10


@given(st.lists(st.tuples(st.floats(0, 200), st.floats(0, 5_000)), min_size=1, max_size=60))
def test_oldest_minute_is_dropped_at_the_reset_time(calls: list[tuple[float, float]]) -> None:
    used, now = OperatingTime(), START
    for gap, cost in calls:
        now += gap
        used = used.charge(now, cost)
    oldest = used.minutes[0][1]
    reset_at = used.reset_at(now)
    assert now < reset_at <= now + 600
    assert used.spent_ms(reset_at) <= used.spent_ms(now) - oldest + ROUNDING


def test_many_small_costs_add_up_to_the_limit_exactly() -> None:
    used = OperatingTime()
    for call in range(24_000):
        used = used.charge(START + call / 50, 20.0)
    assert used.spent_ms(START + 480) == 480_000
