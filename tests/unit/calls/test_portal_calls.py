"""Every call to a portal: within its pace and its deadline, counted, and with its failures logged."""

import pytest

from chat_lookup.bitrix24.client import Answer, Command
from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.calls.gcra import Pace
from chat_lookup.clock import Deadline
from chat_lookup.errors import PortalBlocked, PortalBusy, PortalMisconfigured
from chat_lookup.portals.portal import Portal, PortalState
from tests.support.fakes import WEBHOOK_CODE, WEBHOOK_URL, FakeBitrix24, ManualClock, Output
from tests.support.in_process_service import Service, install

PAIR = {"ENTITY_TYPE": "CRM", "ENTITY_ID": "DEAL|1663"}


@pytest.fixture
def deadline(clock: ManualClock) -> Deadline:
    return Deadline.after(10, clock)


def call(service: Service, portal: Portal, deadline: Deadline, method: str = "im.chat.get") -> object:
    with service.telemetry.invocation("test"):
        return service.calls.call(portal, method, PAIR, deadline).result


def test_a_call_reaches_the_portals_own_address_with_the_parameters_as_given(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, deadline: Deadline
) -> None:
    bitrix24.answers("im.chat.get", {"ID": 1437})
    assert call(service, portal, deadline) == {"ID": 1437}
    (called,) = bitrix24.calls
    assert (called.endpoint.base_url, called.params) == (WEBHOOK_URL, PAIR)


def test_a_call_is_counted_with_its_wait_and_its_latency(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, deadline: Deadline, output: Output
) -> None:
    bitrix24.seconds = 0.25
    bitrix24.answers("im.chat.get", None)
    call(service, portal, deadline)
    assert output.metric("PortalCalls", method="im.chat.get") == 1
    assert output.metric("PortalLatency") == pytest.approx(250)
    assert output.values("LimiterWait") == [0]
    assert output.values("PortalErrors") == []


def test_failure_is_counted_by_code_and_by_class_and_logged(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, deadline: Deadline, output: Output
) -> None:
    bitrix24.fails("im.chat.get", "Access_Error", 403)
    with pytest.raises(BitrixError):
        call(service, portal, deadline)
    assert output.metric("PortalErrors", code="ACCESS_ERROR") == 1
    assert output.metric("PortalErrors", **{"class": "object"}) == 1
    (line,) = output.lines
    assert line["level"] == "WARNING"
    assert (line["portal_error"], line["portal_status"]) == ("Access_Error", 403)
    assert line["portal_description"] == "description by the portal"


def test_code_without_a_row_is_other_in_the_metric_and_whole_in_the_log(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, deadline: Deadline, output: Output
) -> None:
    bitrix24.fails("im.chat.get", "BRAND_NEW_CODE", 400)
    with pytest.raises(BitrixError):
        call(service, portal, deadline)
    assert output.metric("PortalErrors", code="OTHER") == 1
    assert output.lines[0]["portal_error"] == "BRAND_NEW_CODE"


def test_a_call_that_finds_no_slot_before_its_deadline_is_never_made(
    service: Service, bitrix24: FakeBitrix24, clock: ManualClock, output: Output
) -> None:
    portal = install(service, rate=0.1, burst=1)
    bitrix24.answers("im.chat.get", None)
    call(service, portal, Deadline.after(2, clock))
    with pytest.raises(PortalBusy) as raised:
        call(service, portal, Deadline.after(2, clock))
    assert len(bitrix24.calls) == 1
    # The slot is 10 s away: after 9 s it lies within 2 s, with one left for the call.
    assert raised.value.retry_after == pytest.approx(9)
    assert output.metric("PortalErrors") == 0  # the portal did nothing wrong


def test_a_call_waits_for_its_slot_and_is_made_then(
    service: Service, bitrix24: FakeBitrix24, deadline: Deadline, output: Output
) -> None:
    portal = install(service, rate=2.0, burst=1)
    bitrix24.answers("im.chat.get", None)
    for _ in range(3):
        call(service, portal, deadline)
    gaps = [later.at - sooner.at for sooner, later in zip(bitrix24.calls, bitrix24.calls[1:], strict=False)]
    assert gaps == pytest.approx([0.5, 0.5], abs=0.001)
    assert output.metric("LimiterWait") == pytest.approx(1000, abs=1)


