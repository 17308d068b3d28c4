"""The deadline of a whole operation."""

from chat_lookup.clock import Deadline, SystemClock
from tests.support.fakes import ManualClock


def test_a_deadline_counts_down_and_never_below_nothing() -> None:
    clock = ManualClock()
    deadline = Deadline.after(10, clock)
    clock.advance(4)
    assert round(deadline.left(), 3) == 6
    clock.advance(60)
    assert deadline.left() == 0


def test_a_part_of_the_work_gets_the_nearer_of_two_deadlines() -> None:
    clock = ManualClock()
    whole = Deadline.after(10, clock)
    assert round(whole.no_later_than(3).left(), 3) == 3
    assert whole.no_later_than(30).at == whole.at


def test_sleeping_until_a_moment_that_has_passed_takes_no_time() -> None:
    SystemClock().sleep(-1)
