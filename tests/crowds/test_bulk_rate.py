"""Bulk work of eight processes within a portal's rate, in real time; in full: `benchmarks/bulk/shared_pace.py`."""

import os
from pathlib import Path
from typing import Final

import pytest

from benchmarks.bulk.run import run
from benchmarks.bulk.scenario import Scenario
from chat_lookup.calls.gcra import Pace

URL: Final = os.environ.get("DYNAMODB_LOCAL_URL", "")
PLAN: Final = Pace(rate=20.0, burst=50)

pytestmark = [
    pytest.mark.dynamodb_local,
    pytest.mark.skipif(not URL, reason="DYNAMODB_LOCAL_URL does not name a running DynamoDB Local"),
]


def test_bulk_alone_is_never_refused_and_answers_all_pairs(tmp_path: Path) -> None:
    scenario = Scenario(PLAN, batches=100, pairs=5)
    outcome = run(scenario, URL, tmp_path)
    assert (outcome.answered, outcome.requests, outcome.refused) == (500, 100, 0)
    assert outcome.seconds > scenario.paced_seconds - 0.5  # and it exceeded the rate at no time


def test_bulk_beside_another_client_at_half_the_rate_is_refused_in_under_2_percent_and_answers_all_pairs(
    tmp_path: Path,
) -> None:
    outcome = run(Scenario(PLAN, batches=200, pairs=2, other_rate=PLAN.rate / 2), URL, tmp_path)
    assert outcome.answered == 400
    assert outcome.refused > 0
    assert outcome.share_refused < 0.02
