"""The pages of the installation: the scripts that they allow, and what they never show."""

import base64
import hashlib
import re
from html import unescape
from typing import Any

import pytest

from chat_lookup import errors
from chat_lookup.bootstrap.services import Services
from chat_lookup.install.pages import failure, page
from chat_lookup.languages import Language
from functions.install import app
from tests.support.fakes import MEMBER_ID, FakeAuthorisationServer, Output, lambda_context
from tests.support.portals.first_contact import FRAME_FORM, frame, http

pytestmark = pytest.mark.usefixtures("settled")


def invoke(event: dict[str, Any], seconds: float = 29) -> dict[str, Any]:
    return app.handler(event, lambda_context(seconds))


@pytest.fixture(autouse=True)
def _grant(server: FakeAuthorisationServer, settled: Services) -> None:
    del settled
    server.grants("offered-refresh-token")


def test_page_allows_the_vendors_script_and_its_own_inline_script_only() -> None:
    answer = invoke(frame())
    policy = dict(directive.split(" ", 1) for directive in answer["headers"]["content-security-policy"].split("; "))
    (inline,) = re.findall(r"<script>([^<]+)</script>", answer["body"])
    digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
    assert policy["script-src"] == f"https://api.bitrix24.com 'sha256-{digest}'"
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert answer["headers"]["x-content-type-options"] == "nosniff"


def test_no_page_shows_any_input(output: Output) -> None:
    marked = "<b>canary</b>"
    pages = [
        invoke(frame()),
        invoke(frame(form={"REFRESH_ID": "used-before-refresh-token"})),
        invoke(frame(query={"DOMAIN": marked, "LANG": marked})),
        invoke(frame(form={"PLACEMENT_OPTIONS": marked, "member_id": marked})),
        invoke(frame("app", query={"DOMAIN": f"{marked}.example.com"})),
        invoke(http("GET /bitrix24/install", {"portal": marked, "state": marked})),
        invoke(http("GET /bitrix24/install", {"code": marked, "state": marked})),
    ]
    assert output.lines
    for shown in (*(unescape(each["body"]) for each in pages), output.text):
        assert "canary" not in shown
        for secret in (*FRAME_FORM.values(), "issued-access-token-1"):
            assert len(secret) < 10 or secret in {MEMBER_ID, "DEFAULT"} or secret not in shown


def test_sentences_are_escaped() -> None:
    body = page(Language.RUSSIAN, ["no_chat_scope"])["body"]
    assert "«Чат и уведомления»" in body
    assert "installFinish" not in body
    assert "<script" not in failure(Language.ENGLISH, errors.PortalBusy(retry_after=3))["body"]
