"""A process of the service as Lambda runs one: built by `bootstrap`, with its own memory; a test can kill it.

`Process` is its handle in the test; `main` is what runs in it.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final
from unittest import mock

from chat_lookup.bitrix24.oauth import Application, TokenPair
from chat_lookup.bootstrap import core, process
from chat_lookup.clock import Deadline
from chat_lookup.credentials.renewal import Pointer
from chat_lookup.credentials.renewal_ports import PortalWorld
from chat_lookup.entity import EntityRef
from chat_lookup.errors import ChatLookupError
from chat_lookup.lookup.model import Found, Options
from chat_lookup.observability import invocation
from local.aws import environment
from local.shared_clock import SharedClock
from tests.support.fakes import lambda_context
from tests.support.processes.forked import READY, Forked, prepare

DEATHS: Final = ("before the refresh", "before the save", "before the switch", "after the switch")
DIRECT: Final = 28.0
"""Seconds that a direct invocation has; a request has ten (design 3.1)."""
FUNCTION: Final = 29.0
"""Seconds that the function itself has."""
_PATIENCE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Setting:
    """The settings of a process. It is killed at `death`, one of `DEATHS`, unless another process was killed there.

    `seconds` is the time for each look-up.
    """

    environment: Mapping[str, str]
    clock_file: Path
    member_id: str
    folder: Path
    death: str = ""
    seconds: float = DIRECT

    @property
    def death_marker(self) -> Path:
        return self.folder / "death"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a look-up: a chat, or the name of the problem; neither if the process died."""

    chat_id: int | None = None
    problem: str = ""
    retry_after: float | None = None
    portal_error: str | None = None


class Process(Forked):
    """One process and its look-ups."""

    def __init__(self, setting: Setting, name: str) -> None:
        self._log = setting.folder / f"{name}.log"
        super().__init__(main, setting, self._log, patience=_PATIENCE)

    def ask(self, entity_id: str) -> None:
        """Have it look up this id, of type CRM, in the portal itself; `outcome` returns the answer."""
        self.send(entity_id)

    def outcome(self) -> Outcome:
        """Wait for the outcome of the look-up."""
        try:
            answer = self.received()
        except EOFError:
            return Outcome()
        assert isinstance(answer, Outcome)
        return answer

    def look_up(self, entity_id: str) -> Outcome:
        self.ask(entity_id)
        return self.outcome()

    @property
    def log(self) -> str:
        """Everything that the process printed."""
        return self._log.read_text("utf-8")


def start(setting: Setting, names: Sequence[str]) -> list[Process]:
    """Start processes that wait for look-ups. They are forked from one that has imported this code already."""
    prepare(__name__)
    processes = [Process(setting, name) for name in names]
    for each in processes:
        each.wait_until_ready()
    return processes


def main(setting: Setting, log: Path, pipe: Connection) -> None:
    """Do one look-up after the other until the pipe is closed."""
    sys.stdout = log.open("w", buffering=1)
    process.clock = SharedClock(setting.clock_file)
    world = _killed_at(setting.death, setting.death_marker)
    with environment.replaced(setting.environment), mock.patch.object(core, "PortalWorld", world):
        process.services()
        pipe.send(READY)
        with contextlib.suppress(EOFError):
            while True:
                pipe.send(_look_up(setting, EntityRef("CRM", pipe.recv())))


def _look_up(setting: Setting, ref: EntityRef) -> Outcome:
    """The outcome for a caller, by way of the entry code that all functions share."""

    def work() -> dict[str, object]:
        services, deadline = process.services(), Deadline.after(setting.seconds, process.clock, end=FUNCTION)
        portal = services.portals.get(setting.member_id)
        return {"found": services.lookup.find(portal, ref, Options(fresh=True), deadline)}

    try:
        found = invocation.invoke("look-up", lambda_context(), process.telemetry(), work)["found"]
    except ChatLookupError as error:
        return Outcome(None, error.code, error.retry_after, error.portal_error)
    assert isinstance(found, Found)
    return Outcome(found.chat_id)


def _killed_at(death: str, marker: Path) -> type[PortalWorld]:
    """A `PortalWorld` in which the process is killed at `death`, without any clean-up."""

    def die_if(here: str) -> None:
        if here == death:
            try:
                marker.touch(exist_ok=False)
            except FileExistsError:
                return
            os.kill(os.getpid(), signal.SIGKILL)

    class KilledWorld(PortalWorld):
        def refresh(self, pair: TokenPair, keys: Sequence[Application], deadline: Deadline) -> TokenPair:
            die_if(DEATHS[0])
            renewed = super().refresh(pair, keys, deadline)
            die_if(DEATHS[1])
            return renewed

        def switch(self, seen: Pointer, new: str, pair: TokenPair) -> bool:
            die_if(DEATHS[2])
            moved = super().switch(seen, new, pair)
            die_if(DEATHS[3])
            return moved

    return KilledWorld
