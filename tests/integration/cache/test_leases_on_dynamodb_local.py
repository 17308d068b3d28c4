"""One miss is asked once, over eight processes and on the real engine: whoever dies, and however late the slot."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import pytest

from chat_lookup.cache.leases import LEASE, Leases, Wanted
from chat_lookup.cache.rows import FRESH_POSITIVE
from chat_lookup.clock import SKEW
from chat_lookup.dynamodb import Table
from chat_lookup.entity import EntityRef
from chat_lookup.ttl_cache import SECONDS
from local.aws.embedded import EmbeddedAws
from tests.chaos.crowd_process import Crowd, Outcome, Question, Setting, begin
from tests.support.stores.tables import Tables
from tests.support.stores.unreliable_aws import Day
from tests.support.tokens.token_scene import FIRST_CHAT, Place, Scene, happens, running_place, running_scene

pytestmark = pytest.mark.dynamodb_local

PROCESSES: Final = 8
CALLERS: Final = 25
"""In each process: 200 in all."""
WANTED: Final = "DEAL|9"
FOUND: Final = Outcome(FIRST_CHAT + 9, "portal", "im.chat.get")


@dataclass
class Town:
    """A portal, processes full of callers, and a look at the rows that they share."""

    scene: Scene
    leases: Leases
    dynamodb_url: str
    crowds: list[Crowd] = field(default_factory=list)

    def begin(self, count: int = PROCESSES, *, day: Day | None = None) -> list[Crowd]:
        """So many processes, each of which has asked the portal before: grant and connections are at hand.

        On a `day` they reach their tables through an address that misbehaves.
        """
        theirs = self.scene.setting
        direct = "" if day else self.dynamodb_url
        logs = [theirs.folder / f"crowd {number}.log" for number in range(count)]
        begun = begin([Setting(theirs.environment, theirs.clock_file, theirs.member_id, log, direct) for log in logs])
        self.crowds += begun
        for number, crowd in enumerate(begun):
            crowd.ask(Question(f"DEAL|{number}"))
            assert [each.chat_id for each in crowd.outcomes()] == [FIRST_CHAT + number]
        if day is not None:
            self.scene.aws.day = day
        return begun

    def calls(self, entity_id: str = WANTED) -> int:
        """How often the portal was asked for a pair."""
        asked = self.scene.probe.calls("im.chat.get")
        return sum(1 for call in asked if call["params"].get("ENTITY_ID") == entity_id)

    def held_for(self) -> float:
        """Seconds for which the lease on the wanted pair will last."""
        portal = self.scene.stores.record(self.scene.portal.member_id)
        pair = Wanted(portal.member_id, portal.generation, EntityRef("CRM", WANTED))
        return self.leases.read(pair).lease.until - self.scene.probe.clock.now()

    def nearly_its_slot(self) -> None:
        """Put the clock forward to a second before the slot that is waited for: time for all to come."""
        self.scene.probe.clock.advance(max(0.0, self.held_for() - LEASE - 1))

    def slow_portal(self, seconds: float) -> None:
        self.scene.probe.tell("/faults", {"method": "im.chat.get", "delay_ms": int(seconds * 1000)})

    def next_slot_in_ten_seconds(self, crowd: Crowd) -> None:
        """From now on the portal's pace is one call in ten seconds, and the first was just made."""
        stores = self.scene.stores
        stores.portals.save(replace(stores.record(self.scene.portal.member_id), rate=0.1, burst=1))
        self.scene.probe.clock.advance(SECONDS + 1)  # what is remembered of the portal lapses
        crowd.ask(Question("DEAL|15"))
        assert [each.chat_id for each in crowd.outcomes()] == [FIRST_CHAT + 15]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with running_place(tmp_path_factory.mktemp("portal")) as place:
        yield place


@pytest.fixture
def town(place: Place, real_tables: Tables, embedded_aws: EmbeddedAws, tmp_path: Path) -> Iterator[Town]:
    with running_scene(place, real_tables, embedded_aws.endpoint_url, tmp_path) as scene:
        leases = Leases(Table(real_tables.client(), real_tables.cache), place.probe.clock)
        town = Town(scene, leases, real_tables.endpoint_url)
        try:
            yield town
        finally:
            for crowd in town.crowds:
                crowd.stop()


def ask(crowds: Sequence[Crowd], callers: int = CALLERS, *, fresh: bool = False) -> None:
    for crowd in crowds:
        crowd.ask(Question(WANTED, callers, fresh=fresh))


