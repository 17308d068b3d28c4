"""How requests may be written, and what an answer contains besides its result (bitrix24.md 2)."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest
import urllib3

from tests.support.portals.portal_probe import PortalProbe

PAIR = {"ENTITY_TYPE": "CRM", "ENTITY_ID": "DEAL|1663"}
FORM = "ENTITY_TYPE=CRM&ENTITY_ID=DEAL%7C1663"


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortalProbe]:
    with PortalProbe(tmp_path_factory.mktemp("portal")) as probe:
        probe.tell("/plan", {"rate": 1000, "burst": 1000})
        yield probe


def result(probe: PortalProbe, verb: str, tail: str, body: str | None = None, kind: str = "") -> object:
    headers = {"Content-Type": kind} if kind else {}
    response = probe.http.request(verb, probe.portal.webhook_url + tail, body=body, headers=headers)
    assert response.status == 200, response.data
    return response.json()["result"]


@pytest.mark.parametrize(
    ("verb", "tail", "body", "kind"),
    [
        ("GET", f"im.chat.get?{FORM}", None, ""),
        ("GET", f"im.chat.get.json?{FORM}", None, ""),
        ("GET", f"IM.Chat.Get?{FORM.lower().replace('crm', 'CRM').replace('deal', 'DEAL')}", None, ""),
        ("POST", "im.chat.get", FORM, "application/x-www-form-urlencoded"),
        ("POST", "im.chat.get/", FORM, "application/x-www-form-urlencoded; charset=utf-8"),
        ("POST", "im.chat.get?ENTITY_TYPE=CRM", '{"ENTITY_ID":"DEAL|1663"}', "application/json"),
        ("POST", "im.chat.get?ENTITY_ID=1", '{"entity_type":"CRM","ENTITY_ID":"DEAL|1663"}', "application/json"),
    ],
)
def test_parameters_are_read_from_query_form_and_json_under_names_of_any_case(
    probe: PortalProbe, verb: str, tail: str, body: str | None, kind: str
) -> None:
    assert result(probe, verb, tail, body, kind) == {"ID": 1437}


def test_parameters_are_read_from_multipart_forms(probe: PortalProbe) -> None:
    response = probe.http.request("POST", probe.portal.webhook_url + "im.chat.get", fields=PAIR)
    assert response.json()["result"] == {"ID": 1437}


@pytest.mark.parametrize("body", ["", "{", "[]", "null", "7", '"text"', "[" * 100_000])
def test_body_that_is_not_an_object_is_a_call_without_parameters(probe: PortalProbe, body: str) -> None:
    assert result(probe, "POST", "im.chat.get", body, "application/json") is None


def test_answer_contains_its_time(probe: PortalProbe) -> None:
    time = probe.call("im.chat.get", **PAIR)[1]["time"]
    assert time["finish"] >= time["start"]
    assert time["operating"] == 0
    assert 0 < time["operating_reset_at"] - time["start"] <= 600
    assert time["date_start"].endswith("+00:00")


def test_refusal_has_a_code_and_a_text_and_no_result(probe: PortalProbe) -> None:
    status, body = probe.call("im.nothing.get")
    assert status == 404
    assert body == {"error": "ERROR_METHOD_NOT_FOUND", "error_description": "Method not found!"}


@pytest.mark.parametrize(
    ("address", "answer"),
    [
        ("/rest/1/wrongcode/profile", (401, "INVALID_CREDENTIALS")),
        ("/rest/2/{code}/profile", (401, "INVALID_CREDENTIALS")),
        ("/rest/profile", (401, "NO_AUTH_FOUND")),
        ("/rest/profile?auth=sometoken", (401, "NO_AUTH_FOUND")),
    ],
)
def test_call_without_the_right_code_is_refused(probe: PortalProbe, address: str, answer: tuple[int, str]) -> None:
    code = probe.portal.webhook_url.split("/")[-2]
    response = probe.http.request("GET", probe.portal.portal_url + address.format(code=code))
    assert (response.status, response.json()["error"]) == answer


@pytest.mark.parametrize("address", ["/rest/1/{code}//profile", "/rest//1/{code}/profile"])
def test_doubled_slash_of_an_address_counts_as_one(probe: PortalProbe, address: str) -> None:
    code = probe.portal.webhook_url.split("/")[-2]
    response = probe.http.request("GET", probe.portal.portal_url + address.format(code=code))
    assert (response.status, response.json()["result"]["ID"]) == (200, "1")


@pytest.mark.parametrize(
    "address", ["/no/such/page", "/rest/", "/rest/1/code/", "/rest/x/code/profile", "/calls", "/_control/calls"]
)
def test_address_outside_rest_is_a_page_with_404(probe: PortalProbe, address: str) -> None:
    response = probe.http.request("GET", probe.portal.portal_url + address)
    assert response.status == 404
    assert response.headers["Content-Type"].startswith("text/html")


def test_rest_3_has_its_own_methods_only_and_errors_that_are_objects(probe: PortalProbe) -> None:
    address = probe.portal.webhook_url.replace("/rest/", "/rest/api/")
    unknown = probe.http.request("POST", address + "im.chat.get", json=PAIR)
    assert unknown.status == 404
    assert unknown.json()["error"]["code"] == "BITRIX_REST_V3_EXCEPTION_METHODNOTFOUNDEXCEPTION"
    without_scope = probe.http.request("POST", address + "tasks.task.get", json={"id": 8293})
    assert without_scope.json()["error"]["code"] == "BITRIX_REST_V3_EXCEPTION_INSUFFICIENTSCOPEEXCEPTION"


@pytest.mark.parametrize(
    ("verb", "query", "body", "kind", "code"),
    [
        ("GET", "?id=8293", None, "", "VALIDATION_REQUESTVALIDATIONEXCEPTION"),
        ("POST", "?id=8293", "{}", "application/json", "VALIDATION_REQUESTVALIDATIONEXCEPTION"),
        ("POST", "", "id=8293", "application/x-www-form-urlencoded", "INVALIDJSONEXCEPTION"),
        ("POST", "", '{"id": 8293', "application/json", "INVALIDJSONEXCEPTION"),
    ],
)
def test_rest_3_reads_json_bodies_only(
    probe: PortalProbe, verb: str, query: str, body: str | None, kind: str, code: str
) -> None:
    probe.tell("/scopes", {"scopes": ["tasks"]})
    address = probe.portal.webhook_url.replace("/rest/", "/rest/api/") + "tasks.task.get" + query
    response = probe.http.request(verb, address, body=body, headers={"Content-Type": kind} if kind else {})
    error = response.json()["error"]
    assert (response.status, error["code"]) == (400, f"BITRIX_REST_V3_EXCEPTION_{code}")
    assert [each["field"] for each in error.get("validation", [])] == (["id"] if "VALIDATION" in code else [])
    probe.tell("/scopes", {"scopes": ["im", "imbot", "imopenlines", "task"]})


def test_suffix_xml_is_answered_in_xml(probe: PortalProbe) -> None:
    response = probe.http.request("GET", probe.portal.webhook_url + f"im.chat.get.XML?{FORM}")
    assert response.headers["Content-Type"] == "text/xml; charset=utf-8"
    assert response.data.startswith(b'<?xml version="1.0" encoding="UTF-8"?><response><result><ID>1437</ID></result>')
    odd = probe.tell("/chats", {"entity_type": "ORDER", "entity_id": "7", "title": "a < b & c"})["chat_id"]
    dialog = probe.http.request("GET", probe.portal.webhook_url + f"im.dialog.get.xml?DIALOG_ID=chat{odd}").data
    assert b"<name>a &lt; b &amp; c</name>" in dialog
    assert b"<extranet></extranet>" in dialog
    probe.tell("/bots", {"bot_id": 39, "code": "helper"})
    bots = probe.http.request("GET", probe.portal.webhook_url + "imbot.bot.list.xml").data
    assert b"<result><item><ID>39</ID>" in bots
    refused = probe.http.request("GET", probe.portal.webhook_url + "im.nothing.xml")
    assert (refused.status, b"<error>ERROR_METHOD_NOT_FOUND</error>" in refused.data) == (404, True)


def test_request_without_tls_is_refused_and_listed(probe: PortalProbe) -> None:
    response = urllib3.request("GET", probe.portal.webhook_url.replace("https:", "http:") + "profile", retries=False)
    assert (response.status, response.json()["error"]) == (400, "INVALID_REQUEST")
    assert probe.calls("profile")[-1]["error"] == "INVALID_REQUEST"
    for path in ("/oauth/token/?grant_type=refresh_token&refresh_token=1", "/"):
        page = urllib3.request("GET", probe.portal.portal_url.replace("https:", "http:") + path, retries=False)
        assert (page.status, b"HTTPS required" in page.data) == (400, True)


def test_batch_answers_each_command_and_resolves_references(probe: PortalProbe) -> None:
    found = probe.result(
        "batch",
        halt=0,
        cmd={
            "chat": f"im.chat.get?{FORM}",
            "dialog": "im.dialog.get?DIALOG_ID=chat$result[chat][ID]",
            "none": "im.chat.get?ENTITY_TYPE=CRM&ENTITY_ID=DEAL%7C1",
            "lost": "im.dialog.get?DIALOG_ID=chat$result[none][ID]",
        },
    )
    assert found["result"]["chat"] == {"ID": 1437}
    assert found["result"]["dialog"]["id"] == 1437
    assert found["result"]["none"] is None
    assert found["result_error"] == {
        "lost": {"error": "DIALOG_ID_EMPTY", "error_description": "Dialog ID can't be empty"}
    }
    assert found["result_time"].keys() == {"chat", "dialog", "none"}
    assert found["result_time"]["chat"]["operating"] == 0


def test_batch_in_a_query_is_encoded_twice(probe: PortalProbe) -> None:
    command = quote(f"im.chat.get?{FORM}", safe="")
    assert "%257C" in command
    for name in ("cmd[a]", "cmd[]"):
        found = result(probe, "GET", f"batch?halt=0&{name}={command}")
        assert isinstance(found, dict)
        assert list(found["result"].values() if name == "cmd[a]" else found["result"]) == [{"ID": 1437}]


def test_connections_are_kept_alive(probe: PortalProbe) -> None:
    pool = probe.http.connection_from_url(probe.portal.portal_url)
    before = pool.num_connections
    for _ in range(5):
        probe.result("profile")
    assert pool.num_connections - before <= 1
