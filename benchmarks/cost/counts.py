"""The requests to AWS of a hit, a miss, an event, an object and a view of the page: counted, not timed. And
their CPU time and logs, also billed.

Whole functions are invoked in a stack on this machine, with DynamoDB Local. Each kind is run in its usual state: the
portal's key and record in the process's memory, its other processes idle. The cost in other states is beside it.
"""

import json
import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Final

from benchmarks.cost.call_counter import Counted
from benchmarks.cost.counted_scenes import counted
from benchmarks.cost.kinds import (
    HIT,
    KINDS,
    MISS,
    MISS_CONTENDED,
    OF_OBJECTS,
    RECEIVED,
    SERIES,
    SERIES_OF_OBJECTS,
    WORKED,
    WORKED_ASKING,
)
from benchmarks.setting import Setting
from benchmarks.timing import Figure
from chat_lookup.observability.metrics import METRICS

_ROUNDS: Final = 11
_Round = Mapping[str, Counted]


def figures(setting: Setting) -> list[Figure]:
    """Raises LeftOut without a DynamoDB Local: nothing else here reports billed units."""
    url = setting.dynamodb_local("reports billed units")
    # A separate process: botocore's session is made once in each, and must have our hooks.
    with ProcessPoolExecutor(1, multiprocessing.get_context("forkserver")) as process:
        rounds = process.submit(counted, url, setting.rounds(_ROUNDS)).result()
    return [*_allowed(rounds), *_billed(rounds), *_series(rounds)]


LOG_EVENT: Final = 26
"""Bytes that CloudWatch Logs counts for each event beside its text (PutLogEvents)."""
_OF_SECRETS: Final = ("GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage", "DescribeSecret")

_ALLOWED: Final[Sequence[tuple[str, Callable[[_Round], float], float]]] = (
    ("requests, hit", lambda each: sum(each[HIT].requests.values()), 1),
    ("read units, hit", lambda each: each[HIT].read_units, 0.5),
    ("reads, miss", lambda each: each[MISS].reads, 1),
    ("writes, miss", lambda each: each[MISS].writes, 3),
    ("writes, miss while another process asks", lambda each: each[MISS_CONTENDED].writes, 4),
    ("reads, event", lambda each: each[RECEIVED].reads + each[WORKED].reads, 1),
    ("writes, event", lambda each: each[RECEIVED].writes + each[WORKED].writes, 2),
    # Beside the claim and the reply's row a slot of the rate limiter is reserved.
    ("reads, event that asks", lambda each: each[RECEIVED].reads + each[WORKED_ASKING].reads, 1),
    ("writes, event that asks", lambda each: each[RECEIVED].writes + each[WORKED_ASKING].writes, 3),
    ("messages sent, event", lambda each: each[RECEIVED].requests["SendMessage"], 1),
)
"""The requests that the design allows for each kind."""


def _allowed(rounds: Sequence[_Round]) -> list[Figure]:
    return [
        Figure.paired(name, "what the design allows", "", [took(each) for each in rounds], [most] * len(rounds), 1.0)
        for name, took, most in _ALLOWED
    ]


_BILLED: Final[Mapping[str, tuple[str, Callable[[Counted], float]]]] = {
    "CPU": ("ms", lambda each: each.cpu_seconds * 1e3),
    "logged": ("B", lambda each: sum(len(line.rstrip()) + LOG_EVENT for line in each.lines)),
    "requests": ("", lambda each: sum(each.requests.values())),
    "read units": ("", lambda each: each.read_units),
    "write units": ("", lambda each: each.write_units),
    "requests to the portal": ("", lambda each: sum(map(_to_portal, each.lines))),
    "requests to Secrets Manager": ("", lambda each: sum(each.requests.get(name, 0) for name in _OF_SECRETS)),
}


def _billed(rounds: Sequence[_Round]) -> list[Figure]:
    """The billed use of each kind, if any: beside a hit, or one unit, since a hit writes nothing."""
    figures = []
    for what, (unit, took) in _BILLED.items():
        beside = [took(each[HIT]) if unit else 1.0 for each in rounds]
        for kind in KINDS:
            values = [took(each[kind]) for each in rounds]
            if any(values):
                figures.append(Figure.paired(f"{what}, {kind}", HIT if unit else "one unit", unit, values, beside))
    return figures


def _to_portal(line: bytes) -> float:
    """The portal's share in one line: a batch is one request."""
    calls = json.loads(line).get("PortalCalls", [])
    return float(sum(calls if isinstance(calls, list) else [calls]))


def _series(rounds: Sequence[_Round]) -> list[Figure]:
    """The metrics that were printed, beside all possible: each is billed for the hours in which it occurs."""
    usual, more = (
        {metric for kind in of for each in rounds for line in each[kind].lines for metric in _metrics(line)}
        for of in ([kind for kind in KINDS if kind not in OF_OBJECTS], OF_OBJECTS)
    )
    most = sum(len(metric.values) + 1 for metrics in METRICS.values() for metric in metrics)
    return [
        Figure.paired(name, "all that can be", "", [len(found)], [most])
        for name, found in ((SERIES, usual), (SERIES_OF_OBJECTS, more - usual))
    ]


def _metrics(line: bytes) -> Iterator[tuple[str, ...]]:
    """The metrics of one line: name, dimension and its value; none in other lines (design 7)."""
    read = json.loads(line)
    for directive in read.get("_aws", {}).get("CloudWatchMetrics", []):
        for metric in directive["Metrics"]:
            yield metric["Name"], *(f"{name}={read[name]}" for name in directive["Dimensions"][0])
