"""/rest as its clients use it: the answers of look-ups, their shapes and times, and the keys that it accepts."""

import json
from collections.abc import Iterator

import pytest

from chat_lookup.bootstrap.services import Services
from chat_lookup.portals.portal import Portal
from functions.rest import app
from tests.support.fakes import FakeBitrix24, Output, lambda_context
from tests.support.rest_function import DEAL, FORM, JSON, answered, asked, event, refused

FOUND = {"ID": 1437}


@pytest.fixture
def key(booted: Services, portal: Portal) -> str:
    return booted.keys.create(portal.member_id, "shop", ["rest"], None)[0]


def test_key_is_read_from_the_address_or_from_auth(key: str, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("im.chat.get", FOUND)
    pair = "ENTITY_TYPE=CRM&ENTITY_ID=DEAL%7C1663"
    for request in (
        event(f"1/{key}/im.chat.get", pair, verb="GET"),
        event(f"42/{key}/im.chat.get.json", body=pair, content_type=FORM, as_base64=True),
        event("im.chat.get", f"{pair}&auth={key}", verb="GET"),
        event("im.chat.get", body=f"{pair}&AUTH={key}", content_type=FORM),
        event("im.chat.get", body=f"{pair}&access_token={key}", content_type=FORM),
    ):
        assert answered(request)[1]["result"] == FOUND


def test_key_is_read_from_the_header(key: str, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("im.chat.get", FOUND)
    bearer = {"Authorization": f"Bearer {key}"}
    for request in (
        event("im.chat.get", body=json.dumps(DEAL), content_type=JSON, headers=bearer),
        event("im.chat.get", "ENTITY_TYPE=CRM&ENTITY_ID=DEAL%7C1663&auth=another-key-0123456789", headers=bearer),
        event(f"1/{key}/im.chat.get", body=json.dumps(DEAL), content_type=JSON, headers={"Authorization": "Bearer x"}),
    ):
        assert answered(request)[1]["result"] == FOUND


def test_key_that_does_not_count_neither_opens_a_portal_nor_is_sent_to_one(key: str, bitrix24: FakeBitrix24) -> None:
    for request in (
        event("profile", f"auth={key}", headers={"Authorization": "Bearer another-key-0123456789"}),
        event("1/another-key-0123456789/profile", f"auth={key}", headers={"Authorization": f"Bearer {key}"}),
        event("profile", headers={"Authorization": f"Bearer {key}, Bearer {key}"}),
        event("profile", headers={"Authorization": f"Basic {key}"}),
    ):
        assert answered(request)[1]["error"] == "INVALID_CREDENTIALS"
    assert bitrix24.calls == []


# -- browsers ----------------------------------------------------------------------------------------------------------

NO_KEY = "clk_" + "x" * 40


@pytest.mark.parametrize("proxy", ["im.chat.get", f"1/{NO_KEY}/batch", "api/im.chat.get", "1/x/y/z", ""])
def test_preflight_is_answered_without_a_key_and_without_a_store(
    bitrix24: FakeBitrix24, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.delattr("chat_lookup.bootstrap.process.services")
    asks = {"Origin": "https://page.example", "Access-Control-Request-Headers": "authorization,x-sdk"}
    response = app.handler(event(proxy, verb="OPTIONS", headers=asks), lambda_context())
    headers = response["headers"]
    assert (response["statusCode"], response["body"]) == (204, "")
    assert headers["access-control-allow-origin"] == "*"
    assert headers["access-control-allow-methods"] == "GET, POST"
    assert headers["access-control-allow-headers"] == "authorization, content-type, *"
    assert 0 < int(headers["access-control-max-age"]) <= 7_200
    assert "access-control-allow-credentials" not in headers
    assert bitrix24.calls == []


def test_every_answer_can_be_read_by_a_page_of_any_origin(
    key: str, bitrix24: FakeBitrix24, monkeypatch: pytest.MonkeyPatch, booted: Services
) -> None:
    bitrix24.answers("im.chat.get", FOUND)
    bitrix24.fails("im.dialog.get", "QUERY_LIMIT_EXCEEDED", 503)

    def statuses() -> Iterator[int]:
        for proxy in ("im.chat.get", "im.dialog.get", "nothing", "batch", "im.chat.get.xml", "api/batch"):
            for given in (key, NO_KEY):
                response = app.handler(event(f"1/{given}/{proxy}", verb="GET"), lambda_context())
                headers = response["headers"]
                assert headers["access-control-allow-origin"] == "*"
                assert headers["access-control-expose-headers"] == "retry-after"
                assert headers["x-content-type-options"] == "nosniff"
                assert "access-control-allow-credentials" not in headers
                yield response["statusCode"]

    assert set(statuses()) == {200, 403, 404, 503}

    def fails(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(booted.keys, "authenticate", fails)
    assert set(statuses()) == {500}


# -- what is refused in a sentence -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("proxy", "content_type", "body", "status", "word"),
    [
        ("im.chat.get.xml", "", "", 404, "JSON"),
        ("im.chat.get.xml", "application/xml", "<a/>", 404, "JSON"),
        ("api/im.chat.get", JSON, "{}", 404, "REST 3"),
        ("im.chat.get", "application/vnd.api+json", json.dumps(DEAL), 415, "application/json"),
        ("batch", "application/xml", "<a/>", 415, "application/json"),
        ("im.chat.get", JSON, json.dumps(DEAL).encode("utf-16").decode(errors="replace"), 415, "UTF-8"),
    ],
)
def test_format_that_is_not_served_is_refused_in_one_sentence_and_only_to_holders_of_a_key(
    key: str, bitrix24: FakeBitrix24, proxy: str, content_type: str, body: str, status: int, word: str
) -> None:
    def asked_with(given: str) -> tuple[int, dict[str, str]]:
        before, slash, method = proxy.rpartition("/")
        return answered(event(f"{before}{slash}1/{given}/{method}", body=body, content_type=content_type))

    refused_with, answer = asked_with(key)
    assert refused_with == status
    assert answer.keys() == {"error", "error_description"}
    assert answer["error"] == ("ERROR_METHOD_NOT_FOUND" if status == 404 else "INVALID_REQUEST")
    assert word in answer["error_description"]
    assert "." not in answer["error_description"].replace(".xml", "")
    assert asked_with(NO_KEY)[0] == 403
    assert bitrix24.calls == []


# -- keys and bodies ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["im.chat.get", "batch", "no.such.method", "im.dialog.get"])
def test_request_without_our_key_gets_no_information_and_calls_no_portal(
    booted: Services, portal: Portal, bitrix24: FakeBitrix24, method: str
) -> None:
    other, _ = booted.keys.create(portal.member_id, "other", ["lookup"], None)
    assert refused("clk_" + "x" * 40, method) == (403, "INVALID_CREDENTIALS")
    assert answered(event(method)) == (
        403,
        {"error": "INVALID_CREDENTIALS", "error_description": "Invalid request credentials"},
    )
    assert refused(other, method) == (403, "insufficient_scope")
    assert bitrix24.calls == []


LONG = "1" * 5_000
HOSTILE = {
    "a key of many digits": f"a[{LONG}]=1&a[]=2",
    "many indexes after many digits": f"a[{LONG[:4_299]}]=1&" + "a[]=1&" * 300,
    "very many indexes": "a[][]=1&" * 1_000,
    "depth": "a" + "[]" * 100_000 + "=1",
    "brackets": "[" * 100_000,
    "bytes of no encoding": "auth=%ff&%ff=%ff",
    "JSON of many digits": '{"a":' + LONG + "}",
    "deep JSON": '{"a":' + "[" * 100_000,
}


@pytest.mark.parametrize("content_type", [FORM, JSON, "multipart/form-data; boundary=x", ""])
@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_hostile_body_causes_no_internal_error_with_or_without_a_key(
    key: str, bitrix24: FakeBitrix24, output: Output, body: str, content_type: str
) -> None:
    bitrix24.answers("im.chat.get", FOUND)
    for proxy, query in (("im.chat.get", ""), ("im.chat.get", body[:8_000]), ("1/wrong/im.chat.get", "")):
        status, answer = answered(event(proxy, query, body=body, content_type=content_type))
        assert (status, answer["error"]) == (403, "INVALID_CREDENTIALS")
    status, answer = answered(event(f"1/{key}/im.chat.get", body=body, content_type=content_type, as_base64=True))
    assert (status, answer["result"]) == (200, None)
    assert "ERROR" not in output.text


def test_key_in_the_address_is_checked_before_the_body_is_read(key: str) -> None:
    unreadable = {"body": "!", "isBase64Encoded": True}
    assert answered(event("1/a-key-that-is-unknown/batch") | unreadable)[0] == 403
    assert answered(event(f"1/{key}/batch") | unreadable)[0] == 400


def test_key_at_the_top_level_of_a_large_body_takes_precedence(
    booted: Services, key: str, bitrix24: FakeBitrix24, portal: Portal
) -> None:
    bitrix24.answers("im.chat.get", FOUND)
    other, _ = booted.keys.create(portal.member_id, "other", ["lookup"], None)
    many = list(range(5_000))
    for first, second, status in ((key, key, 200), (key, other, 403), (key, "unknown-0123456789", 403)):
        body = json.dumps({"a": {"auth": first}, "b": many, "auth": second, **DEAL})
        assert answered(event("im.chat.get", body=body, content_type=JSON))[0] == status


def test_key_is_in_no_log_line_for_any_outcome(
    key: str, bitrix24: FakeBitrix24, output: Output, monkeypatch: pytest.MonkeyPatch, booted: Services
) -> None:
    bitrix24.answers("im.chat.get", FOUND)
    plain = "a-key-without-our-prefix-0123456789"
    asked(key, "im.chat.get", DEAL)
    asked(plain, "im.chat.get", DEAL)
    answered(event("im.chat.get", f"auth={plain}", verb="GET"))

    def fails(given: str | None, _: str) -> None:
        raise RuntimeError(f"broken at /rest/1/{given}/im.chat.get")

    monkeypatch.setattr(booted.keys, "authenticate", fails)
    assert refused(plain, "im.chat.get") == (500, "INTERNAL_SERVER_ERROR")
    assert [line["status"] for line in output.lines if "status" in line] == [200, 403, 403, 500]
    assert key not in output.text
    assert plain not in output.text
