"""A user is requested once in 30 seconds by all processes together: every order of their steps, and what fails."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chat_lookup.clock import Clock, Deadline
from chat_lookup.dynamodb import Table, Written
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.portal import Portal, PortalState
from chat_lookup.rest.errors import Refusal, RestFailures, documented
from chat_lookup.rest.profiles import Profiles
from chat_lookup.rest.responses import RestOutcome, Result
from tests.support.fakes import ManualClock
from tests.support.interleaving import Actor, Stage
from tests.support.stores.memory_stores import memory_stores

USER = Result({"ID": "1", "NAME": "Ada", "LAST_NAME": "Lovelace", "ADMIN": True}, {})
BUSY = documented("QUERY_LIMIT_EXCEEDED")._replace(of_all=True, retry_after=2.5)
PROCESSES = 4
ORDERS = 40


@dataclass
class Processes:
    """Processes on one table, whose calls of the portal take `seconds` and have the next of `outcomes`."""

    table: Table
    telemetry: Telemetry
    outcomes: list[RestOutcome]
    seconds: float = 0.0
    called_at: list[float] = field(default_factory=list)

    def new(self, clock: Clock, table: Table | None = None) -> Profiles:
        def ask(_: Portal, __: Deadline) -> RestOutcome:
            self.called_at.append(clock.now())
            outcome = self.outcomes[min(len(self.called_at), len(self.outcomes)) - 1]
            clock.sleep(self.seconds)
            return outcome

        return Profiles(ask, RestFailures(self.telemetry, clock), table or self.table, clock)


class WatchedTable(Table):
    """Calls a function with the name of each step before it: `get`, `claim` or `finish`."""

    def __init__(self, table: Table, before: Callable[[str], None]) -> None:
        self._inner = table
        self._before = before

    def get(self, *args: Any, **options: Any) -> Any:
        self._before("get")
        return self._inner.get(*args, **options)

    def update(self, *args: Any, **options: Any) -> Written:
        self._before("claim" if "remove" in options else "finish")
        return self._inner.update(*args, **options)


def stepped(table: Table, stage: Stage) -> Table:
    """The table, before each step of which the actor stops."""
    return WatchedTable(table, lambda _: stage.step())


@pytest.fixture
def processes(telemetry: Telemetry) -> Processes:
    return Processes(memory_stores().cache_rows, telemetry, [USER])


@pytest.fixture
def portal() -> Portal:
    return Portal("0123", "acme.bitrix24.com", "arn", "version")


def run(stage: Stage, works: Sequence[Callable[[], object]], seed: int) -> list[Actor]:
    """Run all to their ends, in an order that the seed decides."""
    order = Random(seed)  # noqa: S311 - not for secrets
    actors = [stage.start(f"process {number}", work) for number, work in enumerate(works)]
    while ready := stage.ready():
        stage.advance(order.choice(ready))
    return actors


@pytest.mark.parametrize("seconds", [0.0, 3.0])
@pytest.mark.parametrize("outcome", [USER, BUSY], ids=["user", "refusal"])
def test_processes_that_ask_at_the_same_time_share_one_call_and_its_outcome_in_every_order(
    processes: Processes, portal: Portal, outcome: RestOutcome, seconds: float
) -> None:
    processes.outcomes, processes.seconds = [outcome], seconds
    for seed in range(ORDERS):
        stage, asked = Stage(), portal._replace(generation=seed + 1)
        processes.called_at.clear()
        table = stepped(processes.table, stage)
        works = [partial(processes.new(stage, table).of, asked, Deadline.after(7.5, stage)) for _ in range(PROCESSES)]
        actors = run(stage, works, seed)
        assert [actor.error for actor in actors] == [None] * PROCESSES
        assert {repr(actor.result) for actor in actors} == {repr(outcome)}
        # A process that came after a refusal calls by itself: it did not wait for that call.
        assert len(processes.called_at) == 1 or (outcome is BUSY and seconds == 0.0)


def test_holder_that_died_is_replaced_when_its_lease_is_over(processes: Processes, portal: Portal) -> None:
    stage = Stage()
    table = stepped(processes.table, stage)
    processes.seconds = 1.0
    first = stage.start("first", lambda: processes.new(stage, table).of(portal, Deadline.after(5, stage)))
    while not processes.called_at:
        stage.advance(first)
    stage.kill(first)
    second = stage.start("second", lambda: processes.new(stage, table).of(portal, Deadline.after(7.5, stage)))
    began = stage.now()
    while stage.ready():
        stage.advance(second)
    assert second.result == USER
    first_call, second_call = processes.called_at
    assert 5 <= second_call - first_call < 6
    assert stage.now() - began < 7.5


def test_process_that_waits_is_refused_at_its_own_deadline(processes: Processes, portal: Portal) -> None:
    stage = Stage()
    table = stepped(processes.table, stage)
    processes.seconds = 20.0
    waits_long, waits = (
        partial(processes.new(stage, table).of, portal, Deadline.after(seconds, stage)) for seconds in (25.0, 7.5)
    )
    first = stage.start("first", waits_long)
    while not processes.called_at:
        stage.advance(first)
    began = stage.now()
    second = stage.start("second", waits)
    while not second.done:
        stage.advance(next(actor for actor in stage.ready() if actor is second))
    assert isinstance(second.result, Refusal)
    assert (second.result.status, second.result.code) == (503, "INTERNAL_SERVER_ERROR")
    assert stage.now() - began <= 7.5
    assert len(processes.called_at) == 1
    stage.kill(first)


@pytest.mark.parametrize("failing", [["get"], ["claim"], ["finish"], ["get", "claim", "finish"]])
def test_store_that_fails_costs_calls_and_no_answer(
    processes: Processes, portal: Portal, clock: ManualClock, failing: list[str]
) -> None:
    def fail(step: str) -> None:
        if step in failing:
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "UpdateItem")

    profiles = processes.new(clock, WatchedTable(processes.table, fail))
    assert profiles.of(portal, Deadline.after(7.5, clock)) == USER
    assert len(processes.called_at) == 1


def test_refusal_is_not_remembered_and_a_user_is_for_thirty_seconds(
    processes: Processes, portal: Portal, clock: ManualClock
) -> None:
    processes.outcomes = [BUSY, USER]
    deadline = Deadline.after(100, clock)
    outcomes = [processes.new(clock).of(portal, deadline) for _ in range(4)]
    assert outcomes == [BUSY, USER, USER, USER]
    clock.advance(29.9)
    assert processes.new(clock).of(portal, deadline) == USER
    assert len(processes.called_at) == 2
    clock.advance(0.2)
    assert processes.new(clock).of(portal, deadline) == USER
    assert len(processes.called_at) == 3


@pytest.mark.parametrize("ahead", [3_600.0, -3_600.0])
def test_row_of_a_clock_that_ran_wrong_is_not_used(
    processes: Processes, portal: Portal, clock: ManualClock, ahead: float
) -> None:
    processes.new(ManualClock(clock.now() + ahead)).of(portal, Deadline.after(100, clock))
    processes.new(clock).of(portal, Deadline.after(100, clock))
    assert len(processes.called_at) == 2


def test_closed_portal_is_not_answered_for_and_a_new_installation_is_asked_anew(
    processes: Processes, portal: Portal, clock: ManualClock
) -> None:
    profiles, deadline = processes.new(clock), Deadline.after(100, clock)
    records = (
        portal,
        portal._replace(state=PortalState.REAUTHORISE),
        portal._replace(generation=portal.generation + 1),
        portal._replace(member_id="another"),
    )
    for count, record in enumerate(records, start=1):
        assert profiles.of(record, deadline) == USER
        assert len(processes.called_at) == count
    profiles.of(portal, deadline)
    assert len(processes.called_at) == 4
