"""Counts a piece of work's requests to AWS, CPU time and output, by botocore's hooks on the functions' own clients.

Each request asks DynamoDB for its billed units (ReturnConsumedCapacity), which changes nothing else.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import botocore
from botocore.session import Session

READS: Final = frozenset({"BatchGetItem", "GetItem", "Query", "Scan"})
WRITES: Final = frozenset({"DeleteItem", "PutItem", "TransactWriteItems", "UpdateItem"})
_REFUSED: Final = 1.0
"""Units of a conditional write whose condition fails, for an item of up to 1 KB: billed, but not reported."""


@dataclass(frozen=True, slots=True)
class Counted:
    """The use of a piece of work: requests by operation, units of DynamoDB, CPU time of its threads, printed lines."""

    requests: Mapping[str, int]
    read_units: float
    write_units: float
    cpu_seconds: float
    lines: tuple[bytes, ...]

    @property
    def reads(self) -> int:
        return sum(self.requests.get(operation, 0) for operation in READS)

    @property
    def writes(self) -> int:
        return sum(self.requests.get(operation, 0) for operation in WRITES)


_counted: ContextVar[bool] = ContextVar("counted", default=False)
"""Whether a thread does the work that is counted: the functions pass their context to the threads that they begin."""


@dataclass(slots=True)
class Counting:
    """Counts the requests of one piece of work, by every client that is made while it is `listening`."""

    log_file: Path
    """The file that the work prints to."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _cpu_seconds: float = 0.0
    _requests: Counter[str] = field(default_factory=Counter)
    _read_units: float = 0.0
    _write_units: float = 0.0

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Inside, each new session of botocore has our hooks, and passes them to all its clients."""
        botocore.register_initializer(self._hook)
        try:
            yield
        finally:
            botocore.unregister_initializer(self._hook)

    def of(self, work: Callable[[], object]) -> Counted:
        """Do a piece of work, and count; what else runs meanwhile, as the portal and the pollers do, is not counted."""
        self._requests.clear()
        self._read_units = self._write_units = self._cpu_seconds = 0.0
        printed = self.log_file.stat().st_size
        entered = _counted.set(True)
        try:
            with patch.object(ThreadPoolExecutor, "submit", self._submitting(ThreadPoolExecutor.submit)):
                self._timed(work)
        finally:
            _counted.reset(entered)
        with self.log_file.open("rb") as file:
            file.seek(printed)
            lines = tuple(file)
        return Counted(dict(self._requests), self._read_units, self._write_units, self._cpu_seconds, lines)

    def _timed(self, work: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        began = time.thread_time()
        try:
            return work(*arguments, **options)
        finally:
            with self._lock:
                self._cpu_seconds += time.thread_time() - began

    def _submitting(self, usual: Callable[..., Future[Any]]) -> Callable[..., Future[Any]]:
        """`submit` of every pool, which counts the CPU time of what counted work submits."""

        def submit(
            pool: ThreadPoolExecutor, work: Callable[..., Any], /, *arguments: Any, **options: Any
        ) -> Future[Any]:
            if not _counted.get():
                return usual(pool, work, *arguments, **options)
            return usual(pool, self._timed, work, *arguments, **options)

        return submit

    def _hook(self, session: Session) -> None:
        session.register("before-parameter-build.dynamodb", _ask_for_units)
        session.register("after-call", self._note)

    def _note(self, **answered: Any) -> None:
        operation = str(answered["model"].name)
        if not _counted.get():
            return
        with self._lock:
            self._requests[operation] += 1
            if operation in READS:
                self._read_units += _units_in(answered["parsed"])
            elif operation in WRITES:
                self._write_units += _units_in(answered["parsed"])


def _ask_for_units(**asked: Any) -> None:
    if asked["model"].name in READS | WRITES:
        asked["params"].setdefault("ReturnConsumedCapacity", "TOTAL")


def _units_in(parsed: Mapping[str, Any]) -> float:
    consumed = parsed.get("ConsumedCapacity")
    if consumed is None:
        return _REFUSED
    return sum(float(each["CapacityUnits"]) for each in (consumed if isinstance(consumed, list) else [consumed]))