def test_a_call_is_made_only_while_there_is_time_for_an_answer(
    service: Service, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    portal = install(service, rate=0.5, burst=1)
    bitrix24.answers("im.chat.get", None)
    call(service, portal, Deadline.after(5, clock))
    # The next slot is 2 s away, at the very end of what this caller has.
    with pytest.raises(PortalBusy):
        call(service, portal, Deadline.after(2.01, clock))
    assert len(bitrix24.calls) == 1


def test_only_the_bots_own_methods_get_the_bots_token(
    service: Service, bitrix24: FakeBitrix24, deadline: Deadline
) -> None:
    arn, version = service.tokens.keep_webhook(WEBHOOK_URL, "b0tt0ken-b0tt0ken")
    portal = install(service, secret_arn=arn, token_version=version)
    for method in ("im.chat.get", "imbot.chat.get", "imbot.v2.Chat.get"):
        bitrix24.answers(method, None)
        call(service, portal, deadline, method)
    assert ["botToken" in called.params for called in bitrix24.calls] == [False, False, True]


def test_no_log_line_metric_or_error_contains_the_webhooks_code(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, deadline: Deadline, output: Output
) -> None:
    bitrix24.fails("im.chat.get", f"code {WEBHOOK_CODE}", 400)
    with pytest.raises(BitrixError):
        call(service, portal, deadline)
    assert output.lines
    assert WEBHOOK_CODE not in output.text


# -- failures that are the portal's state ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "status", "state", "error"),
    [
        ("PAYMENT_REQUIRED", 401, PortalState.UNPAID, PortalBlocked),
        ("PORTAL_RENAMED", 302, PortalState.RENAMED, PortalMisconfigured),
    ],
)
def test_permanent_failure_marks_the_portal_and_the_next_caller_fails_without_a_call(
    service: Service,
    portal: Portal,
    bitrix24: FakeBitrix24,
    deadline: Deadline,
    code: str,
    status: int,
    state: PortalState,
    error: type[Exception],
) -> None:
    bitrix24.refuses(code, status)
    with pytest.raises(BitrixError):
        call(service, portal, deadline)
    assert bitrix24.methods == ["im.chat.get", "profile"]
    record = service.portals.read(portal.member_id)
    assert record is not None
    assert record.state is state
    with pytest.raises(error):
        service.portals.get(portal.member_id)


@pytest.mark.parametrize(
    ("code", "status", "attempts"),
    [("QUERY_LIMIT_EXCEEDED", 503, 2), ("ACCESS_ERROR", 403, 1), ("expired_token", 401, 1), ("X", 500, 3)],
)
def test_temporary_failure_leaves_the_portal_open(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, deadline: Deadline, code: str, status: int, attempts: int
) -> None:
    bitrix24.fails("im.chat.get", code, status)
    with pytest.raises(BitrixError):
        call(service, portal, deadline)
    assert service.portals.get(portal.member_id).state is PortalState.ACTIVE
    assert len(bitrix24.calls) == attempts  # and a webhook has nothing to renew


# --- reports ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "status"),
    [("PAYMENT_REQUIRED", 401), ("OVERLOAD_LIMIT", 503), ("HTTP_5XX", 502), ("PORTAL_RENAMED", 302), ("NEW_CODE", 400)],
)
def test_a_report_neither_closes_a_portal_nor_opens_its_circuit_however_often_it_is_refused(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, deadline: Deadline, code: str, status: int
) -> None:
    bitrix24.refuses(code, status)
    for _ in range(6):
        with pytest.raises(BitrixError), service.telemetry.invocation("test"):
            service.calls.inspect(portal, (Command("scope", {}),), deadline)
    assert bitrix24.methods == ["batch"] * 6
    assert service.portals.read(portal.member_id) == portal
    bitrix24.recovers()
    bitrix24.answers("im.chat.get", {"ID": 1437})
    assert call(service, portal, deadline) == {"ID": 1437}


def test_a_report_takes_one_unit_of_the_pace_for_all_its_calls(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, deadline: Deadline
) -> None:
    bitrix24.answers("scope", ["im"])
    with service.telemetry.invocation("test"):
        answer = service.calls.inspect(portal, (Command("scope", {}), Command("profile", {})), deadline)
    assert [each.result for each in answer.outcomes if isinstance(each, Answer)] == [["im"], {"ID": "1", "ADMIN": True}]
    assert service.limiter.state_of(portal.member_id, Pace(portal.rate, portal.burst)).tat == pytest.approx(
        service.clock.now() + 1 / portal.rate
    )
