"""The addresses for Bitrix24 as the gateway calls them: both encodings of a body, every verb, a page or a status."""

from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.bootstrap import process
from chat_lookup.bootstrap.services import Services
from functions.install import app
from tests.support.fakes import MEMBER_ID, FakeAuthorisationServer, FakeBitrix24, Output, Stores, lambda_context
from tests.support.portals.first_contact import (
    DOMAIN,
    FRAME_FORM,
    FRAME_QUERY,
    OWN_ADDRESS,
    OWN_HOST,
    frame,
    http,
    refusing,
)

pytestmark = pytest.mark.usefixtures("settled")


def invoke(event: dict[str, Any], seconds: float = 29) -> dict[str, Any]:
    return app.handler(event, lambda_context(seconds))


@pytest.fixture(autouse=True)
def _grant(server: FakeAuthorisationServer, settled: Services) -> None:
    del settled
    server.grants("offered-refresh-token")


def test_every_route_of_the_template_has_a_handler(settled: Services) -> None:
    del settled
    routes = app.routes(None)  # type: ignore[arg-type]  # no service is called
    assert routes.keys() == {
        f"{verb} /bitrix24/{path}" for verb in ("GET", "HEAD", "POST") for path in ("install", "events")
    } - {"POST /bitrix24/events"} | {f"{verb} /bitrix24/{{address+}}" for verb in ("GET", "HEAD")}


@pytest.mark.parametrize("path", ["install", "app", "events"])
@pytest.mark.parametrize("verb", ["GET", "HEAD"])
def test_probe_is_answered_and_starts_nothing(verb: str, path: str, server: FakeAuthorisationServer) -> None:
    answer = invoke(at_slash(verb, path))
    assert answer["statusCode"] == 200
    assert (answer["body"] == "") == (verb == "HEAD")
    assert server.asked == []
    if path != "app":
        assert invoke(http(f"{verb} /bitrix24/{path}", {"anything": "else"})) == answer


def at_slash(verb: str, path: str) -> dict[str, Any]:
    return http(f"{verb} /bitrix24/{{address+}}", {"anything": "else"}) | {"pathParameters": {"address": f"{path}/"}}


@pytest.mark.parametrize("verb", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["other", "install/other", "install/"])
def test_other_address_with_a_slash_does_not_exist(verb: str, path: str) -> None:
    assert invoke(at_slash(verb, path))["statusCode"] == 404


@pytest.mark.parametrize("is_base64", [False, True])
def test_frame_is_answered_by_a_page_that_finishes_the_installation(is_base64: bool, settled: Services) -> None:
    answer = invoke(frame(is_base64=is_base64))
    assert answer["statusCode"] == 200
    assert answer["headers"]["content-type"] == "text/html; charset=utf-8"
    library = answer["body"].index('<script src="https://api.bitrix24.com/api/v1/">')
    assert answer["body"].index("BX24.installFinish()") > library
    assert settled.portals.get(MEMBER_ID).domain == DOMAIN


@pytest.mark.parametrize(
    ("language", "sentence"),
    [("en", "application is installed"), ("de", "Anwendung ist installiert"), ("ru", "Приложение установлено")],
)
def test_page_is_in_the_visitors_language(language: str, sentence: str) -> None:
    answer = invoke(frame(query={"LANG": language}))
    assert sentence in answer["body"]
    assert f'<html lang="{language}">' in answer["body"]


