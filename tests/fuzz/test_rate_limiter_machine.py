"""Any interleaving of processes, classes, pauses, refusals, deaths and a change of pace, their clocks apart, against a
leaky bucket."""

import math

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from chat_lookup.calls.gcra import BULK_PATIENCE, LEAST, Pace, Share
from chat_lookup.calls.rate_limiter import Limiter
from chat_lookup.clock import SKEW, Deadline
from chat_lookup.errors import PortalBusy, PortalUnavailable
from tests.support.fakes import Stores, UnmovedClock

PROCESSES = 3
MOST_PATIENT = 20.0
FASTEST = 5.0
AS_GOOD = 1.0
"""Seconds by which a pause may end before another one that a portal names meanwhile."""
TINY = 1e-3
"""Seconds that rounding to microseconds may add up to here."""


class LeakyBucket:
    """The portal's own count (bitrix24.md 6.1): one up for each request, `rate` down each second, and `later` from the
    moment of a change on."""

    def __init__(self, rate: float, later: tuple[float, float] = (0.0, math.inf)) -> None:
        self._rate = rate
        self._later, self._changed_at = later

    def highest_level(self, moments: list[float]) -> float:
        level = highest = 0.0
        before = 0.0
        for moment in sorted(moments):
            level = max(0.0, level - self._leaked(before, moment)) + 1
            highest, before = max(highest, level), moment
        return highest

    def _leaked(self, since: float, until: float) -> float:
        change = min(max(self._changed_at, since), until)
        return (change - since) * self._rate + (until - change) * self._later


class Apart:
    """A clock that differs from the true one. Sleeping on it delays no other process."""

    def __init__(self, true: UnmovedClock, seconds: float) -> None:
        self._true = true
        self._seconds = seconds

    def now(self) -> float:
        return self._true.now() + self._seconds

    def sleep(self, seconds: float) -> None:
        self._true.sleep(seconds)


class Interleaving(RuleBasedStateMachine):
    """Several processes reserve on one table; a process that got a slot calls exactly then, unless it dies."""

    portals = 0

    def __init__(self, stores: Stores) -> None:
        super().__init__()
        self._stores = stores
        self._true = UnmovedClock()
        self._slots: list[float] = []
        self._retry_after: list[float] = []
        self._paused_until = 0.0

    @initialize(
        rate=st.sampled_from([0.7, 2.0, FASTEST]),
        spare=st.integers(0, 10),
        apart=st.permutations([-SKEW / 2, 0.0, SKEW / 2]),
    )
    def install(self, rate: float, spare: int, apart: list[float]) -> None:
        # What leaks while two clocks differ cannot be kept from a burst of one.
        self._pace = Pace(rate, math.ceil(1 + FASTEST * SKEW) + spare)
        self._bucket = LeakyBucket(rate)
        self._clocks = [Apart(self._true, seconds) for seconds in apart]
        self._processes = [self._new_process(number) for number in range(PROCESSES)]
        Interleaving.portals += 1
        self._member_id = f"portal-{Interleaving.portals}"

    def _new_process(self, number: int) -> Limiter:
        return Limiter(self._stores.cache_rows, self._clocks[number])

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
            except (PortalBusy, PortalUnavailable) as busy:
                self._retry_after.append(busy.retry_after or 0.0)
                return
            longest = {Share.INTERACTIVE: patience, Share.BULK: min(patience, BULK_PATIENCE), Share.BACKGROUND: 0.0}
            assert waited <= longest[share] + TINY
            slot = self._true.now() + waited
            assert slot >= self._paused_until - SKEW - TINY
            self._slots.append(slot)

    @rule(number=st.integers(0, PROCESSES - 1))
    def reserve_and_die(self, number: int) -> None:
        try:
            self._reserve(number, Share.INTERACTIVE, MOST_PATIENT)
        except (PortalBusy, PortalUnavailable) as busy:
            self._retry_after.append(busy.retry_after or 0.0)
        self._processes[number] = self._new_process(number)

    @rule(number=st.integers(0, PROCESSES - 1))
    def the_portal_refuses(self, number: int) -> None:
        self._processes[number].refused(self._member_id, self._pace)
        # A refusal during the pause after another counts as that one.
        if self._true.now() > self._paused_until + self._pause(LEAST):
            self._paused_until = self._true.now() + self._pause(0.5)

    @rule(number=st.integers(0, PROCESSES - 1), seconds=st.floats(0, 60), out_of_service=st.booleans())
    def the_portal_names_a_time(self, number: int, seconds: float, out_of_service: bool) -> None:
        process, retry_at = self._processes[number], self._clocks[number].now() + seconds
        (process.closed if out_of_service else process.refused)(self._member_id, self._pace, retry_at)
        if self._true.now() + seconds > self._paused_until + AS_GOOD + SKEW:
            self._paused_until = self._true.now() + seconds

    @precondition(lambda self: self._pace.rate < FASTEST)
    @rule()
    def the_portal_gets_a_faster_pace(self) -> None:
        """Some process may still use the former pace, and it remembers the row as it was."""
        self._bucket = LeakyBucket(self._pace.rate, (FASTEST, self._true.now()))
        self._pace = Pace(FASTEST, self._pace.burst)

    def _pause(self, factor: float) -> float:
        """Seconds that a refusal pauses all processes, if this factor is what it leaves of the pace."""
        return max(2.0, 1 / self._pace.rate) / factor

    @rule(seconds=st.one_of(st.floats(0.001, 20), st.floats(20, 400)))
    def time_passes(self, seconds: float) -> None:
        self._true.advance(seconds)

    @rule()
    def every_process_gets_a_slot_after_a_quiet_time(self) -> None:
        self._true.advance(max(0.0, self._paused_until - self._true.now()))
        self._true.advance(MOST_PATIENT + self._pause(LEAST) + self._pace.reach(Share.INTERACTIVE) + SKEW)
        patience = PROCESSES / (self._pace.rate * LEAST) + 1
        for number in range(PROCESSES):
            self._slots.append(self._true.now() + self._reserve(number, Share.INTERACTIVE, patience))

    @invariant()
    def refused_caller_gets_a_time_to_retry_after(self) -> None:
        assert all(1 <= seconds < 3600 for seconds in self._retry_after)

    @invariant()
    def the_level_never_passes_the_burst(self) -> None:
        if self._slots:
            assert self._bucket.highest_level(self._slots) <= self._pace.burst + TINY


def test_no_interleaving_of_processes_overfills_the_portals_bucket_or_starves_one(stores: Stores) -> None:
    class OnTheseStores(Interleaving):
        def __init__(self) -> None:
            super().__init__(stores)

    run_state_machine_as_test(OnTheseStores, settings=settings(max_examples=50, stateful_step_count=20, deadline=None))


def test_leaky_bucket_of_this_test_counts_as_the_platform_documents() -> None:
    assert LeakyBucket(2).highest_level([0.0] * 50) == 50
    assert LeakyBucket(2).highest_level([0.0, 0.5, 1.0, 1.5]) == 1
    assert LeakyBucket(2).highest_level([0.0, 0.25]) == 1.5
    assert LeakyBucket(2, (4, 0.25)).highest_level([0.0] * 4 + [0.5] * 2) == 4.5
