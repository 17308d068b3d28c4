"""Every error of the authorisation server, as callers, the record, the log and the metrics hear it."""

import pytest

from chat_lookup.bitrix24.errors import ROWS, ErrorRow, Where
from chat_lookup.credentials.renewal import OUTAGE_PAUSE
from chat_lookup.portals.failures import FIRST_LOOK
from tests.support.error_scenarios import looked_up
from tests.support.portals.unknown_portal import Stage
from tests.support.reply_checks import counted, found, only_line, problem

WHAT_THE_CALLER_GETS = {
    "config": (502, "portal-misconfigured"),
    "portal": (503, "portal-blocked"),
    "reauthorise": (503, "portal-reauthorise"),
    "retry": (503, "portal-unavailable"),
    "uninstalled": (403, "portal-not-installed"),
}
STATES = {
    "config": "misconfigured",
    "portal": "unpaid",
    "reauthorise": "reauthorise",
    "retry": "active",
    "uninstalled": "uninstalled",
}
"""What becomes of the portal, by the error's class: a dead grant, an unpaid plan and an outage are three states."""
ENDS_BY_ITSELF = {"config": FIRST_LOOK, "portal": FIRST_LOOK, "reauthorise": FIRST_LOOK, "retry": OUTAGE_PAUSE}
"""Seconds after which a state is not believed any more without asking again."""

NAMELESS: dict[str, tuple[dict[str, object], str, str]] = {
    "a cut connection": ({"drop": True}, "TRANSPORT", "retry"),
    "a page": ({"status": 200, "body": "<html>Sign in</html>"}, "NOT_JSON", "retry"),
    "a redirect": ({"status": 302, "headers": {"Location": "https://x.example/"}}, "NOT_JSON", "retry"),
    "no pair": ({"status": 200, "body": {}}, "PROTOCOL", "retry"),
    "no token in it": ({"status": 200, "body": {"access_token": 7, "expires_in": 3600}}, "PROTOCOL", "retry"),
    "404": ({"status": 404, "body": {}}, "HTTP_4XX", "portal"),
    "a page of 404": ({"status": 404}, "NOT_JSON", "retry"),
    "429": ({"status": 429, "body": {}}, "HTTP_4XX", "retry"),
    "500": ({"status": 500}, "HTTP_5XX", "retry"),
    "503": ({"status": 503}, "HTTP_5XX", "retry"),
    "a new code": ({"status": 400, "error": "BRAND_NEW"}, "OTHER", "retry"),
}
"""What has no code of the documents'; silence has a test of its own with the client."""

OURS = {"HTTP_4XX", "HTTP_5XX", "NOT_JSON"}
CODED = [(row, status) for row in ROWS if row.where is Where.AUTH_SERVER and row.code not in OURS
         for status in (row.statuses if len(row.statuses) < len(range(400, 600)) else (400, 401, 500))]  # fmt: skip
"""A row for every status is tried with three of them."""


@pytest.fixture
def key(stage: Stage) -> str:
    """A key of the portal, which is installed by OAuth and whose token has just expired."""
    assert stage.contact().status == 200
    key = stage.key()
    stage.tell("/reset", {})
    stage.tell("/expire_tokens", {})
    stage.service.mark()
    return key


def requests_for_tokens(stage: Stage) -> int:
    return stage.calls().count("oauth/token")


@pytest.mark.parametrize(
    ("row", "status"), CODED, ids=lambda case: case.code if isinstance(case, ErrorRow) else str(case)
)
def test_each_code_leads_to_its_state_and_its_answer(stage: Stage, key: str, row: ErrorRow, status: int) -> None:
    error_class, code = row.error_class.value, row.code.swapcase()
    stage.answers("oauth/token", error=code, status=status)

    body = problem(looked_up(stage, key, error_class), *WHAT_THE_CALLER_GETS[error_class])

    assert body["portal_error"] == code
    line = only_line(stage.service)
    assert (line["portal_error"], line["portal_status"]) == (code, status)
    assert counted(stage.service, "PortalErrors", code=row.code) == 1
    assert stage.state == STATES[error_class]
    settles(stage, key, error_class)


