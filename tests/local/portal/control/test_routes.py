"""The control address: requests are accepted, or refused by name; it is reachable from this machine only."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.portal import LocalPortal
from local.shared_clock import SharedClock
from tests.support.portals.portal_probe import PortalProbe


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortalProbe]:
    with PortalProbe(tmp_path_factory.mktemp("portal")) as probe:
        yield probe


def refusal(probe: PortalProbe, verb: str, path: str, body: object = None) -> tuple[int, str]:
    content = body if isinstance(body, str) else json.dumps(body)
    response = probe.http.request(verb, probe.portal.control_url + path, body=content)
    return response.status, response.json()["error"]


@pytest.mark.parametrize(
    ("verb", "path", "body", "status", "named"),
    [
        ("GET", "/nothing", {}, 404, "no such route"),
        ("GET", "/rest/profile", {}, 404, "no such route"),
        ("GET", "/rename", {}, 405, "POST"),
        ("GET", "/chats?entity_type=CRM", {}, 400, "entity_type"),
        ("GET", "/faults?method=batch", {}, 400, "known is nothing"),
        ("POST", "/calls", {}, 405, "GET"),
        ("POST", "/chats", "{", 400, "not JSON"),
        ("POST", "/chats", [], 400, "JSON object"),
        ("POST", "/chats", {"entity_type": "CRM"}, 400, "entity_id"),
        ("POST", "/chats", {"entity_type": "CRM", "entity_id": 13}, 400, "entity_id"),
        ("POST", "/chats", {"entity_type": "CRM", "entity_id": "x", "chat_id": "1"}, 400, "chat_id"),
        ("POST", "/chats", {"entity_type": "CRM", "entity_id": "x", "members": [0]}, 400, "members"),
        ("POST", "/chats", {"entity_type": "CRM", "entity_id": "x", "name": "y"}, 400, "name"),
        ("GET", "/calls?methods=batch", {}, 400, "methods"),
        ("POST", "/faults", {"method": "*", "status": 500, "oops": 1}, 400, "oops"),
        ("POST", "/faults", [{"method": "*", "status": 500}, 7], 400, "JSON object"),
        ("POST", "/plan", {"rate": -1}, 400, "rate"),
        ("POST", "/plan", {"burst": True}, 400, "burst"),
        ("POST", "/plan", {"rates": 1}, 400, "rates"),
        ("POST", "/clock", {}, 400, "advance_s"),
        ("POST", "/clock", {"advance_s": -1}, 400, "advance_s"),
        ("POST", "/shape", {"result": "integer"}, 400, "object, int"),
        ("POST", "/scopes", {"scopes": ["im", "root"]}, 400, "scopes"),
        ("POST", "/bots", {"bot_token": "x" * 41}, 400, "bot_token"),
        ("POST", "/shape", {"bot_api": "v3"}, 400, "v2, v1"),
        ("POST", "/shape", {"results": "int"}, 400, "results"),
        ("POST", "/users", {"admin": "yes"}, 400, "admin"),
        ("POST", "/deactivate", {"user_id": 99}, 400, "no such user"),
        ("POST", "/rename", {"host": "acme.example"}, 400, "host"),
        ("POST", "/applications", {"kind": "global"}, 400, "local, market"),
        ("POST", "/applications", {"scopes": ["root"]}, 400, "scopes"),
        ("POST", "/install", {"kind": "magic"}, 400, "interface, event, code"),
        ("POST", "/install", {"fields": {"DOMAIN": 7}}, 400, "DOMAIN"),
        ("POST", "/install", {"path": "evil.example"}, 400, "slash"),
        ("POST", "/install", {}, 409, "which application"),
        ("POST", "/grants", {"lifetime_s": -1}, 409, "which application"),
        ("POST", "/emit", {"event": "X", "data": []}, 400, "data"),
        ("POST", "/expire_tokens", {"user": 1}, 400, "user"),
        ("DELETE", "/applications", {}, 405, "POST"),
        ("POST", "/reset", {"hard": True}, 400, "hard"),
        ("POST", "/lines", {"connector": "a|b"}, 400, "connector"),
        ("POST", "/lines", {"connector": "x", "crm": [{"type": "quote", "id": 1}]}, 400, '"crm"'),
        ("POST", "/lines", {"connector": "x", "chat_id": 1437}, 400, '"chat_id"'),
        ("POST", "/lines/close", {"chat_id": 1437}, 400, '"chat_id"'),
        ("POST", "/delete", {}, 400, '"message_id"'),
    ],
)
def test_invalid_control_request_is_refused_with_the_name_of_the_error(
    probe: PortalProbe, verb: str, path: str, body: object, status: int, named: str
) -> None:
    refused_status, error = refusal(probe, verb, path, body)
    assert refused_status == status
    assert named in error


@pytest.mark.parametrize(("path", "allow"), [("/edit", "POST"), ("/calls", "GET"), ("/crm", "POST, GET")])
def test_verb_that_a_route_does_not_have_is_refused_with_those_that_it_has(
    probe: PortalProbe, path: str, allow: str
) -> None:
    response = probe.http.request("PUT", probe.portal.control_url + path)
    assert (response.status, response.headers["Allow"]) == (405, allow)


def test_refused_list_of_faults_adds_none_of_them(probe: PortalProbe) -> None:
    probe.tell("/reset", {})
    refusal(probe, "POST", "/faults", [{"method": "*", "status": 500}, {"method": "*"}])
    assert probe.call("profile")[0] == 200


def test_refused_plan_changes_nothing(probe: PortalProbe) -> None:
    probe.tell("/reset", {})
    refusal(probe, "POST", "/plan", {"burst": 1, "unknown": 1})
    assert probe.tell("/plan", {}) == {"rate": 2, "burst": 50, "operating_limit": 480, "operating_cost_ms": 0}


def test_empty_list_ends_all_faults(probe: PortalProbe) -> None:
    probe.tell("/reset", {})
    probe.tell("/faults", {"method": "*", "status": 500})
    assert probe.http.request("GET", probe.portal.webhook_url + "profile").status == 500
    probe.tell("/faults", [])
    assert probe.call("profile")[0] == 200


def test_list_of_calls_shows_what_was_sent_and_no_secret(probe: PortalProbe) -> None:
    probe.tell("/reset", {})
    code = probe.portal.webhook_url.split("/")[-2]
    token = probe.tell("/bots", {})["bot_token"]
    probe.call("imbot.v2.chat.get", botId=1, botToken=token, dialogId=f"chat{code}", auth="some token")
    probe.call("batch", cmd={"a": f"imbot.v2.Chat.get?botToken={token}"})
    probe.http.request("GET", f"{probe.portal.portal_url}/rest/{code}")
    calls = probe.calls()
    assert [call["method"] for call in calls] == ["imbot.v2.Chat.get", "batch", "***"]
    assert calls[0]["params"] == {"botId": 1, "botToken": "***", "dialogId": "chat***", "auth": "***"}
    for secret in (code, token, "some token"):
        assert secret not in json.dumps(calls)
    assert all(call["at"] <= probe.clock.now() for call in calls)


def test_reset_keeps_chats_and_shape(probe: PortalProbe) -> None:
    chat_id = probe.tell("/chats", {"entity_type": "CRM", "entity_id": "COMPANY|7"})["chat_id"]
    probe.tell("/shape", {"result": "int"})
    probe.tell("/reset", {})
    assert probe.result("im.chat.get", ENTITY_TYPE="CRM", ENTITY_ID="COMPANY|7") == chat_id
    probe.tell("/shape", {"result": "object"})


def test_clock_moves_for_all_that_share_it(probe: PortalProbe) -> None:
    before = probe.clock.now()
    moved = probe.tell("/clock", {"advance_s": 3_600})["now"]
    assert moved >= before + 3_600
    assert probe.clock.now() >= moved
    assert probe.call("profile")[1]["time"]["start"] >= moved
    probe.tell("/reset", {})
    assert probe.clock.now() < moved


def test_portals_addresses_use_the_configured_host(tmp_path: Path) -> None:
    portal = LocalPortal(tmp_path, SharedClock(tmp_path / "clock"), bind="0.0.0.0", host="host.docker.internal")  # noqa: S104 - what containers reach
    try:
        assert portal.portal_url.startswith("https://host.docker.internal:")
        assert portal.webhook_url.startswith(portal.portal_url + "/rest/1/")
        assert portal.control_url.startswith("http://127.0.0.1:")
        assert len(portal.member_id) == 32
    finally:
        portal.stop()
