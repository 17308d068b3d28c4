"""/rest over the wire, beyond the comparison with the portal: keys, passthrough, time limits, tokens, logs."""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

import pytest

from local.shared_clock import SharedClock
from tests.support.service import Reply, Service

DEAL = {"ENTITY_TYPE": "CRM", "ENTITY_ID": "DEAL|1663"}
HURRY = 3
"""Seconds of a function in place of its usual ones."""


def rest(service: Service, method: str, params: object = None, key: str | None = None) -> Reply:
    """POST as JSON to a webhook address of the service."""
    headers = {"Content-Type": "application/json"}
    body = json.dumps(params or {}).encode()
    return service.request("POST", f"/rest/1/{key or service.api_key}/{method}", headers, body)


def refusal(reply: Reply) -> tuple[int, str]:
    assert reply.json.keys() == {"error", "error_description"}, reply.body
    return reply.status, reply.json["error"]


def new_key(service: Service, *scopes: str, **fields: object) -> str:
    made = service.admin("keys.create", portal=service.member_id, label="a test", scopes=scopes, **fields)
    return str(made["key"])


# -- keys and logs -----------------------------------------------------------------------------------------------------


def test_revoked_key_is_refused(service: Service) -> None:
    made = service.admin("keys.create", portal=service.member_id, label="a test", scopes=["rest"])
    assert rest(service, "im.chat.get", DEAL, made["key"]).status == 200
    service.admin("keys.revoke", portal=service.member_id, key_id=made["key_id"])
    assert refusal(rest(service, "im.chat.get", DEAL, made["key"])) == (403, "INVALID_CREDENTIALS")


def test_log_line_of_a_request_contains_the_id_of_its_key(service: Service) -> None:
    """So that after a leak the operator can list the requests made with the key."""
    made = service.admin("keys.create", portal=service.member_id, label="a test", scopes=["rest", "lookup"])
    service.mark()
    rest(service, "im.chat.get", DEAL, made["key"])
    service.get("/v1/chats?entity_type=CRM&entity_id=DEAL%7C1663", {"X-Api-Key": made["key"]})
    lines = [line for line in service.logs() if line["message"] == "request"]
    assert [line["key_id"] for line in lines] == [made["key_id"]] * 2


@pytest.mark.parametrize("scope", ["lookup", "details", "passthrough"])
def test_key_without_the_rest_scope_is_refused(service: Service, scope: str) -> None:
    assert refusal(rest(service, "im.chat.get", DEAL, new_key(service, scope))) == (403, "insufficient_scope")


def test_no_key_is_in_a_log_line_or_in_a_portal_call(service: Service) -> None:
    keys = [new_key(service, "rest"), "a-guess-in-another-form-than-a-real-key"]
    for key in keys:
        rest(service, "im.chat.get", DEAL, key)
        rest(service, "im.dialog.get", {"DIALOG_ID": "chat1437", "auth": key}, key)
        query = urlencode({**DEAL, "auth": key})
        service.get(f"/rest/im.chat.get?{query}", {})
        service.request("PUT", f"/rest/1/{key}/im.chat.get", {})
    seen = service.output() + json.dumps(service.calls())
    assert not [key for key in keys if key in seen]


@pytest.mark.parametrize("verb", ["PUT", "DELETE", "PATCH"])
def test_verb_that_the_platform_does_not_have_is_refused(service: Service, verb: str) -> None:
    assert service.request(verb, f"/rest/1/{service.api_key}/im.chat.get", {}).status == 405


def test_key_in_the_header_opens_the_portal_and_is_in_no_log_line(service: Service) -> None:
    service.mark()
    for verb, path, body in (("GET", f"im.chat.get?{urlencode(DEAL)}", None), ("POST", "im.chat.get", DEAL)):
        headers = {"Authorization": f"Bearer {service.api_key}", "Content-Type": "application/json"}
        sent = None if body is None else json.dumps(body).encode()
        assert service.request(verb, f"/rest/{path}", headers, sent).json["result"] == {"ID": 1437}
    headers["Authorization"] = "Bearer clk_0123456789abcdef0123456789abcdef"
    assert refusal(service.request("POST", "/rest/im.chat.get", headers, b"{}")) == (403, "INVALID_CREDENTIALS")
    assert service.api_key not in service.output() + json.dumps(service.calls())


