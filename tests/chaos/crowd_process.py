"""A process in which many threads look the same pair up at once; built by `bootstrap`; a test can kill it.

`Crowd` is its handle in the test; `main` is what runs in it.
"""

import contextlib
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Barrier
from typing import TYPE_CHECKING, Any, Final, cast
from unittest import mock

from botocore.config import Config
from botocore.session import Session

from chat_lookup.bootstrap import aws_clients, process
from chat_lookup.clock import Deadline
from chat_lookup.entity import EntityRef
from chat_lookup.errors import ChatLookupError
from chat_lookup.lookup.model import Found, Options
from chat_lookup.observability import invocation
from local.aws import environment
from local.shared_clock import SharedClock
from tests.support.fakes import lambda_context
from tests.support.processes.forked import READY, Forked, begun

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_PATIENCE: Final = 90.0


@dataclass(frozen=True, slots=True)
class Setting:
    """The settings of a process. `dynamodb_url` is the address of DynamoDB, in place of the environment's."""

    environment: Mapping[str, str]
    clock_file: Path
    member_id: str
    log: Path
    dynamodb_url: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """A pair of type CRM that `callers` look up at once, each within `seconds`."""

    entity_id: str
    callers: int = 1
    seconds: float = 28.0
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one caller: a chat with its source and method, or the name of the problem."""

    chat_id: int | None = None
    source: str = ""
    method: str = ""
    problem: str = ""


class Crowd(Forked):
    """One process and its look-ups."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(main, setting, patience=_PATIENCE)

    def ask(self, question: Question) -> None:
        """Have its callers look the pair up; `outcomes` returns the results."""
        self.send(question)

    def outcomes(self) -> list[Outcome]:
        """Wait for the outcomes of all callers."""
        return cast("list[Outcome]", self.received())


def begin(settings: Sequence[Setting]) -> list[Crowd]:
    """Start processes that wait for questions. They are forked from one that has imported this code already."""
    return begun(__name__, Crowd, settings)


def main(setting: Setting, pipe: Connection) -> None:
    """Look up what is asked, one question after the other."""
    serve(setting, pipe, _looked_up)


def serve(setting: Setting, pipe: Connection, answer: Callable[[str, Any], object]) -> None:
    """Answer questions about a portal until the pipe is closed."""
    sys.stdout = setting.log.open("w", buffering=1)
    process.clock = SharedClock(setting.clock_file)
    reached = aws_clients.dynamodb
    if setting.dynamodb_url:
        reached = partial(_dynamodb, setting.dynamodb_url)
    with environment.replaced(setting.environment), mock.patch.object(aws_clients, "dynamodb", reached):
        process.services()
        pipe.send(READY)
        with contextlib.suppress(EOFError):
            while True:
                pipe.send(answer(setting.member_id, pipe.recv()))


def _looked_up(member_id: str, question: Question) -> list[Outcome]:
    together = Barrier(question.callers)
    with ThreadPoolExecutor(question.callers) as pool:
        asked = [pool.submit(_look_up, member_id, question, together) for _ in range(question.callers)]
        return [each.result() for each in asked]


def _look_up(member_id: str, question: Question, together: Barrier) -> Outcome:
    """The outcome for one caller, by way of the entry code that all functions share."""

    def work() -> dict[str, object]:
        services, deadline = process.services(), Deadline.after(question.seconds, process.clock)
        portal = services.portals.get(member_id)
        ref = EntityRef("CRM", question.entity_id)
        return {"found": services.lookup.find(portal, ref, Options(fresh=question.fresh), deadline)}

    together.wait()
    try:
        found = invocation.invoke("look-up", lambda_context(), process.telemetry(), work)["found"]
    except ChatLookupError as error:
        return Outcome(problem=error.code)
    assert isinstance(found, Found)
    return Outcome(found.chat_id, found.source, found.method)


def _dynamodb(url: str, _: object) -> "DynamoDBClient":
    """A client for many concurrent threads; a function has only one thread."""
    client = Session().create_client("dynamodb", endpoint_url=url, config=Config(max_pool_connections=64))
    return cast("DynamoDBClient", client)
