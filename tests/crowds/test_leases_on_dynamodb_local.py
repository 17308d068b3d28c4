"""Single flight over eight processes on the real engine: one miss is one call, with dead holders or late slots."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import pytest

from chat_lookup.cache.leases import LEASE, CacheQuery, Leases
from chat_lookup.cache.rows import FRESH_POSITIVE
from chat_lookup.clock import SKEW
from chat_lookup.dynamodb import Table
from chat_lookup.entity import EntityRef
from chat_lookup.ttl_cache import SECONDS
from local.aws.embedded import EmbeddedAws
from local.shared_clock import SharedClock
from tests.chaos.crowd_process import Crowd, Outcome, Question, Setting, begin
from tests.support.processes.stopped_clock import StoppedClock, stopped
from tests.support.processes.waiting import until
from tests.support.stores.tables import Tables
from tests.support.stores.unreliable_aws import Day
from tests.support.tokens.token_scene import FIRST_CHAT, Place, Scene, running_place, running_scene

pytestmark = pytest.mark.dynamodb_local

PROCESSES: Final = 8
CALLERS: Final = 25
"""In each process: 200 in all."""
WANTED: Final = "DEAL|9"
FOUND: Final = Outcome(FIRST_CHAT + 9, "portal", "im.chat.get")


@dataclass
class LeaseScene:
    """A portal, processes with many callers each, and access to their shared rows."""

    scene: Scene
    leases: Leases
    dynamodb_url: str
    crowds: list[Crowd] = field(default_factory=list)

    def begin(self, count: int = PROCESSES, *, day: Day | None = None) -> list[Crowd]:
        """Start `count` processes, each of which has called the portal before: it has the grant and connections.

        With a `day` they reach their tables through an unreliable proxy.
        """
        setting = self.scene.setting
        direct = "" if day else self.dynamodb_url
        logs = [setting.folder / f"crowd {number}.log" for number in range(count)]
        begun = begin(
            [Setting(setting.environment, setting.clock_file, setting.member_id, log, direct) for log in logs]
        )
        self.crowds += begun
        for number, crowd in enumerate(begun):
            crowd.ask(Question(f"DEAL|{number}"))
            assert [each.chat_id for each in crowd.outcomes()] == [FIRST_CHAT + number]
        if day is not None:
            self.scene.aws.day = day
        return begun

    def calls(self, entity_id: str = WANTED) -> int:
        """Return the number of portal calls for a pair."""
        calls = self.scene.probe.calls("im.chat.get")
        return sum(1 for call in calls if call["params"].get("ENTITY_ID") == entity_id)

    def held_for(self) -> float:
        """Return the seconds until the lease on the wanted pair expires."""
        portal = self.scene.stores.record(self.scene.portal.member_id)
        pair = CacheQuery(portal.member_id, portal.generation, EntityRef("CRM", WANTED))
        return self.leases.read(pair).lease.until - self.scene.probe.clock.now()

    def advance_to_the_slot(self, clock: SharedClock | StoppedClock) -> None:
        """Advance the clock to a second before the slot of the lease holder, so that all callers have begun to wait."""
        clock.advance(max(0.0, self.held_for() - LEASE - 1))

    def stopped_clock(self) -> "AbstractContextManager[StoppedClock]":
        """Inside, no lease ends because the machine is slow."""
        return stopped(self.scene.setting.clock_file)

    def slow_portal(self, seconds: float) -> None:
        self.scene.probe.tell("/faults", {"method": "im.chat.get", "delay_ms": int(seconds * 1000)})

    def one_call_in_ten_seconds(self) -> None:
        """Set the portal's rate."""
        stores = self.scene.stores
        stores.portals.save(stores.record(self.scene.portal.member_id)._replace(rate=0.1, burst=1))
        self.scene.probe.clock.advance(SECONDS + 1)  # the processes' memory of the portal expires

    def first_call(self, crowd: Crowd) -> None:
        """After it the next slot is ten seconds ahead."""
        crowd.ask(Question("DEAL|15"))
        assert [each.chat_id for each in crowd.outcomes()] == [FIRST_CHAT + 15]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with running_place(tmp_path_factory.mktemp("portal")) as place:
        yield place


@pytest.fixture
def lease_scene(place: Place, real_tables: Tables, embedded_aws: EmbeddedAws, tmp_path: Path) -> Iterator[LeaseScene]:
    with running_scene(place, real_tables, embedded_aws.endpoint_url, tmp_path) as scene:
        leases = Leases(Table(real_tables.client(), real_tables.cache), place.probe.clock)
        lease_scene = LeaseScene(scene, leases, real_tables.endpoint_url)
        try:
            yield lease_scene
        finally:
            for crowd in lease_scene.crowds:
                crowd.stop()


def start_look_ups(crowds: Sequence[Crowd], callers: int = CALLERS, *, fresh: bool = False) -> None:
    for crowd in crowds:
        crowd.ask(Question(WANTED, callers, fresh=fresh))


def outcomes(crowds: Sequence[Crowd]) -> list[Outcome]:
    return [outcome for crowd in crowds for outcome in crowd.outcomes()]


def all_found(crowds: Sequence[Crowd]) -> int:
    """Check that each caller got the answer, from the portal or the cache; return the number of callers."""
    received = outcomes(crowds)
    assert set(received) <= {FOUND, replace(FOUND, source="cache")}
    return len(received)


