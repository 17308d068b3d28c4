"""The page inside the portal, as API Gateway invokes it: the frame's POST, the files, and what its users find."""

import json
import re
from typing import Any
from urllib.parse import urlencode

import pytest

from chat_lookup.bitrix24.batch import Command
from chat_lookup.bootstrap import process
from chat_lookup.clock import Clock
from chat_lookup.portals.portal import Portal, PortalState
from functions.page import app
from tests.support.fakes import Called, FakeBitrix24, ManualClock, Output, lambda_context
from tests.support.portals.first_contact import DOMAIN, FRAME_FORM, FRAME_QUERY, Changes, event_body, http
from tests.support.portals.page_visitors import (
    ADMINISTRATOR,
    EMPLOYEE,
    OUTSIDER,
    Visitors,
    ask,
    code,
    session_in,
    visit,
)

pytestmark = pytest.mark.usefixtures("visitors")
DEAL = {"query": "deal 1663"}


def find(body: object, token: str = EMPLOYEE, *, session: str | None = None) -> dict[str, Any]:
    return ask("POST", "find", body, session=session or session_in(visit(token)), token=token)


def found(response: dict[str, Any]) -> dict[str, Any]:
    assert response["statusCode"] == 200, response["body"]
    read: dict[str, Any] = json.loads(response["body"])
    return read


def commands(batch: Called) -> list[Command]:
    listed = batch.params["cmd"]
    assert isinstance(listed, list)
    return listed


def ancestors(response: dict[str, Any]) -> str:
    return str(response["headers"]["content-security-policy"]).partition("frame-ancestors ")[2]


# -- the frame ---------------------------------------------------------------------------------------------------------


def test_proved_user_gets_the_page_which_only_the_portal_on_record_may_frame(bitrix24: FakeBitrix24) -> None:
    calls = len(bitrix24.calls)
    answer = visit(EMPLOYEE)
    assert (answer["statusCode"], bitrix24.methods[calls:]) == (200, ["profile"])
    assert ancestors(answer) == f"https://{DOMAIN}"
    for name in ("query", "find", "answer"):
        assert f'data-test="{name}"' in answer["body"]
    assert answer["headers"]["cache-control"] == "no-store"


def test_document_has_no_token_and_nothing_inline() -> None:
    answer = visit()
    for secret in (ADMINISTRATOR, FRAME_FORM["REFRESH_ID"], FRAME_FORM["APPLICATION_TOKEN"]):
        assert secret not in answer["body"]
    policy = answer["headers"]["content-security-policy"]
    assert "script-src 'self' https://api.bitrix24.com;" in policy
    assert not re.search(r"unsafe|data:|\*", policy)
    assert not re.search(r"<style|\son\w+=|\sstyle=", answer["body"])
    assert re.findall(r"<script(?![^>]*src=)([^>]*)>", answer["body"]) == [' type="application/json" id="texts"']


def test_first_view_has_less_than_60_kb_without_the_portals_script() -> None:
    answer = visit()
    files = re.findall(r'"(/assets/[^"]+)"', answer["body"])
    assert len(files) == 2
    served = [asset(path) for path in files]
    assert sum(len(each["body"].encode()) for each in (answer, *served)) < 60_000


@pytest.mark.parametrize(
    "form",
    [
        {"APPLICATION_TOKEN": "forged-application-token"},
        {"AUTH_ID": "forged-access-token"},
        {"AUTH_ID": "forged-access-token", "APPLICATION_TOKEN": None},
        {"AUTH_ID": "blank in it"},
        {"AUTH_ID": ""},
        {"member_id": "a/b"},
    ],
    ids=str,
)
def test_unproved_frame_gets_one_neutral_sentence_and_may_be_framed_by_no_page(form: Changes) -> None:
    answer = visit(form=form)
    assert (answer["statusCode"], ancestors(answer)) == (403, "'none'")
    assert "Open the application in your Bitrix24 portal." in answer["body"]
    assert "data-session" not in answer["body"]
    assert DOMAIN not in json.dumps(answer)


