"""Callers that wait for their slots while the portal's token dies: they spend no slot on it, and one of them renews."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from chat_lookup.bitrix24.client import Answer, Endpoint, OperatingTime
from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.calls.portal_calls import Opening
from chat_lookup.clock import Deadline
from chat_lookup.errors import PortalBusy
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.portal import Portal
from tests.support.fakes import MEMBER_ID, FakeAuthorisationServer, FakeBitrix24, ManualClock, Stores
from tests.support.interleaving import Actor, Stage
from tests.support.tokens.renewal_scene import FIRST_ACCESS, Renewing, build

CALLERS = 24
CAPACITY = 45
"""Calls that a portal of the usual plan takes at once, less the margin (design 5, Pace)."""
LATENCY = 0.1
WITHOUT = {0: 18, 1: 19}
"""By what is left of the bucket: how many of the callers are answered within 10 s while the token lives."""


@dataclass
class BusyPortal:
    """A portal that takes its time, and looks at the token; at the port of `Bitrix24Client`."""

    stage: Stage
    dead: set[str | None] = field(default_factory=set)
    tokens: list[str | None] = field(default_factory=list)
    latency: float = 0.0

    def call(self, endpoint: Endpoint, method: str, params: Mapping[str, object], deadline: Deadline) -> Answer:
        del params
        assert deadline.left() > 0, f"{method} was called after the deadline"
        self.tokens.append(endpoint.auth)
        if self.latency:
            self.stage.sleep(self.latency)
        if endpoint.auth in self.dead:
            raise BitrixError("expired_token", 401, method=method)
        return Answer({"ID": 1437}, OperatingTime(), self.latency)


@dataclass
class Crowd:
    """Processes that all need the portal at one moment, on one clock."""

    stage: Stage
    portal: BusyPortal
    server: FakeAuthorisationServer
    callers: list[Actor]

    @property
    def answered(self) -> int:
        return sum(actor.error is None for actor in self.callers)


def crowd(stores: Stores, telemetry: Telemetry, *, dead: bool, used: int, server_takes: float) -> Crowd:
    """The outcome of 24 callers with 10 s each, after so many calls of the bucket were used."""
    stage = Stage()
    clock, bitrix24 = cast("ManualClock", stage), BusyPortal(stage)
    server = FakeAuthorisationServer(clock)
    processes = [build(stores, clock, cast("FakeBitrix24", bitrix24), server, telemetry) for _ in range(CALLERS)]
    portal = processes[0].install()
    uses(stage, processes[0], portal, used)
    bitrix24.tokens.clear()
    bitrix24.latency, server.seconds = LATENCY, server_takes
    if dead:
        bitrix24.dead.add(FIRST_ACCESS)
    callers = [calls(stage, process) for process in processes]
    runs(stage)
    return Crowd(stage, bitrix24, server, callers)


def uses(stage: Stage, process: Renewing, portal: Portal, calls: int) -> None:
    def work() -> None:
        for _ in range(calls):
            process.call(portal)

    stage.start("before", work)
    runs(stage)


def calls(stage: Stage, process: Renewing) -> Actor:
    return stage.start("caller", lambda: process.call(process.portals.get(MEMBER_ID)))


def runs(stage: Stage) -> None:
    """Run each process as soon as its time has come, until all have ended."""
    while ready := stage.ready():
        stage.advance(ready[0])


@pytest.mark.parametrize("left", WITHOUT)
def test_a_used_bucket_answers_as_many_as_its_pace_admits(stores: Stores, telemetry: Telemetry, left: int) -> None:
    before = crowd(stores, telemetry, dead=False, used=CAPACITY - left, server_takes=0)
    assert before.answered == WITHOUT[left]
    assert before.server.asked == []


@pytest.mark.parametrize("server_takes", [0.3, 2.0, 5.0])
@pytest.mark.parametrize("left", WITHOUT)
def test_a_token_that_dies_beside_a_used_bucket_costs_one_call_and_one_refresh(
    stores: Stores, telemetry: Telemetry, left: int, server_takes: float
) -> None:
    after = crowd(stores, telemetry, dead=True, used=CAPACITY - left, server_takes=server_takes)
    assert len(after.server.asked) == 1
    assert after.portal.tokens.count(FIRST_ACCESS) == 1
    assert after.answered >= WITHOUT[left] - 1
    assert {type(actor.error) for actor in after.callers} == {type(None), PortalBusy}


def test_callers_that_find_their_slots_at_once_are_refused_together_and_refresh_once(
    stores: Stores, telemetry: Telemetry
) -> None:
    after = crowd(stores, telemetry, dead=True, used=0, server_takes=0.3)
    assert len(after.server.asked) == 1
    assert after.answered == CALLERS
    assert after.portal.tokens.count(FIRST_ACCESS) == CALLERS  # each was on its way when the first answer came


def test_reservation_of_a_slot_is_no_wait_and_reads_nothing_anew() -> None:
    unread = cast("Any", None)
    grant = cast("Any", object())
    assert Opening(unread, unread, grant, unread).after(0.02) is grant
