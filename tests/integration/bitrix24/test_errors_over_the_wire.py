"""Every row of the error table: the portal's reply, and the problem, log line and metrics that follow (design 6)."""

from itertools import count, cycle

import pytest

from chat_lookup.bitrix24.client import Bitrix24Client
from chat_lookup.bitrix24.errors import ROWS, BitrixError, ErrorRow, Where
from chat_lookup.calls.retry_policy import RetryPolicy
from chat_lookup.clock import Deadline
from tests.support.error_scenarios import (
    BOT_ID,
    CODED,
    LOOK_UP,
    NAMELESS,
    NOT_ASKED,
    OURS,
    WAYS,
    WITH_DETAILS,
    Trouble,
    heal,
    named,
)
from tests.support.reply_checks import counted, found, only_line, problem
from tests.support.service import Service

pytestmark = pytest.mark.usefixtures("leaping_clock")

POLICY = RetryPolicy(lambda: 0.0)

WHAT_THE_CALLER_GETS = {
    "retry": (503, "portal-unavailable"),
    "limit": (429, "portal-busy"),
    "portal": (503, "portal-blocked"),
    "uninstalled": (403, "portal-not-installed"),
    "object": (403, "chat-not-accessible"),
    "config": (502, "portal-misconfigured"),
    "caller": (400, "portal-refused"),
    "not_found": (404, "chat-not-found"),
}

# A webhook has no token to refresh and no grant to renew: its code or its creator is wrong.
OF_A_WEBHOOK = {"refresh": "config", "reauthorise": "config"}


IN_LOOK_UPS = [(row, status) for row, status in CODED if row.where in WAYS]
OUTSIDE = [(row, status) for row, status in CODED if row.where in NOT_ASKED]
SPELLINGS = cycle((lambda code: code, str.swapcase))
"""Cases are spelled as documented and in swapped case in turn: how it is compared is tested with the table."""


@pytest.fixture(scope="module")
def _begun(running_service: Service) -> Service:
    running_service.reset()
    running_service.control("/bots", {"bot_id": BOT_ID})
    return running_service


@pytest.fixture
def portal(_begun: Service) -> Service:
    """The service in a warm process: there are hundreds of rows, and cold starts are slow."""
    heal(_begun)
    return _begun


@pytest.mark.parametrize(
    ("row", "status", "code"), [(row, status, next(SPELLINGS)(row.code)) for row, status in IN_LOOK_UPS], ids=named
)
def test_code_of_the_portal_is_in_the_answer_the_log_and_the_metrics(
    portal: Service, row: ErrorRow, status: int, code: str
) -> None:
    path, methods = WAYS[row.where]
    portal.control("/faults", [{"method": each, "error": code, "status": status} for each in methods])

    reply = portal.get(path)

    expected = _expected_problem(row)
    if expected is None:
        found(reply)
    else:
        body = problem(reply, *expected)
        # An open line that is not found is no error, though the portal calls it one (bitrix24.md 1.19).
        no_error = row.where is Where.OPENLINES_DIALOG and expected[0] == 404
        assert body.get("portal_error") == (None if no_error else code)
    line = only_line(portal)
    assert (line["portal_error"], line["portal_status"]) == (code, status)
    assert line["request_id"] == reply.headers["apigw-requestid"]
    times = sum(attempts(method, row.code, status) for method in methods)
    assert counted(portal, "PortalErrors", code=row.code) == times
    assert counted(portal, "PortalErrors", **{"class": _class(row.error_class.value)}) == times


def attempts(method: str, code: str, status: int) -> int:
    """Return how often a method is called that always fails with this error."""
    error = BitrixError(code, status, method=method, webhook=True)
    return next(number for number in count(1) if not POLICY.may(error, method, number))


def _expected_problem(row: ErrorRow) -> tuple[int, str] | None:
    """Return status and name of the caller's problem; None where the caller gets the chat without its details."""
    if WAYS[row.where][0] == WITH_DETAILS:
        return None
    return WHAT_THE_CALLER_GETS[_class(row.error_class.value)]


