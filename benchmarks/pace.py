"""How near bulk work comes to what a portal's plan allows: 5,000 pairs, eight processes, real time, about two minutes.

`python -m benchmarks.pace` with DYNAMODB_LOCAL_URL naming a DynamoDB Local: moto's writes are not atomic, so they can
show nothing here. Ends with status 1 if the portal refused more than it should, or a pair was left out.
"""

import os
import sys
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.pace_run import Outcome, Scenario, run
from chat_lookup.pace import Pace

_PLAN: Final = Pace(rate=2.0, burst=50)
_SCENARIOS: Final = {
    "alone": (Scenario(_PLAN), 0.0),
    "a stranger takes half of the rate": (Scenario(_PLAN, stranger=1.0), 0.02),
    "and had taken half of the burst": (Scenario(_PLAN, stranger=1.0, before=25), 1.0),
}
"""Each with the share of refused requests that is admitted; a bucket that is half full unseen must run over."""


def main() -> int:
    url = os.environ.get("DYNAMODB_LOCAL_URL")
    if not url:
        sys.stderr.write("DYNAMODB_LOCAL_URL names no DynamoDB Local\n")
        return 2
    failed = False
    _tell(f"{'':36} {'seconds':>8} {'allowed':>8} {'more':>7} {'requests':>9} {'refused':>8} {'answered':>9}")
    for name, (scenario, admitted) in _SCENARIOS.items():
        with tempfile.TemporaryDirectory() as folder:
            outcome = run(scenario, url, Path(folder))
        _tell(_line(name, scenario, outcome))
        failed |= outcome.share_refused > admitted or outcome.answered != scenario.batches * scenario.pairs
    return int(failed)


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _line(name: str, scenario: Scenario, outcome: Outcome) -> str:
    least = scenario.least_seconds
    more = outcome.seconds / least - 1
    times = f"{outcome.seconds:8.1f} {least:8.1f} {more:7.1%}"
    return f"{name:36} {times} {outcome.requests:9} {outcome.refused:8} {outcome.answered:9}"


if __name__ == "__main__":
    sys.exit(main())
