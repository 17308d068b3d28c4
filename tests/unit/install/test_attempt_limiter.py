"""Unproved requests are rate-limited: per address, and for all addresses together."""

import pytest

from chat_lookup.calls.gcra import Pace, Share
from chat_lookup.clock import Deadline
from chat_lookup.errors import TooManyAttempts
from chat_lookup.install.attempt_limiter import AttemptLimiter
from tests.support.fakes import MEMBER_ID, ManualClock
from tests.support.in_process_service import Service


@pytest.fixture
def limiter(service: Service) -> AttemptLimiter:
    return AttemptLimiter(service.limiter, service.clock)


def admitted(limiter: AttemptLimiter, *sources: str) -> int:
    """The number of requests that are admitted before the first refusal."""
    for number, source in enumerate(sources):
        try:
            limiter.check(source)
        except TooManyAttempts as error:
            failure = error
        else:
            continue
        assert failure.retry_after is not None
        assert failure.retry_after >= 1
        return number
    return len(sources)


def test_address_has_a_burst_of_attempts_and_then_a_steady_rate(limiter: AttemptLimiter, clock: ManualClock) -> None:
    assert admitted(limiter, *["203.0.113.7"] * 100) == 27
    clock.advance(2)
    assert admitted(limiter, *["203.0.113.7"] * 100) == 1


def test_addresses_have_separate_limits(limiter: AttemptLimiter) -> None:
    admitted(limiter, *["203.0.113.7"] * 1_000)
    assert admitted(limiter, *["198.51.100.1"] * 20) == 20


def test_all_addresses_together_have_a_limit(limiter: AttemptLimiter) -> None:
    assert admitted(limiter, *(f"198.51.100.{number}" for number in range(1_000))) == 90


def test_limiter_refuses_without_waiting(limiter: AttemptLimiter, clock: ManualClock) -> None:
    admitted(limiter, *["203.0.113.7"] * 1_000)
    assert sum(clock.slept) < 1


def test_unproved_requests_do_not_use_the_portals_rate(limiter: AttemptLimiter, service: Service) -> None:
    admitted(limiter, *[MEMBER_ID] * 100)
    assert service.limiter.wait(MEMBER_ID, Pace(2, 50), Share.INTERACTIVE, Deadline.after(1, service.clock)) == 0
