"""Fifty viewers of the page at once, in processes of the page's function, beside look-ups in processes of their own."""

import math
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from chat_lookup.page.pace import SHARE
from chat_lookup.portals.portal import DEFAULT_BURST, DEFAULT_RATE
from local.aws.embedded import EmbeddedAws
from tests.chaos import crowd_process
from tests.chaos.crowd_process import Question
from tests.crowds import page_process
from tests.crowds.page_crowd import PROCESSES, shared, viewers
from tests.support.stores.tables import Tables
from tests.support.tokens.token_scene import CROWD, FIRST_CHAT, Scene, running_place, running_scene

pytestmark = pytest.mark.dynamodb_local

VIEWERS: Final = 50


@pytest.fixture
def scene(real_tables: Tables, embedded_aws: EmbeddedAws, tmp_path: Path) -> Iterator[Scene]:
    with (
        running_place(tmp_path) as place,
        running_scene(place, real_tables, embedded_aws.endpoint_url, tmp_path) as scene,
    ):
        yield scene


def test_fifty_viewers_at_once_take_a_quarter_of_the_pace_and_no_look_up_beside_them_is_refused(
    scene: Scene, real_tables: Tables
) -> None:
    everyone = viewers(scene, VIEWERS)
    began, views, found = scene.probe.clock.now(), list[str](), list[int | None]()
    with ExitStack() as running:
        pages = page_process.begin([shared(scene, real_tables, f"page {number}") for number in range(PROCESSES)])
        programs = crowd_process.begin([shared(scene, real_tables, f"program {number}") for number in range(PROCESSES)])
        for each in (*pages, *programs):
            running.callback(each.stop)
        for number, page in enumerate(pages):
            page.ask(everyone[number::PROCESSES])
        for number in range(CROWD):
            programs[number % PROCESSES].ask(Question(f"DEAL|{number}"))
        found = [outcome.chat_id for number in range(CROWD) for outcome in programs[number % PROCESSES].outcomes()]
        views = [code for page in pages for code in page.codes()]
    calls = Counter(call["method"] for call in scene.probe.calls())
    seconds = scene.probe.clock.now() - began
    assert found == [FIRST_CHAT + number for number in range(CROWD)]
    assert Counter(views).keys() == {"200", "429 portal-busy"}
    assert calls["batch"] + calls["profile"] <= DEFAULT_BURST * SHARE + math.ceil(seconds * DEFAULT_RATE * SHARE)
    assert [call for call in scene.probe.calls() if call["error"]] == []