def test_administrator_of_an_older_portal_which_sends_no_application_token_gets_the_page_of_a_user(
    known: Portal,
) -> None:
    without = {"APPLICATION_TOKEN": None}
    answer = visit(form=without)
    assert (answer["statusCode"], ancestors(answer)) == (200, f"https://{DOMAIN}")
    assert 'data-test="doctor"' not in answer["body"]
    session = session_in(answer)
    renewed = found(ask("POST", "session", session=session, token=ADMINISTRATOR))
    assert renewed["administrator"] is False
    for each in (session, renewed["session"]):
        refused = ask("GET", "doctor", session=each, token=ADMINISTRATOR)
        assert code(refused) == "403 administrator-required"
    process.services().portals.states.stop(known)
    assert (visit(form=without)["statusCode"], ancestors(visit(form=without))) == (403, "'none'")


def test_forged_application_token_causes_no_call(bitrix24: FakeBitrix24) -> None:
    calls = len(bitrix24.calls)
    visit(form={"APPLICATION_TOKEN": "forged-application-token"})
    assert len(bitrix24.calls) == calls


def test_refused_token_is_not_asked_about_twice(bitrix24: FakeBitrix24) -> None:
    visit("forged-access-token")
    calls = len(bitrix24.calls)
    assert visit("forged-access-token")["statusCode"] == 403
    assert len(bitrix24.calls) == calls


def test_flood_of_forged_frames_is_refused_until_later() -> None:
    statuses = {
        visit(form={"APPLICATION_TOKEN": f"forged-application-token-{each}"})["statusCode"] for each in range(8)
    }
    assert statuses == {403, 429}


@pytest.mark.parametrize(
    "state", [PortalState.UNINSTALLED, PortalState.REAUTHORISE, PortalState.REFUSED, PortalState.RENAMED]
)
def test_portal_that_needs_a_new_grant_is_handed_to_the_installation_before_anything_is_called(
    known: Portal, state: PortalState, bitrix24: FakeBitrix24
) -> None:
    process.services().portals.states.close(known, state, "CODE")
    calls = len(bitrix24.calls)
    answer = visit()
    assert (answer["statusCode"], answer["headers"]["location"]) == (
        307, f"/bitrix24/install?{urlencode(FRAME_QUERY)}",
    )  # fmt: skip
    assert len(bitrix24.calls) == calls


@pytest.mark.parametrize(
    ("form", "query"),
    [
        ({"member_id": "f0e1d2c3b4a5968778695a4b3c2d1e0f"}, None),
        ({"member_id": None}, None),
        (None, {"DOMAIN": "acme-new.bitrix24.com"}),
        (None, {"code": "authorisation-code"}),
    ],
    ids=["unknown portal", "without a member id", "another domain", "with a code"],
)
def test_what_only_an_installation_can_prove_is_handed_to_it(form: Changes | None, query: Changes | None) -> None:
    answer = visit(form=form, query=query)
    assert (answer["statusCode"], answer["headers"]["location"].partition("?")[0]) == (307, "/bitrix24/install")


def test_event_of_the_application_is_handed_to_the_installation() -> None:
    answer = app.handler(http("POST /bitrix24/app", body=event_body("ONAPPINSTALL", {})), lambda_context())
    assert (answer["statusCode"], answer["headers"]["location"]) == (307, "/bitrix24/install")


def test_stopped_portal_is_not_called_and_its_user_reads_why(known: Portal, bitrix24: FakeBitrix24) -> None:
    process.services().portals.states.stop(known)
    calls = len(bitrix24.calls)
    answer = visit()
    assert (answer["statusCode"], ancestors(answer)) == (503, f"https://{DOMAIN}")
    assert "has stopped it" in answer["body"]
    assert len(bitrix24.calls) == calls


def test_portal_that_cannot_be_asked_has_a_sentence_and_a_retry_time(bitrix24: FakeBitrix24) -> None:
    bitrix24.fails("profile", "HTTP_5XX", 503)
    answer = visit()
    assert (answer["statusCode"], "data-session" in answer["body"]) == (503, False)
    assert int(answer["headers"]["retry-after"]) >= 1
    assert ancestors(answer) == f"https://{DOMAIN}"


