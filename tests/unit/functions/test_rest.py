"""/rest as its clients use it: the answers of look-ups, their shapes and times, and the keys that it accepts."""

import json

import pytest

from chat_lookup.bootstrap.services import Services
from chat_lookup.portals.portal import Portal
from tests.support.fakes import FakeBitrix24, Output
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
