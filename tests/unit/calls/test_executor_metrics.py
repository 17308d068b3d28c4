"""What is counted of every attempt at a portal: its wait for a slot, and its error by code and by class."""

import pytest

from chat_lookup.bitrix24.client import Command, Endpoint
from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.calls.executor import Attempts
from chat_lookup.calls.gcra import Share
from chat_lookup.calls.requests import Single
from chat_lookup.clock import Deadline
from chat_lookup.credentials.grants import Grant
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.portal import Portal
from tests.support.fakes import MEMBER_ID, FakeBitrix24, ManualClock, Output, Stores
from tests.support.in_process_service import attempts_by

METHOD = "im.chat.get"
REQUEST = Single(Command(METHOD, {}))
GRANT = Grant(Endpoint("https://acme.bitrix24.com/rest/", "access"), "v1")
PORTAL = Portal(MEMBER_ID, "acme.bitrix24.com", "", "")


@pytest.fixture
def attempts(stores: Stores, clock: ManualClock, bitrix24: FakeBitrix24, telemetry: Telemetry) -> Attempts:
    return attempts_by(stores, clock, bitrix24, telemetry)


def make(attempts: Attempts, telemetry: Telemetry, clock: ManualClock, *, once: bool = False) -> None:
    """Make the request, as one invocation, and ignore its outcome."""
    deadline = Deadline.after(10, clock)
    with telemetry.invocation("test"):
        try:
            if once:
                attempts.once(REQUEST, GRANT, PORTAL, deadline)
            else:
                attempts.make(REQUEST, lambda _: GRANT, PORTAL, deadline, Share.INTERACTIVE, None)
        except BitrixError:
            pass


def fail(bitrix24: FakeBitrix24, code: str, status: int) -> None:
    """Have the method fail as a portal does that is reached by an access token."""

    def reply(_: object) -> None:
        raise BitrixError(code, status, method=METHOD)

    bitrix24.answers_by(METHOD, reply)


@pytest.mark.parametrize("once", [False, True], ids=["the portal's own grant", "another grant"])
@pytest.mark.parametrize(
    ("code", "status", "metric_code", "error_class"),
    [
        ("QUERY_LIMIT_EXCEEDED", 503, "QUERY_LIMIT_EXCEEDED", "limit"),
        ("OPERATION_TIME_LIMIT", 429, "OPERATION_TIME_LIMIT", "limit"),
        ("OVERLOAD_LIMIT", 503, "OVERLOAD_LIMIT", "portal"),
        ("PORTAL_DELETED", 500, "PORTAL_DELETED", "portal"),
        ("TIMEOUT", 0, "TIMEOUT", "retry"),
        ("NOT_INSTALLED", 401, "NOT_INSTALLED", "uninstalled"),
        ("authorization_error", 401, "authorization_error", "reauthorise"),
        ("expired_token", 401, "expired_token", "refresh"),
        ("insufficient_scope", 403, "insufficient_scope", "config"),
        ("SOMETHING_NEW", 400, "OTHER", "caller"),
    ],
)
def test_error_of_each_attempt_is_counted_by_code_and_by_class(
    attempts: Attempts,
    telemetry: Telemetry,
    clock: ManualClock,
    bitrix24: FakeBitrix24,
    output: Output,
    code: str,
    status: int,
    metric_code: str,
    error_class: str,
    once: bool,
) -> None:
    fail(bitrix24, code, status)
    make(attempts, telemetry, clock, once=once)
    each = [1] * len(bitrix24.calls)
    assert output.values("PortalErrors", code=metric_code) == each != []
    assert output.values("PortalErrors", **{"class": error_class}) == each


def test_wait_for_a_slot_is_counted_at_each_attempt_even_if_it_is_zero(
    attempts: Attempts, telemetry: Telemetry, clock: ManualClock, bitrix24: FakeBitrix24, output: Output
) -> None:
    fail(bitrix24, "TIMEOUT", 0)
    make(attempts, telemetry, clock)
    assert output.values("LimiterWait") == [0, 0, 0]
    assert len(bitrix24.calls) == 3
