"""The rate limiter under real concurrency: several processes on the real engine, whose conditional writes are atomic.

moto's are not, so on it these tests would prove nothing.
"""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from typing import TYPE_CHECKING, Final, cast

import pytest
from botocore.session import Session

from chat_lookup.calls.gcra import Pace, Share
from tests.support.processes import programs
from tests.support.repository import ROOT

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

URL: Final = os.environ.get("DYNAMODB_LOCAL_URL", "")

pytestmark = [
    pytest.mark.dynamodb_local,
    pytest.mark.skipif(not URL, reason="DYNAMODB_LOCAL_URL does not name a running DynamoDB Local"),
]

PROCESSES: Final = 8
CALLS: Final = 25
PACE: Final = Pace(rate=20.0, burst=40)
USABLE: Final = round(PACE.reach(Share.INTERACTIVE) * PACE.rate) + 1
JITTER: Final = 0.002
"""Seconds: slots are stored to the microsecond and computed in floating point."""

RESERVE: Final = """
import sys
from botocore.session import Session
from chat_lookup.clock import Deadline, SystemClock
from chat_lookup.dynamodb import Table
from chat_lookup.errors import PortalBusy
from chat_lookup.calls.rate_limiter import Limiter
from chat_lookup.calls.gcra import Pace, Share

url, table, member_id, calls, rate, burst, share = sys.argv[1:]

class Noting(SystemClock):
    def now(self):
        self.read = super().now()
        return self.read

    def sleep(self, seconds):
        # Seconds from the clock reading of the computation: the slot itself, independent of the load of the machine.
        self.slot, self.ahead = self.read + seconds, max(0.0, seconds)
        super().sleep(seconds)

clock = Noting()
dynamodb = Session().create_client("dynamodb", endpoint_url=url)
limiter = Limiter(Table(dynamodb, table), clock)
print("ready", flush=True)
sys.stdin.readline()
for _ in range(int(calls)):
    try:
        limiter.wait(member_id, Pace(float(rate), int(burst)), Share(share), Deadline.after(60, clock))
    except PortalBusy:
        continue
    print(repr(clock.slot), repr(clock.ahead), flush=True)
"""
"""One process: after a line on stdin it reserves slots as fast as it can and prints them; a call is assumed to happen
exactly at its slot."""

ENVIRONMENT: Final = {
    "PATH": os.environ["PATH"],
    "PYTHONPATH": str(ROOT / "layers/chat_lookup"),
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "NO_PROXY": "*",
}


@pytest.fixture
def table() -> Iterator[str]:
    client = cast(
        "DynamoDBClient",
        Session().create_client(
            "dynamodb",
            region_name="us-east-1",
            endpoint_url=URL,
            aws_access_key_id="local",
            aws_secret_access_key="local",
        ),
    )
    name = f"limiter-{uuid.uuid4().hex}"
    client.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    yield name
    client.delete_table(TableName=name)


def slots_of(table: str, shares: list[str]) -> list[list[tuple[float, float]]]:
    """Start one process per share; return the slots of each, with the seconds that each slot was ahead."""
    facts = [URL, table, "portal", str(CALLS), str(PACE.rate), str(PACE.burst)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with ExitStack() as stack:
        commands = ([sys.executable, "-c", RESERVE, *facts, share] for share in shares)
        running = [stack.enter_context(programs.started(command, env=ENVIRONMENT, **pipes)) for command in commands]
        for process in running:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in running:  # all are ready, so they begin together
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        printed = [process.communicate(timeout=90)[0] for process in running]
    assert [process.returncode for process in running] == [0] * len(running)
    return [[(float(slot), float(ahead)) for slot, ahead in map(str.split, text.splitlines())] for text in printed]


def most_at_once(slots: list[float], seconds: float) -> int:
    """Return the largest number of slots within any span of this many seconds."""
    slots = sorted(slots)
    return max(sum(1 for slot in slots[first:] if slot <= slots[first] + seconds) for first in range(len(slots)))


def test_eight_concurrent_processes_keep_one_rate_and_lose_no_slot(table: str) -> None:
    granted = [each for one in slots_of(table, ["interactive"] * PROCESSES) for each in one]
    slots = sorted(slot for slot, _ in granted)
    assert len(slots) == PROCESSES * CALLS  # no call was refused: each had a minute
    for seconds in (0.0, 0.5, 1.0, 3.0):
        assert most_at_once(slots, seconds) <= USABLE + PACE.rate * (seconds + JITTER) + 1
    # Slots with a wait are an interval apart: a lost update would have granted one of them twice.
    paced = sorted(slot for slot, ahead in granted if ahead > 0)
    assert len(paced) > len(slots) / 2
    assert min(later - sooner for sooner, later in pairwise(paced)) > PACE.interval - JITTER
    # And none was lost: all together took as long as the rate requires, not longer.
    assert slots[-1] - slots[0] == pytest.approx((len(slots) - USABLE) * PACE.interval, abs=1.0)


def test_bulk_does_not_take_the_share_of_interactive_calls(table: str) -> None:
    *bulk, interactive = slots_of(table, ["bulk"] * (PROCESSES - 1) + ["interactive"])
    assert len(interactive) == CALLS
    slots = [slot for one in (*bulk, interactive) for slot, _ in one]
    assert most_at_once(slots, 1.0) <= USABLE + PACE.rate * (1.0 + JITTER) + 1
    # Bulk reserves at most a second ahead, so an interactive call waits for that second and its own former slots.
    assert all(ahead <= 1 + number * PACE.interval for number, (_, ahead) in enumerate(interactive, start=1))
    assert all(ahead <= 1 + JITTER for one in bulk for _, ahead in one)
