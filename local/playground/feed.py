"""What passes, kept for the page: lines of requests, log lines and metrics of the last invocations."""

import threading
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from local.aws.lambda_runtime import Invocation
from local.request_lines import lines

_KEPT: Final = 300

Line = Mapping[str, Any]


@dataclass(slots=True)
class Measured:
    """A metric with the value of one dimension: how many values there were, and their sum."""

    name: str
    dimensions: str
    unit: str
    values: int = 0
    total: float = 0.0


@dataclass(slots=True)
class Feed:
    """Receives each invocation when it has ended. Nothing secret is in it: the functions mask what they log, and the
    lines of requests are those that the terminal shows."""

    _requests: deque[tuple[int, str]] = field(default_factory=lambda: deque(maxlen=_KEPT))
    _log: deque[tuple[int, Line]] = field(default_factory=lambda: deque(maxlen=_KEPT))
    _metrics: dict[tuple[str, str], Measured] = field(default_factory=dict)
    _last: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, invocation: Invocation) -> None:
        with self._lock:
            for line in lines(invocation):
                self._requests.append((self._number(), line))
            for printed in invocation.printed:
                if "_aws" in printed:
                    self._add(printed)
                elif "level" in printed:
                    self._log.append((self._number(), printed))

    def after(self, number: int) -> dict[str, object]:
        """What came after the line with this number, and all metrics. `last` is the number to go on from."""
        with self._lock:
            return {
                "last": self._last,
                "requests": [line for at, line in self._requests if at > number],
                "log": [line for at, line in self._log if at > number],
                "metrics": [
                    {
                        "name": each.name,
                        "dimensions": each.dimensions,
                        "unit": each.unit,
                        "values": each.values,
                        "total": each.total,
                    }
                    for _, each in sorted(self._metrics.items())
                ],
            }

    def _number(self) -> int:
        self._last += 1
        return self._last

    def _add(self, printed: Line) -> None:
        for name, unit, dimensions in _metrics_in(printed):
            values = printed[name] if isinstance(printed[name], list) else [printed[name]]
            measured = self._metrics.setdefault((name, dimensions), Measured(name, dimensions, unit))
            measured.values += len(values)
            measured.total += sum(values)


def _metrics_in(printed: Line) -> Iterator[tuple[str, str, str]]:
    """Name, unit and dimensions of each metric in a line of the embedded metric format. `service` is the same in all,
    so it is left out."""
    for directive in printed["_aws"]["CloudWatchMetrics"]:
        names = [name for name in directive["Dimensions"][0] if name != "service"]
        dimensions = ", ".join(f"{name} {printed[name]}" for name in names)
        for metric in directive["Metrics"]:
            yield metric["Name"], metric["Unit"], dimensions
