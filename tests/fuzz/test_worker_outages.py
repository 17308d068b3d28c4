"""Outages of portals and of the bus on a simulated clock: what waits is neither lost nor a dead letter, and a portal
that hangs takes the time of its own events only."""

import math
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chat_lookup.clock import Deadline
from chat_lookup.errors import ChatLookupError, PortalUnavailable
from chat_lookup.events.model import Record
from chat_lookup.events.publisher import BusUnavailable
from chat_lookup.events.queue import LONGEST_WAIT, Progress
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.recovery import Recovery
from tests.support.events.bot_questions import message
from tests.support.events.simulated_queue import (
    BATCH,
    RECEIVES,
    TIMEOUT,
    VISIBILITY,
    Sent,
    SimulatedQueue,
    Simulation,
    ThreadClock,
)
from tests.support.fakes import Output
from tests.template.file import FUNCTIONS, of_type

START = 1_763_000_000.0
HOUR = 3600.0
RECORDS = int(os.environ.get("RECORDS", "300"))
EXAMPLES = int(os.environ.get("OUTAGES", "30"))
Outage = tuple[float, float]


@dataclass
class SlowWorker:
    """A worker whose records take time by their portal, and fail during the outages: of a portal, of the bus."""

    clock: ThreadClock
    seconds: Callable[[Record], float] = lambda _: 0.3
    outages: tuple[Outage, ...] = ()
    failure: Callable[[], ChatLookupError] = PortalUnavailable
    done: dict[str, float] = field(default_factory=dict)
    tried: Counter[str] = field(default_factory=Counter)

    def work(self, record: Record, deadline: Deadline, progress: Progress) -> None:
        del progress
        self.tried[record.event_id] += 1
        self.clock.sleep(min(self.seconds(record), deadline.left()))
        now = self.clock.now()
        if deadline.left() <= 0:
            raise PortalUnavailable
        if any(start <= now < end for start, end in self.outages):
            raise self.failure()
        self.done.setdefault(record.event_id, now)

    def announce(self, recovery: Recovery) -> None:
        raise AssertionError(recovery)


@dataclass
class Scene:
    """A worker behind its queue."""

    worker: SlowWorker
    simulation: Simulation
    first: dict[str, float] = field(default_factory=dict)
    """When each event was first received."""

    def send(self, *events: tuple[float, str]) -> list[str]:
        """Send an event of each portal at its second after the start; returns the events' ids."""
        ids = [f"{number}" for number in range(len(events))]
        records = [
            message()._replace(event_id=name, member_id=portal) for name, (_, portal) in zip(ids, events, strict=True)
        ]
        self.simulation.send(
            (START + second, portal, record.to_json()) for (second, portal), record in zip(events, records, strict=True)
        )
        return ids

    def receive(self, sent: Sent, moment: float) -> None:
        self.first.setdefault(Record.from_json(sent.body).event_id, moment)

    def waiting(self) -> set[str]:
        return {Record.from_json(each.body).event_id for each in self.simulation.queue.waiting.values()}

    def dead(self) -> list[str]:
        return [Record.from_json(each.body).event_id for each in self.simulation.queue.dead]


def scene(telemetry: Telemetry, seed: int = 1) -> Scene:
    clock = ThreadClock()
    worker = SlowWorker(clock)
    queue = SimulatedQueue(clock, Random(seed))  # noqa: S311 - repeatable
    built = Scene(worker, Simulation(worker, clock, telemetry, queue))
    built.simulation.received = built.receive
    return built


def test_simulated_queue_is_the_one_of_the_template() -> None:
    queue = of_type("AWS::SQS::Queue")["EventQueue"]
    worker = FUNCTIONS["WorkerFunction"]
    assert (queue["VisibilityTimeout"], queue["RedrivePolicy"]["maxReceiveCount"]) == (VISIBILITY, RECEIVES)
    assert (worker["Timeout"], worker["Events"]["Queue"]["Properties"]["BatchSize"]) == (TIMEOUT, BATCH)


# -- one portal hangs --------------------------------------------------------------------------------------------------


def p95(seconds: list[float]) -> float:
    return sorted(seconds)[math.ceil(0.95 * len(seconds)) - 1]


