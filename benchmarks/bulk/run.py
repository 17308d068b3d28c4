"""Bulk work by one or more processes against the local portal in real time: its duration, and its refusals."""

import contextlib
import multiprocessing
import tempfile
import threading
import time
from collections.abc import Iterator
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import TYPE_CHECKING, Final

import urllib3

from benchmarks.bulk.scenario import Outcome, Scenario, Surroundings, Worker
from benchmarks.bulk.worker import QUESTION, paced, questions
from local.portal import LocalPortal
from local.shared_clock import SharedClock
from tests.support.stores.tables import tables_in

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_CONTEXT: Final = multiprocessing.get_context("forkserver")


def run(scenario: Scenario, dynamodb_url: str, folder: Path, worker: Worker = paced) -> Outcome:
    """Run a scenario, by our own workers or others, on tables of its own in a shared DynamoDB."""
    with contextlib.ExitStack() as stack:
        portal = LocalPortal(folder, SharedClock(folder / "clock"))
        portal.start()
        stack.callback(portal.stop)
        plan = {"rate": scenario.pace.rate, "burst": scenario.pace.burst}
        urllib3.request("POST", portal.control_url + "/plan", json=plan)
        for method, seconds in (("batch", scenario.batch_seconds), (QUESTION, scenario.answer_seconds)):
            if seconds:
                slow = {"method": method, "delay_ms": seconds * 1000}
                urllib3.request("POST", portal.control_url + "/faults", json=slow)
        tables = stack.enter_context(tables_in(dynamodb_url))
        surroundings = Surroundings(scenario, tables, portal.webhook_url, portal.ca_file)
        stack.enter_context(_other_client(surroundings))
        with _person(surroundings) as asked:
            answered, seconds = _work(surroundings, worker)
        calls = urllib3.request("GET", portal.control_url + "/calls?method=batch").json()
        refused = sum(call["error"] is not None for call in calls)
        return Outcome(seconds, answered, len(calls), refused, tuple(asked))


def played(scenario: Scenario, dynamodb_url: str, worker: Worker = paced) -> Outcome:
    """The same in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        return run(scenario, dynamodb_url, Path(folder), worker)


def _work(surroundings: Surroundings, worker: Worker) -> tuple[int, float]:
    """Start the processes and wait for them; returns the pairs answered, and the seconds until the last answer."""
    scenario = surroundings.scenario
    begin = _CONTEXT.Barrier(scenario.processes + 1)
    left = _CONTEXT.Value("i", scenario.batches)
    pipes, running = [], []
    for _ in range(scenario.processes):
        ours, theirs = _CONTEXT.Pipe(duplex=False)
        running.append(_CONTEXT.Process(target=_process, args=(surroundings, worker, begin, left, theirs), daemon=True))
        running[-1].start()
        theirs.close()
        pipes.append(ours)
    begin.wait(60)
    began = time.monotonic()
    answered = sum(pipe.recv() for pipe in pipes)
    return answered, time.monotonic() - began


def _process(
    surroundings: Surroundings, worker: Worker, begin: Barrier, left: "Synchronized[int]", results: "Connection"
) -> None:
    """One process: works as soon as all are ready, and sends the number of pairs answered."""
    work = worker(surroundings)
    begin.wait(60)
    results.send(work(iter(lambda: _taken(left), 0)))


def _taken(left: "Synchronized[int]") -> int:
    """The number of a batch that no other process takes; 0 when all are taken."""
    with left.get_lock():
        number = left.value
        left.value = max(0, number - 1)
        return number


@contextlib.contextmanager
def _person(surroundings: Surroundings) -> Iterator[list[tuple[float, float]]]:
    """A person who asks during the work, in a separate process; at the end the list has the times of each question."""
    waits: list[tuple[float, float]] = []
    if not surroundings.scenario.questions:
        yield waits
        return
    ours, theirs = _CONTEXT.Pipe(duplex=False)
    process = _CONTEXT.Process(target=_asks, args=(surroundings, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        yield waits
        waits += ours.recv()
    finally:
        process.terminate()
        process.join()


def _asks(surroundings: Surroundings, results: "Connection") -> None:
    results.send(questions(surroundings))


@contextlib.contextmanager
def _other_client(surroundings: Surroundings) -> Iterator[None]:
    """Another client that uses up the portal's limit during the work."""
    scenario = surroundings.scenario
    http = urllib3.PoolManager(ca_certs=str(surroundings.ca_file), retries=False)
    over = threading.Event()

    def call() -> None:
        http.request("POST", surroundings.webhook_url + "profile", json={})

    def go_on() -> None:
        while not over.wait(1 / scenario.other_rate):
            call()

    for _ in range(scenario.before):
        call()
    thread = threading.Thread(target=go_on)
    if scenario.other_rate:
        thread.start()
    try:
        yield
    finally:
        over.set()
        if scenario.other_rate:
            thread.join()