@pytest.mark.parametrize(
    ("state", "words"),
    [(PortalState.UNPAID, "not paid"), (PortalState.MISCONFIGURED, "does not accept the application")],
)
def test_users_of_a_closed_portal_get_the_page_or_else_read_why_they_do_not(
    known: Portal, bitrix24: FakeBitrix24, state: PortalState, words: str
) -> None:
    process.services().portals.states.close(known, state, "CODE")
    assert "data-session" in visit()["body"]
    bitrix24.fails("profile", "PAYMENT_REQUIRED", 401)
    answer = visit()
    assert (answer["statusCode"], words in answer["body"]) == (503, True)


@pytest.mark.parametrize("body", ["", "PLACEMENT=DEFAULT", "a" * 100_000])
def test_request_that_is_no_frame_gets_the_neutral_sentence(body: str) -> None:
    answer = app.handler(http("POST /bitrix24/app", body=body), lambda_context())
    assert (answer["statusCode"], ancestors(answer)) == (403, "'none'")


@pytest.mark.parametrize(
    ("language", "words"), [("en", "Find a chat"), ("de", "Chat finden"), ("ru", "Найти чат"), ("fr", "Find a chat")]
)
def test_page_is_in_the_users_language(language: str, words: str) -> None:
    assert words in visit(query={"LANG": language})["body"]


def test_browser_outside_of_a_frame_gets_a_sentence_and_one_with_a_code_the_installation() -> None:
    assert app.handler(http("GET /bitrix24/app"), lambda_context())["statusCode"] == 200
    for query in ({"code": "x", "state": "y"}, {"portal": DOMAIN}):
        assert app.handler(http("GET /bitrix24/app", query), lambda_context())["statusCode"] == 307
    probe = app.handler(http("HEAD /bitrix24/app"), lambda_context())
    assert (probe["statusCode"], probe["body"]) == (200, "")


def test_local_portals_pages_may_frame_the_page_where_they_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_PAGE_URL", "http://127.0.0.1:3020")
    process.built.cache_clear()
    assert ancestors(visit()) == f"https://{DOMAIN} http://127.0.0.1:3020"


# -- files -------------------------------------------------------------------------------------------------------------


def asset(path: str) -> dict[str, Any]:
    event = http("GET /assets/{proxy+}") | {"pathParameters": {"proxy": path.removeprefix("/assets/")}}
    return app.handler(event, lambda_context())


def test_files_of_the_page_are_immutable_under_addresses_with_their_hash() -> None:
    for path in re.findall(r'"(/assets/[^"]+)"', visit()["body"]):
        answer = asset(path)
        assert (answer["statusCode"], answer["headers"]["cache-control"]) == (
            200,
            "public, max-age=31536000, immutable",
        )
        assert re.fullmatch(r"/assets/page\.[0-9a-f]{16}\.(js|css)", path)


@pytest.mark.parametrize("path", ["page.js", "../app.py", "page.0000000000000000.js", ""])
def test_no_other_file_is_served(path: str) -> None:
    assert code(asset(path)) == "404 route-not-found"


# -- finding -----------------------------------------------------------------------------------------------------------


def test_user_finds_every_chat_of_an_object_by_one_request_with_the_own_token(bitrix24: FakeBitrix24) -> None:
    session = session_in(visit(EMPLOYEE))
    calls = len(bitrix24.calls)
    view = found(find(DEAL, session=session))
    assert [(each["chat_id"], each["title"], each["kind"]) for each in view["chats"]] == [
        (1437, "Deal tyres", "discussion"), (1763, "Client on Telegram", "open_line"),
    ]  # fmt: skip
    assert (view["source"], view["notes"], view["more"]) == ("portal", [], None)
    mine = [call for call in bitrix24.calls[calls:] if call.endpoint.auth == EMPLOYEE]
    assert [call.method for call in mine] == ["batch"]
    assert [each.method for each in commands(mine[0])] == ["profile", "im.dialog.get", "im.dialog.get"]