@pytest.mark.parametrize(("fault", "counted_as", "error_class"), NAMELESS.values(), ids=NAMELESS)
def test_what_has_no_known_code_is_told_by_what_happened(
    stage: Stage, key: str, fault: dict[str, object], counted_as: str, error_class: str
) -> None:
    stage.answers("oauth/token", **fault)

    problem(stage.look_up(key), *WHAT_THE_CALLER_GETS[error_class])

    assert counted(stage.service, "PortalErrors", code=counted_as) == 1
    assert stage.state == STATES[error_class]
    settles(stage, key, error_class)


def settles(stage: Stage, key: str, error_class: str) -> None:
    """Nobody asks again at once, not even another process; and what ends by itself has ended when its time is over."""
    asked = requests_for_tokens(stage)
    stage.service.cold_start()
    if error_class != "retry":
        problem(stage.look_up(key), *WHAT_THE_CALLER_GETS[error_class])
    assert requests_for_tokens(stage) == asked
    stage.tell("/faults", [])
    if error_class in ENDS_BY_ITSELF:
        stage.service.clock.advance(ENDS_BY_ITSELF[error_class] + 1)
        stage.service.cold_start()
        assert found(stage.look_up(key))["chat_id"] == 1437
        assert stage.state == "active"


def test_no_row_is_left_out() -> None:
    assert {row.code for row in ROWS if row.where is Where.AUTH_SERVER} == {row.code for row, _ in CODED} | OURS


def test_an_outage_is_not_asked_again_at_once_and_passes_without_a_trace(stage: Stage, key: str) -> None:
    stage.answers("oauth/token", status=503)
    before = stage.record()
    for _ in range(2):
        assert problem(stage.look_up(key), 503, "portal-unavailable")["detail"]
    assert 1 <= requests_for_tokens(stage) <= 3
    stage.tell("/faults", [])
    stage.service.clock.advance(OUTAGE_PAUSE)
    assert found(stage.look_up(key))["chat_id"] == 1437
    assert before is not None
    assert (stage.record() or {})["secret_arn"] == before["secret_arn"]


def test_a_token_that_expires_costs_one_refresh_and_nothing_else(stage: Stage, key: str) -> None:
    assert found(stage.look_up(key))["chat_id"] == 1437
    assert stage.calls() == ["im.chat.get", "oauth/token", "im.chat.get"]
    assert counted(stage.service, "TokenRefreshes", outcome="refreshed") == 1
    assert stage.state == "active"


def test_a_grant_that_is_dead_is_said_to_be_healed_by_an_administrator_and_is_asked_for_once(
    stage: Stage, key: str
) -> None:
    stage.tell("/expire_tokens", {"refresh": True})
    body = problem(looked_up(stage, key, "reauthorise"), 503, "portal-reauthorise")
    assert "administrator" in body["detail"]
    for _ in range(3):
        stage.service.cold_start()
        assert problem(stage.look_up(key), 503, "portal-reauthorise")["portal_error"] == "invalid_grant"
    assert requests_for_tokens(stage) == 1


def test_a_pair_that_is_lost_on_its_way_to_us_costs_the_grant_and_is_not_asked_for_in_a_loop(
    stage: Stage, key: str
) -> None:
    stage.answers("oauth/token", truncate=5, times=1)
    problem(stage.look_up(key), 503, "portal-unavailable")
    stage.service.clock.advance(OUTAGE_PAUSE)
    problem(looked_up(stage, key, "reauthorise"), 503, "portal-reauthorise")
    for _ in range(3):
        stage.service.cold_start()
        problem(stage.look_up(key), 503, "portal-reauthorise")
    assert requests_for_tokens(stage) == 2
