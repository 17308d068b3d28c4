"""Limiters of several processes, which share a portal's pace in one table."""

from typing import Final

from chat_lookup.calls.gcra import Pace, Share
from chat_lookup.calls.rate_limiter import Limiter
from chat_lookup.clock import Deadline
from chat_lookup.dynamodb import Table
from tests.support.fakes import MEMBER_ID, ManualClock, Stores
from tests.support.stores.faulty_dynamodb import FaultyDynamoDB

USUAL: Final = Pace(rate=2, burst=50)
TINY: Final = 1e-4
"""Seconds that rounding to microseconds may add up to here."""


def process(stores: Stores, clock: ManualClock, dynamodb: FaultyDynamoDB | None = None) -> Limiter:
    """The limiter of one process: it shares the table with all others, and nothing else."""
    return Limiter(Table(dynamodb.client if dynamodb else stores.dynamodb, stores.cache_table), clock)


def wait(
    limiter: Limiter, clock: ManualClock, pace: Pace = USUAL, share: Share = Share.INTERACTIVE, patience: float = 10
) -> float:
    """How long a caller waited for its slot."""
    return limiter.wait(MEMBER_ID, pace, share, Deadline.after(patience, clock))
