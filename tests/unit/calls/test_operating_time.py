"""Operating time: the figures that processes share, and when a refused method is called again."""

import pytest

from chat_lookup.bitrix24.responses import OperatingTime
from chat_lookup.calls.operating_budget import ASSUMED_LIMIT, AT_ONCE, MARGIN, Budget
from chat_lookup.calls.operating_time import Operating
from chat_lookup.dynamodb import Table
from tests.support.fakes import MEMBER_ID, ManualClock, Stores
from tests.support.stores.faulty_dynamodb import FaultyDynamoDB

IM = "im.chat.get"
IMBOT = "imbot.chat.get"
ALL = ASSUMED_LIMIT - MARGIN


@pytest.fixture
def dynamodb(stores: Stores) -> FaultyDynamoDB:
    return FaultyDynamoDB(stores.dynamodb)


@pytest.fixture
def one(stores: Stores, clock: ManualClock, dynamodb: FaultyDynamoDB) -> Operating:
    return process(stores, clock, dynamodb)


@pytest.fixture
def another(stores: Stores, clock: ManualClock) -> Operating:
    return process(stores, clock)


def process(stores: Stores, clock: ManualClock, dynamodb: FaultyDynamoDB | None = None) -> Operating:
    """What one process knows: it shares the table with all others, and nothing else."""
    return Operating(Table(dynamodb.client if dynamodb else stores.dynamodb, stores.cache_table), clock)


# -- the budget --------------------------------------------------------------------------------------------------------


def test_budget_is_whole_if_nothing_is_known(one: Operating) -> None:
    assert one.budget(MEMBER_ID, IM).left == ALL
    assert one.budget(MEMBER_ID, IM).calls(50) == 50


def test_figures_that_one_process_notes_are_known_to_every_process(
    one: Operating, another: Operating, clock: ManualClock
) -> None:
    one.note(MEMBER_ID, IM, 100.0, clock.now() + 500, duration=0.25)
    budget = another.budget(MEMBER_ID, IM)
    assert budget.left == ALL - 100
    assert budget.resets_at == pytest.approx(clock.now() + 501)
    assert budget.cost == 0.25


def test_methods_and_portals_have_budgets_of_their_own(one: Operating, clock: ManualClock) -> None:
    one.note(MEMBER_ID, IM, 100.0, clock.now() + 500)
    assert one.budget(MEMBER_ID, IMBOT).left == one.budget("another portal", IM).left == ALL


def test_bulk_stops_before_the_portal_refuses(one: Operating, clock: ManualClock) -> None:
    one.note(MEMBER_ID, IM, ALL, clock.now() + 300)
    assert one.budget(MEMBER_ID, IM).calls(50) == 0


def test_small_request_is_allowed_after_the_reset_to_measure_the_budget(one: Operating, clock: ManualClock) -> None:
    one.note(MEMBER_ID, IM, 470.0, clock.now() + 300, duration=0.1)
    clock.advance(301.1)
    budget = one.budget(MEMBER_ID, IM)
    assert budget.calls(50) == AT_ONCE / 0.1
    one.note(MEMBER_ID, IM, 200.0, clock.now() + 60)
    assert one.budget(MEMBER_ID, IM).left == ALL - 200


def test_bulk_waits_on_if_the_reset_returned_no_time(one: Operating, another: Operating, clock: ManualClock) -> None:
    one.note(MEMBER_ID, IM, 470.0, clock.now() + 300)
    clock.advance(301.1)
    one.note(MEMBER_ID, IM, 471.0, clock.now() + 60)
    assert another.budget(MEMBER_ID, IM).calls(50) == 0


def test_portal_that_names_no_reset_is_called_again_a_minute_later(one: Operating, clock: ManualClock) -> None:
    one.note(MEMBER_ID, IM, 470.0, None)
    clock.advance(59)
    assert one.budget(MEMBER_ID, IM).calls(50) == 0
    clock.advance(1.1)
    assert one.budget(MEMBER_ID, IM).calls(50) == 50


def test_absurdly_late_reset_does_not_stop_bulk_for_ever(one: Operating, clock: ManualClock) -> None:
    one.note(MEMBER_ID, IM, 470.0, clock.now() * 1000)
    clock.advance(602)
    assert one.budget(MEMBER_ID, IM).calls(50) == 50


def test_figures_expire_after_ten_minutes(one: Operating, clock: ManualClock) -> None:
    one.note(MEMBER_ID, IM, 300.0, clock.now() + 600)
    clock.advance(600.1)
    assert one.budget(MEMBER_ID, IM).left == ALL


