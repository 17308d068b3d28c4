"""The garbage collector waits while a process starts, and works as usual from the first object that serves."""

import sys
from typing import Final

import pytest

from tests.support.processes import programs
from tests.support.repository import LAYER

SCRIPT: Final = """
import gc
usual = gc.get_threshold()
from chat_lookup.bootstrap import process
assert gc.get_threshold() != usual and gc.isenabled()
{then}
print(gc.get_threshold() == usual, gc.get_freeze_count() > 10_000)
"""
SETTINGS: Final = {
    "PORTAL_TABLE": "PortalTable", "CACHE_TABLE": "CacheTable", "SECRET_PREFIX": "unit",
    "AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "unit", "AWS_SECRET_ACCESS_KEY": "unit",
    "EVENT_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/events", "WORKER_FUNCTION": "worker",
}  # fmt: skip


@pytest.mark.parametrize(
    ("then", "printed"),
    [
        ("process.telemetry()", "False False"),
        ("process.services()", "True True"),
        ("process.receiving()", "True True"),
    ],
)
def test_collector_is_patient_until_the_process_has_built_what_it_serves_with(then: str, printed: str) -> None:
    environment = SETTINGS | {"PYTHONPATH": str(LAYER)}
    script = SCRIPT.format(then=then)
    run = programs.run([sys.executable, "-c", script], env=environment, timeout=60)
    assert run.stdout.splitlines()[-1:] == [printed], run.stderr
