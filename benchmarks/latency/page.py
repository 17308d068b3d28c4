"""A program's look-ups beside fifty viewers of the page who ask again and again, in processes of each function.

The portal takes 0.2 s for a look-up (bitrix24.md 6.2), so that the load of this machine has the weight that it would
have there.
"""

import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final, NamedTuple

from benchmarks.ground import ground
from benchmarks.setting import Setting
from benchmarks.timing import Figure
from chat_lookup.clock import SystemClock
from chat_lookup.page.pace import SHARE
from chat_lookup.portals.portal import DEFAULT_BURST, DEFAULT_RATE
from tests.chaos import crowd_process
from tests.chaos.crowd_process import Crowd, Question
from tests.crowds import page_process
from tests.crowds.page_crowd import PROCESSES, shared, viewers
from tests.crowds.page_process import PageCrowd, View
from tests.support.tokens.token_scene import CROWD, Scene, running_scene

_LOOK_UPS: Final = 40
_EVERY_S: Final = 0.3
_ANSWER_S: Final = 0.2
_LONGEST: Final = 1.5
"""The most time of a look-up beside viewers, over its time without them."""
_AGAIN_S: Final = 2.0
"""Seconds after which viewers who have their answers ask again."""
_REST_S: Final = 120.0
"""Seconds of the shared clock after which nothing of the portal's pace is in use."""
_OF_THE_PAGE: Final = ("batch", "profile")
"""What only viewers cause here: a program's look-up is one call of im.chat.get."""


class _Taken(NamedTuple):
    """The seconds of each look-up, how many failed, and what reached the portal meanwhile for the page."""

    seconds: Sequence[float]
    failed: int
    page_calls: int
    lasted: float


def figures(setting: Setting) -> list[Figure]:
    """Raises LeftOut without a DynamoDB Local."""
    url = setting.dynamodb_local("has writes that are atomic")
    count, look_ups = (6, 4) if setting.quick else (50, _LOOK_UPS)
    with ground(url) as parts, running_scene(*parts) as scene, ExitStack() as running:
        everyone = viewers(scene, count)
        scene.probe.tell("/faults", {"method": "im.chat.get", "delay_ms": _ANSWER_S * 1000})
        (program,) = crowd_process.begin([shared(scene, parts.tables, "program")])
        pages = page_process.begin([shared(scene, parts.tables, f"page {number}") for number in range(PROCESSES)])
        for each in (program, *pages):
            running.callback(each.stop)
        alone = _taken(scene, program, look_ups)
        scene.probe.clock.advance(_REST_S)
        with _asking(pages, everyone):
            beside = _taken(scene, program, look_ups)
    pace = DEFAULT_BURST + DEFAULT_RATE * beside.lasted
    who = f"beside {count} viewers of the page"
    medians = [statistics.median(beside.seconds)], [statistics.median(alone.seconds)]
    return [
        Figure.paired(f"a program's look-up {who}", "the same without viewers", "s", *medians, _LONGEST),
        Figure.paired(f"look-ups that fail {who}", "all look-ups", "", [beside.failed], [look_ups], 0.0),
        Figure.paired(f"calls for {count} viewers", "the portal's pace", "", [beside.page_calls], [pace], SHARE),
    ]


def _taken(scene: Scene, program: Crowd, look_ups: int) -> _Taken:
    """Look-ups of a program, one after the other, each of which asks the portal."""
    clock, before, began = SystemClock(), _page_calls(scene), scene.probe.clock.now()
    seconds, failed = [], 0
    for number in range(look_ups):
        asked_at = time.perf_counter()
        program.ask(Question(f"DEAL|{number % CROWD}", fresh=True))
        (outcome,) = program.outcomes()
        seconds.append(time.perf_counter() - asked_at)
        failed += outcome.chat_id is None
        clock.sleep(_EVERY_S)
    return _Taken(seconds, failed, _page_calls(scene) - before, scene.probe.clock.now() - began)


def _page_calls(scene: Scene) -> int:
    return sum(len(scene.probe.calls(method)) for method in _OF_THE_PAGE)


@contextmanager
def _asking(pages: Sequence[PageCrowd], everyone: Sequence[View]) -> Iterator[None]:
    """Inside, all viewers ask at once, and again when all have their answers."""
    over = threading.Event()

    def ask(page: PageCrowd, views: Sequence[View]) -> None:
        while not over.is_set():
            page.ask(views)
            page.codes()
            over.wait(_AGAIN_S)

    shares = [(page, everyone[number :: len(pages)]) for number, page in enumerate(pages)]
    threads = [threading.Thread(target=ask, args=share) for share in shares]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()
