"""Requests are counted wherever the counted work makes them, and nowhere else."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from types import SimpleNamespace

from botocore.session import Session

from benchmarks.cost.call_counter import Counting


def test_requests_of_threads_that_the_work_begins_are_counted_and_those_of_others_are_not(tmp_path: Path) -> None:
    log_file = tmp_path / "log.jsonl"
    log_file.touch()
    counting = Counting(log_file)
    with counting.listening():
        session = Session()

    def ask(operation: str, units: float) -> None:
        parsed = {"ConsumedCapacity": {"CapacityUnits": units}}
        session.emit(f"after-call.dynamodb.{operation}", model=SimpleNamespace(name=operation), parsed=parsed)

    def beside() -> None:
        other = threading.Thread(target=ask, args=("GetItem", 100.0))
        other.start()
        other.join()

    def work() -> None:
        ask("GetItem", 0.5)
        with ThreadPoolExecutor(2) as pool:
            for _ in range(3):
                pool.submit(copy_context().run, ask, "PutItem", 1.0)
            pool.submit(sum, range(300_000)).result()
        beside()

    ask("GetItem", 100.0)
    counted = counting.of(work)
    ask("GetItem", 100.0)
    assert counted.requests == {"GetItem": 1, "PutItem": 3}
    assert (counted.read_units, counted.write_units) == (0.5, 3.0)
    assert counting.of(lambda: None).cpu_seconds < counted.cpu_seconds