@pytest.mark.parametrize(
    ("left", "cost", "calls"),
    [
        (100, 0, 50),
        (100, 0.02, 50),
        (100, 0.2, 10),
        (100, 7, 1),
        (0.5, 0.02, 25),
        (0.001, 1, 1),
        (0, 0.02, 0),
        (-3, 0, 0),
    ],
)
def test_calls_of_a_request_fit_into_two_seconds_and_into_the_budget(left: float, cost: float, calls: int) -> None:
    assert Budget(left, 0.0, cost).calls(50) == calls


def test_cost_of_a_call_follows_new_measurements(one: Operating) -> None:
    for _ in range(40):
        one.note(MEMBER_ID, IM, None, None, duration=0.5)
    for _ in range(40):
        one.note(MEMBER_ID, IM, None, None, duration=0.1)
    assert one.budget(MEMBER_ID, IM).cost == pytest.approx(0.1, abs=0.01)


# -- cost in the table -------------------------------------------------------------------------------------------------


def test_small_sums_are_never_written(one: Operating, dynamodb: FaultyDynamoDB, clock: ManualClock) -> None:
    for number in range(90):
        one.note(MEMBER_ID, IM, number * 0.02, clock.now() + 600)
        clock.advance(0.5)
    assert dynamodb.writes == 0


def test_a_window_full_of_work_costs_a_write_for_each_two_seconds_of_it(
    one: Operating, dynamodb: FaultyDynamoDB, clock: ManualClock
) -> None:
    for number in range(480):
        one.note(MEMBER_ID, IM, float(number), clock.now() + 600)
        clock.advance(0.5)
    assert 230 <= dynamodb.writes <= 240


def test_stop_is_read_every_few_seconds_and_not_at_every_call(
    one: Operating, dynamodb: FaultyDynamoDB, clock: ManualClock
) -> None:
    for _ in range(60):
        assert one.stopped_until(MEMBER_ID, IM) is None
        clock.advance(0.1)
    assert dynamodb.reads <= 3


def test_reply_without_figures_changes_nothing(one: Operating, dynamodb: FaultyDynamoDB) -> None:
    one.note(MEMBER_ID, IM, None, None)
    assert dynamodb.writes == 0
    assert one.budget(MEMBER_ID, IM).left == ALL


# -- a method that the portal refused ----------------------------------------------------------------------------------


def test_a_refused_method_is_stopped_for_every_process_until_its_reset(
    one: Operating, another: Operating, clock: ManualClock
) -> None:
    reset = clock.now() + 400
    one.note(MEMBER_ID, IM, 480.0, reset)
    assert one.stop(MEMBER_ID, IM) == pytest.approx(reset + 1)
    assert another.stopped_until(MEMBER_ID, IM) == pytest.approx(reset + 1)
    assert another.stopped_until(MEMBER_ID, IMBOT) is None
    assert another.budget(MEMBER_ID, IM).calls(50) == 0


def test_the_reset_that_the_error_names_counts_first(one: Operating, clock: ManualClock) -> None:
    one.note(MEMBER_ID, IM, 480.0, clock.now() + 400)
    assert one.stop(MEMBER_ID, IM, clock.now() + 30) == pytest.approx(clock.now() + 31)


def test_bulk_may_make_the_trial_call_when_a_stop_is_over(one: Operating, clock: ManualClock) -> None:
    one.note(MEMBER_ID, IM, 480.0, clock.now() + 400)
    one.stop(MEMBER_ID, IM, clock.now() + 30)
    clock.advance(31.1)
    assert one.budget(MEMBER_ID, IM).left == AT_ONCE


@pytest.mark.parametrize("named", [None, -5.0, 1e9])
def test_stop_without_a_credible_reset_lasts_a_minute(one: Operating, clock: ManualClock, named: float | None) -> None:
    reset_at = None if named is None else clock.now() + named
    assert one.stop(MEMBER_ID, IM, reset_at) == pytest.approx(clock.now() + 60)


def test_a_process_that_found_no_stop_learns_of_one_within_three_seconds(
    one: Operating, another: Operating, clock: ManualClock
) -> None:
    assert another.stopped_until(MEMBER_ID, IM) is None
    one.stop(MEMBER_ID, IM)
    clock.advance(3.1)
    assert another.stopped_until(MEMBER_ID, IM) is not None


