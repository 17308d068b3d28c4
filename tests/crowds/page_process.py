"""A process of the page's function in which many viewers find chats at once; built by `bootstrap`."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from threading import Barrier
from typing import NamedTuple, cast

from chat_lookup.bootstrap import process
from tests.chaos.crowd_process import Setting, serve
from tests.support.portals.page_visitors import ask, code
from tests.support.processes.forked import Forked, begun

_PATIENCE = 90.0


class View(NamedTuple):
    """A user of the portal with a token, who types a query on the page."""

    user_id: str
    token: str
    query: str


class PageCrowd(Forked):
    """One process and its viewers."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(main, setting, patience=_PATIENCE)

    def ask(self, views: Sequence[View]) -> None:
        """Have all views asked for at once; `codes` returns what came of them."""
        self.send(tuple(views))

    def codes(self) -> list[str]:
        """Wait for all views: the status of each, with the code of its problem."""
        return cast("list[str]", self.received())


def begin(settings: Sequence[Setting]) -> list[PageCrowd]:
    """Start processes that wait for views. They are forked from one that has imported this code already."""
    return begun(__name__, PageCrowd, settings)


def main(setting: Setting, pipe: Connection) -> None:
    serve(setting, pipe, _viewed)


def _viewed(member_id: str, views: Sequence[View]) -> list[str]:
    services = process.services()
    portal, sessions, together = services.portals.get(member_id), services.page().sessions, Barrier(len(views))

    def view(each: View) -> str:
        session = sessions.begin(portal, each.user_id, is_administrator=False)
        together.wait()
        return code(ask("POST", "find", {"query": each.query}, session=session, token=each.token))

    with ThreadPoolExecutor(len(views)) as pool:
        return list(pool.map(view, views))
