"""The samples in events/ fit the template and the commands, every way in has one, and none holds a secret."""

import base64
import json
import re
from typing import Any
from urllib.parse import parse_qs

import pytest

from chat_lookup.rest import batch, methods, requests
from local.demo_credentials import DEMO_GRANT, DEMO_KEY
from local.run import DEFAULTS
from local.template.reader import Template
from tests.support.repository import PACKAGE, ROOT

EVENTS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text("utf-8")) for path in sorted((ROOT / "events").glob("*.json"))
}
HTTP_EVENTS = {name: event for name, event in EVENTS.items() if "routeKey" in event}
REST_EVENTS = {name: event for name, event in HTTP_EVENTS.items() if name.startswith("rest-")}
FORMS = {name: event for name, event in HTTP_EVENTS.items() if event["routeKey"].startswith("POST /bitrix24/")}
# Probes and browsers get the same answers here as at /bitrix24/install, which has the samples.
ANSWERED_ALIKE = {
    "GET /bitrix24/app",
    "HEAD /bitrix24/app",
    "GET /bitrix24/events",
    "HEAD /bitrix24/events",
}
# Where `make run BIND=0.0.0.0 PORTAL_HOST=host.docker.internal` answers: what containers on this machine can reach.
PORTAL = f"host.docker.internal:{DEFAULTS['PORTAL_PORT']}"
OWN_HOST = f"127.0.0.1:{DEFAULTS['API_HTTPS_PORT']}"
ADMIN_EVENTS = {name: event for name, event in EVENTS.items() if name.startswith("admin-")}


def test_every_route_has_a_sample_of_the_payload_that_the_gateway_sends() -> None:
    routes = {route.key for route in Template.load(ROOT / "template.yaml").routes} - {"$default"} - ANSWERED_ALIKE
    assert {event["routeKey"] for event in HTTP_EVENTS.values()} == routes
    for event in HTTP_EVENTS.values():
        assert event["version"] == "2.0"
        assert event["requestContext"]["routeKey"] == event["routeKey"]
        assert event["requestContext"]["http"]["path"] == event["rawPath"]


def test_every_command_of_operators_has_a_sample() -> None:
    modules = (PACKAGE / "admin").glob("*.py")
    source = "\n".join(module.read_text("utf-8") for module in modules)
    commands = set(re.findall(r"\"([a-z._]+)\": self\.[a-z_]+,$", source, re.MULTILINE))
    assert {event["command"] for event in ADMIN_EVENTS.values()} == commands


@pytest.mark.parametrize("name", EVENTS)
def test_a_sample_holds_no_secret_but_those_that_everybody_knows(name: str) -> None:
    text = json.dumps(EVENTS[name])
    secret = EVENTS[name].get("client_secret")
    assert secret in (None, "SECRET-OF-THE-APPLICATION")
    assert set(re.findall(r"clk_[A-Za-z0-9_-]+", text)) <= {DEMO_KEY}
    # A webhook's code is letters and digits; the sample has a word in its place that no portal would issue.
    assert set(re.findall(r"/rest/\d+/([^/\"]+)", text)) <= {"CODE-OF-THE-WEBHOOK", DEMO_KEY}


@pytest.mark.parametrize("name", ["lookup-http", "lookup-reverse", "forget-http"])
def test_the_demo_key_opens_the_sample_requests(name: str) -> None:
    assert EVENTS[name]["headers"]["authorization"] == f"Bearer {DEMO_KEY}"


@pytest.mark.parametrize("name", REST_EVENTS)
def test_the_demo_key_opens_the_samples_in_the_platforms_own_format(name: str) -> None:
    event = REST_EVENTS[name]
    assert event["rawPath"] == f"/rest/{event['pathParameters']['proxy']}"
    request = requests.read(event)
    assert request.key == DEMO_KEY
    assert request.call.folded in {*methods.LOOK_UPS, batch.BATCH}


def test_each_way_to_ask_in_the_platforms_own_format_has_a_sample() -> None:
    ways = {
        (event["requestContext"]["http"]["method"], event["headers"].get("content-type"), event["rawPath"].count("/"))
        for event in REST_EVENTS.values()
    }
    assert ways == {
        ("GET", None, 4),
        ("POST", "application/x-www-form-urlencoded", 4),
        ("POST", "application/json", 4),
        ("POST", "application/json", 2),
    }


def test_health_is_asked_without_a_key() -> None:
    assert "authorization" not in EVENTS["health-http"]["headers"]


def form_of(event: dict[str, Any]) -> dict[str, str]:
    """The form in an event's body, which the cloud's gateway always hands on as base64."""
    assert event["isBase64Encoded"] is True
    assert event["headers"]["content-type"] == "application/x-www-form-urlencoded"
    form = parse_qs(base64.b64decode(event["body"], validate=True).decode(), strict_parsing=True)
    return {name: value for name, (value,) in form.items()}


def test_both_frames_have_every_field_that_the_platform_sends() -> None:
    for name in ("install-frame", "app-frame"):
        assert EVENTS[name]["queryStringParameters"].keys() == {"DOMAIN", "PROTOCOL", "LANG", "APP_SID"}
        form = form_of(EVENTS[name])
        assert form.keys() == {
            "AUTH_ID", "AUTH_EXPIRES", "REFRESH_ID", "SERVER_ENDPOINT", "APPLICATION_TOKEN", "APPLICATION_SCOPE",
            "member_id", "status", "PLACEMENT",
        }  # fmt: skip
        assert form["REFRESH_ID"] == DEMO_GRANT.refresh_token


@pytest.mark.parametrize(("name", "event"), [("install-event", "ONAPPINSTALL"), ("uninstall-event", "ONAPPUNINSTALL")])
def test_events_of_the_application_name_themselves_and_an_uninstall_brings_no_tokens(name: str, event: str) -> None:
    form = form_of(EVENTS[name])
    tokens = {"auth[access_token]", "auth[refresh_token]"}
    assert form["event"] == event
    assert form.keys() & tokens == (tokens if event == "ONAPPINSTALL" else set())


@pytest.mark.parametrize("name", FORMS)
def test_what_a_portal_sends_comes_from_the_demo_portal_of_a_local_run_to_its_own_address(name: str) -> None:
    event, form = FORMS[name], form_of(FORMS[name])
    said = {field.removeprefix("auth[").removesuffix("]").lower(): value for field, value in form.items()}
    said |= {field.lower(): value for field, value in event.get("queryStringParameters", {}).items()}
    assert (said["domain"], said["member_id"]) == (PORTAL, DEMO_GRANT.member_id)
    assert said["server_endpoint"] == f"https://{PORTAL}/rest/"
    assert said["application_token"] == DEMO_GRANT.application_token
    assert event["requestContext"]["domainName"] == OWN_HOST


@pytest.mark.parametrize("name", FORMS)
def test_no_portal_but_the_demo_portal_would_honour_a_token_in_a_sample(name: str) -> None:
    tokens = {
        value for field, value in form_of(FORMS[name]).items() if re.search(r"token|AUTH_ID|REFRESH_ID", field, re.I)
    }
    assert tokens <= {DEMO_GRANT.application_token, DEMO_GRANT.access_token, DEMO_GRANT.refresh_token}


def test_the_query_of_a_sample_is_the_same_in_both_spellings() -> None:
    for event in HTTP_EVENTS.values():
        query = {name: value for name, (value,) in parse_qs(event["rawQueryString"]).items()}
        assert query == event.get("queryStringParameters", {})
