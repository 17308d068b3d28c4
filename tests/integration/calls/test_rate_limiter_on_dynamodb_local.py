"""The pace under real concurrency: several processes on the real engine, whose conditional writes are atomic.

moto's are not, so what these tests claim cannot be claimed on it.
"""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Final, cast

import pytest
from botocore.session import Session

from chat_lookup.calls.gcra import Pace, Share
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
"""Seconds: slots are kept to the microsecond and reckoned in floating point."""

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
        # Seconds from the reading that they were reckoned from: the slot itself, however busy the machine.
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
"""One process: when it is told to begin, it reserves as fast as it can and tells its slots; whoever has a slot is taken
to call exactly then."""

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
    """The slots that each of several concurrent processes got, with how long each lay ahead; a process per share."""
    facts = [URL, table, "portal", str(CALLS), str(PACE.rate), str(PACE.burst)]
    running = [
        subprocess.Popen(
            [sys.executable, "-c", RESERVE, *facts, share],
            env=ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for share in shares
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:  # all stand, so they begin together
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    told = [process.communicate(timeout=90)[0] for process in running]
    assert [process.returncode for process in running] == [0] * len(running)
    return [[(float(slot), float(ahead)) for slot, ahead in map(str.split, text.splitlines())] for text in told]


def most_at_once(slots: list[float], seconds: float) -> int:
    """The most slots that lie within any span of so many seconds."""
    slots = sorted(slots)
    return max(sum(1 for slot in slots[first:] if slot <= slots[first] + seconds) for first in range(len(slots)))


def test_eight_processes_at_once_keep_one_pace_and_lose_no_slot(table: str) -> None:
    told = [each for one in slots_of(table, ["interactive"] * PROCESSES) for each in one]
    slots = sorted(slot for slot, _ in told)
    assert len(slots) == PROCESSES * CALLS  # nobody was refused: all had a minute
    for seconds in (0.0, 0.5, 1.0, 3.0):
        assert most_at_once(slots, seconds) <= USABLE + PACE.rate * (seconds + JITTER) + 1
    # Those that had to be waited for are an interval apart: a lost update would have given one of them twice.
    paced = sorted(slot for slot, ahead in told if ahead > 0)
    assert len(paced) > len(slots) / 2
    assert min(later - sooner for sooner, later in pairwise(paced)) > PACE.interval - JITTER
    # And none was wasted: together they took as long as the pace asks for, not longer.
    assert slots[-1] - slots[0] == pytest.approx((len(slots) - USABLE) * PACE.interval, abs=1.0)


def test_bulk_never_keeps_those_who_wait_from_their_share(table: str) -> None:
    *bulk, interactive = slots_of(table, ["bulk"] * (PROCESSES - 1) + ["interactive"])
    assert len(interactive) == CALLS
    slots = [slot for one in (*bulk, interactive) for slot, _ in one]
    assert most_at_once(slots, 1.0) <= USABLE + PACE.rate * (1.0 + JITTER) + 1
    # Bulk reserves no more than a second ahead, so whoever comes is behind that much and what he reserved himself.
    assert all(ahead <= 1 + number * PACE.interval for number, (_, ahead) in enumerate(interactive, start=1))
    assert all(ahead <= 1 + JITTER for one in bulk for _, ahead in one)
