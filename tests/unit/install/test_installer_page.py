"""The installer's page in a browser: shown at once, then one step after the other, each repeatable."""

import json
from typing import Any

import pytest

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.bootstrap.services import Services
from chat_lookup.install import pages
from chat_lookup.install.offers import Step
from chat_lookup.install.page_texts import page_text
from chat_lookup.install.pages import Surroundings
from chat_lookup.languages import Language
from functions.install import app
from tests.support.fakes import MEMBER_ID, FakeAuthorisationServer, FakeBitrix24, Output, Stores, lambda_context
from tests.support.portals.first_contact import (
    FRAME_FORM,
    Changes,
    answer_as_a_portal,
    frame,
    refusing,
    secret_arns,
)

pytestmark = pytest.mark.usefixtures("settled")
FRESH = {"AUTH_ID": "fresh-access-token", "REFRESH_ID": "fresh-refresh-token"}


@pytest.fixture(autouse=True)
def _grant(server: FakeAuthorisationServer, settled: Services) -> None:
    del settled
    server.grants("offered-refresh-token")


def opened(query: Changes | None = None, form: Changes | None = None) -> dict[str, Any]:
    """What a browser gets in the frame."""
    event = frame(query=query, form=form)
    event["headers"]["sec-fetch-dest"] = "iframe"
    return app.handler(event, lambda_context())


def data_of(answer: dict[str, Any]) -> Any:
    return json.loads(answer["body"].partition('id="installation">')[2].partition("</script>")[0])


def take(step: str, form: Changes | None = None) -> tuple[int, Any]:
    """One step, as the page's script asks for it."""
    answer = app.handler(frame(form={"step": step, **(form or {})}), lambda_context())
    return answer["statusCode"], json.loads(answer["body"])


def test_browser_gets_the_page_at_once_and_nothing_is_called_or_stored(
    server: FakeAuthorisationServer, bitrix24: FakeBitrix24, settled: Services
) -> None:
    answer = opened()
    assert answer["statusCode"] == 200
    assert [each["step"] for each in data_of(answer)["steps"]] == list(Step)
    assert (server.asked, bitrix24.calls) == ([], [])
    assert settled.portals.read(MEMBER_ID) is None


def test_steps_install_what_one_request_installs(
    settled: Services, server: FakeAuthorisationServer, bitrix24: FakeBitrix24
) -> None:
    before = settled.portals.read(MEMBER_ID)
    assert [take(step) for step in Step] == [(200, {"sentences": []})] * 3
    by_steps, calls = settled.portals.read(MEMBER_ID), [method for method in bitrix24.methods if method != "profile"]
    bitrix24.calls.clear()
    server.grants("fresh-refresh-token")
    assert app.handler(frame(form=FRESH), lambda_context())["statusCode"] == 200
    at_once = settled.portals.read(MEMBER_ID)
    assert before is None
    assert by_steps
    assert at_once
    steps, once = (
        each._replace(secret_arn="", token_version="", refreshed_at=0.0, generation=0) for each in (by_steps, at_once)
    )
    assert steps == once
    assert [method for method in bitrix24.methods if method != "profile"] == calls


@pytest.mark.parametrize("step", [Step.BOT, Step.EVENTS])
def test_step_can_be_repeated(step: Step, settled: Services) -> None:
    for each in Step:
        take(each)
    before = settled.portals.read(MEMBER_ID)
    assert take(step) == (200, {"sentences": []})
    assert settled.portals.read(MEMBER_ID) == before


@pytest.mark.parametrize("broken", list(Step))
def test_installation_that_stopped_anywhere_is_ended_by_a_new_frame(
    broken: Step, settled: Services, server: FakeAuthorisationServer, bitrix24: FakeBitrix24, stores: Stores
) -> None:
    failing = {Step.CONNECT: "profile", Step.BOT: "scope", Step.EVENTS: "event.get"}[broken]
    bitrix24.answers_by(failing, refusing("INTERNAL_SERVER_ERROR", 500))
    outcomes = [take(step)[0] for step in list(Step)[: list(Step).index(broken) + 1]]
    assert outcomes == [*[200] * (len(outcomes) - 1), 503]
    answer_as_a_portal(bitrix24)
    server.grants("fresh-refresh-token")
    assert [take(step, FRESH)[0] for step in Step] == [200] * 3
    portal = settled.portals.get(MEMBER_ID)
    assert (portal.bot_id, len(secret_arns(stores))) == (456, 1)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ({"REFRESH_ID": "used-before-refresh-token"}, "used already or has expired"),
        ({"REFRESH_ID": None}, "no refresh token"),
        ({"SERVER_ENDPOINT": "https://oauth.evil.example/rest/"}, "not known here"),
    ],
)
def test_refusal_is_shown_at_the_proof_with_what_to_do(form: Changes, text: str) -> None:
    status, body = take("connect", form)
    assert (status, body["failed"]) == (403, "proved")
    assert text in body["sentences"][0]
    assert (body["type"], body["status"]) == ("urn:bitrix24-chat-lookup:problem:installation-refused", 403)


