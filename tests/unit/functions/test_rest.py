"""/rest as its clients meet it: what a look-up answers, in which shape and how late, and whose key opens it."""

import pytest

from chat_lookup.bootstrap.services import Services
from chat_lookup.portals.portal import Portal
from tests.support.fakes import FakeBitrix24, Output
from tests.support.rest_function import DEAL, FORM, answered, asked, event, refused

FOUND = {"ID": 1437}


@pytest.fixture
def key(booted: Services, portal: Portal) -> str:
    return booted.keys.create(portal.member_id, "shop", ["rest"], None)[0]


def test_the_key_stands_in_the_address_or_as_auth(key: str, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("im.chat.get", FOUND)
    pair = "ENTITY_TYPE=CRM&ENTITY_ID=DEAL%7C1663"
    for request in (
        event(f"1/{key}/im.chat.get", pair, verb="GET"),
        event(f"42/{key}/im.chat.get.json", body=pair, content_type=FORM, as_base64=True),
        event("im.chat.get", f"{pair}&auth={key}", verb="GET"),
        event("im.chat.get", body=f"{pair}&AUTH={key}", content_type=FORM),
    ):
        assert answered(request)[1]["result"] == FOUND


@pytest.mark.parametrize("method", ["im.chat.get", "batch", "no.such.method", "im.dialog.get"])
def test_without_a_key_of_ours_nothing_is_told_and_nobody_asked(
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


def test_a_key_is_in_no_line_whatever_becomes_of_the_request(
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
