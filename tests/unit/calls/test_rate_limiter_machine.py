"""Any interleaving of processes, classes, pauses, refusals and deaths, their clocks apart, against a leaky bucket."""

from math import ceil

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from chat_lookup.calls.gcra import BULK_PATIENCE, LEAST, Pace, Share
from chat_lookup.calls.rate_limiter import Limiter
from chat_lookup.clock import SKEW, Deadline
from chat_lookup.errors import PortalBusy
from tests.support.fakes import OthersGoOn, Stores

PROCESSES = 3
MOST_PATIENT = 20.0
TINY = 1e-3
"""Seconds that rounding to microseconds may add up to here."""


class LeakyBucket:
    """The portal's own count (bitrix24.md 6.1): one up for each request, `rate` down each second."""

    def __init__(self, rate: float) -> None:
        self._rate = rate

    def highest_level(self, moments: list[float]) -> float:
        level = highest = 0.0
        before = 0.0
        for moment in sorted(moments):
            level = max(0.0, level - (moment - before) * self._rate) + 1
            highest, before = max(highest, level), moment
        return highest


class Apart:
    """A clock that differs from the true one. Whoever sleeps on it holds nobody up."""

    def __init__(self, true: OthersGoOn, seconds: float) -> None:
        self._true = true
        self._seconds = seconds

    def now(self) -> float:
        return self._true.now() + self._seconds

    def sleep(self, seconds: float) -> None:
        self._true.sleep(seconds)


class Interleaving(RuleBasedStateMachine):
    """Several processes reserve on one table; whoever got a slot is taken to call exactly then, unless he dies."""

    portals = 0

    def __init__(self, stores: Stores) -> None:
        super().__init__()
        self._stores = stores
        self._true = OthersGoOn()
        self._slots: list[float] = []
        self._told: list[float] = []
        self._paused_until = 0.0

    @initialize(
        rate=st.sampled_from([0.7, 2.0, 5.0]),
        spare=st.integers(0, 10),
        apart=st.permutations([-SKEW / 2, 0.0, SKEW / 2]),
    )
    def install(self, rate: float, spare: int, apart: list[float]) -> None:
        # What leaks while two clocks differ cannot be kept from a burst of one.
        self._pace = Pace(rate, ceil(1 + rate * SKEW) + spare)
        self._clocks = [Apart(self._true, seconds) for seconds in apart]
        self._processes = [self._new_process(number) for number in range(PROCESSES)]
        Interleaving.portals += 1
        self._member_id = f"portal-{Interleaving.portals}"

    def _new_process(self, number: int) -> Limiter:
        return Limiter(self._stores.dynamodb, self._stores.cache_table, self._clocks[number])

    def _reserve(self, number: int, share: Share, patience: float) -> float:
        deadline = Deadline.after(patience, self._clocks[number])
        return self._processes[number].wait(self._member_id, self._pace, share, deadline)

    @rule(
        number=st.integers(0, PROCESSES - 1),
        share=st.sampled_from(Share),
        patience=st.floats(0.1, MOST_PATIENT),
        calls=st.integers(1, 8),
    )
    def call(self, number: int, share: Share, patience: float, calls: int) -> None:
        for _ in range(calls):
            try:
                waited = self._reserve(number, share, patience)
            except PortalBusy as busy:
                self._told.append(busy.retry_after or 0.0)
                return
            assert waited <= (min(patience, BULK_PATIENCE) if share is Share.BULK else patience) + TINY
            slot = self._true.now() + waited
            assert slot >= self._paused_until - SKEW - TINY
            self._slots.append(slot)

    @rule(number=st.integers(0, PROCESSES - 1))
    def reserve_and_die(self, number: int) -> None:
        try:
            self._reserve(number, Share.INTERACTIVE, MOST_PATIENT)
        except PortalBusy as busy:
            self._told.append(busy.retry_after or 0.0)
        self._processes[number] = self._new_process(number)

    @rule(number=st.integers(0, PROCESSES - 1))
    def the_portal_refuses(self, number: int) -> None:
        self._processes[number].refused(self._member_id, self._pace)
        # One that comes during the pause after another counts with that.
        if self._true.now() > self._paused_until + self._pause(LEAST):
            self._paused_until = self._true.now() + self._pause(0.5)

    def _pause(self, factor: float) -> float:
        """How long a refusal keeps everybody, if that is what it leaves of the pace."""
        return max(2.0, 1 / self._pace.rate) / factor

    @rule(seconds=st.one_of(st.floats(0.001, 20), st.floats(20, 400)))
    def time_passes(self, seconds: float) -> None:
        self._true.advance(seconds)

    @rule()
    def after_a_quiet_time_everybody_is_let_in(self) -> None:
        self._true.advance(MOST_PATIENT + self._pause(LEAST) + self._pace.reach(Share.INTERACTIVE) + SKEW)
        patience = PROCESSES / (self._pace.rate * LEAST) + 1
        for number in range(PROCESSES):
            self._slots.append(self._true.now() + self._reserve(number, Share.INTERACTIVE, patience))

    @invariant()
    def whoever_is_refused_is_told_when_to_come_back(self) -> None:
        assert all(1 <= seconds < 3600 for seconds in self._told)

    @invariant()
    def the_level_never_passes_the_burst(self) -> None:
        if self._slots:
            assert LeakyBucket(self._pace.rate).highest_level(self._slots) <= self._pace.burst + TINY


def test_no_interleaving_of_processes_overfills_the_portals_bucket_or_starves_one(stores: Stores) -> None:
    class OnTheseStores(Interleaving):
        def __init__(self) -> None:
            super().__init__(stores)

    run_state_machine_as_test(OnTheseStores, settings=settings(max_examples=50, stateful_step_count=20, deadline=None))


def test_the_bucket_of_this_test_itself_counts_as_the_platform_says() -> None:
    assert LeakyBucket(2).highest_level([0.0] * 50) == 50
    assert LeakyBucket(2).highest_level([0.0, 0.5, 1.0, 1.5]) == 1
    assert LeakyBucket(2).highest_level([0.0, 0.25]) == 1.5
