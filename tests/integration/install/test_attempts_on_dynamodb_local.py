"""A pool of attempts admits no more than it holds, however many processes take from it at one moment."""

import math
import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pytest

from chat_lookup.clock import SystemClock
from chat_lookup.dynamodb import Table
from chat_lookup.errors import TooManyAttempts
from chat_lookup.install.attempt_limiter import AttemptLimiter, of_refreshes, of_strangers
from tests.support.stores.tables import tables_in

URL: Final = os.environ.get("DYNAMODB_LOCAL_URL", "")
pytestmark = [
    pytest.mark.dynamodb_local,
    pytest.mark.skipif(not URL, reason="DYNAMODB_LOCAL_URL does not name a running DynamoDB Local"),
]


def test_crowd_fails_no_more_often_than_the_pool_allows_and_successes_return_the_rest() -> None:
    with tables_in(URL) as tables:

        def attempt(number: int, *, succeed: bool = False) -> bool:
            # Each has a limiter of its own, as processes do, and a network of its own.
            limiter = AttemptLimiter(Table(tables.client(), tables.cache), SystemClock())
            pools = of_refreshes("0123") if succeed else of_strangers(f"198.{number // 250}.{number % 250}.1")
            try:
                admission = limiter.admit(pools)
            except TooManyAttempts:
                return False
            if succeed:
                admission.succeeded()
            return True

        with ThreadPoolExecutor(32) as crowd:
            began = time.monotonic()
            admitted = sum(crowd.map(attempt, range(100)))
            # 17 at once; one more for each 50 seconds that a busy machine takes.
            assert 15 <= admitted <= 17 + math.ceil((time.monotonic() - began) / 50)
        # A failure takes 10 of 30, a success one.
        assert sum(attempt(number, succeed=True) for number in range(20)) == 20
