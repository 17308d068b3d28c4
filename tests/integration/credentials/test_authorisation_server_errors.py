"""Each kind of error of the authorisation server: the answer to the caller, the record, the log and the metrics.

Which code is of which kind: bitrix24/test_oauth_answers.py.
"""

import pytest

from chat_lookup.bitrix24.errors import ROWS, ErrorRow, Where
from chat_lookup.credentials.renewal import OUTAGE_PAUSE
from chat_lookup.portals.failures import FIRST_LOOK
from tests.support.error_scenarios import looked_up
from tests.support.portals.unknown_portal import Stage
from tests.support.reply_checks import counted, found, only_line, problem

pytestmark = pytest.mark.usefixtures("leaping_clock")

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
"""The state of the portal by class of error: a dead grant, an unpaid plan and an outage are three states."""
ENDS_BY_ITSELF = {"config": FIRST_LOOK, "portal": FIRST_LOOK, "reauthorise": FIRST_LOOK, "retry": OUTAGE_PAUSE}
"""Seconds after which a state expires and the portal is called again."""

NAMELESS: dict[str, tuple[dict[str, object], str, str]] = {
    "a cut connection": ({"drop": True}, "TRANSPORT", "retry"),
    "a page": ({"status": 200, "body": "<html>Sign in</html>"}, "NOT_JSON", "retry"),
    "no pair": ({"status": 200, "body": {}}, "PROTOCOL", "retry"),
    "404": ({"status": 404, "body": {}}, "HTTP_4XX", "portal"),
    "503": ({"status": 503}, "HTTP_5XX", "retry"),
    "a new code": ({"status": 400, "error": "BRAND_NEW"}, "OTHER", "retry"),
}
"""Replies without a documented code; silence is tested with the client."""

CODED = ("invalid_client", "invalid_grant", "PAYMENT_REQUIRED", "NOT_INSTALLED", "ERROR_CORE")
ONE_OF_EACH = {row.code: row for row in ROWS if row.where is Where.AUTH_SERVER and row.code in CODED}
"""A row for each class of error."""


@pytest.fixture
def key(stage: Stage) -> str:
    """A key of the portal, which is installed by OAuth and whose token has just expired."""
    return stage.installed_with_an_expired_token()


def requests_for_tokens(stage: Stage) -> int:
    return stage.calls().count("oauth/token")


@pytest.mark.parametrize("row", ONE_OF_EACH.values(), ids=ONE_OF_EACH)
def test_each_class_of_error_sets_its_state_and_gives_its_answer(stage: Stage, key: str, row: ErrorRow) -> None:
    status = row.statuses[0]
    error_class, code = row.error_class.value, row.code.swapcase()
    stage.answers("oauth/token", error=code, status=status)

    body = problem(looked_up(stage, key, error_class), *WHAT_THE_CALLER_GETS[error_class])

    assert body["portal_error"] == code
    line = only_line(stage.service)
    assert (line["portal_error"], line["portal_status"]) == (code, status)
    assert counted(stage.service, "PortalErrors", code=row.code) == 1
    assert stage.state == STATES[error_class]
    assert_settled(stage, key, error_class)


@pytest.mark.parametrize(("fault", "counted_as", "error_class"), NAMELESS.values(), ids=NAMELESS)
def test_error_without_a_known_code_is_reported_by_its_kind(
    stage: Stage, key: str, fault: dict[str, object], counted_as: str, error_class: str
) -> None:
    stage.answers("oauth/token", **fault)

    problem(stage.look_up(key), *WHAT_THE_CALLER_GETS[error_class])

    assert counted(stage.service, "PortalErrors", code=counted_as) == 1
    assert stage.state == STATES[error_class]
    assert_settled(stage, key, error_class)


def assert_settled(stage: Stage, key: str, error_class: str) -> None:
    """Check that no process calls the server again at once, and that a state with an end recovers after its time."""
    before = requests_for_tokens(stage)
    stage.service.cold_start()
    if error_class != "retry":
        problem(stage.look_up(key), *WHAT_THE_CALLER_GETS[error_class])
    assert requests_for_tokens(stage) == before
    stage.tell("/faults", [])
    if error_class in ENDS_BY_ITSELF:
        stage.service.clock.advance(ENDS_BY_ITSELF[error_class] + 1)
        stage.service.cold_start()
        assert found(stage.look_up(key))["chat_id"] == 1437
        assert stage.state == "active"


def test_every_class_of_error_of_the_authorisation_server_is_tested() -> None:
    classes = {row.error_class for row in ROWS if row.where is Where.AUTH_SERVER}
    assert {row.error_class for row in ONE_OF_EACH.values()} == classes
    assert {error_class.value for error_class in classes} == WHAT_THE_CALLER_GETS.keys() == STATES.keys()


def test_outage_pauses_refreshes_and_leaves_the_grant_unchanged(stage: Stage, key: str) -> None:
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


def test_expired_token_costs_one_refresh(stage: Stage, key: str) -> None:
    assert found(stage.look_up(key))["chat_id"] == 1437
    assert stage.calls() == ["im.chat.get", "oauth/token", "im.chat.get"]
    assert counted(stage.service, "TokenRefreshes", outcome="refreshed") == 1
    assert stage.state == "active"


def test_dead_grant_is_refreshed_once_and_the_answer_refers_to_the_administrator(stage: Stage, key: str) -> None:
    stage.tell("/expire_tokens", {"refresh": True})
    body = problem(looked_up(stage, key, "reauthorise"), 503, "portal-reauthorise")
    assert "administrator" in body["detail"]
    for _ in range(3):
        stage.service.cold_start()
        assert problem(stage.look_up(key), 503, "portal-reauthorise")["portal_error"] == "invalid_grant"
    assert requests_for_tokens(stage) == 1


def test_pair_lost_in_transit_costs_the_grant_and_is_not_requested_in_a_loop(stage: Stage, key: str) -> None:
    stage.answers("oauth/token", truncate=5, times=1)
    problem(stage.look_up(key), 503, "portal-unavailable")
    stage.service.clock.advance(OUTAGE_PAUSE)
    problem(looked_up(stage, key, "reauthorise"), 503, "portal-reauthorise")
    for _ in range(3):
        stage.service.cold_start()
        problem(stage.look_up(key), 503, "portal-reauthorise")
    assert requests_for_tokens(stage) == 2
