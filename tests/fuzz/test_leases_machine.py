"""The rules of leases hold for any order of claims, replies, events, forget calls and crashes, by differing clocks."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from chat_lookup.cache.chat_cache import Cache
from chat_lookup.cache.learned_rows import LearnedRows
from chat_lookup.cache.leases import LEASE, CacheQuery, Leases
from chat_lookup.cache.rows import FRESH_POSITIVE
from chat_lookup.entity import EntityRef
from tests.support.fakes import MEMBER_ID, FixedRandom, ManualClock, Stores

OFFSETS = (-0.2, 0.0, 0.2)
"""Seconds by which the clocks of three processes are wrong."""
PROCESSES = st.integers(0, len(OFFSETS) - 1)
METHODS = st.sampled_from(["im.chat.get", "imbot.chat.get"])


class WrongBy(ManualClock):
    """A process's own clock."""

    def __init__(self, true: ManualClock, offset: float) -> None:
        super().__init__()
        self._true = true
        self._offset = offset

    def now(self) -> float:
        # To the microsecond, as rows keep it: else a row of this very moment is fresh for a part of one.
        return round(self._true.now() + self._offset, 6)


class Process:
    """What one process does with the row. It holds a lease from `claimed` to `until`, by the true time."""

    def __init__(self, stores: Stores, true: ManualClock, offset: float) -> None:
        self.clock = WrongBy(true, offset)
        self.leases = Leases(stores.cache_rows, self.clock)
        self.cache = Cache(stores.cache_rows, self.clock, FixedRandom())
        self.learned = LearnedRows(self.cache, stores.cache_rows, self.clock, FixedRandom())
        self.claims = 0
        self.owner = ""
        self.until = 0.0
        self.asked_at = 0.0


class AnyOrder(RuleBasedStateMachine):
    """One pair and three processes. The model keeps what each process holds, independent of the table."""

    pairs = 0

    def __init__(self, stores: Stores) -> None:
        super().__init__()
        self._true = ManualClock()
        self._processes = [Process(stores, self._true, offset) for offset in OFFSETS]

    @initialize()
    def begin(self) -> None:
        AnyOrder.pairs += 1
        self._ref = EntityRef("CRM", f"DEAL|{AnyOrder.pairs}")
        self._begun = self._true.now()

    def _holders(self) -> list[Process]:
        return [each for each in self._processes if each.owner and self._true.now() <= each.until]

    def _release_all(self) -> None:
        for process in self._processes:
            process.owner = ""

    @rule(which=PROCESSES, ago=st.sampled_from([None, 0.0, 5.0]), method=st.none() | METHODS)
    def claims(self, which: int, ago: float | None, method: str | None) -> None:
        process = self._processes[which]
        now = process.clock.now()
        wanted = CacheQuery(MEMBER_ID, 1, self._ref, since=None if ago is None else now - ago, method=method)
        process.claims += 1
        owner = f"{which}.{process.claims}"
        others = [each for each in self._holders() if each is not process]
        stored = process.leases.claim(wanted, owner)
        served = wanted.is_satisfied_by(stored.row, now)
        if stored.lease.owner == owner:
            assert not others, "two processes hold the lease"
            assert not served, "a stored reply is requested again"
            process.owner, process.until, process.asked_at = owner, self._true.now() + LEASE, now
        else:
            assert served or not stored.lease.free(now), "the lease was free, but not given"

    @rule(which=PROCESSES, ahead=st.sampled_from([1.0, 10.0]))
    def extends(self, which: int, ahead: float) -> None:
        process = self._processes[which]
        if process in self._holders():
            until = process.clock.now() + ahead + LEASE
            process.leases.extend(CacheQuery(MEMBER_ID, 1, self._ref), process.owner, until)
            process.until = self._true.now() + ahead + LEASE

    @rule(which=PROCESSES)
    def dies(self, which: int) -> None:
        self._processes[which].owner = ""

    @rule(which=PROCESSES)
    def fails(self, which: int) -> None:
        process = self._processes[which]
        if process.owner:
            process.leases.release(CacheQuery(MEMBER_ID, 1, self._ref), process.owner, "refused")
            process.owner = ""

    @rule(which=PROCESSES, chat_id=st.none() | st.integers(1, 3), method=METHODS)
    def answers(self, which: int, chat_id: int | None, method: str) -> None:
        """Perhaps long after the end of the lease: the portal was slow."""
        process = self._processes[which]
        if process.owner:
            process.cache.put(MEMBER_ID, 1, self._ref, chat_id, method=method, asked_at=process.asked_at)
            self._release_all()
            row = process.cache.get(MEMBER_ID, 1, self._ref)
            assert row is not None
            assert row.asked_at >= process.asked_at - 1e-5

    @rule(which=PROCESSES, chat_id=st.integers(1, 3))
    def learns(self, which: int, chat_id: int) -> None:
        process = self._processes[which]
        process.learned.learn(MEMBER_ID, 1, self._ref, chat_id, process.clock.now())

    @rule(which=PROCESSES)
    def forgets(self, which: int) -> None:
        self._processes[which].cache.forget(MEMBER_ID, 1, self._ref)
        self._release_all()

    @rule(seconds=st.sampled_from([0.001, 0.5, LEASE - 0.2, LEASE + 1, FRESH_POSITIVE]))
    def time_passes(self, seconds: float) -> None:
        self._true.advance(seconds)

    @invariant()
    def readers_see_rows_that_were_made_and_never_a_lease(self) -> None:
        row = self._processes[1].cache.get(MEMBER_ID, 1, self._ref)
        assert row is None or (row.source in ("portal", "event", "forgotten") and row.asked_at >= self._begun - 1)


def test_lease_rules_hold_for_any_order_of_claims_and_replies(stores: Stores) -> None:
    class OnTheseStores(AnyOrder):
        def __init__(self) -> None:
            super().__init__(stores)

    run_state_machine_as_test(OnTheseStores, settings=settings(max_examples=60, stateful_step_count=25, deadline=None))
