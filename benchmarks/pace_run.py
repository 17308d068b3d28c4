"""Bulk work by several processes against the local portal in real time: what it took, and what the portal refused."""

import contextlib
import multiprocessing
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import urllib3
from botocore.session import Session

from chat_lookup.bitrix24.client import Bitrix24Client, Endpoint
from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.clock import Deadline, SystemClock
from chat_lookup.errors import PortalBusy
from chat_lookup.limiter import Limiter
from chat_lookup.pace import Pace, Share
from local.clock import SharedClock
from local.portal import LocalPortal

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from mypy_boto3_dynamodb import DynamoDBClient

_CONTEXT: Final = multiprocessing.get_context("forkserver")
_MEMBER_ID: Final = "benchmark"
_READ_SECONDS: Final = 25.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """So many `batch` calls of so many pairs each, all pairs distinct, shared out among processes.

    `stranger` is how many requests a second somebody else makes meanwhile; `before` how many he made just before.
    """

    pace: Pace
    batches: int = 100
    pairs: int = 50
    processes: int = 8
    stranger: float = 0.0
    before: int = 0

    @property
    def least_seconds(self) -> float:
        """What the plan allows bulk work, were it alone."""
        share = round(self.pace.reach(Share.BULK) * self.pace.rate) + 1
        return (self.batches - share) * self.pace.interval


@dataclass(frozen=True, slots=True)
class Outcome:
    """`seconds` from the first slot to the last answer; `refused` of `requests` that reached the portal as ours."""

    seconds: float
    answered: int
    requests: int
    refused: int

    @property
    def share_refused(self) -> float:
        return self.refused / self.requests


@dataclass(frozen=True, slots=True)
class _Setting:
    """What a process is born with."""

    scenario: Scenario
    dynamodb_url: str
    table: str
    webhook_url: str
    ca_pem: str


def run(scenario: Scenario, dynamodb_url: str, folder: Path) -> Outcome:
    """Play a scenario through, on a table of its own in a DynamoDB that is really shared."""
    with contextlib.ExitStack() as stack:
        portal = LocalPortal(folder, SharedClock(folder / "clock"))
        portal.start()
        stack.callback(portal.stop)
        plan = {"rate": scenario.pace.rate, "burst": scenario.pace.burst}
        urllib3.request("POST", portal.control_url + "/plan", json=plan)
        table = stack.enter_context(_table(dynamodb_url))
        setting = _Setting(scenario, dynamodb_url, table, portal.webhook_url, portal.ca_file.read_text())
        stack.enter_context(_stranger(scenario, setting))
        answered, seconds = _work(setting)
        calls = urllib3.request("GET", portal.control_url + "/calls?method=batch").json()
        return Outcome(seconds, answered, len(calls), sum(call["error"] is not None for call in calls))


def _work(setting: _Setting) -> tuple[int, float]:
    """Start the processes and wait for them: pairs answered, and the seconds from their start to their last answer."""
    begin = _CONTEXT.Barrier(setting.scenario.processes + 1)
    left = _CONTEXT.Value("i", setting.scenario.batches)
    pipes, running = [], []
    for _ in range(setting.scenario.processes):
        ours, theirs = _CONTEXT.Pipe(duplex=False)
        running.append(_CONTEXT.Process(target=_process, args=(setting, begin, left, theirs), daemon=True))
        running[-1].start()
        theirs.close()
        pipes.append(ours)
    begin.wait(60)
    began = time.monotonic()
    answered = sum(pipe.recv() for pipe in pipes)
    return answered, time.monotonic() - began


def _process(setting: _Setting, begin: Barrier, left: "Synchronized[int]", told: "Connection") -> None:
    """One process: takes a batch after the other, each in a slot of its own, and tells how many pairs were answered."""
    clock = SystemClock()
    limiter = Limiter(_dynamodb(setting.dynamodb_url), setting.table, clock)
    endpoint = Endpoint.from_webhook(setting.webhook_url)
    client = Bitrix24Client(clock, local_hosts=frozenset({endpoint.host}), ca_pem=setting.ca_pem)
    answered = 0
    begin.wait(60)
    while (number := _taken(left)) > 0:
        first = number * setting.scenario.pairs
        commands = {f"c{pair}": _command(pair) for pair in range(first, first + setting.scenario.pairs)}
        answered += _answers(limiter, client, endpoint, setting.scenario.pace, commands)
    told.send(answered)


def _answers(limiter: Limiter, client: Bitrix24Client, endpoint: Endpoint, pace: Pace, commands: dict[str, str]) -> int:
    """Ask until the portal answers; how many of the commands it answered."""
    clock = SystemClock()
    while True:
        deadline = Deadline.after(_READ_SECONDS, clock)
        try:
            limiter.wait(_MEMBER_ID, pace, Share.BULK, deadline)
            answer = client.call(endpoint, "batch", {"cmd": commands}, deadline, read_seconds=_READ_SECONDS)
        except PortalBusy as busy:
            clock.sleep(busy.retry_after or 1.0)
        except BitrixError as error:
            if error.metric_code != "QUERY_LIMIT_EXCEEDED":
                raise
            limiter.refused(_MEMBER_ID, pace, error.reset_at)
        else:
            result = cast("dict[str, dict[str, object]]", answer.result)
            return len(result["result"].keys() & commands.keys())


def _command(pair: int) -> str:
    return f"im.chat.get?ENTITY_TYPE=CRM&ENTITY_ID=DEAL%7C{100_000 + pair}"


def _taken(left: "Synchronized[int]") -> int:
    """The number of a batch that nobody else takes; 0 when all are taken."""
    with left.get_lock():
        left.value -= 1
        return left.value + 1


@contextlib.contextmanager
def _stranger(scenario: Scenario, setting: _Setting) -> Iterator[None]:
    """Somebody else who uses the portal's limit up while we work."""
    http = urllib3.PoolManager(ca_cert_data=setting.ca_pem, retries=False)
    over = threading.Event()

    def call() -> None:
        http.request("POST", setting.webhook_url + "profile", json={})

    def go_on() -> None:
        while not over.wait(1 / scenario.stranger):
            call()

    for _ in range(scenario.before):
        call()
    thread = threading.Thread(target=go_on)
    if scenario.stranger:
        thread.start()
    try:
        yield
    finally:
        over.set()
        if scenario.stranger:
            thread.join()


@contextlib.contextmanager
def _table(url: str) -> Iterator[str]:
    client, name = _dynamodb(url), f"pace-{uuid.uuid4().hex}"
    client.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    yield name
    client.delete_table(TableName=name)


def _dynamodb(url: str) -> "DynamoDBClient":
    client = Session().create_client(
        "dynamodb",
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 - DynamoDB Local asks for some key
    )
    return cast("DynamoDBClient", client)
