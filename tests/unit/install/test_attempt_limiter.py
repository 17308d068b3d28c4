"""Unproved requests are limited: per address, network and portal, and in total; failures weigh ten times as much."""

from collections.abc import Callable

import pytest

from chat_lookup.dynamodb import number, text
from chat_lookup.errors import TooManyAttempts
from chat_lookup.install.attempt_limiter import (
    FAILURE,
    AttemptLimiter,
    Pool,
    of_links,
    of_portal,
    of_refreshes,
    of_strangers,
)
from tests.support.fakes import MEMBER_ID, ManualClock
from tests.support.stores.memory_stores import memory_stores

SOURCE = "203.0.113.7"


@pytest.fixture
def limiter(clock: ManualClock) -> AttemptLimiter:
    return AttemptLimiter(memory_stores().cache_rows, clock)


def admitted(limiter: AttemptLimiter, *attempts: tuple[Pool, ...], succeed: bool = False) -> int:
    """The number of attempts that are admitted before the first refusal."""
    for count, pools in enumerate(attempts):
        try:
            admission = limiter.admit(pools)
        except TooManyAttempts:
            return count
        if succeed:
            admission.succeeded()
    return len(attempts)


def test_address_fails_twice_at_once_and_then_every_twenty_seconds(limiter: AttemptLimiter, clock: ManualClock) -> None:
    attempts = [of_strangers(SOURCE)] * 10
    assert admitted(limiter, *attempts) == 2
    clock.advance(19)
    assert admitted(limiter, *attempts) == 0
    clock.advance(1.1)
    assert admitted(limiter, *attempts) == 1


class SlowClock(ManualClock):
    """A clock whose next reading takes so long that something else happens before it is used."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        super().__init__()
        self._meanwhile = [meanwhile]

    def now(self) -> float:
        reading = super().now()
        if self._meanwhile:
            self._meanwhile.pop()()
        return reading


def test_attempt_that_another_one_overtakes_is_admitted_if_there_is_room_for_both(clock: ManualClock) -> None:
    table = memory_stores().cache_rows

    def another() -> None:
        clock.advance(0.001)
        slow.advance(0.001)
        AttemptLimiter(table, clock).admit(of_strangers(SOURCE))

    slow = SlowClock(another)
    AttemptLimiter(table, slow).admit(of_strangers(SOURCE))
    assert admitted(AttemptLimiter(table, clock), of_strangers(SOURCE)) == 0


def test_error_of_a_refused_attempt_has_the_moment_of_the_next_one(limiter: AttemptLimiter, clock: ManualClock) -> None:
    admitted(limiter, *[of_strangers(SOURCE)] * 2)
    with pytest.raises(TooManyAttempts) as raised:
        limiter.admit(of_strangers(SOURCE))
    assert raised.value.retry_after == pytest.approx(20, abs=0.1)
    clock.advance(20.1)
    limiter.admit(of_strangers(SOURCE))


def test_success_costs_a_tenth_of_a_failure(limiter: AttemptLimiter) -> None:
    assert admitted(limiter, *[of_strangers(SOURCE)] * 100, succeed=True) == 11
    assert FAILURE == 10


def test_network_fails_ten_times_at_once(limiter: AttemptLimiter) -> None:
    assert admitted(limiter, *(of_strangers(f"203.0.113.{host}") for host in range(100))) == 10
    assert admitted(limiter, of_strangers("203.0.114.1")) == 1


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ("2001:db8::1", "2001:db8::ffff", 2),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", 4),
        ("", "", 2),
        ("127.0.0.1", "127.0.0.2", 4),
    ],
)
def test_address_is_that_of_one_caller(limiter: AttemptLimiter, one: str, other: str, shared: int) -> None:
    attempts = [of_strangers(one), of_strangers(other)] * 2
    assert admitted(limiter, *attempts) == shared


def test_all_strangers_together_fail_seventeen_times_at_once_and_then_every_fifty_seconds(
    limiter: AttemptLimiter, clock: ManualClock
) -> None:
    def flood() -> int:
        return sum(admitted(limiter, of_strangers(f"198.51.{network}.1")) for network in range(18))

    assert flood() == 17
    later = 0
    for _ in range(12):
        clock.advance(5)
        later += flood()
    assert later == 1


def test_attempt_that_one_pool_refuses_takes_nothing_from_the_others(limiter: AttemptLimiter) -> None:
    for network in range(17):
        limiter.admit(of_strangers(f"198.51.{network}.1"))
    address = of_strangers(SOURCE)[:-1]
    assert admitted(limiter, of_strangers(SOURCE)) == 0
    assert admitted(limiter, *[address] * 3) == 2


def test_limits_of_strangers_portals_refreshes_and_links_are_apart(limiter: AttemptLimiter) -> None:
    pools = [
        of_strangers(SOURCE),
        of_portal(MEMBER_ID, SOURCE, from_portal=False),
        of_portal(MEMBER_ID, SOURCE, from_portal=True),
        of_portal("f0e1", SOURCE, from_portal=True),
        of_refreshes(MEMBER_ID),
        of_links(SOURCE),
    ]
    alone = [admitted(AttemptLimiter(memory_stores().cache_rows, ManualClock()), *[each] * 100) for each in pools]
    assert [admitted(limiter, *[each] * 100) for each in pools] == alone == [2, 2, 30, 30, 3, 27]


def test_visitors_of_a_portal_from_many_addresses_call_it_once_a_second(
    limiter: AttemptLimiter, clock: ManualClock
) -> None:
    def flood(third: int) -> int:
        sources = (f"198.{second}.{third}.1" for second in range(50))
        return sum(admitted(limiter, of_portal(MEMBER_ID, each, from_portal=False)) for each in sources)

    assert flood(0) == 30
    clock.advance(10)
    assert flood(1) == 10


def test_moment_of_a_wrong_clock_is_ignored(clock: ManualClock) -> None:
    table = memory_stores().cache_rows
    pool = of_refreshes(MEMBER_ID)[0]
    table.put({"pk": text(f"LIMIT#{pool.name}"), "tat": number(clock.now() + 10_000)})
    assert admitted(AttemptLimiter(table, clock), *[(pool,)] * 5) == 3


def test_refused_token_is_remembered_for_ten_minutes_by_its_hash(clock: ManualClock) -> None:
    table = memory_stores().cache_rows
    AttemptLimiter(table, clock).refuse("local.1", "t0ken")
    another_process = AttemptLimiter(table, clock)
    assert another_process.is_refused("local.1", "t0ken")
    assert not another_process.is_refused("local.2", "t0ken")
    assert not another_process.is_refused("local.1", "an0ther")
    assert "t0ken" not in str(vars(table))
    clock.advance(601)
    assert not another_process.is_refused("local.1", "t0ken")