def test_one_caller_tries_when_the_stop_is_over_and_its_success_admits_all(
    stores: Stores, one: Operating, clock: ManualClock
) -> None:
    one.stop(MEMBER_ID, IM)
    crowd = [process(stores, clock) for _ in range(5)]
    clock.advance(60.1)
    stops = [each.stopped_until(MEMBER_ID, IM) for each in crowd]
    assert stops[0] is None
    assert stops[1:] == pytest.approx([clock.now() + 60] * 4)
    crowd[0].note(MEMBER_ID, IM, 3.0, clock.now() + 600)
    clock.advance(3.1)
    assert [each.stopped_until(MEMBER_ID, IM) for each in crowd] == [None] * 5


@pytest.mark.parametrize("operating", [None, 0.0, 1.0])
def test_success_without_figures_admits_all_too(
    one: Operating, another: Operating, clock: ManualClock, operating: float | None
) -> None:
    one.stop(MEMBER_ID, IM)
    clock.advance(60.1)
    assert one.stopped_until(MEMBER_ID, IM) is None
    one.note(MEMBER_ID, IM, operating, None)
    assert another.stopped_until(MEMBER_ID, IM) is None
    assert one.stopped_until(MEMBER_ID, IM) is None


def test_refused_trial_stops_the_method_for_another_minute(
    one: Operating, another: Operating, clock: ManualClock
) -> None:
    one.stop(MEMBER_ID, IM)
    for _ in range(3):
        clock.advance(60.1)
        assert one.stopped_until(MEMBER_ID, IM) is None
        one.stop(MEMBER_ID, IM)
        assert another.stopped_until(MEMBER_ID, IM) == pytest.approx(clock.now() + 60)


def test_reply_that_was_under_way_when_the_method_was_stopped_does_not_end_the_stop(
    one: Operating, another: Operating, clock: ManualClock
) -> None:
    one.stop(MEMBER_ID, IM)
    one.note(MEMBER_ID, IM, 479.0, clock.now() + 300)
    another.note(MEMBER_ID, IM, 479.5, clock.now() + 300)
    assert one.stopped_until(MEMBER_ID, IM) is not None
    assert another.stopped_until(MEMBER_ID, IM) is not None


def test_another_process_tries_a_minute_later_if_the_first_dies(
    one: Operating, another: Operating, clock: ManualClock
) -> None:
    one.stop(MEMBER_ID, IM)
    clock.advance(60.1)
    assert one.stopped_until(MEMBER_ID, IM) is None
    clock.advance(59)
    assert another.stopped_until(MEMBER_ID, IM) is not None
    clock.advance(1.1)
    assert another.stopped_until(MEMBER_ID, IM) is None


def test_claim_that_is_written_twice_still_allows_the_trial(stores: Stores, clock: ManualClock) -> None:
    loses = process(stores, clock, FaultyDynamoDB(stores.dynamodb, repeats=True))
    loses.stop(MEMBER_ID, IM)
    clock.advance(60.1)
    assert loses.stopped_until(MEMBER_ID, IM) is None
    assert process(stores, clock).stopped_until(MEMBER_ID, IM) is not None


def test_stop_from_a_clock_that_ran_wrong_stops_no_caller(stores: Stores, one: Operating, clock: ManualClock) -> None:
    stores.dynamodb.put_item(
        TableName=stores.cache_table,
        Item={"pk": {"S": f"OPERATING#{MEMBER_ID}#{IM}"}, "stopped_until": {"N": str(clock.now() + 1e6)}},
    )
    assert one.stopped_until(MEMBER_ID, IM) is None


def test_the_figures_of_the_last_answer_are_remembered_while_they_count(
    one: Operating, another: Operating, clock: ManualClock
) -> None:
    assert one.last_reported(MEMBER_ID, "im.chat.get") is None
    one.note(MEMBER_ID, "im.chat.get", 0.5, clock.now() + 600, duration=0.1)
    one.note(MEMBER_ID, "im.chat.get", 0.75, clock.now() + 600, duration=0.1)
    one.note(MEMBER_ID, "im.chat.get", None, None)
    figures = one.last_reported(MEMBER_ID, "im.chat.get")
    assert figures == OperatingTime(0.75, clock.now() + 600, 0.1)
    assert another.last_reported(MEMBER_ID, "im.chat.get") is None, "no process reads for it"
    clock.advance(601)
    assert one.last_reported(MEMBER_ID, "im.chat.get") is None
