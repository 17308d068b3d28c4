"""Many processes list the chats of objects at once: one of them asks, none is refused by the portal, no list is wrong.

OBJECT_PROCESSES is their number, 4 by default.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from chat_lookup.cache.leases import LEASE
from local.aws.embedded import EmbeddedAws
from tests.chaos.crowd_process import Setting
from tests.chaos.object_process import DealsQuestion, Listed, ObjectCrowd, begin
from tests.support.portals.crm_objects import SCOPES, Asked, KnownObject, due, objects_in
from tests.support.stores.tables import Tables
from tests.support.tokens.token_scene import Place, Scene, running_place, running_scene

pytestmark = pytest.mark.dynamodb_local

PROCESSES: Final = int(os.environ.get("OBJECT_PROCESSES", "4"))
CALLERS: Final = 5
SLOW_MS: Final = 2000
"""For each of two requests; a lease ends 3 s after the slot of the last."""
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
        assert one_asked(calls_for(each, scene, crowds))


def test_lease_on_a_list_lasts_for_both_requests_of_a_slow_portal(
    scene: Scene, crowds: list[ObjectCrowd], known: list[KnownObject]
) -> None:
    scene.probe.tell("/faults", {"method": "batch", "delay_ms": SLOW_MS})
    assert one_asked(calls_for(known[0], scene, crowds))


def one_asked(calls: list[float]) -> bool:
    """Whether two requests were made at most; two more for each time that a holder was kept from running so long that
    its lease ended, as on a machine with too much work."""
    return len(calls) <= 2 * (1 + (calls[-1] - calls[0]) // LEASE)


def calls_for(known: KnownObject, scene: Scene, crowds: list[ObjectCrowd]) -> list[float]:
    """All callers ask for one object at once, and get its list; returns the moments of the requests for it."""
    before = len(batches(scene))
    for crowd in crowds:
        crowd.ask(DealsQuestion((known.number,), CALLERS))
    answers = [answer for crowd in crowds for (answer,) in crowd.listed()]
    assert len(answers) == PROCESSES * CALLERS
    assert [answer for answer in answers if content(answer) != due(known, Asked())] == []
    return [call["at"] for call in batches(scene)[before:]]


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
