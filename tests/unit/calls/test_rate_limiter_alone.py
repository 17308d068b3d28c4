"""While the shared row is unavailable, a process paces itself, and raises the reason that left no time."""

from typing import TYPE_CHECKING, Any, NoReturn, cast

import pytest
from botocore.exceptions import ClientError

from chat_lookup.calls.gcra import LEAST, Pace, Share
from chat_lookup.calls.rate_limiter import Limiter
from chat_lookup.clock import Deadline, bound, bound_by
from chat_lookup.dynamodb import Table
from chat_lookup.errors import DeadlineReached, PortalBusy, StoreUnavailable
from tests.support.fakes import MEMBER_ID, ManualClock, Stores

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

USUAL = Pace(rate=2, burst=50)
ALONE = 1 / (USUAL.rate * LEAST)
"""Seconds between two calls of a process that knows of no other."""


class Throttled:
    """A table that refuses every write and every read."""

    def update_item(self, **_: Any) -> NoReturn:
        raise ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "UpdateItem")

    get_item = update_item


@pytest.fixture
def limiter(clock: ManualClock) -> Limiter:
    return Limiter(Table(cast("DynamoDBClient", Throttled()), "CacheTable"), clock)


def wait(limiter: Limiter, clock: ManualClock, seconds: float = 10, share: Share = Share.INTERACTIVE) -> float:
    return limiter.wait(MEMBER_ID, USUAL, share, Deadline.after(seconds, clock))


@pytest.mark.parametrize("share", [Share.INTERACTIVE, Share.BULK])
def test_the_first_caller_goes_at_once_and_each_further_one_a_quarter_of_the_pace_later(
    share: Share, limiter: Limiter, clock: ManualClock
) -> None:
    assert [wait(limiter, clock, share=share) for _ in range(3)] == [0, pytest.approx(ALONE), pytest.approx(ALONE)]


def test_caller_without_time_for_the_slower_pace_gets_store_unavailable(limiter: Limiter, clock: ManualClock) -> None:
    wait(limiter, clock)
    with pytest.raises(StoreUnavailable) as raised:
        wait(limiter, clock, seconds=0.5)
    assert raised.value.retry_after == pytest.approx(ALONE - 0.5)


def test_background_call_that_would_wait_is_refused_and_takes_no_slot(limiter: Limiter, clock: ManualClock) -> None:
    assert wait(limiter, clock, share=Share.BACKGROUND) == 0
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            wait(limiter, clock, share=Share.BACKGROUND)
    assert wait(limiter, clock) == pytest.approx(ALONE)


def test_portals_do_not_wait_for_each_other(limiter: Limiter, clock: ManualClock) -> None:
    wait(limiter, clock)
    assert limiter.wait("another", USUAL, Share.INTERACTIVE, Deadline.after(10, clock)) == 0


@pytest.mark.parametrize("seconds", [0.0, -0.8])
@pytest.mark.parametrize(("in_aws", "reason"), [(0.0, DeadlineReached), (9.0, StoreUnavailable)])
def test_without_time_the_reason_is_not_the_portals_limit(
    seconds: float, in_aws: float, reason: type[Exception], stores: Stores, clock: ManualClock
) -> None:
    limiter = Limiter(stores.cache_rows, clock)
    with bound_by(Deadline.after(10, clock)):
        limit = bound()
        assert limit is not None
        limit.in_aws = in_aws
        with pytest.raises(reason):
            wait(limiter, clock, seconds=seconds)


def test_a_slot_past_the_deadline_is_the_portals_limit(stores: Stores, clock: ManualClock) -> None:
    limiter, slow = Limiter(stores.cache_rows, clock), Pace(rate=0.1, burst=1)
    limiter.wait(MEMBER_ID, slow, Share.INTERACTIVE, Deadline.after(10, clock))
    with pytest.raises(PortalBusy):
        limiter.wait(MEMBER_ID, slow, Share.INTERACTIVE, Deadline.after(2, clock))
