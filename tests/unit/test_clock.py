"""The deadline of a whole operation."""

import pytest

from chat_lookup.clock import TO_ANSWER, Deadline, SystemClock, bound, bound_by
from tests.support.fakes import ManualClock


def test_deadline_counts_down_to_zero() -> None:
    clock = ManualClock()
    deadline = Deadline.after(10, clock)
    clock.advance(4)
    assert round(deadline.left(), 3) == 6
    clock.advance(60)
    assert deadline.left() == 0


def test_part_of_the_work_gets_the_nearer_of_two_deadlines() -> None:
    clock = ManualClock()
    whole = Deadline.after(10, clock)
    assert round(whole.no_later_than(3).left(), 3) == 3
    assert whole.no_later_than(30).at == whole.at


def test_deadline_within_a_function_keeps_the_end_of_the_function() -> None:
    clock = ManualClock()
    whole = Deadline.after(10, clock, end=29)
    for each in (whole, whole.no_later_than(3), whole.sooner(2), whole.of_function(), whole.at_least(40)):
        assert round(each.of_function().left(), 3) == 28
        assert each.end == whole.end


def test_deadline_without_a_function_ends_at_the_callers_time() -> None:
    deadline = Deadline.after(10, ManualClock())
    assert deadline.of_function().at == deadline.at_least(60).at == deadline.at


@pytest.mark.parametrize(("passed", "left"), [(0, 10), (8, 5), (12, 5), (25, 3), (40, 0)])
def test_near_or_passed_deadline_can_be_moved_up_to_the_end_of_the_function(passed: float, left: float) -> None:
    clock = ManualClock()
    deadline = Deadline.after(10, clock, end=29)
    clock.advance(passed)
    assert round(deadline.at_least(5).left(), 3) == left


def test_sleep_until_a_past_time_returns_at_once() -> None:
    SystemClock().sleep(-1)


def test_calls_to_aws_are_bound_by_the_deadline_minus_the_time_to_answer() -> None:
    clock = ManualClock()
    assert bound() is None
    with bound_by(Deadline.after(10, clock)):
        clock.advance(4)
        limit = bound()
        assert limit is not None
        assert limit.left() == pytest.approx(6 - TO_ANSWER)
        clock.advance(60)
        assert limit.left() == 0
    assert bound() is None


@pytest.mark.parametrize("seconds", [3, 30])
def test_nested_deadline_binds_a_part_of_the_work(seconds: float) -> None:
    clock = ManualClock()
    with bound_by(Deadline.after(10, clock)):
        outer = bound()
        assert outer is not None
        outer.in_aws = 1.0
        with bound_by(Deadline.after(seconds, clock)):
            inner = bound()
            assert inner is not None
            assert inner.left() == pytest.approx(seconds - TO_ANSWER)
            assert inner.began == outer.began
            inner.in_aws += 2.0
        assert bound() is outer
        assert outer.in_aws == pytest.approx(3.0)
