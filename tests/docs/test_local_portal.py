"""docs/local-portal.md is the reference of the control: it names each route, and no other."""

import re
from collections.abc import Iterator
from dataclasses import asdict
from typing import get_args, get_type_hints

import pytest

from local.portal.behaviour.shape import Shape
from local.portal.rest.dispatcher import METHODS
from tests.support.portals.portal_service import ApplicationProbe
from tests.support.repository import ROOT

DOCUMENT = ROOT / "docs/local-portal.md"
ROW = re.compile(r"^\| `(GET|POST) (/[a-z_/]+)`", re.MULTILINE)
NEEDED: dict[str, dict[str, object]] = {
    "/chats": {"entity_type": "ORDER", "entity_id": "1"},
    "/lines": {"connector": "telegrambot"},
    "/lines/close": {"chat_id": 1764},
    "/crm": {"type": "deal", "id": 1},
    "/delete": {"chat_id": 1764},
    "/deactivate": {"user_id": 1},
    "/clock": {"advance_s": 0},
    "/rename": {"host": "localhost"},
    "/scopes": {"scopes": ["im"]},
    "/restrict": {"user_ids": None},
    "/emit": {"event": "ONIMBOTMESSAGEADD"},
    "/say": {"text": "chat of deal 1663"},
    "/leave": {"chat_id": 1437},
    "/edit": {"message_id": 1, "text": "chat of deal 1663"},
    "/react": {"message_id": 1, "reaction": "like"},
}
"""What a request needs before its unknown fields are looked at."""
FIELD = re.compile(r'"([a-z_]+)"')


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApplicationProbe]:
    with ApplicationProbe(tmp_path_factory.mktemp("portal")) as probe:
        probe.tell("/install", {})
        yield probe


def test_reference_names_each_route_of_the_control_and_no_other(probe: ApplicationProbe) -> None:
    served = probe.http.request("GET", probe.portal.control_url + "/nothing").json()["error"]
    paths = re.findall(r"/[a-z_/]+", served.partition("there are")[2])
    verbs = {
        (verb, path)
        for path in paths
        for verb in ("GET", "POST")
        if probe.http.request(verb, probe.portal.control_url + path + "?no=1", body="!").status != 405
    }
    assert sorted(ROW.findall(DOCUMENT.read_text())) == sorted(verbs)


def test_reference_names_each_field_that_the_control_takes_and_no_other(probe: ApplicationProbe) -> None:
    document = DOCUMENT.read_text()
    for row in re.findall(r"^\| `POST .*", document, re.MULTILINE):
        path = row.split("`")[1].removeprefix("POST ")
        if path != "/faults":
            body = {**NEEDED.get(path, {}), "no such field": 1}
            error = probe.http.request("POST", probe.portal.control_url + path, json=body).json()["error"]
            unknown, _, known = error.partition("; known here: ")
            assert unknown == 'unknown: "no such field"', (path, error)
            assert {each for each in known.split(", ") if each} == named(row, path), path


def test_reference_has_the_values_of_each_switch_and_its_default_first(probe: ApplicationProbe) -> None:
    rows = dict(re.findall(r"^\| `([a-z0-9_]+)` \| ([a-z0-9, ]+) \|", DOCUMENT.read_text(), re.MULTILINE))
    assert rows.keys() == asdict(Shape()).keys()
    for name, usual in asdict(Shape()).items():
        values = rows[name].split(", ")
        assert values[0] == (str(usual).lower() if isinstance(usual, bool) else usual), name
        choices = get_args(get_type_hints(Shape)[name]) or (True, False)
        assert {str(each).lower() if isinstance(each, bool) else each for each in choices} == set(values), name
        for choice in (*choices, usual):
            assert probe.tell("/shape", {name: choice})[name] == choice


def named(row: str, path: str) -> set[str]:
    """The fields in the body that a row shows; of an event that in the portal's own form."""
    body = row.split("|")[1].partition("`; or `" if path == "/emit" else "` or ")[0]
    return set(FIELD.findall(body)) | ({"raw"} if path == "/emit" else set())


def test_reference_lists_each_method_with_its_scope_and_no_other() -> None:
    rows = DOCUMENT.read_text().partition("| Scope | Methods |")[2].partition("\n\n")[0].splitlines()[2:]
    listed = {name: set(re.findall(r"\w+", scope)) - {"or"} for scope, names in map(cells, rows) for name in names}
    served = {method.name: set(method.scope.split()) for method in METHODS.values()}
    assert listed == served | {"batch": {"basic"}}


def cells(row: str) -> tuple[str, list[str]]:
    """The scope, and the methods, of a row."""
    _, scope, names, _ = row.split("|")
    return scope, re.findall(r"`([\w.]+)`", names)
