"""Every field of every route of the control, with values that no caller means to send: each is taken or refused,
nothing fails, and the portal answers the next request. ODD_VALUES=0 walks all, else it is the number of requests."""

import json
import os
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, Final, NoReturn

import pytest
import urllib3

from tests.local.platform.odd_values import IN_JSON, body_with, places, spread
from tests.support.portals.portal_service import ApplicationProbe
from tests.support.portals.switches import AS_USUAL

WANTED: Final = int(os.environ.get("ODD_VALUES", "250"))
REFUSED: Final = frozenset({400, 404, 409})
CHAT, USER, BOT, LEAD = 9001, 9002, 9003, 9004
CLIENT: Final = "local.odd"
FAULTY: Final = "im.nothing"
"""No method, whose faults disturb nothing else."""
_TO_SERVICE: Final = {"client_id": CLIENT, "path": "/x", "fields": {"member_id": "m"}, "send": True}
_BY_USER: Final = {"user_id": 1, "bot_id": BOT, "chat_id": CHAT, "language": "en"}
BODIES: Final[Mapping[str, Mapping[str, Any]]] = {
    "/chats": {"entity_type": "X", "entity_id": "odd", "chat_id": CHAT, "title": "Odd", "members": [1, BOT]},
    "/users": {"user_id": USER, "name": "Odd", "last_name": "User", "admin": False, "kind": "employee"},
    "/deactivate": {"user_id": USER, "active": True},
    "/bots": {"bot_id": BOT, "code": "odd", "name": "Odd", "bot_token": "odd", "webhook_url": "http://127.0.0.1:9/"},
    "/crm": {
        "type": "lead", "id": LEAD, "title": "Odd", "contact_ids": [1], "company_id": 1, "readable": True,
    },
    "/lines": {
        "connector": "odd", "line": 1, "status": 10, "operator_id": 1, "crm": [{"type": "lead", "id": LEAD}],
        "chat_id": 1764,
    },
    "/lines/close": {"chat_id": 1764},
    "/delete": {"type": "lead", "id": LEAD},
    "/faults": {
        "method": FAULTY, "status": 418, "error": "E", "error_description": "e", "body": "b", "content_type": "text/x",
        "headers": {"X-Odd": "1"}, "delay_ms": 0, "drop": False, "truncate": 1_000_000, "fields": {"result": 1},
        "times": 1, "probability": 1, "seed": 0,
    },
    "/plan": {"rate": 1e6, "burst": 1e6, "operating_limit": None, "operating_cost_ms": 0},
    "/clock": {"advance_s": 0},
    "/shape": AS_USUAL,
    "/rename": {"host": "127.0.0.1"},
    "/reset": {},
    "/applications": {
        "client_id": CLIENT, "client_secret": "odd", "kind": "local", "interface": False, "scopes": ["im"],
        "service_url": "http://127.0.0.1:9", "install_url": "", "app_url": "", "status": "L",
    },
    "/rotate_secret": {"client_id": CLIENT},
    "/scopes": {"client_id": CLIENT, "scopes": ["im"]},
    "/restrict": {"client_id": CLIENT, "user_ids": [1]},
    "/app_info": {"client_id": CLIENT, "installed": True, "days": 1},
    "/grants": {"client_id": CLIENT, "user_id": 1, "lifetime_s": 60},
    "/expire_tokens": {"client_id": CLIENT, "user_id": 1, "refresh": False},
    "/install": {**_TO_SERVICE, "user_id": 1, "kind": "event", "service_url": "http://127.0.0.1:9"},
    "/visit": {**_TO_SERVICE, "user_id": 1},
    "/update": {**_TO_SERVICE, "user_id": 1},
    "/uninstall": {**_TO_SERVICE, "clean": True},
    "/emit": {"client_id": CLIENT, "event": "ONAPPTEST", "data": {"A": "b"}, "user_id": 1},
    "/say": {**_BY_USER, "text": "odd [USER=1]x[/USER]"},
    "/join": _BY_USER,
    "/leave": {"chat_id": CHAT, "user_id": 1},
    "/open": {"context": {"a": "b"}, "user_id": 1, "bot_id": BOT, "language": "en"},
    "/edit": {"message_id": 100_001, "text": "odd", "language": "en"},
    "/react": {"message_id": 100_001, "reaction": "like", "action": "add", "user_id": 1, "language": "en"},
}  # fmt: skip
OTHERWISE: Final = (
    ("/emit", {"client_id": CLIENT, "raw": "event=ONAPPTEST", "path": "/x", "content_type": "text/plain"}),
    ("/delete", {"chat_id": CHAT}),
    ("/delete", {"message_id": 100_001}),
)
_CUTTING: Final = frozenset({"delay_ms", "drop", "truncate"})
"""What delays or cuts an answer, and does so."""
_FURNISHED: Final = ("/applications", "/install", "/bots", "/users", "/crm", "/chats", "/say")
_LISTS: Final = (
    "/chats",
    "/users",
    "/bots",
    "/calls",
    "/faults",
    "/plan",
    "/clock",
    "/shape",
    "/crm",
    "/lines",
    "/messages",
)
_PAGES: Final = ("/", f"/online/?IM_DIALOG=chat{CHAT}", f"/crm/lead/details/{LEAD}/", f"/marketplace/app/{CLIENT}/")


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApplicationProbe]:
    with ApplicationProbe(tmp_path_factory.mktemp("portal")) as probe:
        yield probe


