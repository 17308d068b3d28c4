"""A process that serves many requests at a time, with its own memory and a faulty network to its stores.

`Process` is its handle in the test; `main` is what runs in it.
"""

import contextlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlencode

from chat_lookup.bootstrap import process
from local.aws import environment
from local.aws.function_output import FunctionOutput
from local.shared_clock import SharedClock
from tests.chaos.soak_network import Blow, FoulNetwork
from tests.chaos.soak_plan import Question, entity_id
from tests.support import lookup_function
from tests.support.processes.forked import Forked, prepare

THREADS: Final = 6
_PATIENCE: Final = 240.0


@dataclass(frozen=True, slots=True)
class Setting:
    """The settings of a process."""

    variables: Mapping[str, str]
    clock_file: Path
    dynamodb_url: str
    log: Path
    seed: str


@dataclass(frozen=True, slots=True)
class Reply:
    """The response to a request, and the seconds of the clock that it took."""

    status: int
    body: Mapping[str, Any]
    seconds: float

    def outcomes(self) -> Sequence[Mapping[str, Any]]:
        """The outcome of each pair; a request that failed as a whole has one for all."""
        if self.status != 200:
            return [{"chat_id": None, "problem": self.body}]
        return cast("Sequence[Mapping[str, Any]]", self.body.get("results", [self.body]))


class Process(Forked):
    """One process and its requests."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(main, setting, patience=_PATIENCE)

    def ask(self, questions: Sequence[Question]) -> None:
        self.send(questions)

    def replies(self) -> Sequence[Reply]:
        """Wait for the replies to all questions."""
        return cast("Sequence[Reply]", self.received())

    def end(self) -> Counter[tuple[str, Blow]]:
        """Stop the process; return the faults of its calls to the stores."""
        self.send(None)
        struck = cast("Counter[tuple[str, Blow]]", self.received())
        self.stop()
        return struck


def begin(settings: Sequence[Setting]) -> list[Process]:
    """Start processes that wait for questions. They are forked from one that has imported this code already."""
    prepare(__name__)
    return [Process(setting) for setting in settings]


def main(setting: Setting, pipe: Connection) -> None:
    """Answer each received list of questions until None is received."""
    process.clock = SharedClock(setting.clock_file)
    network = FoulNetwork(setting.dynamodb_url, setting.seed)
    with (
        environment.replaced(setting.variables),
        network.between(),
        FunctionOutput(setting.log).capturing(),
        ThreadPoolExecutor(THREADS) as pool,
        contextlib.suppress(EOFError),
    ):
        while (questions := pipe.recv()) is not None:
            pipe.send(list(pool.map(_asked, questions)))
        pipe.send(network.struck)


def _asked(question: Question) -> Reply:
    began = process.clock.now()
    response = _batch(question) if question.is_batch else _single(question)
    return Reply(response["statusCode"], lookup_function.body(response), process.clock.now() - began)


def _single(question: Question) -> dict[str, Any]:
    query = {"entity_type": "CRM", "entity_id": entity_id(question.deals[0]), "fresh": str(question.fresh).lower()}
    return lookup_function.http("GET /v1/chats", urlencode(query), key=question.key)


def _batch(question: Question) -> dict[str, Any]:
    lookups = [{"entity_type": "CRM", "entity_id": entity_id(deal)} for deal in question.deals]
    body = json.dumps({"lookups": lookups, "fresh": question.fresh})
    return lookup_function.http("POST /v1/chats/batch", key=question.key, body=body)
