"""Bulk work inside the operating time of a portal, in simulated time: eight processes, the local portal's own count."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from chat_lookup.calls.gcra import Pace, Share
from chat_lookup.calls.operating_time import Operating
from local.portal.behaviour.limits import OperatingTime, Plan
from tests.support.fakes import MEMBER_ID, ManualClock, Stores

IM = "im.chat.get"
PROCESSES = 8
BATCH = 50


@dataclass
class Portal:
    """Counts operating time as the local portal does."""

    plan: Plan
    spent: OperatingTime = field(default_factory=OperatingTime)
    refused: int = 0

    def admits(self, now: float) -> bool:
        assert self.plan.operating_limit is not None
        return self.spent.spent_ms(now) < self.plan.operating_limit * 1000

    def call(self, now: float) -> None:
        if self.admits(now):
            self.spent = self.spent.charge(now, self.plan.operating_cost_ms)
        else:
            self.refused += 1


class Bulk:
    """Processes that share so many calls. Their actions are in a queue by time, and the clock follows it."""

    def __init__(self, stores: Stores, clock: ManualClock, portal: Portal, calls: int) -> None:
        self._clock = clock
        self._portal = portal
        self._left = calls
        self._pace = Pace(portal.plan.rate, int(portal.plan.burst))
        self._cost = portal.plan.operating_cost_ms / 1000
        self._tat = 0.0
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0
        for _ in range(PROCESSES):
            process = Operating(stores.cache_rows, clock)
            self._at(clock.now(), self._begin(process))

    def seconds(self) -> float:
        """Make all the calls; returns the seconds it took."""
        began = self._clock.now()
        while self._queue:
            moment, _, act = heapq.heappop(self._queue)
            self._clock.advance(moment - self._clock.now())
            act()
        assert self._left == 0
        return self._clock.now() - began

    def _at(self, moment: float, act: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._queue, (max(moment, self._clock.now()), self._number, act))

    def _begin(self, process: Operating) -> Callable[[], None]:
        """Take from the work what the budget admits, and a slot for it."""

        def act() -> None:
            now = self._clock.now()
            budget = process.budget(MEMBER_ID, IM)
            calls = min(self._left, budget.calls(BATCH))
            horizon = self._pace.horizon(Share.BULK, now, now + 25)
            if calls and self._tat <= horizon:
                slot = self._pace.slot(Share.BULK, now, self._tat)
                self._tat = max(now, self._tat) + self._pace.interval
                self._left -= calls
                self._at(slot, self._send(process, calls))
            elif self._left:
                self._at(now + 1 if calls else budget.resets_at, self._begin(process))

        return act

    def _send(self, process: Operating, calls: int) -> Callable[[], None]:
        def act() -> None:
            for _ in range(calls):
                self._portal.call(self._clock.now())
            now = self._clock.now()
            figures = self._portal.spent.spent_ms(now) / 1000, int(self._portal.spent.reset_at(now))
            self._at(now + calls * self._cost, self._read(process, *figures))

        return act

    def _read(self, process: Operating, operating: float, reset_at: float) -> Callable[[], None]:
        def act() -> None:
            process.note(MEMBER_ID, IM, operating, reset_at, duration=self._cost)
            self._begin(process)()

        return act


def least_seconds(plan: Plan, calls: int) -> float:
    """What the plan allows a caller that knows the count: its share of the burst, then a batch at each slot."""
    portal, clock = Portal(plan), ManualClock()
    began, pace, tat = clock.now(), Pace(plan.rate, int(plan.burst)), 0.0
    while calls > 0:
        clock.advance(pace.slot(Share.BULK, clock.now(), tat) - clock.now())
        tat = max(clock.now(), tat) + pace.interval
        for _ in range(min(BATCH, calls)):
            while not portal.admits(clock.now()):
                clock.advance(0.01)
            portal.call(clock.now())
            calls -= 1
    return clock.now() - began


@pytest.mark.parametrize(
    ("calls", "cost_ms"),
    [(20_000, 20), (60_000, 20), (6_000, 200)],
    ids=["less than a window", "several windows", "slow calls"],
)
def test_bulk_never_meets_the_operating_limit_and_ends_soon_after_what_it_allows(
    stores: Stores, clock: ManualClock, calls: int, cost_ms: float
) -> None:
    portal = Portal(Plan(operating_cost_ms=cost_ms))
    least = least_seconds(portal.plan, calls)
    seconds = Bulk(stores, clock, portal, calls).seconds()
    assert portal.refused == 0
    assert seconds <= least * 1.10


def test_bulk_meets_an_operating_limit_that_is_below_the_assumed_one(stores: Stores, clock: ManualClock) -> None:
    portal = Portal(Plan(operating_limit=120, operating_cost_ms=20))  # far less than is assumed
    Bulk(stores, clock, portal, 20_000).seconds()
    assert portal.refused > 0
