"""A process of the service as Lambda runs one: built by `bootstrap`, with a memory of its own, and mortal.

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
from tests.support.forked_process import STANDS, Forked, prepare

DEATHS: Final = ("before the refresh", "before the save", "before the switch", "after the switch")
DIRECT: Final = 28.0
"""Seconds that a direct invocation has; a request has ten (design 3.1)."""
FUNCTION: Final = 29.0
"""Seconds that the function itself has."""
_PATIENCE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Setting:
    """What a process is born with. It dies at `death`, one of `DEATHS`, if no other has died there before it.

    `seconds` is what it has for each look-up.
    """

    environment: Mapping[str, str]
    clock_file: Path
    member_id: str
    folder: Path
    death: str = ""
    seconds: float = DIRECT

    @property
    def grave(self) -> Path:
        return self.folder / "grave"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a look-up: a chat, or the name of the problem. Of a process that died, neither."""

    chat_id: int | None = None
    problem: str = ""
    retry_after: float | None = None
    portal_error: str | None = None


class Process(Forked):
    """One process, and what it is asked."""

    def __init__(self, setting: Setting, name: str) -> None:
        self._log = setting.folder / f"{name}.log"
        super().__init__(main, setting, self._log, patience=_PATIENCE)

    def ask(self, entity_id: str) -> None:
        """Have it look up this id, of type CRM, in the portal itself; the answer is for `outcome`."""
        self.send(entity_id)

    def outcome(self) -> Outcome:
        """What came of the question; waits for it."""
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
        """Everything that it printed."""
        return self._log.read_text("utf-8")


def start(setting: Setting, names: Sequence[str]) -> list[Process]:
    """Processes that stand and wait for questions. They are forked from one that has imported all of this already."""
    prepare(__name__)
    processes = [Process(setting, name) for name in names]
    for each in processes:
        each.stands()
    return processes


def main(setting: Setting, log: Path, pipe: Connection) -> None:
    """Answer one question after the other, until nobody is there to ask."""
    sys.stdout = log.open("w", buffering=1)
    process.clock = SharedClock(setting.clock_file)
    mortal = _mortal(setting.death, setting.grave)
    with environment.replaced(setting.environment), mock.patch.object(core, "PortalWorld", mortal):
        process.services()
        pipe.send(STANDS)
        with contextlib.suppress(EOFError):
            while True:
                pipe.send(_look_up(setting, EntityRef("CRM", pipe.recv())))


def _look_up(setting: Setting, ref: EntityRef) -> Outcome:
    """What a caller gets: everything passes the edge that all functions share."""

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


def _mortal(death: str, grave: Path) -> type[PortalWorld]:
    """The world in which a process dies at `death`, as one does that is killed: nothing is cleaned up."""

    def die_if(here: str) -> None:
        if here == death:
            try:
                grave.touch(exist_ok=False)
            except FileExistsError:
                return
            os.kill(os.getpid(), signal.SIGKILL)

    class Mortal(PortalWorld):
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

    return Mortal