def run_of_ten_portals(telemetry: Telemetry, hanging: str) -> tuple[Scene, list[float]]:
    """Records of ten portals, of which one may hang; the seconds from first receive to done of the other nine."""
    running = scene(telemetry)
    running.worker.seconds = lambda record: math.inf if record.member_id == hanging else 0.3
    random = Random(2)  # noqa: S311 - repeatable
    events = [(random.uniform(0, 60), f"portal-{number % 10}") for number in range(RECORDS)]
    ids = running.send(*events)
    running.simulation.run(until=START + HOUR)
    others = [name for name, (_, portal) in zip(ids, events, strict=True) if portal != "portal-0"]
    assert running.worker.done.keys() >= set(others)
    return running, [running.worker.done[each] - running.first[each] for each in others]


def test_one_hanging_portal_of_ten_does_not_delay_the_events_of_the_others(telemetry: Telemetry) -> None:
    _, usual = run_of_ten_portals(telemetry, hanging="none")
    running, beside = run_of_ten_portals(telemetry, hanging="portal-0")
    figures = {name: (p95(each), max(each)) for name, each in (("usual", usual), ("beside a hanging one", beside))}
    print(f"p95 and longest of the other portals, in seconds: {figures}")  # noqa: T201 - for a reader of `pytest -s`
    assert p95(beside) - p95(usual) < 2
    assert running.dead() == []
    assert all(running.worker.tried[each] for each in running.first), "an event was never tried"


# -- outages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [PortalUnavailable, BusUnavailable])
def test_outage_of_two_hours_makes_no_dead_letter_and_needs_no_operator(
    telemetry: Telemetry, output: Output, failure: Callable[[], ChatLookupError]
) -> None:
    running = scene(telemetry)
    running.worker.outages, running.worker.failure = ((START + 60, START + 60 + 2 * HOUR),), failure
    ids = running.send(*((120.0 * number, "portal-0") for number in range(62)))
    running.simulation.run()
    assert running.dead() == []
    assert running.worker.done.keys() == set(ids)
    assert max(running.worker.done.values()) < START + 60 + 2 * HOUR + 900 + TIMEOUT
    assert output.metric("EventsRequeued", reason=failure().code) > 0
    assert output.metric("EventsGivenUp") == 0


def test_outage_without_end_makes_dead_letters_after_twelve_hours_each_counted(
    telemetry: Telemetry, output: Output
) -> None:
    running = scene(telemetry)
    running.worker.outages = ((START, math.inf),)
    ids = running.send(*((60.0 * number, "portal-0") for number in range(20)))
    running.simulation.run(until=START + LONGEST_WAIT - 60)
    assert running.dead() == []
    running.simulation.run()
    assert sorted(running.dead()) == sorted(ids)
    assert output.metric("EventsGivenUp", reason="portal-unavailable") == len(ids)
    assert {each.attributes["reason"]["StringValue"] for each in running.simulation.queue.dead} == {
        "portal-unavailable"
    }


@st.composite
def outages(draw: st.DrawFn) -> tuple[Outage, ...]:
    """Outages one after the other, each shorter than twelve hours."""

    def each() -> Iterator[Outage]:
        moment = START
        for pause, length in draw(st.lists(st.tuples(st.floats(0, HOUR), st.floats(1, LONGEST_WAIT - 1)), max_size=4)):
            yield moment + pause, moment + pause + length
            moment += pause + length

    return tuple(each())


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    of_portal=outages(),
    of_queue=outages(),
    moments=st.lists(st.floats(0, 3 * HOUR), min_size=1, max_size=12),
    until=st.floats(0, 60 * HOUR),
)
def test_event_is_processed_or_queued_or_counted_as_given_up_whatever_fails(
    telemetry: Telemetry,
    capsys: pytest.CaptureFixture[str],
    of_portal: tuple[Outage, ...],
    of_queue: tuple[Outage, ...],
    moments: list[float],
    until: float,
) -> None:
    capsys.readouterr()
    running = scene(telemetry)
    running.worker.outages = of_portal
    ids = running.send(*((moment, f"portal-{number % 3}") for number, moment in enumerate(moments)))
    clock = running.simulation.clock
    running.simulation.queue.refuses = lambda: any(start <= clock.now() < end for start, end in of_queue)
    running.simulation.run(until=START + until)
    assert running.worker.done.keys() | running.waiting() | set(running.dead()) == set(ids)
    given_up = sum(sent.receives == 0 for sent in running.simulation.queue.dead)
    assert Output(capsys).metric("EventsGivenUp") == given_up
    if not of_queue and len(of_portal) <= 1:
        assert running.dead() == []
