"""Any interleaving of processes, classes, pauses and restarts, against a real leaky bucket."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from chat_lookup.clock import Deadline
from chat_lookup.errors import PortalBusy
from chat_lookup.limiter import Limiter
from chat_lookup.pace import BULK_PATIENCE, MARGIN, Pace, Share
from tests.fakes import OthersGoOn, Stores

PROCESSES = 3
TINY = 1e-4
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


class Interleaving(RuleBasedStateMachine):
    """Several processes reserve on one table; whoever got a slot is taken to call exactly then."""

    portals = 0

    def __init__(self, stores: Stores) -> None:
        super().__init__()
        self._stores = stores
        self._clock = OthersGoOn()
        self._slots: list[float] = []
        self._told: list[float] = []
        self._processes = [self._new_process() for _ in range(PROCESSES)]

    def _new_process(self) -> Limiter:
        return Limiter(self._stores.dynamodb, self._stores.cache_table, self._clock)

    @initialize(rate=st.sampled_from([0.7, 2.0, 5.0]), burst=st.integers(1, 12))
    def install(self, rate: float, burst: int) -> None:
        self._pace = Pace(rate, burst)
        Interleaving.portals += 1
        self._member_id = f"portal-{Interleaving.portals}"

    @rule(
        process=st.integers(0, PROCESSES - 1),
        share=st.sampled_from(Share),
        patience=st.floats(0.1, 20),
        calls=st.integers(1, 8),
    )
    def call(self, process: int, share: Share, patience: float, calls: int) -> None:
        for _ in range(calls):
            now = self._clock.now()
            deadline = Deadline.after(patience, self._clock)
            try:
                waited = self._processes[process].wait(self._member_id, self._pace, share, deadline)
            except PortalBusy as busy:
                self._told.append(busy.retry_after or 0.0)
                return
            assert waited <= (min(patience, BULK_PATIENCE) if share is Share.BULK else patience) + TINY
            self._slots.append(now + waited)

    @rule(seconds=st.floats(0.001, 20))
    def time_passes(self, seconds: float) -> None:
        self._clock.advance(seconds)

    @rule(process=st.integers(0, PROCESSES - 1))
    def restart(self, process: int) -> None:
        self._processes[process] = self._new_process()

    @invariant()
    def whoever_is_refused_is_told_when_to_come_back(self) -> None:
        assert all(1 <= seconds < 3600 for seconds in self._told)

    @invariant()
    def the_level_never_passes_the_burst(self) -> None:
        if self._slots:
            usable = max(1, int(self._pace.burst * (1 - MARGIN)))
            assert LeakyBucket(self._pace.rate).highest_level(self._slots) <= usable + TINY * 10


def test_no_interleaving_of_processes_overfills_the_portals_bucket(stores: Stores) -> None:
    class OnTheseStores(Interleaving):
        def __init__(self) -> None:
            super().__init__(stores)

    run_state_machine_as_test(OnTheseStores, settings=settings(max_examples=60, stateful_step_count=20, deadline=None))


def test_the_bucket_of_this_test_itself_counts_as_the_platform_says() -> None:
    assert LeakyBucket(2).highest_level([0.0] * 50) == 50
    assert LeakyBucket(2).highest_level([0.0, 0.5, 1.0, 1.5]) == 1
    assert LeakyBucket(2).highest_level([0.0, 0.25]) == 1.5