def outcomes(crowds: Sequence[Crowd]) -> list[Outcome]:
    return [outcome for crowd in crowds for outcome in crowd.outcomes()]


def all_found(crowds: Sequence[Crowd]) -> int:
    """How many got their answer, which all did: who came after it from the cache, the others from the portal."""
    told = outcomes(crowds)
    assert set(told) <= {FOUND, replace(FOUND, source="cache")}
    return len(told)


# -- one call ----------------------------------------------------------------------------------------------------------


def test_two_hundred_who_want_one_unknown_pair_cost_one_call_and_get_one_answer(town: Town) -> None:
    crowds = town.begin()
    town.slow_portal(1.0)  # so that all come while it is asked
    ask(crowds)
    assert all_found(crowds) == PROCESSES * CALLERS
    assert town.calls() == 1


def test_also_when_the_slot_lies_ten_seconds_ahead(town: Town) -> None:
    crowds = town.begin()
    town.next_slot_in_ten_seconds(crowds[0])
    ask(crowds)
    happens(lambda: town.held_for() > LEASE + 5)
    assert town.calls() == 0
    town.nearly_its_slot()
    assert all_found(crowds) == PROCESSES * CALLERS
    assert town.calls() == 1


def test_what_is_stale_serves_all_but_the_one_who_asks(town: Town) -> None:
    crowds = town.begin()
    crowds[0].ask(Question(WANTED))
    assert crowds[0].outcomes() == [FOUND]
    town.scene.probe.clock.advance(FRESH_POSITIVE * 1.2)
    town.slow_portal(2.0)
    ask(crowds[1:2], 1)
    happens(lambda: town.calls() == 2)
    ask(crowds[2:], 2)
    told = outcomes(crowds[2:])
    assert {outcome.chat_id for outcome in told} == {FOUND.chat_id}
    # Who comes when it is answered has that; nobody waits for it.
    assert "stale" in {outcome.source for outcome in told} <= {"stale", "cache"}
    assert outcomes(crowds[1:2]) == [FOUND]
    assert town.calls() == 2


def test_those_who_want_it_fresh_share_what_is_asked_for_after_they_came(town: Town) -> None:
    crowds = town.begin()
    town.slow_portal(1.0)
    ask(crowds, 3, fresh=True)
    assert all_found(crowds) == PROCESSES * 3
    # One for each second in which some came: who comes when a call has gone out waits for the next.
    assert town.calls() < PROCESSES


def test_on_a_day_when_answers_of_the_store_are_lost_the_portal_is_asked_once_too(town: Town) -> None:
    crowds = town.begin(3, day=Day(answers_lost=True))
    town.slow_portal(0.5)
    ask(crowds, 4)
    assert all_found(crowds) == 12
    assert town.calls() == 1


# -- whoever asks dies, or is refused ----------------------------------------------------------------------------------


def test_a_killed_holder_costs_his_lease_and_one_call_more(town: Town) -> None:
    holder, *others = town.begin()
    town.slow_portal(2.0)
    ask([holder], 1)
    happens(lambda: town.calls() == 1)
    ask(others)
    holder.stop()
    town.scene.probe.tell("/faults", [])
    town.scene.probe.clock.advance(LEASE + SKEW)
    assert all_found(others) == (PROCESSES - 1) * CALLERS
    assert town.calls() == 2


def test_a_holder_killed_while_his_slot_lies_ahead_is_followed_by_one_who_calls(town: Town) -> None:
    holder, *others = town.begin(4)
    town.next_slot_in_ten_seconds(others[0])
    ask([holder], 1)
    happens(lambda: town.held_for() > LEASE)
    holder.stop()
    ask(others, 4)
    town.scene.probe.clock.advance(10 + LEASE + SKEW)
    happens(lambda: town.held_for() > LEASE)  # one of them, whose slot is the next
    town.nearly_its_slot()
    assert all_found(others) == 12
    assert town.calls() == 1


def test_what_the_portal_refuses_to_one_it_refuses_to_all_who_waited(town: Town) -> None:
    crowds = town.begin()
    refusal = {"method": "im.chat.get", "error": "ACCESS_ERROR", "status": 403, "delay_ms": 1000}
    town.scene.probe.tell("/faults", refusal)
    ask(crowds[:1], 1)
    happens(lambda: town.calls() == 1)
    ask(crowds[1:], 2)
    told = outcomes(crowds)
    assert {outcome.problem for outcome in told} == {"chat-not-accessible"}
    assert len(told) == 1 + (PROCESSES - 1) * 2
    assert town.calls() < PROCESSES  # who came after the refusal asked anew
