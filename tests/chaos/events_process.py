"""A process in which functions run as Lambda runs them: with its own memory; a test can kill it.

`Process` is its handle in the test; `main` is what runs in it.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final
from unittest import mock

from chat_lookup.bootstrap import (
    process,
    services,  # noqa: F401 - see below
)

# Not used here, but by every function: the process that all are forked from has to import them.
from chat_lookup.bot import answerer  # noqa: F401 - see above
from chat_lookup.events import (
    queue,
    receiver,  # noqa: F401 - see above
    worker,  # noqa: F401 - see above
)
from local.aws import environment
from local.aws.function_output import FunctionOutput
from local.aws.lambda_runtime import Functions
from local.shared_clock import SharedClock
from local.template.reader import Template
from tests.chaos.events_network import Network, Weather
from tests.support.processes.forked import READY, Forked

_PATIENCE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Setting:
    """The settings of a process."""

    template: Template
    variables: Mapping[str, str]
    clock_file: Path
    dynamodb_url: str
    folder: Path
    weather: Weather


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of an invocation: an answer, or the name of the raised exception."""

    answer: object = None
    raised: str = ""


class Killed(Exception):
    """The process was killed before it answered."""


class Process(Forked):
    """One process, which runs one invocation after the other. Its log has its `name`."""

    def __init__(self, setting: Setting, name: str) -> None:
        super().__init__(main, setting, name, patience=_PATIENCE)

    def invoke(self, function: str, event: object, killed_after: float | None = None) -> Outcome:
        """Run a function and wait for it. Kills the process and raises `Killed` after `killed_after` seconds."""
        self.send((function, event))
        if killed_after is not None and not self.has_message(killed_after):
            self.stop()
            raise Killed
        outcome = self.received()
        assert isinstance(outcome, Outcome)
        return outcome


def main(setting: Setting, name: str, pipe: Connection) -> None:
    """Run each received invocation until the pipe is closed."""
    process.clock = SharedClock(setting.clock_file)
    functions = Functions(setting.template, FunctionOutput(setting.folder / f"{name}.jsonl"))
    network = Network(setting.weather, setting.dynamodb_url, name)
    # The queue's delay is the machine's own time: here what has to wait comes back at once, and a few times only.
    undelayed, tired = mock.patch.object(queue, "delay_of", return_value=0), mock.patch.object(queue, "MOST_HOPS", 10)
    with environment.replaced(setting.variables), network.between(), undelayed, tired, contextlib.suppress(EOFError):
        with functions.output.capturing():
            process.working()  # built before the first invocation, so that a kill happens during one
        pipe.send(READY)
        while True:
            pipe.send(_run(functions, *pipe.recv()))


def _run(functions: Functions, function: str, event: object) -> Outcome:
    try:
        return Outcome(functions.invoke(function, event))
    except Exception as error:  # noqa: BLE001 - Lambda reports any exception of a function
        return Outcome(raised=type(error).__name__)
