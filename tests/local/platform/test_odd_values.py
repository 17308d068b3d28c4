"""Every parameter of every method that the portal serves, with values that no caller means to send: no call fails, each
is answered as documented, and so is the next one. ODD_VALUES=0 walks all, else it is the number of calls."""

import json
import os
from collections.abc import Iterator
from itertools import product
from typing import Final, NamedTuple

import pytest

from local.portal.protocol import php
from tests.local.platform.accepted_differences import ACCEPTED, each
from tests.local.platform.odd_values import IN_JSON, TEXTS, body_with, places, replaced, spread
from tests.local.platform.scene import Scene
from tests.local.platform.scenes import scenes_of
from tests.local.platform.schemas import Way, schemas
from tests.local.platform.walk import Walked, codes, served

WANTED: Final = int(os.environ.get("ODD_VALUES", "250"))


class Place(NamedTuple):
    """One parameter of a call that succeeds without the odd value."""

    scene: Scene
    path: Way


def all_places() -> Iterator[Place]:
    """Documented parameters, and all that the scenes have below them: each once for a method."""
    for method in served():
        usual = [scene for scene in scenes_of(method) if not scene.refused]
        of_scenes = [Place(scene, path) for scene in usual for path in places(scene.params)]
        documented = [Place(usual[0], parameter.path) for parameter in schemas()[method].parameters]
        yield from {place.path: place for place in reversed([*of_scenes, *documented])}.values()


def of_form(place: Place, odd: str) -> bytes:
    return php.encode(php.flat(replaced(place.scene.params, place.path, odd))).encode(errors="replace")


def of_batch(place: Place, odd: str) -> bytes:
    command = place.scene.method + "?" + of_form(place, odd).decode()
    return json.dumps({"cmd": {"it": command}}).encode()


@pytest.mark.timeout(3600 if WANTED == 0 else 120)
def test_no_value_of_a_parameter_makes_a_method_fail() -> None:
    walked: dict[str, Walked] = {}
    found = list(all_places())
    cases = [*product(found, IN_JSON, ["json"]), *product(found, TEXTS, ["form", "batch"])]
    for number in spread(len(cases), WANTED):
        place, odd, way = cases[number]
        method, caller = place.scene.method, place.scene.caller
        if way == "json":
            answer, then = caller.twice(method, body_with(place.scene.params, place.path, odd), "application/json")
        elif way == "form":
            answer, then = caller.twice(method, of_form(place, odd), "application/x-www-form-urlencoded")
        else:
            answer, then = caller.twice("batch", of_batch(place, odd), "application/json")
        shown = f"{method} {'.'.join(place.path)} {way} {odd[:60]!r}"
        assert (then.status, then.code) == (200, ""), f"the call after {shown}"
        assert answer.status != 500, f"{shown}: {answer.code}"
        if way == "batch":
            errors = php.entries(answer.result["result_error"])
            assert errors or php.entries(answer.result["result"]) or odd == "", shown
        else:
            walked.setdefault(method, Walked(method)).took(answer)
    accepted = {difference for row in ACCEPTED for pattern in row.differences for difference in each(pattern)}
    for of_method in walked.values():
        codes(of_method, schemas()[of_method.method])
    found_now = {difference for each in walked.values() for difference in each.differences} - accepted
    assert sorted(difference for difference in found_now if not difference.endswith(" never comes")) == []
