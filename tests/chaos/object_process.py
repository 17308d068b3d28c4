"""A process in which many threads list the chats of objects at once; built by `bootstrap`."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from threading import Barrier
from typing import Any, NamedTuple, cast

from chat_lookup.bootstrap import process
from chat_lookup.clock import Deadline, bound_by
from chat_lookup.objects.model import ObjectOptions
from chat_lookup.objects.portal_objects import PortalObject
from chat_lookup.objects.responses import objects_body, outcome_of
from chat_lookup.observability import invocation
from tests.chaos.crowd_process import Setting, serve
from tests.support.fakes import lambda_context
from tests.support.processes.forked import Forked, begun

_PATIENCE = 90.0

Listed = dict[str, Any]
"""The answer for an object, as callers get it."""


class DealsQuestion(NamedTuple):
    """The deals that each of `callers` asks for, all at the same moment; one alone is asked for by itself."""

    numbers: tuple[int, ...]
    callers: int = 1
    seconds: float = 28.0


class ObjectCrowd(Forked):
    """One process and its callers."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(main, setting, patience=_PATIENCE)

    def ask(self, question: DealsQuestion) -> None:
        self.send(question)

    def listed(self) -> list[list[Listed]]:
        """Wait for the answers of all callers."""
        return cast("list[list[Listed]]", self.received())


def begin(settings: Sequence[Setting]) -> list[ObjectCrowd]:
    """Start processes that wait for questions. They are forked from one that has imported this code already."""
    return begun(__name__, ObjectCrowd, settings)


def main(setting: Setting, pipe: Connection) -> None:
    serve(setting, pipe, _listed)


def _listed(member_id: str, question: DealsQuestion) -> list[list[Listed]]:
    together = Barrier(question.callers)
    with ThreadPoolExecutor(question.callers) as pool:
        asked = [pool.submit(_list, member_id, question, together) for _ in range(question.callers)]
        return [each.result() for each in asked]


def _list(member_id: str, question: DealsQuestion, together: Barrier) -> list[Listed]:
    """The answers for one caller, by way of the entry code that all functions share."""

    def work() -> dict[str, object]:
        services, deadline = process.services(), Deadline.after(question.seconds, process.clock)
        portal, objects = services.portals.get(member_id), services.objects()
        deals = [PortalObject("DEAL", number) for number in question.numbers]
        if len(deals) == 1:
            answer = objects.find(portal, deals[0], ObjectOptions(), deadline)
            return {"results": [outcome_of(deals[0], answer)]}
        with bound_by(deadline):
            return objects_body(deals, objects.find_many(portal, deals, ObjectOptions(), deadline))

    together.wait()
    results = invocation.invoke("objects", lambda_context(), process.telemetry(), work)["results"]
    return cast("list[Listed]", results)