def test_page_of_another_origin_may_call_and_reads_every_answer(service: Service) -> None:
    asks = {"Origin": "https://page.example", "Access-Control-Request-Method": "POST"}
    preflight = service.request("OPTIONS", "/rest/1/no-key/im.chat.get", asks)
    assert (preflight.status, preflight.body) == (204, b"")
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert {"authorization", "content-type", "*"} <= set(preflight.headers["access-control-allow-headers"].split(", "))
    for reply in (rest(service, "im.chat.get", DEAL), rest(service, "im.nothing"), rest(service, "batch", key="wrong")):
        assert reply.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in reply.headers
    others = (service.get("/health", {}), service.request("OPTIONS", "/v1/chats", asks), service.get("/v1/chats", {}))
    assert not any("access-control-allow-origin" in reply.headers for reply in others), "of /rest only"
    assert {call["method"] for call in service.calls()} <= {"im.chat.get"}


@pytest.mark.parametrize(
    ("path", "content_type", "body", "refused"),
    [
        ("1/{key}/im.chat.get.xml", "", b"", (404, "ERROR_METHOD_NOT_FOUND")),
        ("api/1/{key}/im.chat.get", "", b"", (404, "ERROR_METHOD_NOT_FOUND")),
        ("1/{key}/im.chat.get", "application/vnd.api+json", json.dumps(DEAL).encode(), (415, "INVALID_REQUEST")),
        ("1/{key}/im.chat.get", "application/json", json.dumps(DEAL).encode("utf-16"), (415, "INVALID_REQUEST")),
        ("1/{key}/im.chat.get", "application/xml", b"<im.chat.get/>", (415, "INVALID_REQUEST")),
        ("1/{key}/im.chat.get", "", b"<im.chat.get/>", (415, "INVALID_REQUEST")),
    ],
)
def test_format_that_is_not_served_is_refused_in_a_sentence(
    service: Service, path: str, content_type: str, body: bytes, refused: tuple[int, str]
) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    reply = service.request("POST" if body else "GET", f"/rest/{path.format(key=service.api_key)}", headers, body)
    assert refusal(reply) == refused
    assert reply.json["error_description"].count(" ") > 4
    assert service.calls() == []


# -- methods of the service --------------------------------------------------------------------------------------------


