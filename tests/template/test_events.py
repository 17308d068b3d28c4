"""The samples in events/ match the template and the commands, every entry point has one, and none has a secret."""

import base64
import json
import re
from typing import Any
from urllib.parse import parse_qs

import pytest

from chat_lookup.admin.commands import COMMANDS, CommandContract
from chat_lookup.errors import InvalidRequest
from chat_lookup.http.json_fields import Fields
from chat_lookup.rest import batch, methods, requests
from local.demo_credentials import DEMO_GRANT, DEMO_KEY
from local.run import DEFAULTS
from local.template.reader import Template
from tests.support.repository import ROOT

EVENTS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text("utf-8")) for path in sorted((ROOT / "events").glob("*.json"))
}
HTTP_EVENTS = {name: event for name, event in EVENTS.items() if "routeKey" in event}
REST_EVENTS = {name: event for name, event in HTTP_EVENTS.items() if name.startswith("rest-")}
FORMS = {name: event for name, event in HTTP_EVENTS.items() if event["routeKey"].startswith("POST /bitrix24/")}
# Probes and browsers get the same answers here as at /bitrix24/install, or as by GET, which have the samples.
ANSWERED_ALIKE = {
    "HEAD /health",
    "GET /bitrix24/app",
    "HEAD /bitrix24/app",
    "GET /bitrix24/events",
    "HEAD /bitrix24/events",
    "GET /bitrix24/{address+}",
    "HEAD /bitrix24/{address+}",
}
# The address of `make run BIND=0.0.0.0 PORTAL_HOST=host.docker.internal`, which containers on this machine can reach.
PORTAL = f"host.docker.internal:{DEFAULTS['PORTAL_PORT']}"
OWN_HOST = f"127.0.0.1:{DEFAULTS['API_HTTPS_PORT']}"
OWN_VALUES = {"client_id", "domain", "key_id", "portal", "public_url"}
ADMIN_EVENTS = {name: event for name, event in EVENTS.items() if name.startswith("admin-")}


def test_every_route_has_a_sample_of_the_payload_that_the_gateway_sends() -> None:
    routes = {route.key for route in Template.load(ROOT / "template.yaml").routes} - {"$default"} - ANSWERED_ALIKE
    assert {event["routeKey"] for event in HTTP_EVENTS.values()} == routes
    for event in HTTP_EVENTS.values():
        assert event["version"] == "2.0"
        assert event["requestContext"]["routeKey"] == event["routeKey"]
        assert event["requestContext"]["http"]["path"] == event["rawPath"]


def test_every_admin_command_has_a_sample() -> None:
    assert sorted(event["command"] for event in ADMIN_EVENTS.values()) == sorted(COMMANDS)


@pytest.mark.parametrize("name", ADMIN_EVENTS)
def test_sample_has_a_placeholder_wherever_an_operators_own_value_belongs(name: str) -> None:
    contract = COMMANDS[ADMIN_EVENTS[name]["command"]]
    fields = {field.name: field for field in contract.fields}
    given = {key: value for key, value in ADMIN_EVENTS[name].items() if key != "command" and value != ""}
    own = {key for key in given if fields[key].secret or key in OWN_VALUES}
    assert {key: given[key] for key in own} == {key: f"<{key}>" for key in own}
    assert {field.name for field in contract.fields if field.required} <= given.keys()


@pytest.mark.parametrize("name", ADMIN_EVENTS)
def test_sample_is_refused_by_its_placeholder_and_admitted_with_values(name: str) -> None:
    event = ADMIN_EVENTS[name]
    contract = COMMANDS[event["command"]]
    if any(value == f"<{key}>" for key, value in event.items()):
        with pytest.raises(InvalidRequest, match="is still the placeholder of a sample"):
            check(contract, event)
    check(contract, {key: f"own-{key}-of-16-letters" if value == f"<{key}>" else value for key, value in event.items()})


def check(contract: CommandContract, event: dict[str, Any]) -> None:
    fields = Fields(event)
    contract.check(fields.text("command"), fields)


@pytest.mark.parametrize("name", EVENTS)
def test_sample_has_no_secret_except_the_published_demo_secrets(name: str) -> None:
    text = json.dumps(EVENTS[name])
    secret = EVENTS[name].get("client_secret")
    assert secret in (None, "<client_secret>")
    assert set(re.findall(r"clk_[A-Za-z0-9_-]+", text)) <= {DEMO_KEY}
    assert set(re.findall(r"/rest/\d+/([^/\"]+)", text)) <= {DEMO_KEY}