# -- one call ----------------------------------------------------------------------------------------------------------


def test_two_hundred_callers_of_one_uncached_pair_cost_one_call_and_get_one_answer(lease_scene: LeaseScene) -> None:
    crowds = lease_scene.begin()
    lease_scene.slow_portal(1.0)  # so that all callers begin during the call
    with lease_scene.stopped_clock():
        start_look_ups(crowds)
        assert all_found(crowds) == PROCESSES * CALLERS
    assert lease_scene.calls() == 1


def test_callers_cost_one_call_when_the_slot_is_ten_seconds_ahead(lease_scene: LeaseScene) -> None:
    crowds = lease_scene.begin()
    lease_scene.one_call_in_ten_seconds()
    with lease_scene.stopped_clock() as clock:
        lease_scene.first_call(crowds[0])
        start_look_ups(crowds)
        until(lambda: lease_scene.held_for() > LEASE + 5)
        assert lease_scene.calls() == 0
        lease_scene.advance_to_the_slot(clock)
        assert all_found(crowds) == PROCESSES * CALLERS
    assert lease_scene.calls() == 1


def test_stale_answer_is_served_to_all_callers_but_the_lease_holder(lease_scene: LeaseScene) -> None:
    crowds = lease_scene.begin()
    crowds[0].ask(Question(WANTED))
    assert crowds[0].outcomes() == [FOUND]
    lease_scene.scene.probe.clock.advance(FRESH_POSITIVE * 1.2)
    lease_scene.slow_portal(2.0)
    with lease_scene.stopped_clock():
        start_look_ups(crowds[1:2], 1)
        until(lambda: lease_scene.calls() == 2)
        start_look_ups(crowds[2:], 2)
        received = outcomes(crowds[2:])
        assert outcomes(crowds[1:2]) == [FOUND]
    assert {outcome.chat_id for outcome in received} == {FOUND.chat_id}
    # A caller after the reply gets it from the cache; none waits for it.
    assert "stale" in {outcome.source for outcome in received} <= {"stale", "cache"}
    assert lease_scene.calls() == 2


def test_fresh_look_ups_share_a_call_that_begins_after_them(lease_scene: LeaseScene) -> None:
    crowds = lease_scene.begin()
    lease_scene.slow_portal(1.0)
    start_look_ups(crowds, 3, fresh=True)
    assert all_found(crowds) == PROCESSES * 3
    # At most one call per second with callers: a caller that begins after a call was sent waits for the next one.
    assert lease_scene.calls() < PROCESSES


def test_portal_is_called_once_while_replies_of_the_store_are_lost(lease_scene: LeaseScene) -> None:
    crowds = lease_scene.begin(3, day=Day(answers_lost=True))
    lease_scene.slow_portal(0.5)
    with lease_scene.stopped_clock():
        start_look_ups(crowds, 4)
        assert all_found(crowds) == 12
    assert lease_scene.calls() == 1


# -- the lease holder dies, or is refused ------------------------------------------------------------------------------


def test_killed_lease_holder_costs_the_lease_time_and_one_more_call(lease_scene: LeaseScene) -> None:
    holder, *others = lease_scene.begin()
    lease_scene.slow_portal(2.0)
    start_look_ups([holder], 1)
    until(lambda: lease_scene.calls() == 1)
    start_look_ups(others)
    holder.stop()
    lease_scene.scene.probe.tell("/faults", [])
    lease_scene.scene.probe.clock.advance(LEASE + SKEW)
    with lease_scene.stopped_clock():
        assert all_found(others) == (PROCESSES - 1) * CALLERS
    assert lease_scene.calls() == 2


def test_lease_holder_killed_before_its_slot_is_replaced_by_another_process(lease_scene: LeaseScene) -> None:
    holder, *others = lease_scene.begin(4)
    lease_scene.one_call_in_ten_seconds()
    lease_scene.first_call(others[0])
    start_look_ups([holder], 1)
    until(lambda: lease_scene.held_for() > LEASE)
    holder.stop()
    start_look_ups(others, 4)
    lease_scene.scene.probe.clock.advance(10 + LEASE + SKEW)
    until(lambda: lease_scene.held_for() > LEASE)  # one of them, which has the next slot
    lease_scene.advance_to_the_slot(lease_scene.scene.probe.clock)
    with lease_scene.stopped_clock():
        assert all_found(others) == 12
    assert lease_scene.calls() == 1


def test_refusal_of_the_portal_is_shared_by_all_waiting_callers(lease_scene: LeaseScene) -> None:
    crowds = lease_scene.begin()
    refusal = {"method": "im.chat.get", "error": "ACCESS_ERROR", "status": 403, "delay_ms": 1000}
    lease_scene.scene.probe.tell("/faults", refusal)
    start_look_ups(crowds[:1], 1)
    until(lambda: lease_scene.calls() == 1)
    start_look_ups(crowds[1:], 2)
    received = outcomes(crowds)
    assert {outcome.problem for outcome in received} == {"chat-not-accessible"}
    assert len(received) == 1 + (PROCESSES - 1) * 2
    assert lease_scene.calls() < PROCESSES  # callers after the refusal call again
