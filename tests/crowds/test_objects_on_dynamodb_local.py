"""Many processes list the chats of objects at once: one of them asks, none is refused by the portal, no list is wrong.

OBJECT_PROCESSES is their number, 4 by default.
"""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from local.aws.embedded import EmbeddedAws
from tests.chaos.crowd_process import Setting
from tests.chaos.object_process import DealsQuestion, Listed, ObjectCrowd, begin
from tests.support.portals.crm_objects import SCOPES, Asked, KnownObject, due, objects_in
from tests.support.processes.stopped_clock import stopped
from tests.support.processes.waiting import until
from tests.support.stores.tables import Tables
from tests.support.tokens.token_scene import Place, Scene, running_place, running_scene

pytestmark = pytest.mark.dynamodb_local

PROCESSES: Final = int(os.environ.get("OBJECT_PROCESSES", "4"))
CALLERS: Final = 5
SLOW_MS: Final = 2000
"""For each of two requests."""
EACH: Final = 25
"""Deals of each process, asked for at once."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with running_place(tmp_path_factory.mktemp("portal")) as place:
        place.probe.tell("/scopes", {"scopes": sorted(SCOPES), "client_id": place.keys.client_id})
        yield place


@pytest.fixture(scope="module")
def known(place: Place) -> list[KnownObject]:
    return [each for each in objects_in(place.probe.tell, 10_000, ("deal",)) if each.situation.exists]


@pytest.fixture
def scene(place: Place, real_tables: Tables, embedded_aws: EmbeddedAws, tmp_path: Path) -> Iterator[Scene]:
    with running_scene(place, real_tables, embedded_aws.endpoint_url, tmp_path) as scene:
        scene.stores.portals.save(scene.stores.record(scene.portal.member_id)._replace(scopes=SCOPES))
        yield scene


@pytest.fixture
def crowds(scene: Scene, real_tables: Tables) -> Iterator[list[ObjectCrowd]]:
    setting = scene.setting
    logs = [setting.folder / f"objects {number}.log" for number in range(PROCESSES)]
    begun = begin(
        [Setting(setting.environment, setting.clock_file, setting.member_id, log, real_tables.endpoint_url)
         for log in logs]
    )  # fmt: skip
    yield begun
    for crowd in begun:
        crowd.stop()


def batches(scene: Scene) -> list[dict[str, Any]]:
    return scene.probe.calls("batch")


def content(listed: Listed) -> Listed:
    """Without what differs between callers."""
    return {name: value for name, value in listed.items() if name not in ("source", "age_seconds")}


def test_one_of_all_callers_asks_for_an_object_and_all_get_its_list(
    scene: Scene, crowds: list[ObjectCrowd], known: list[KnownObject]
) -> None:
    for each in known[:3]:
        before = len(batches(scene))
        with stopped(scene.setting.clock_file):  # no lease ends because the machine is slow
            ask_all(each, crowds)
            assert_all_got(each, crowds)
        requests = [str(call["params"]) for call in batches(scene)[before:]]
        assert len(requests) == len(set(requests)) <= 2


def test_lease_on_a_list_lasts_for_both_requests_of_a_slow_portal(
    scene: Scene, crowds: list[ObjectCrowd], known: list[KnownObject]
) -> None:
    """A lease ends 3 s after the slot of the last request: the two last longer than that."""
    scene.probe.tell("/faults", {"method": "batch", "delay_ms": SLOW_MS})
    with stopped(scene.setting.clock_file) as clock:
        ask_all(known[0], crowds)
        for calls in (1, 2):
            until(partial(called, scene, calls))
            clock.advance(SLOW_MS / 1000)
        assert_all_got(known[0], crowds)
    assert len(batches(scene)) == 2


def called(scene: Scene, times: int) -> bool:
    return len(batches(scene)) >= times


def ask_all(known: KnownObject, crowds: list[ObjectCrowd]) -> None:
    """All callers ask for one object at once."""
    for crowd in crowds:
        crowd.ask(DealsQuestion((known.number,), CALLERS))


def assert_all_got(known: KnownObject, crowds: list[ObjectCrowd]) -> None:
    answers = [answer for crowd in crowds for (answer,) in crowd.listed()]
    assert len(answers) == PROCESSES * CALLERS
    assert [answer for answer in answers if content(answer) != due(known, Asked())] == []


def test_all_objects_of_all_processes_are_answered_and_the_portal_refuses_nothing(
    scene: Scene, crowds: list[ObjectCrowd], known: list[KnownObject]
) -> None:
    deals = {each.number: each for each in known}
    for number, crowd in enumerate(crowds):
        others = range(900_000 + number * EACH, 900_000 + (number + 1) * EACH)
        for other in others:
            scene.probe.tell("/crm", {"type": "deal", "id": other})
        crowd.ask(DealsQuestion((*deals, *others)))
    for crowd in crowds:
        (answers,) = crowd.listed()
        assert len(answers) == len(deals) + EACH
        for each, answer in zip(deals.values(), answers, strict=False):
            assert content(answer) == due(each, Asked())
        for answer in answers[len(deals) :]:
            assert (answer["chats"], [part["discussion"] for part in answer["parts"]]) == ([], ["none"])
    assert [call["error"] for call in scene.probe.calls() if call["error"]] == []