@pytest.mark.parametrize("name", ["lookup-http", "lookup-reverse", "forget-http"])
def test_sample_requests_have_the_demo_key(name: str) -> None:
    assert EVENTS[name]["headers"]["authorization"] == f"Bearer {DEMO_KEY}"


@pytest.mark.parametrize("name", REST_EVENTS)
def test_samples_in_the_platforms_own_format_have_the_demo_key(name: str) -> None:
    event = REST_EVENTS[name]
    assert event["rawPath"] == f"/rest/{event['pathParameters']['proxy']}"
    request = requests.read(event)
    assert request.key == DEMO_KEY
    assert isinstance(request.call, requests.RestCall)
    assert request.call.folded in {*methods.LOOK_UPS, batch.BATCH}


def test_each_form_of_request_in_the_platforms_own_format_has_a_sample() -> None:
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


def test_sample_of_health_has_no_key() -> None:
    assert "authorization" not in EVENTS["health-http"]["headers"]


def form_of(event: dict[str, Any]) -> dict[str, str]:
    """The form in an event's body, which the cloud's gateway always passes on as base64."""
    assert event["isBase64Encoded"] is True
    assert event["headers"]["content-type"] == "application/x-www-form-urlencoded"
    form = parse_qs(base64.b64decode(event["body"], validate=True).decode(), strict_parsing=True)
    return {name: value for name, (value,) in form.items()}


def test_samples_of_frames_have_every_field_that_the_platform_sends() -> None:
    for name in ("install-frame", "app-frame"):
        assert EVENTS[name]["queryStringParameters"].keys() == {"DOMAIN", "PROTOCOL", "LANG", "APP_SID"}
        form = form_of(EVENTS[name])
        assert form.keys() == {
            "AUTH_ID", "AUTH_EXPIRES", "REFRESH_ID", "SERVER_ENDPOINT", "APPLICATION_TOKEN", "APPLICATION_SCOPE",
            "member_id", "status", "PLACEMENT",
        }  # fmt: skip
        assert form["REFRESH_ID"] == DEMO_GRANT.refresh_token


@pytest.mark.parametrize(("name", "event"), [("install-event", "ONAPPINSTALL"), ("uninstall-event", "ONAPPUNINSTALL")])
def test_samples_of_application_events_have_their_name_and_tokens_except_at_uninstall(name: str, event: str) -> None:
    form = form_of(EVENTS[name])
    tokens = {"auth[access_token]", "auth[refresh_token]"}
    assert form["event"] == event
    assert form.keys() & tokens == (tokens if event == "ONAPPINSTALL" else set())


@pytest.mark.parametrize("name", FORMS)
def test_samples_of_portal_requests_are_from_the_demo_portal_to_the_local_run(name: str) -> None:
    event, form = FORMS[name], form_of(FORMS[name])
    sent = {field.removeprefix("auth[").removesuffix("]").lower(): value for field, value in form.items()}
    sent |= {field.lower(): value for field, value in event.get("queryStringParameters", {}).items()}
    assert (sent["domain"], sent["member_id"]) == (PORTAL, DEMO_GRANT.member_id)
    assert sent["server_endpoint"] == f"https://{PORTAL}/rest/"
    assert sent["application_token"] == DEMO_GRANT.application_token
    assert event["requestContext"]["domainName"] == OWN_HOST


@pytest.mark.parametrize("name", FORMS)
def test_tokens_in_samples_are_those_of_the_demo_portal(name: str) -> None:
    tokens = {
        value for field, value in form_of(FORMS[name]).items() if re.search(r"token|AUTH_ID|REFRESH_ID", field, re.I)
    }
    assert tokens <= {DEMO_GRANT.application_token, DEMO_GRANT.access_token, DEMO_GRANT.refresh_token}


def test_query_of_a_sample_is_equal_as_text_and_as_parameters() -> None:
    for event in HTTP_EVENTS.values():
        query = {name: value for name, (value,) in parse_qs(event["rawQueryString"]).items()}
        assert query == event.get("queryStringParameters", {})
