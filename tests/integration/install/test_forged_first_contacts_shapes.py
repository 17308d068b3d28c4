"""First contacts that are no messages of a portal: for any bytes, the answer is a refusal with a readable page."""

import base64
import json
from typing import Any

import pytest

from local.portal.events.http_delivery import Answer
from tests.support.portals.unknown_portal import (
    APP,
    CHOSEN_TOKEN,
    EMPLOYEE,
    FORM,
    INSTALL,
    Stage,
    assert_refused,
    shown,
)

PROVED = ("oauth/token", "profile")
JSON = "application/json"
FRAME = "AUTH_ID=a&REFRESH_ID=r&AUTH_EXPIRES=3600&member_id=m&status=L&PLACEMENT=DEFAULT"
EVENT = "event=ONAPPINSTALL&auth[domain]=acme.bitrix24.com&auth[member_id]=m&auth[refresh_token]=r"

BODIES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", FORM),
    "blanks": (b"   ", FORM),
    "no form": (b"\x00\x01\x02", FORM),
    "not UTF-8": (b"AUTH_ID=\xff\xfe&REFRESH_ID=\xc3\x28", FORM),
    "not UTF-8 inside": (b"AUTH_ID=%ff%fe&REFRESH_ID=r", FORM),
    "no known field": (b"a=b&c=d", FORM),
    "65 KB": (FRAME.encode() + b"&x=" + b"x" * 65_536, FORM),
    "5 MB": (FRAME.encode() + b"&x=" + b"x" * 5_000_000, FORM),
    "201 fields": (FRAME.encode() + b"".join(b"&f%d=1" % number for number in range(201)), FORM),
    "many thousand fields": (FRAME.encode() + b"&a" * 30_000, FORM),
    "many thousand brackets": (FRAME.encode() + b"&a" + b"[b]" * 10_000 + b"=1", FORM),
    "ten levels": (FRAME.encode() + b"&a" + b"[b]" * 10 + b"=1", FORM),
    "brackets that do not match": (FRAME.encode() + b"&a[b=1&c]d[=2", FORM),
    "a name of 10 KB": (FRAME.encode() + b"&" + b"n" * 10_000 + b"=1", FORM),
    "a value and a map": (FRAME.encode() + b"&a=1&a[b]=2", FORM),
    "maps for texts": (b"AUTH_ID[x]=a&REFRESH_ID[y]=r&member_id[]=m", FORM),
    "an event that is a map": (b"event[]=ONAPPINSTALL&auth[member_id]=m", FORM),
    "an event with odd letters": (b"event=ON%0AAPP&auth[member_id]=m", FORM),
    "auth that is a text": (b"event=ONAPPINSTALL&auth=everything", FORM),
    "auth that is nested": (b"event=ONAPPINSTALL&auth[domain][x]=acme.bitrix24.com", FORM),
    "an event without auth": (b"event=ONAPPUPDATE", FORM),
    "an uninstall without auth": (b"event=ONAPPUNINSTALL", FORM),
    "an uninstall without a portal": (b"event=ONAPPUNINSTALL&auth[application_token]=t", FORM),
    "no JSON": (b"{", JSON),
    "JSON that is a list": (b"[1,2]", JSON),
    "JSON that is a text": (b'"AUTH_ID=a"', JSON),
    "JSON with NaN": (b'{"AUTH_ID":NaN}', JSON),
    "JSON nested without end": (b'{"a":' * 50_000, JSON),
    "JSON with half an emoji": (b'{"AUTH_ID":"\\ud800","REFRESH_ID":"r"}', JSON),
    "a huge number": (b'{"AUTH_ID":' + b"9" * 60_000 + b"}", JSON),
    "a form declared as JSON": (FRAME.encode(), JSON),
    "JSON declared as a form": (json.dumps({"AUTH_ID": "a", "REFRESH_ID": "r"}).encode(), FORM),
    "an image": (b"\x89PNG\r\n", "image/png"),
    "a form in parts": (
        b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x--",
        "multipart/form-data; boundary=x",
    ),
    "XML": (b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', "application/xml"),
    "UTF-16": (FRAME.encode("utf-16"), f"{FORM}; charset=utf-16"),
}

ODD_MEMBER_IDS = (
    "../../etc",
    "a#b",
    "PORTAL#a",
    "a/b",
    "a b",
    "a\nb",
    "a\x00b",
    "é",
    "😀",
    "a" * 65,
    "a" * 3000,
    "{$ne:1}",
    "' OR 1=1 --",
    "%s%n",
    "*",
)


@pytest.mark.parametrize(("body", "content_type"), BODIES.values(), ids=BODIES.keys())
def test_body_that_no_portal_sends_is_refused_with_a_readable_page(
    stage: Stage, body: bytes, content_type: str
) -> None:
    with stage.untouched():
        answers = [stage.request("POST", path, body, content_type) for path in (INSTALL, APP)]

    for answer in answers:
        assert answer.status == 403, answer
        assert "installFinish" not in answer.body
        assert len(shown(answer)) > 20


@pytest.mark.parametrize("member_id", ODD_MEMBER_IDS, ids=ascii)
def test_member_id_with_invalid_characters_is_refused(stage: Stage, member_id: str) -> None:
    with stage.untouched():
        assert_refused(stage.contact(fields={"member_id": member_id}), "form")
        for event in ("ONAPPINSTALL", "ONAPPUPDATE", "ONAPPUNINSTALL"):
            assert_refused(stage.event(event, fields={"auth[member_id]": member_id}), "form")