def _class(of_the_table: str) -> str:
    return OF_A_WEBHOOK.get(of_the_table, of_the_table)


@pytest.mark.parametrize(("row", "status"), OUTSIDE, ids=named)
def test_code_of_a_method_outside_look_ups_has_its_class(portal: Service, row: ErrorRow, status: int) -> None:
    method = NOT_ASKED[row.where]
    portal.control("/faults", {"method": method, "error": row.code.swapcase(), "status": status})
    target = portal.stack.target
    client = Bitrix24Client(portal.clock, local_hosts=frozenset({target.endpoint.host}), ca_pem=target.ca_pem)

    with pytest.raises(BitrixError) as caught:
        client.call(target.endpoint, method, {}, Deadline.after(10, portal.clock))

    assert (caught.value.code, caught.value.metric_code) == (row.code.swapcase(), row.code)
    assert caught.value.error_class is row.error_class


@pytest.mark.parametrize("trouble", NAMELESS.values(), ids=NAMELESS)
def test_error_without_a_known_code_is_reported_by_its_kind(portal: Service, trouble: Trouble) -> None:
    portal.control("/faults", {"method": "im.chat.get", **trouble.fault})

    reply = portal.get(LOOK_UP)

    error_class = _class(trouble.error_class)
    body = problem(reply, *WHAT_THE_CALLER_GETS[error_class])
    assert body.get("portal_error") == trouble.portal_error
    line = only_line(portal)
    assert line["portal_error"] == (trouble.counted_as if trouble.portal_error is None else trouble.portal_error)
    assert line["portal_error_class"] == error_class
    status = trouble.fault.get("status", 0)
    times = attempts("im.chat.get", str(line["portal_error"]), status if isinstance(status, int) else 0)
    assert counted(portal, "PortalErrors", code=trouble.counted_as) == times
    assert counted(portal, "PortalErrors", **{"class": error_class}) == times


def test_every_row_of_the_table_is_tested() -> None:
    tried = {(row.where, row.code) for row, _ in CODED}
    left = {(row.where, row.code) for row in ROWS if row.where is not Where.AUTH_SERVER} - tried

    assert left == {(Where.ANY, code) for code in OURS}
    assert {row.where for row, _ in CODED} == WAYS.keys() | NOT_ASKED.keys()
    assert WAYS.keys() | NOT_ASKED.keys() | {Where.AUTH_SERVER} == set(Where)


def test_error_description_of_the_portal_is_only_logged(portal: Service) -> None:
    words = "Пользователь Иванов не имеет доступа"
    portal.control("/faults", {"method": "im.chat.get", "error": "ACCESS_DENIED", "error_description": words})

    assert words not in portal.get(LOOK_UP).body.decode()
    assert only_line(portal)["portal_description"] == words


def test_spent_operating_budget_gives_a_retry_after(portal: Service) -> None:
    reply_body = {"error": "OPERATION_TIME_LIMIT", "time": {"operating_reset_at": portal.clock.now() + 420}}
    portal.control("/faults", {"method": "im.chat.get", "status": 429, "body": reply_body})

    reply = portal.get(LOOK_UP)

    body = problem(reply, 429, "portal-busy")
    assert 410 < body["retry_after"] <= 420
    assert reply.headers["retry-after"] == str(body["retry_after"])


@pytest.mark.parametrize("status", [200, 400])
def test_error_code_in_an_object_of_rest_3_is_read(portal: Service, status: int) -> None:
    code = "BITRIX_REST_V3_EXCEPTION_ENTITYNOTFOUNDEXCEPTION"
    reply_body = {"error": {"code": code, "message": "Not found"}}
    portal.control("/faults", {"method": "im.chat.get", "status": status, "body": reply_body})

    assert problem(portal.get(LOOK_UP), 404, "chat-not-found")["portal_error"] == code
