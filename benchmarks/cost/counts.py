"""What a hit, a miss and an event ask of AWS: counted, not timed; and what they reckon and print, which costs as well.

Whole functions are invoked in a stack on this machine, with DynamoDB Local. Each kind is done in the state in which it
usually is: the portal's key and record in the process's memory, its other processes at rest. What it takes otherwise
stands beside it.
"""

import json
import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Final

from benchmarks.cost.call_counter import Counted
from benchmarks.cost.counted_scenes import counted
from benchmarks.cost.kinds import HIT, KINDS, MISS, MISS_CONTENDED, RECEIVED, SERIES, WORKED
from benchmarks.setting import Setting
from benchmarks.timing import Figure
from chat_lookup.observability.metrics import METRICS

_ROUNDS: Final = 11
_Round = Mapping[str, Counted]


def figures(setting: Setting) -> list[Figure]:
    """Raises LeftOut without a DynamoDB Local: nothing else here tells what it bills."""
    url = setting.dynamodb_local("tells what it bills")
    # A process of its own: botocore's session is made once in each, and has to bring our hooks along.
    with ProcessPoolExecutor(1, multiprocessing.get_context("forkserver")) as process:
        rounds = process.submit(counted, url, 1 if setting.quick else _ROUNDS).result()
    return [*_allowed(rounds), *_billed(rounds), _series(rounds)]


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
    ("messages sent, event", lambda each: each[RECEIVED].requests["SendMessage"], 1),
)
"""What the design allows each kind to ask for."""


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
    "requests to Secrets Manager": ("", lambda each: sum(each.requests.get(name, 0) for name in _OF_SECRETS)),
}


def _billed(rounds: Sequence[_Round]) -> list[Figure]:
    """What each kind takes of what is billed, if any: beside a hit, or one unit, since a hit writes nothing."""
    figures = []
    for what, (unit, took) in _BILLED.items():
        beside = [took(each[HIT]) if unit else 1.0 for each in rounds]
        for kind in KINDS:
            values = [took(each[kind]) for each in rounds]
            if any(values):
                figures.append(Figure.paired(f"{what}, {kind}", HIT if unit else "one unit", unit, values, beside))
    return figures


def _series(rounds: Sequence[_Round]) -> Figure:
    """The metrics that came up, beside all that can: each is billed for the hours in which it does."""
    found = {name for each in rounds for counted in each.values() for line in counted.lines for name in _metrics(line)}
    most = sum(len(metric.values) + 1 for metrics in METRICS.values() for metric in metrics)
    return Figure.paired(SERIES, "all that can be", "", [len(found)], [most])


def _metrics(line: bytes) -> Iterator[tuple[str, ...]]:
    """The metrics of one line: name, dimension and value of that. None in what is no metric (design 7)."""
    read = json.loads(line)
    for directive in read.get("_aws", {}).get("CloudWatchMetrics", []):
        for metric in directive["Metrics"]:
            yield metric["Name"], *(f"{name}={read[name]}" for name in directive["Dimensions"][0])
