"""Bulk work beside another client of the portal, compared with the plan's limit: 5,000 pairs, eight processes.

It runs in real time, about two minutes. `pairs` shows the same without another client.
"""

from collections.abc import Mapping
from typing import Final

from benchmarks.bulk.run import played
from benchmarks.bulk.scenario import Outcome, Scenario
from benchmarks.setting import Setting
from benchmarks.timing import Figure

_ADMITTED: Final = 0.02
"""Share of refused requests: a bucket that another client has half filled must overflow once."""
_SCENARIOS: Final[Mapping[str, Scenario]] = {
    "another client takes half of the rate": Scenario(other_rate=1.0),
    "and had taken half of the burst": Scenario(other_rate=1.0, before=25),
}


def figures(setting: Setting) -> list[Figure]:
    """Raises LeftOut without a DynamoDB Local."""
    url = setting.dynamodb_local("has writes that are atomic")
    found: list[Figure] = []
    for name, planned in _SCENARIOS.items():
        scenario = planned.hurried() if setting.quick else planned
        found += _figures(name, scenario, played(scenario, url))
    return found


def _figures(name: str, scenario: Scenario, outcome: Outcome) -> list[Figure]:
    plan = "the physical limit"
    unanswered = scenario.asked - outcome.answered
    return [
        Figure.paired(f"time, {name}", plan, "s", [outcome.seconds], [scenario.least_seconds]),
        Figure.paired(f"refused, {name}", "all requests", "", [outcome.refused], [outcome.requests], _ADMITTED),
        Figure.paired(f"unanswered, {name}", "all pairs", "", [unanswered], [scenario.asked], 0.0),
    ]