@pytest.mark.parametrize("token", ["a b", "a\r\nX-Evil: 1", "a\x00b", "é", "x" * 1025, "\u202e"], ids=ascii)
@pytest.mark.parametrize("field", ["REFRESH_ID", "APPLICATION_TOKEN"])
def test_token_with_invalid_characters_is_refused(stage: Stage, field: str, token: str) -> None:
    with stage.untouched():
        answer = stage.contact(fields={field: token})

    assert_refused(answer, "form")


@pytest.mark.parametrize("event", ["ONIMBOTMESSAGEADD", "ONAPPTEST", "ONAPPPAYMENT", "ONCRMDEALADD", "__PROTO__"])
def test_unsupported_event_changes_nothing(stage: Stage, event: str) -> None:
    stage.install()

    with stage.untouched():
        answer = stage.event(event)

    assert answer.status == 200


def test_frame_in_json_needs_proof_too(stage: Stage) -> None:
    granted = stage.grant(EMPLOYEE)
    fields = {
        "AUTH_ID": granted["access_token"],
        "REFRESH_ID": granted["refresh_token"],
        "DOMAIN": stage.portal.domain,
        "member_id": granted["member_id"],
        "SERVER_ENDPOINT": granted["server_endpoint"],
        "APPLICATION_TOKEN": CHOSEN_TOKEN,
    }

    with stage.untouched(PROVED):
        answer = stage.request("POST", INSTALL, json.dumps(fields).encode(), JSON)

    assert_refused(answer, "administrator")


def test_repeated_fields_are_proved_with_the_values_that_are_used(stage: Stage) -> None:
    theirs, ours = stage.grant(EMPLOYEE), stage.service.member_id
    body = f"REFRESH_ID=x&REFRESH_ID={theirs['refresh_token']}&refresh_id={theirs['refresh_token']}&member_id={ours}"
    query = f"DOMAIN=acme.bitrix24.com&DOMAIN={stage.portal.domain}&member_id={stage.portal.member_id}"

    with stage.untouched(("oauth/token",)):
        answer = stage.request("POST", f"{INSTALL}?{query}", body.encode())

    assert_refused(answer, "portal")


@pytest.mark.parametrize(
    "query",
    ["DOMAIN=%ff", "&" * 20_000, "a=1&" * 200, "DOMAIN=" + "x" * 20_000, "%00", "DOMAIN[]=a", "DOMAIN=%0d%0aX:1"],
    ids=lambda query: query[:20],
)
@pytest.mark.parametrize("verb", ["GET", "POST"])
def test_unreadable_query_is_refused(stage: Stage, verb: str, query: str) -> None:
    with stage.untouched():
        answer = stage.request(verb, f"{INSTALL}?{query}", FRAME.encode() if verb == "POST" else None)

    assert answer.status in (200, 400, 403)
    assert "installFinish" not in answer.body


@pytest.mark.parametrize("body", ["%%%", "====", "AUTH_ID", "é", "QVVUSF9JRA", "\n", " "])
def test_invalid_base64_is_refused(stage: Stage, body: str) -> None:
    with stage.untouched():
        answer = invoked(stage, {"body": body, "isBase64Encoded": True})

    assert 400 <= answer["statusCode"] < 500
    assert "installFinish" not in answer["body"]


@pytest.mark.parametrize("encoded", [False, True])
def test_plain_and_base64_bodies_need_the_same_proof(stage: Stage, encoded: bool) -> None:
    message = stage.message(user_id=EMPLOYEE)
    body = base64.b64encode(message.body.encode()).decode() if encoded else message.body

    with stage.untouched(PROVED):
        answer = invoked(stage, {"body": body, "isBase64Encoded": encoded}, message.url.partition("?")[2])

    assert answer["statusCode"] == 403


@pytest.mark.parametrize(
    "headers", [None, {}, {"content-type": FORM}, {"Content-Type": FORM.upper()}, {"CONTENT-TYPE": FORM}]
)
def test_case_of_header_names_makes_no_difference(stage: Stage, headers: dict[str, str] | None) -> None:
    message = stage.message(user_id=EMPLOYEE)

    with stage.untouched(PROVED):
        answer = invoked(stage, {"body": message.body, "headers": headers}, message.url.partition("?")[2])

    assert answer["statusCode"] == 403


@pytest.mark.parametrize("verb", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_verbs_without_a_route_are_refused(stage: Stage, verb: str) -> None:
    with stage.untouched():
        answer: Answer = stage.request(verb, INSTALL, FRAME.encode())

    assert answer.status in (404, 405)


@pytest.mark.parametrize("verb", ["GET", "HEAD"])
@pytest.mark.parametrize("path", [INSTALL, APP, "/bitrix24/events"])
def test_probe_by_get_or_head_is_answered_and_changes_nothing(stage: Stage, verb: str, path: str) -> None:
    with stage.untouched():
        answer = stage.request(verb, f"{path}?DOMAIN={stage.portal.domain}&REFRESH_ID=r")

    assert answer.status == 200


def invoked(stage: Stage, event: dict[str, object], query: str = "") -> Any:
    """Return the function's answer to a POST as the gateway passes it on; `event` overrides its fields."""
    whole = {
        "version": "2.0",
        "routeKey": f"POST {INSTALL}",
        "rawPath": INSTALL,
        "rawQueryString": query,
        "headers": {"content-type": FORM},
        "requestContext": {
            "domainName": "lookup.example.com",
            "requestId": "forged",
            "http": {"method": "POST", "path": INSTALL, "sourceIp": "192.0.2.1"},
        },
        "isBase64Encoded": False,
        **event,
    }
    return stage.service.stack.backend.functions.invoke("InstallFunction", whole)