@pytest.mark.parametrize(
    ("query", "chats"),
    [
        (f"https://{DOMAIN}/crm/deal/details/1663/", [1437, 1763]),
        ("Auftrag 1663", [1437, 1763]),
        ("сделка 1663", [1437, 1763]),
        ("ORDER 2026-0815", [1437]),
        ("chat 1437", [1437]),
        (f"https://{DOMAIN}/online/?IM_DIALOG=chat1763", [1763]),
    ],
)
def test_user_types_picks_or_pastes(query: str, chats: list[int]) -> None:
    assert [each["chat_id"] for each in found(find({"query": query}))["chats"]] == chats


def test_second_view_comes_from_the_cache_and_is_confirmed_again(visitors: Visitors, clock: ManualClock) -> None:
    find(DEAL)
    clock.advance(7)
    visitors.members[EMPLOYEE] = {1763}
    view = found(find(DEAL))
    assert (view["source"], view["age_seconds"]) == ("cache", 7)
    assert ([each["chat_id"] for each in view["chats"]], view["notes"]) == ([1763], ["hidden"])


@pytest.mark.parametrize("query", ["deal 1663", "ORDER 2026-0815", "chat 1437", "chat 1763", "contact 42"])
def test_user_who_may_not_see_a_chat_gets_no_id_of_it_by_any_query(query: str) -> None:
    find({"query": query}, ADMINISTRATOR)
    answer = find({"query": query}, OUTSIDER)
    assert found(answer)["chats"] == []
    named = answer["body"].replace(json.dumps(found(answer)["entity_id"]), "")
    assert not re.search(r"1437|1763|CONTACT", named)


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("deal 404", "404 object-not-found"),
        ("ORDER 2026-0816", "404 chat-not-found"),
        ("hello", "400 invalid-request"),
        ("", "400 invalid-request"),
        ("x" * 2_001, "400 invalid-request"),
        ("https://globex.bitrix24.com/crm/deal/details/1663/", "400 link-of-another-portal"),
    ],
)
def test_what_is_not_found_has_a_problem_of_its_own(query: str, problem: str) -> None:
    assert code(find({"query": query})) == problem


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"query": 5},
        {**DEAL, "more": 1},
        ["x"],
        None,
        *({**DEAL, "offset": each} for each in (-1, 1.5, True, 10**6)),
    ],
)
def test_other_body_is_refused(body: object) -> None:
    assert code(find(body)) == "400 invalid-request"


def test_at_most_49_chats_are_confirmed_in_a_view_and_the_rest_behind_more(
    visitors: Visitors, bitrix24: FakeBitrix24
) -> None:
    lines: list[dict[str, str]] = [
        {"CHAT_ID": str(each), "CONNECTOR_ID": "x", "CONNECTOR_TITLE": "X"} for each in range(2001, 2061)
    ]
    bitrix24.answers_by("imopenlines.crm.chat.get", lambda params: lines if params["CRM_ENTITY_TYPE"] == "deal" else [])
    visitors.members[EMPLOYEE] |= set(range(2001, 2061))
    session = session_in(visit(EMPLOYEE))
    first = found(find(DEAL, session=session))
    assert (len(first["chats"]), first["more"]) == (49, 49)
    rest = found(find({**DEAL, "offset": first["more"]}, session=session))
    assert (len(rest["chats"]), rest["more"]) == (12, None)
    assert max(len(commands(call)) for call in bitrix24.calls if call.method == "batch") <= 50


def test_page_takes_a_quarter_of_the_pace_and_is_busy_beyond_it(clock: Clock) -> None:
    session = session_in(visit(EMPLOYEE))
    outcomes = [code(find({"query": f"chat {number}"}, session=session)) for number in range(1, 16)]
    assert outcomes[:11] == ["200"] * 11
    assert set(outcomes[12:]) == {"429 portal-busy"}
    assert clock.now() - ManualClock().now() < 1, "a user who is refused does not wait"


def test_counts_of_views_have_their_outcome(output: Output) -> None:
    visit()
    visit(form={"APPLICATION_TOKEN": "forged-application-token"})
    assert (output.metric("PageViews", outcome="opened"), output.metric("PageViews", outcome="unproved")) == (1, 1)