def test_user_and_time_are_answered_at_one_call_of_the_portal_for_all_callers(service: Service) -> None:
    service.cold_start()
    with ThreadPoolExecutor(8) as pool:
        users = list(pool.map(lambda _: rest(service, "user.current").json["result"], range(16)))
    assert users == [users[0]] * 16
    assert list(users[0]) == ["ID", "NAME", "LAST_NAME", "ADMIN"]
    profile = rest(service, "profile").json["result"]
    assert users[0] == {name: profile[name] for name in users[0]}
    assert [call["method"] for call in service.calls()] == ["profile"] * 2, "the other one was requested by its name"
    service.control("/clock", {"advance_s": 31})
    assert rest(service, "user.current").json["result"] == users[0]
    assert len(service.calls("profile")) == 3
    written = rest(service, "server.time").json["result"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", written)
    assert service.calls("server.time") == []


# -- methods of the portal ---------------------------------------------------------------------------------------------


def test_passthrough_admits_only_the_listed_methods_of_the_key(service: Service) -> None:
    key = new_key(service, "rest", "passthrough", passthrough=["im.chat.add", "user.current"])
    assert refusal(rest(service, "im.chat.add", {})) == (404, "ERROR_METHOD_NOT_FOUND")
    made = rest(service, "im.chat.add", {"TITLE": "Order 7", "ENTITY_TYPE": "ORDER", "ENTITY_ID": "PASS-7"}, key).json
    found = rest(service, "im.chat.get", {"ENTITY_TYPE": "ORDER", "ENTITY_ID": "PASS-7"}, key).json
    assert found["result"] == {"ID": made["result"]}
    assert refusal(rest(service, "user.current", {}, key)) == (403, "insufficient_scope"), "the error of the portal"
    assert refusal(rest(service, "im.message.add", {}, key)) == (404, "ERROR_METHOD_NOT_FOUND")


def test_passthrough_commands_of_a_batch_run_in_order_and_once(service: Service) -> None:
    key = new_key(service, "rest", "passthrough", passthrough=["im.chat.add"])
    commands = {
        "before": "im.chat.get?ENTITY_TYPE=ORDER&ENTITY_ID=PASS-8",
        "made": "im.chat.add?ENTITY_TYPE=ORDER&ENTITY_ID=PASS-8",
        "again": "im.dialog.get?DIALOG_ID=chat$result[made]",
    }
    done = rest(service, "batch", {"halt": 1, "cmd": commands}, key).json["result"]
    assert done["result"]["before"] is None
    assert done["result"]["again"]["id"] == done["result"]["made"]
    assert len(service.calls("im.chat.add")) == 1


def test_list_method_returns_next_and_total(service: Service) -> None:
    key = new_key(service, "rest", "passthrough", passthrough=["crm.deal.list"])
    reply: dict[str, Any] = {"result": [{"ID": "1"}], "next": 50, "total": 120, "time": {"start": 1}}
    service.control("/faults", {"method": "crm.deal.list", "body": reply})
    body = rest(service, "crm.deal.list", {"start": 0}, key).json
    assert list(body) == ["result", "next", "total", "time"]
    assert (body["result"], body["next"], body["total"]) == (reply["result"], 50, 120)


def test_write_with_a_lost_reply_is_not_sent_again(service: Service) -> None:
    key = new_key(service, "rest", "passthrough", passthrough=["im.chat.add"])
    service.control("/faults", {"method": "im.chat.add", "drop": True})
    assert refusal(rest(service, "im.chat.add", {}, key)) == (500, "INTERNAL_SERVER_ERROR")
    assert len(service.calls("im.chat.add")) == 1


# -- time --------------------------------------------------------------------------------------------------------------


def test_hanging_portal_is_answered_before_the_invocation_ends(service: Service) -> None:
    """The usual eight seconds: tests/crowds/test_hanging_portal.py."""
    service.control("/faults", {"method": "*", "delay_ms": 30_000})
    commands = {"a": f"im.chat.get?{urlencode(DEAL)}", "b": "im.chat.get?ENTITY_TYPE=CHAT&ENTITY_ID=13"}
    asked = {"im.chat.get": DEAL, "im.dialog.get": {"DIALOG_ID": "chat1437"}, "batch": {"cmd": commands}}
    began = time.monotonic()
    with service.hurried(HURRY), ThreadPoolExecutor() as callers:
        replies = list(callers.map(lambda method: rest(service, method, asked[method]), asked))
    assert time.monotonic() - began < 8
    assert [refusal(reply) for reply in replies] == [(503, "INTERNAL_SERVER_ERROR")] * len(asked)


def test_own_rate_limit_is_answered_with_the_portals_code_and_refused_calls_reserve_no_slot(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    service.admin("portal.set", portal=service.member_id, rate=0.1, burst=1)
    service.cold_start()
    with service.stopped_clock(), monkeypatch.context() as patch:
        patch.setattr(SharedClock, "sleep", lambda _, seconds: waited.append(seconds))
        assert rest(service, "im.chat.get", DEAL).status == 200
        for number in range(20):
            reply = rest(service, "im.chat.get", {"ENTITY_TYPE": "CRM", "ENTITY_ID": f"DEAL|{number + 1}"})
            assert refusal(reply) == (503, "QUERY_LIMIT_EXCEEDED")
            assert int(reply.headers["retry-after"]) >= 1
    assert sum(waited) < 1, "refused at once"
    assert len(service.calls()) == 1
    service.control("/clock", {"advance_s": 10})
    assert rest(service, "im.chat.get", {"ENTITY_TYPE": "CHAT", "ENTITY_ID": "13"}).json["result"] == {"ID": 2725}


def test_operating_time_is_that_of_the_last_portal_reply(service: Service) -> None:
    service.control("/plan", {"rate": 100, "burst": 100, "operating_limit": 480, "operating_cost_ms": 1_500})
    bodies = [
        rest(service, "im.chat.get", {"ENTITY_TYPE": "CHAT", "ENTITY_ID": name}).json for name in ("13", "x", "13")
    ]
    assert [each["time"]["operating"] for each in bodies] == [1.5, 3.0, 3.0]
    assert len(service.calls()) == 2
