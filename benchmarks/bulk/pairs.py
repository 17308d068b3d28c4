"""5,000 pairs by our rate limiter, in one process and in eight, beside the plan's limit and the vendor's SDK.

The SDK has no rate limiter: its `call_batches` sends one batch after the other; refused for too many requests, it
sleeps and retries, twice at most; then it raises, and its results until then are lost. In one process that uses the
burst to the last slot, with a refusal for every other batch after that. Ours leaves a margin of 5 slots of 50 while no
interactive caller asks (`calls.gcra`): 2.5 seconds, where a portal answers at once. A real one has work to do for fifty
look-ups, so the same is run where it takes half a second: 10 ms for each (samples: 0 to 300; bitrix24.md 6.2).
"""

import itertools
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from b24pysdk.errors import BitrixSDKException  # type: ignore[import-untyped]  # it has annotations, but no py.typed

from benchmarks.bulk.run import played
from benchmarks.bulk.scenario import Outcome, Scenario, Surroundings, Work, Worker
from benchmarks.bulk.worker import paced
from benchmarks.setting import Setting
from benchmarks.timing import Figure
from tests.sdk.webhook_mode import of_webhook

_LONGEST: Final = 1.12
"""The most time for all pairs, over the physical limit."""
_ONE: Final = Scenario(processes=1)
_EIGHT: Final = Scenario(processes=8)
_SDK_IN_ONE: Final = "b24pysdk in 1 process"
_SLOW: Final = "where a batch takes 0.5 s"
_ALONE: Final = "no other client"


def _by_sdk(surroundings: Surroundings) -> Work:
    """The vendor's SDK. Each process takes its share at once."""
    os.environ["REQUESTS_CA_BUNDLE"] = str(surroundings.ca_file)
    sdk, scenario = of_webhook(surroundings.webhook_url), surroundings.scenario
    share = math.ceil(scenario.batches / scenario.processes)

    def work(numbers: Iterator[int]) -> int:
        deals = itertools.chain.from_iterable(map(scenario.deals, itertools.islice(numbers, share)))
        methods = {f"c{deal}": ("im.chat.get", {"ENTITY_TYPE": "CRM", "ENTITY_ID": f"DEAL|{deal}"}) for deal in deals}
        try:
            return len(sdk.call_batches(methods)["result"]["result"].keys() & methods.keys())
        except BitrixSDKException:
            return 0

    return work


_WAYS: Final[Mapping[str, tuple[Scenario, Worker]]] = {
    f"1 process, {_ALONE}": (_ONE, paced),
    f"8 processes, {_ALONE}": (_EIGHT, paced),
    _SDK_IN_ONE: (_ONE, _by_sdk),
    "b24pysdk in 8 processes": (_EIGHT, _by_sdk),
    f"8 processes, {_ALONE}, {_SLOW}": (replace(_EIGHT, batch_seconds=0.5), paced),
    f"{_SDK_IN_ONE} {_SLOW}": (replace(_ONE, batch_seconds=0.5), _by_sdk),
}
"""Each way asks for the same pairs, one way after the other."""
_BESIDE_SDK: Final[Mapping[str, str]] = {
    f"1 process, {_ALONE}": _SDK_IN_ONE,
    f"8 processes, {_ALONE}": _SDK_IN_ONE,
    f"8 processes, {_ALONE}, {_SLOW}": f"{_SDK_IN_ONE} {_SLOW}",
}


@dataclass(frozen=True, slots=True)
class _Played:
    """One way, and its outcome."""

    who: str
    ours: bool
    scenario: Scenario
    outcome: Outcome


def figures(setting: Setting) -> list[Figure]:
    """Raises LeftOut without a DynamoDB Local."""
    url = setting.dynamodb_local("has writes that are atomic")
    ways: dict[str, _Played] = {}
    for who, (planned, worker) in _WAYS.items():
        scenario = planned.hurried() if setting.quick else planned
        ways[who] = _Played(who, worker is paced, scenario, played(scenario, url, worker))
    return [*_times(ways), *(_refused(way) for way in ways.values()), *(_unanswered(way) for way in ways.values())]


def _times(ways: Mapping[str, _Played]) -> list[Figure]:
    seconds = {who: [way.outcome.seconds] for who, way in ways.items()}
    allowed = {who: [way.scenario.least_seconds] for who, way in ways.items() if way.ours}
    return [
        *(
            Figure.paired(f"time, {who}", "the physical limit", "s", seconds[who], least, _LONGEST)
            for who, least in allowed.items()
        ),
        *(Figure.paired(f"time, {who}", sdk, "s", seconds[who], seconds[sdk], 1.0) for who, sdk in _BESIDE_SDK.items()),
    ]


def _refused(way: _Played) -> Figure:
    outcome, most = way.outcome, 0.0 if way.ours else None
    return Figure.paired(f"refused, {way.who}", "all requests", "", [outcome.refused], [outcome.requests], most)


def _unanswered(way: _Played) -> Figure:
    asked, most = way.scenario.asked, 0.0 if way.ours else None
    return Figure.paired(f"unanswered, {way.who}", "all pairs", "", [asked - way.outcome.answered], [asked], most)
