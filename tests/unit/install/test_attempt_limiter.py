"""Whoever proves nothing yet is admitted at a pace: one for each address, and one for all together."""

import pytest

from chat_lookup.calls.gcra import Pace, Share
from chat_lookup.clock import Deadline
from chat_lookup.errors import TooManyAttempts
from chat_lookup.install.attempt_limiter import Strangers
from tests.support.fakes import MEMBER_ID, ManualClock
from tests.support.in_process_service import Service


@pytest.fixture
def strangers(service: Service) -> Strangers:
    return Strangers(service.limiter, service.clock)


def admitted(strangers: Strangers, *sources: str) -> int:
    """How many requests are admitted before the first that is not."""
    for number, source in enumerate(sources):
        try:
            strangers.admit(source)
        except TooManyAttempts as error:
            failure = error
        else:
            continue
        assert failure.retry_after is not None
        assert failure.retry_after >= 1
        return number
    return len(sources)


def test_one_address_has_some_attempts_at_once_and_then_one_now_and_then(
    strangers: Strangers, clock: ManualClock
) -> None:
    assert admitted(strangers, *["203.0.113.7"] * 100) == 27
    clock.advance(2)
    assert admitted(strangers, *["203.0.113.7"] * 100) == 1


def test_one_address_takes_nothing_from_another(strangers: Strangers) -> None:
    admitted(strangers, *["203.0.113.7"] * 1_000)
    assert admitted(strangers, *["198.51.100.1"] * 20) == 20


def test_many_addresses_together_have_a_share_too(strangers: Strangers) -> None:
    assert admitted(strangers, *(f"198.51.100.{number}" for number in range(1_000))) == 90


def test_nobody_is_kept_waiting(strangers: Strangers, clock: ManualClock) -> None:
    admitted(strangers, *["203.0.113.7"] * 1_000)
    assert sum(clock.slept) < 1


def test_a_stranger_takes_nothing_of_a_portals_pace(strangers: Strangers, service: Service) -> None:
    admitted(strangers, *[MEMBER_ID] * 100)
    assert service.limiter.wait(MEMBER_ID, Pace(2, 50), Share.INTERACTIVE, Deadline.after(1, service.clock)) == 0