def test_page_lists_what_is_missing(bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("scope", ["im"])
    body = invoke(frame())["body"]
    assert "There is no bot in the chats" in body
    assert "installFinish" in body


@pytest.mark.parametrize(
    ("trouble", "status", "sentence"),
    [
        ({"form": {"REFRESH_ID": "used-before-refresh-token"}}, 403, "used already or has expired"),
        ({"form": {"REFRESH_ID": None}}, 403, "no refresh token"),
        ({"form": {"SERVER_ENDPOINT": "https://oauth.evil.example/rest/"}}, 403, "not known here"),
        ({"query": {"DOMAIN": "globex.bitrix24.com"}}, 403, "apps.add"),
        ({"query": {"DOMAIN": "10.0.0.1"}}, 403, "10.0.0.1:443 in the parameter PrivatePortals"),
        ({"query": {"DOMAIN": "a b"}}, 403, "cannot be read"),
    ],
)
def test_failure_is_a_page_with_a_sentence_that_finishes_no_installation(
    trouble: dict[str, Any], status: int, sentence: str, stores: Stores
) -> None:
    answer = invoke(frame(**trouble))
    assert (answer["statusCode"], sentence in unescape(answer["body"])) == (status, True)
    assert answer["headers"]["content-type"].startswith("text/html")
    assert "<script" not in answer["body"]
    assert f"PORTAL#{MEMBER_ID}" not in str(stores.dynamodb.scan(TableName=stores.portal_table)["Items"])


def test_outage_has_a_retry_time(server: FakeAuthorisationServer) -> None:
    server.failure = BitrixError("HTTP_5XX", 503, method="oauth/token")
    answer = invoke(frame())
    assert answer["statusCode"] == 503
    assert int(answer["headers"]["retry-after"]) >= 1
    assert "does not answer" in unescape(answer["body"])


def test_internal_error_is_a_page_too(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise ValueError("unexpected failure")

    monkeypatch.setattr(stores.dynamodb, "get_item", fail)
    answer = invoke(frame())
    assert (answer["statusCode"], answer["headers"]["content-type"]) == (500, "text/html; charset=utf-8")
    assert "unexpected failure" not in answer["body"]


@pytest.mark.parametrize("body", ["", "PLACEMENT=DEFAULT", "a" * 100_000, "event[x]=1"])
def test_request_that_is_neither_frame_nor_event_is_a_page_with_a_sentence(body: str) -> None:
    answer = invoke(http("POST /bitrix24/install", body=body))
    assert answer["statusCode"] == 403
    assert "cannot be read" in answer["body"]


def test_public_url_is_the_address_of_the_request(settled: Services) -> None:
    invoke(frame())
    assert settled.portals.get(MEMBER_ID).public_url == OWN_ADDRESS


def test_request_without_a_public_address_installs_nothing(settled: Services) -> None:
    request = frame()
    del request["requestContext"]["domainName"]
    assert invoke(request)["statusCode"] == 500
    assert settled.portals.read(MEMBER_ID) is None


def test_configured_public_url_takes_precedence(
    settled: Services, bitrix24: FakeBitrix24, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBLIC_URL", "https://chats.acme.example/")
    process.built.cache_clear()
    invoke(frame())
    assert settled.portals.get(MEMBER_ID).public_url == "https://chats.acme.example"
    handlers = {call.params["handler"] for call in bitrix24.calls if call.method == "event.bind"}
    assert handlers == {"https://chats.acme.example/bitrix24/install"}
    assert OWN_HOST not in str(bitrix24.calls)


def test_log_line_names_the_portal_and_the_outcome(output: Output) -> None:
    invoke(frame())
    (line,) = output.lines
    assert (line["route"], line["status"], line["portal"]) == ("POST /bitrix24/install", 200, MEMBER_ID)
    assert line["bot_id"] == 456


def test_frame_may_have_all_its_fields_in_the_query(settled: Services) -> None:
    everything = FRAME_QUERY | FRAME_FORM
    assert invoke(http("POST /bitrix24/install", everything, urlencode({})))["statusCode"] == 200
    assert settled.portals.get(MEMBER_ID).domain == DOMAIN


def test_hanging_portal_does_not_exceed_the_time_of_the_gateway(bitrix24: FakeBitrix24) -> None:
    bitrix24.answers_by("scope", refusing("TIMEOUT", 0))
    invoke(frame())
    assert max(bitrix24.deadlines) <= app.SECONDS
