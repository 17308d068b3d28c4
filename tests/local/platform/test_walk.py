"""The local portal is what the platform's documentation describes, but for the differences in one table."""

from collections import Counter
from collections.abc import Mapping
from typing import Final, NamedTuple

import pytest

from local.portal.rest import dispatcher
from tests.local.platform import refusals
from tests.local.platform.accepted_differences import ACCEPTED, MOST_ROWS, each
from tests.local.platform.scene import WEBHOOK
from tests.local.platform.scenes import SCENES
from tests.local.platform.scenes_system import APPLICATION
from tests.local.platform.schemas import schemas
from tests.local.platform.stage import Caller
from tests.local.platform.walk import Walked, served, walk

REFUSED_BY_REST_3: Final = (
    ({"id": 404}, "ENTITYNOTFOUNDEXCEPTION"),
    ({"id": "8293"}, "VALIDATION_REQUESTVALIDATIONEXCEPTION"),
    ({"id": 8293, "select": ["chat.colour"]}, "UNKNOWNDTOPROPERTYEXCEPTION"),
)
NOT_SERVED = sorted(set(schemas()) - set(served()))


class Whole(NamedTuple):
    """A walk of all methods, and the places that refused a call meanwhile."""

    methods: Mapping[str, Walked]
    places: frozenset[refusals.Place]


@pytest.fixture(scope="module")
def whole() -> Whole:
    with refusals.reached() as places:
        for params, code in REFUSED_BY_REST_3:
            assert WEBHOOK.ask_rest_3("tasks.task.get", params).code.endswith(code)
        return Whole({method: walk(method) for method in served()}, frozenset(places))


def test_portal_differs_from_the_documentation_by_the_table_and_no_more(whole: Whole) -> None:
    found = {difference for walked in whole.methods.values() for difference in walked.differences}
    listed = [difference for row in ACCEPTED for pattern in row.differences for difference in each(pattern)]
    assert sorted(found - set(listed)) == []
    assert sorted(set(listed) - found) == [], "no difference any more: the table is shorter"
    assert [difference for difference, times in Counter(listed).items() if times > 1] == []


def test_table_is_short_and_each_row_has_a_reason_and_a_source() -> None:
    assert len(ACCEPTED) <= MOST_ROWS
    assert all(row.reason and row.source and row.differences for row in ACCEPTED)


def test_every_refusal_of_the_methods_is_reached(whole: Whole) -> None:
    assert sorted(refusals.places() - whole.places) == []


def test_every_scene_is_of_a_method_that_is_served() -> None:
    assert {scene.method for scene in SCENES} == set(served())


def test_walk_looks_at_all_that_there_is(whole: Whole) -> None:
    walked = whole.methods.values()
    figures = {
        "methods": len(walked),
        "calls": sum(each.calls for each in walked),
        "parameters documented": sum(each.documented for each in walked),
        "parameters read": sum(len(each.read) for each in walked),
        "codes raised": sum(len(each.raised) for each in walked),
        "results compared with samples": sum(each.shapes for each in walked),
        "places that refuse": len(refusals.places()),
    }
    print(figures)  # noqa: T201 - shown by `pytest -s`
    assert len(walked) == len(dispatcher.METHODS) + 1
    assert all(each.shapes for each in walked)
    assert figures["parameters read"] > 150


@pytest.mark.parametrize("caller", [WEBHOOK, APPLICATION], ids=["webhook", "application"])
def test_method_that_is_not_served_is_unknown_in_every_spelling_and_way(caller: Caller) -> None:
    for method in (*NOT_SERVED, "no.such.method", "im.chat", "im.chat.get.get"):
        for name in (method, method.upper() + ".JSON"):
            answer = caller.ask(name, {})
            assert (answer.status, answer.code) == (404, "ERROR_METHOD_NOT_FOUND"), name
        assert caller.ask_in_batch(method, {}).code == "ERROR_METHOD_NOT_FOUND", method
        found = caller.ask("method.get", {"name": method})
        assert found.result == {"isExisting": False, "isAvailable": False}, method
