"""The time of a warm miss without the portal's own time: the whole handler, less one bare POST to the same portal.

The portal is in another process, and has a chat for every requested pair. Key, portal and webhook are in memory, its
connection is open, and its plan's limit is never reached. A miss takes four round trips to DynamoDB, one after the
other: it reads the pair's row, claims it, reserves a slot of the portal's rate limiter and stores the answer. A round
trip is the average time of these with a bare client.
"""

import itertools
import json
import multiprocessing
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

import urllib3

from benchmarks.latency.warm_service import Warm, answered, warm
from benchmarks.setting import Setting
from benchmarks.timing import Figure, alternate, pinned, seconds_of
from local.portal import LocalPortal
from local.shared_clock import SharedClock

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_CONTEXT: Final = multiprocessing.get_context("forkserver")
_MISSES: Final = 300
_WARM_UP: Final = 20
_ROUND_TRIPS: Final = 3.5
_MILLISECOND: Final = 1.0
_PLAN: Final = {"rate": 1000, "burst": 100_000}

_OURS: Final = "ours"
_PORTAL: Final = "a bare POST to the portal"
_READ: Final = "a bare get_item"
_WRITE: Final = "a bare update_item"


@dataclass(frozen=True, slots=True)
class _Portal:
    """A local portal in a separate process."""

    webhook_url: str
    control_url: str
    ca_pem: str


def figures(setting: Setting) -> list[Figure]:
    """Raises LeftOut without a DynamoDB Local."""
    misses = setting.rounds(_MISSES)
    with _portal() as portal, warm(setting, webhook_url=portal.webhook_url, ca_pem=portal.ca_pem) as service, pinned():
        taken = alternate(_subjects(service, portal, misses + _WARM_UP), misses, warm_up=_WARM_UP)
    whole, asked, read, write = ([each * 1e3 for each in taken[name]] for name in (_OURS, _PORTAL, _READ, _WRITE))
    ours = [one - other for one, other in zip(whole, asked, strict=True)]
    trips = [(one + 3 * other) / 4 for one, other in zip(read, write, strict=True)]
    most = [_ROUND_TRIPS * trip + _MILLISECOND for trip in trips]
    what = "warm miss without the portal's own time"
    return [
        Figure.paired(what, "3.5 round trips to DynamoDB and 1 ms", "ms", ours, most, 1.0),
        Figure.paired(what, "one round trip to DynamoDB", "ms", ours, trips),
        Figure.paired("warm miss, all of it", _PORTAL, "ms", whole, asked),
    ]


def _subjects(service: Warm, portal: _Portal, pairs: int) -> dict[str, Callable[[], float]]:
    from functions.lookup import app  # noqa: PLC0415 - it belongs to the stack's environment

    plan = {"command": "portal.set", "portal": service.stack.member_id, **_PLAN}
    service.stack.backend.functions.invoke("AdminFunction", plan)
    control, http = urllib3.PoolManager(), urllib3.PoolManager(ca_cert_data=portal.ca_pem)
    control.request("POST", portal.control_url + "/plan", json=_PLAN)
    found = [{"entity_type": "ORDER", "entity_id": str(number)} for number in range(1, pairs + 1)]
    for pair in found:
        control.request("POST", portal.control_url + "/chats", json={**pair, "title": "An order"})
    events = iter([service.event("lookup-http", rawQueryString=urlencode(pair)) for pair in found])
    context, rows = service.context("LookupFunction"), itertools.count()
    method = portal.webhook_url + "im.chat.get"

    def ours() -> None:
        answered(app.handler(next(events), context))

    def bare_post() -> None:
        json.loads(http.request("POST", method, json={"ENTITY_TYPE": "ORDER", "ENTITY_ID": "1"}).data)

    def bare_read() -> None:
        service.dynamodb.get_item(TableName=service.cache_table, Key={"pk": {"S": f"BARE#{next(rows)}"}})

    def bare_write() -> None:
        service.dynamodb.update_item(
            TableName=service.cache_table,
            Key={"pk": {"S": "BARE"}},
            UpdateExpression="SET tat = :tat",
            ExpressionAttributeValues={":tat": {"N": "1"}},
        )

    calls = {_OURS: ours, _PORTAL: bare_post, _READ: bare_read, _WRITE: bare_write}
    return {name: seconds_of(call) for name, call in calls.items()}


@contextmanager
def _portal() -> Iterator[_Portal]:
    ours, theirs = _CONTEXT.Pipe()
    process = _CONTEXT.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours.recv()
    finally:
        ours.close()
        process.join()


def _serve(pipe: "Connection") -> None:
    """The portal's process: sends its addresses, and ends when the other end of the pipe is closed."""
    with tempfile.TemporaryDirectory() as name:
        portal = LocalPortal(Path(name), SharedClock(Path(name) / "clock"))
        portal.start()
        pipe.send(_Portal(portal.webhook_url, portal.control_url, portal.ca_pem))
        pipe.poll(None)
        portal.stop()