def send(probe: ApplicationProbe, path: str, body: bytes) -> urllib3.BaseHTTPResponse:
    return probe.http.request("POST", probe.portal.control_url + path, body=body)


def furnish(probe: ApplicationProbe) -> None:
    """All that the bodies name is there, and as usual."""
    for path in ("/reset", "/shape", "/rename", "/plan", *_FURNISHED):
        send(probe, path, json.dumps(BODIES[path]).encode())
    send(probe, "/faults", b"[]")


def refuse(constant: str) -> NoReturn:
    raise AssertionError(f"{constant} is no JSON")


def assert_works(probe: ApplicationProbe, after: str) -> None:
    """Every list is JSON, pages are shown, and methods answered."""
    for path in _LISTS:
        answer = probe.http.request("GET", probe.portal.control_url + path)
        assert answer.status == 200, (path, after)
        json.loads(answer.data, parse_constant=refuse)
    for path in _PAGES:
        assert probe.http.request("GET", probe.portal.page_url + path, redirect=False).status in {200, 404, 409}, (
            path,
            after,
        )


@pytest.mark.timeout(3600 if WANTED == 0 else 120)
def test_no_value_of_a_field_makes_the_control_fail(probe: ApplicationProbe) -> None:
    bodies = [*BODIES.items(), *OTHERWISE]
    fields = [(path, body, place) for path, body in bodies for place in places(body)]
    cases = list(product(fields, IN_JSON))
    route = ""
    for number in spread(len(cases), WANTED):
        (path, body, place), odd = cases[number]
        after = f"{path} {'.'.join(place)} {odd[:60]}"
        if path != route:
            assert_works(probe, route)
            route = path
            furnish(probe)
        answer = send(probe, path, body_with(body, place, odd))
        assert answer.status == 200 or (answer.status in REFUSED and answer.json()["error"]), after
        if path == "/faults":
            if not _CUTTING & {*place}:
                answer = probe.http.request("POST", probe.portal.webhook_url + FAULTY)
                assert answer.data != b"Internal Server Error", after
            send(probe, path, b"[]")
        if path == "/plan":  # what was taken may leave no request
            send(probe, path, json.dumps(body).encode())
        assert probe.call("profile")[0] == 200, after
    assert_works(probe, route)


def test_every_route_and_field_is_among_these(probe: ApplicationProbe) -> None:
    routes = probe.http.request("POST", probe.portal.control_url + "/none").json()["error"].partition("there are ")[2]
    writing = {
        path
        for path in routes.split(", ")
        if probe.http.request("PATCH", probe.portal.control_url + path).headers["Allow"].startswith("POST")
    }
    assert BODIES.keys() == writing
    furnish(probe)
    for path in sorted(writing):
        error = send(probe, path, json.dumps({**BODIES[path], "no such field": 1}).encode()).json()["error"]
        known = error.partition("; known here: ")[2].split(", ")
        more = {"message_id", "chat_id"} if path == "/delete" else {"raw", "path"} if path == "/emit" else set()
        assert {each for each in known if each} - more == BODIES[path].keys() - more, error
