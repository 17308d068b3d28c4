"""The samples in events/ fit the template and the commands, every way in has one, and none holds a secret."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from local.demo_key import DEMO_KEY
from local.template import Template

ROOT = Path(__file__).resolve().parents[2]
EVENTS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text("utf-8")) for path in sorted((ROOT / "events").glob("*.json"))
}
HTTP_EVENTS = {name: event for name, event in EVENTS.items() if "routeKey" in event}
ADMIN_EVENTS = {name: event for name, event in EVENTS.items() if name.startswith("admin-")}


def test_every_route_has_a_sample_of_the_payload_that_the_gateway_sends() -> None:
    routes = {route.key for route in Template.load(ROOT / "template.yaml").routes} - {"$default"}
    assert {event["routeKey"] for event in HTTP_EVENTS.values()} == routes
    for event in HTTP_EVENTS.values():
        assert event["version"] == "2.0"
        assert event["requestContext"]["routeKey"] == event["routeKey"]
        assert event["requestContext"]["http"]["path"] == event["rawPath"]


def test_every_command_of_operators_has_a_sample() -> None:
    source = (ROOT / "layers" / "chat_lookup" / "chat_lookup" / "admin.py").read_text("utf-8")
    commands = set(re.findall(r"\"([a-z._]+)\": self\.[a-z_]+,$", source, re.MULTILINE))
    assert {event["command"] for event in ADMIN_EVENTS.values()} == commands


@pytest.mark.parametrize("name", EVENTS)
def test_a_sample_holds_no_secret_but_the_key_that_everybody_knows(name: str) -> None:
    text = json.dumps(EVENTS[name])
    assert set(re.findall(r"clk_[A-Za-z0-9_-]+", text)) <= {DEMO_KEY}
    # A webhook's code is letters and digits; the sample has a word in its place that no portal would issue.
    assert all(code == "CODE-OF-THE-WEBHOOK" for code in re.findall(r"/rest/\d+/([^/\"]+)", text))


@pytest.mark.parametrize("name", ["lookup-http", "lookup-reverse", "forget-http"])
def test_the_demo_key_opens_the_sample_requests(name: str) -> None:
    assert EVENTS[name]["headers"]["authorization"] == f"Bearer {DEMO_KEY}"


def test_health_is_asked_without_a_key() -> None:
    assert "authorization" not in EVENTS["health-http"]["headers"]