def test_failing_store_is_shown_at_its_own_line(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.exceptions import EndpointConnectionError  # noqa: PLC0415 - this test's only

    def fail(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://secretsmanager.example")

    monkeypatch.setattr(stores.secrets, "create_secret", fail)
    status, body = take("connect")
    assert (status, body["failed"]) == (503, "stored")
    assert body["sentences"] == [page_text("store-unavailable", Language.ENGLISH)]


@pytest.mark.parametrize(
    ("method", "step", "remark"),
    [("imbot.v2.Bot.register", Step.BOT, "bot_refused"), ("event.bind", Step.EVENTS, "bindings_refused")],
)
def test_what_the_portal_refuses_is_a_remark_of_its_step(
    method: str, step: Step, remark: str, bitrix24: FakeBitrix24, output: Output
) -> None:
    bitrix24.answers_by(method, refusing("ACCESS_DENIED", 403))
    assert {each: take(each)[1]["sentences"] for each in Step}[step] == [page_text(remark, Language.ENGLISH)]
    assert [remark] in [line.get("remarks") for line in output.lines]


@pytest.mark.parametrize("step", [Step.BOT, Step.EVENTS])
def test_later_step_is_for_an_administrator_whom_the_portal_confirms(step: Step, bitrix24: FakeBitrix24) -> None:
    assert take(step)[0] == 403
    assert set(bitrix24.methods) <= {"profile"}
    take("connect")
    answer_as_a_portal(bitrix24, admin=False)
    bitrix24.calls.clear()
    assert take(step)[0] == 403
    bitrix24.answers_by("profile", refusing("invalid_token", 401))
    assert take(step)[0] == 403
    assert take(step, {"AUTH_ID": None})[0] == 403
    assert set(bitrix24.methods) == {"profile"}


def test_outage_of_the_authorisation_server_says_when_to_try_again(server: FakeAuthorisationServer) -> None:
    server.failure = BitrixError("HTTP_5XX", 503, method="oauth/token")
    status, body = take("connect")
    assert (status, body["failed"]) == (503, "proved")


def test_page_hands_its_script_what_makes_an_offer_and_nothing_that_ends_an_element() -> None:
    marked = "</script><b>canary</b>"
    answer = opened({"DOMAIN": marked, "OTHER": "unread-field"}, {"member_id": marked, "PLACEMENT_OPTIONS": marked})
    posted = data_of(answer)["posted"]
    assert posted["domain"] == posted["member_id"] == marked
    assert posted["refresh_id"] == FRAME_FORM["REFRESH_ID"]
    assert posted.keys() == {
        "domain", "protocol", "lang", "auth_id", "refresh_id", "member_id", "server_endpoint", "application_token",
    }  # fmt: skip
    assert "<b>" not in answer["body"]


@pytest.mark.parametrize("language", Language)
def test_page_is_in_the_visitors_language(language: Language) -> None:
    answer = opened({"LANG": language.value})
    assert f'<html lang="{language.value}">' in answer["body"]
    assert page_text("step-bot", language) in answer["body"]
    assert data_of(answer)["texts"]["done"] == page_text("done", language)


def test_page_may_call_its_own_service_and_load_the_portals_script_only() -> None:
    around = Surroundings("http://127.0.0.1:3020/api/v1/", "http://127.0.0.1:3020")
    answer = pages.installer(Language.ENGLISH, {}, around)
    policy = dict(directive.split(" ", 1) for directive in answer["headers"]["content-security-policy"].split("; "))
    assert policy["script-src"].startswith("http://127.0.0.1:3020 'sha256-")
    assert policy["frame-ancestors"] == "https: http://127.0.0.1:3020"
    assert policy["connect-src"] == policy["form-action"] == "'self'"
    assert "unsafe" not in str(policy)
    assert len(answer["body"]) < 20_000


def test_no_secret_of_a_step_reaches_the_log(output: Output) -> None:
    opened()
    for step in Step:
        take(step)
    for secret in ("offered-refresh-token", "offered-access-token", FRAME_FORM["APPLICATION_TOKEN"]):
        assert secret not in output.text


def test_texts_of_the_script_differ_between_languages() -> None:
    texts = [data_of(opened({"LANG": language.value}))["texts"] for language in Language]
    assert [key for key in texts[0] if len({each[key] for each in texts}) < len(Language)] == []
