"""Temporary failures are retried where that is safe, and the service learns from every attempt."""

from collections.abc import Callable, Iterator, Mapping

import pytest

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.calls.circuit_state import FIRST_PAUSE
from chat_lookup.calls.operating_budget import BUCKET
from chat_lookup.clock import Deadline
from chat_lookup.errors import ChatLookupError, PortalBlocked, PortalBusy, PortalUnavailable
from chat_lookup.portals.failures import pause
from chat_lookup.portals.portal import Portal, PortalState
from tests.support.fakes import FakeBitrix24, ManualClock, Output, Stores
from tests.support.in_process_service import Service, build, install
from tests.support.stores.faulty_dynamodb import FaultyDynamoDB

READ = "im.chat.get"
WRITE = "imbot.v2.Chat.Message.send"


def failing(bitrix24: FakeBitrix24, method: str, *codes: tuple[str, int]) -> None:
    """Make a method raise these errors, one after the other, and return a result after that."""
    left: Iterator[tuple[str, int]] = iter(codes)

    def reply(_: Mapping[str, object]) -> object:
        code = next(left, None)
        if code is not None:
            raise BitrixError(*code, method=method, webhook=True)
        return 1437

    bitrix24.answers_by(method, reply)


Call = Callable[..., object]


@pytest.fixture
def call(service: Service, portal: Portal) -> Call:
    """One call, as one invocation that has so many seconds."""

    def make(method: str = READ, seconds: float = 10) -> object:
        with service.telemetry.invocation("test"):
            return service.calls.call(portal, method, {}, Deadline.after(seconds, service.clock)).result

    return make


PASSING = [("TRANSPORT", 0), ("TIMEOUT", 0), ("HTTP_5XX", 502), ("INTERNAL_SERVER_ERROR", 500), ("BRAND_NEW", 503)]


# -- another attempt ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", PASSING, ids=str)
def test_read_is_retried_after_temporary_failures(
    call: Call, bitrix24: FakeBitrix24, output: Output, error: tuple[str, int]
) -> None:
    failing(bitrix24, READ, error, error)
    assert call() == 1437
    assert output.metric("PortalCalls", method=READ) == 3
    assert output.metric("PortalErrors") == 4  # by code and by class
    assert output.lines[0]["attempts"] == 3


def test_third_failure_is_raised_to_the_caller(call: Call, bitrix24: FakeBitrix24) -> None:
    failing(bitrix24, READ, ("TRANSPORT", 0), ("TIMEOUT", 0), ("HTTP_5XX", 502))
    with pytest.raises(BitrixError, match="HTTP_5XX"):
        call()
    assert len(bitrix24.calls) == 3


@pytest.mark.parametrize("error", PASSING, ids=str)
def test_write_that_may_have_been_done_is_not_retried(
    call: Call, bitrix24: FakeBitrix24, error: tuple[str, int]
) -> None:
    failing(bitrix24, WRITE, error)
    with pytest.raises(BitrixError, match=error[0] if error[0] != "BRAND_NEW" else "OTHER"):
        call(WRITE)
    assert len(bitrix24.calls) == 1


@pytest.mark.parametrize("method", [READ, WRITE])
def test_call_refused_for_too_many_requests_is_retried_once_after_a_pause_of_all_processes(
    call: Call, bitrix24: FakeBitrix24, another_process: Service, portal: Portal, clock: ManualClock, method: str
) -> None:
    failing(bitrix24, method, ("QUERY_LIMIT_EXCEEDED", 503))
    assert call(method) == 1437
    first, second = (called.at for called in bitrix24.calls)
    assert second - first >= 2
    # The others go at half the pace for a while, too.
    began = clock.now()
    for _ in range(2):
        another_process.calls.call(portal, method, {}, Deadline.after(10, clock))
    assert clock.now() - began > 1


def test_second_refusal_for_too_many_requests_is_raised_to_the_caller(call: Call, bitrix24: FakeBitrix24) -> None:
    failing(bitrix24, READ, *[("QUERY_LIMIT_EXCEEDED", 503)] * 3)
    with pytest.raises(BitrixError, match="QUERY_LIMIT_EXCEEDED"):
        call(seconds=60)
    assert len(bitrix24.calls) == 2


@pytest.mark.parametrize(
    "error", [("OVERLOAD_LIMIT", 503), ("PORTAL_DELETED", 500), ("ACCESS_ERROR", 403), ("INVALID_ARG_VALUE", 400)]
)
def test_permanent_failure_that_looks_temporary_is_not_retried(
    call: Call, bitrix24: FakeBitrix24, error: tuple[str, int]
) -> None:
    failing(bitrix24, READ, error)
    with pytest.raises(BitrixError, match=error[0]):
        call()
    assert bitrix24.methods.count(READ) == 1


def test_call_is_not_retried_without_time_for_another_attempt(call: Call, bitrix24: FakeBitrix24) -> None:
    bitrix24.seconds = 4
    failing(bitrix24, READ, *[("TIMEOUT", 0)] * 3)
    with pytest.raises(BitrixError, match="TIMEOUT"):
        call(seconds=9)
    assert len(bitrix24.calls) == 2


def test_each_attempt_waits_for_a_slot_of_its_own(service: Service, bitrix24: FakeBitrix24, clock: ManualClock) -> None:
    portal = install(service, rate=0.5, burst=1)
    failing(bitrix24, READ, ("TRANSPORT", 0), ("TRANSPORT", 0))
    slots: list[float] = []
    service.calls.call(portal, READ, {}, Deadline.after(10, clock), on_slot=slots.append)
    began = bitrix24.calls[0].at
    assert [called.at - began for called in bitrix24.calls] == pytest.approx([0, 2, 4], abs=0.01)
    assert slots == pytest.approx([called.at for called in bitrix24.calls], abs=0.01)


# -- what is learned from an attempt -----------------------------------------------------------------------------------


def test_portal_that_blocks_the_service_is_called_again_after_the_pause(
    call: Call, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    bitrix24.answers(READ, 1437)
    bitrix24.refuses("OVERLOAD_LIMIT", 503)
    with pytest.raises(BitrixError):
        call()
    for method in (READ, WRITE, "scope"):
        with pytest.raises(PortalBlocked):
            call(method)
    assert bitrix24.methods == [READ, "profile"]
    bitrix24.recovers()
    clock.advance(FIRST_PAUSE)
    assert call() == 1437
    assert call() == 1437


def test_portal_that_is_down_is_not_called_after_a_look_up_or_two(
    call: Call, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    failing(bitrix24, READ, *[("TRANSPORT", 0)] * 5)
    for error in (BitrixError, PortalUnavailable, PortalUnavailable):
        with pytest.raises(error):
            call()
    assert len(bitrix24.calls) == 5
    clock.advance(FIRST_PAUSE)
    assert call() == 1437


def test_slot_that_came_after_the_circuit_opened_is_not_used(
    service: Service, another_process: Service, bitrix24: FakeBitrix24
) -> None:
    portal = install(service, rate=0.2, burst=1)
    bitrix24.refuses("OVERLOAD_LIMIT", 503)

    def shut_meanwhile(_: float) -> None:
        if len(bitrix24.calls) == 0:
            with pytest.raises(BitrixError):
                another_process.calls.call(portal, READ, {}, Deadline.after(30, service.clock))

    with pytest.raises(PortalBlocked):
        service.calls.call(portal, READ, {}, Deadline.after(30, service.clock), on_slot=shut_meanwhile)
    assert bitrix24.methods == [READ, "profile"]


def test_method_out_of_operating_time_is_refused_without_a_call_until_its_reset(
    call: Call, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    bitrix24.fails(READ, "OPERATION_TIME_LIMIT", 429, reset_at=clock.now() + 300)
    for _ in range(5):
        with pytest.raises(BitrixError) as raised:
            call()
        assert raised.value.metric_code == "OPERATION_TIME_LIMIT"
    assert raised.value.reset_at == pytest.approx(clock.now() + 300, abs=2)
    assert len(bitrix24.calls) == 1
    bitrix24.answers("im.dialog.get", {})
    call("im.dialog.get")
    clock.advance(302)
    bitrix24.answers(READ, 1437)
    assert [call(), call()] == [1437, 1437]


def test_method_that_stays_out_of_operating_time_is_called_once_a_minute(
    call: Call, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    bitrix24.fails(READ, "OPERATION_TIME_LIMIT", 429)
    for _ in range(60):
        with pytest.raises(BitrixError):
            call()
        clock.advance(10)
    assert len(bitrix24.calls) <= 600 / BUCKET + 1


# -- a failure to store what was learned -------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", ["down", "lost"])
@pytest.mark.parametrize("code", ["", "OPERATION_TIME_LIMIT", "OVERLOAD_LIMIT", "TRANSPORT"])
def test_store_failure_after_the_call_does_not_change_its_outcome(
    stores: Stores, clock: ManualClock, bitrix24: FakeBitrix24, service: Service, failure: str, code: str
) -> None:
    """Otherwise a message that was sent would be taken for unsent, and sent again."""
    portal = install(service)
    store = FaultyDynamoDB(stores.dynamodb)
    process = build(
        Stores(store.client, stores.secrets, stores.portal_table, stores.cache_table),
        clock,
        bitrix24,
        service.telemetry,
    )

    def reply(_: Mapping[str, object]) -> object:
        getattr(store, failure).update({"get_item", "put_item", "update_item"})
        if code:
            raise BitrixError(code, method=WRITE)
        return 7

    bitrix24.answers_by(WRITE, reply)
    deadline = Deadline.after(10, clock)
    if code:
        with pytest.raises(BitrixError, match=code):
            process.calls.call(portal, WRITE, {}, deadline)
    else:
        assert process.calls.call(portal, WRITE, {}, deadline).result == 7
    assert bitrix24.methods == [WRITE]


@pytest.mark.parametrize(
    "error", [("ACCESS_DENIED", 403), ("OVERLOAD_LIMIT", 503), ("OPERATION_TIME_LIMIT", 429), ("TRANSPORT", 0)]
)
def test_grant_that_is_not_the_portals_own_is_tried_once_and_stops_no_other_caller(
    service: Service, call: Call, portal: Portal, bitrix24: FakeBitrix24, error: tuple[str, int]
) -> None:
    """Otherwise a user with any token, such as a guest of the portal, could stop the look-ups of all others."""
    deadline = Deadline.after(10, service.clock)
    theirs = service.tokens.grant(portal, deadline)
    failing(bitrix24, "profile", *[error] * 6)
    for _ in range(6):
        with pytest.raises(BitrixError, match=error[0]):
            service.calls.call_with(theirs, portal, "profile", {}, deadline)
    assert len(bitrix24.calls) == 6
    assert call("profile") == 1437


def test_grant_that_is_not_the_portals_own_is_not_used_while_the_circuit_is_open(
    service: Service, call: Call, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    deadline = Deadline.after(10, service.clock)
    bitrix24.refuses("OVERLOAD_LIMIT", 503)
    with pytest.raises(BitrixError):
        call()
    with pytest.raises(PortalBlocked):
        service.calls.call_with(service.tokens.grant(portal, deadline), portal, "profile", {}, deadline)
    assert bitrix24.methods == [READ, "profile"]


# -- portals whose state ends by itself --------------------------------------------------------------------------------


def test_one_of_all_callers_makes_the_look_when_an_unpaid_portal_is_due(
    service: Service, another_process: Service, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    portal = install(service, state=PortalState.UNPAID, retry_at=clock.now() - 1)
    refusals: list[ChatLookupError] = []

    def others_come(_: Mapping[str, object]) -> object:
        for _attempt in range(3):
            with pytest.raises(PortalBlocked) as raised:
                another_process.calls.call(portal, READ, {}, Deadline.after(10, clock))
            refusals.append(raised.value)
        return {"ID": "1"}

    bitrix24.answers_by("profile", others_come)
    bitrix24.answers(READ, 1437)
    assert service.calls.call(portal, READ, {}, Deadline.after(10, clock)).result == 1437
    assert bitrix24.methods == ["profile", READ]
    assert len(refusals) == 3
    assert all(0 < (each.retry_after or 0) <= pause(1) for each in refusals)
    # A process that remembers the former record is let in all the same.
    assert another_process.calls.call(portal, READ, {}, Deadline.after(10, clock)).result == 1437


def test_claim_of_a_look_holds_although_its_response_was_lost(
    stores: Stores, clock: ManualClock, bitrix24: FakeBitrix24, service: Service
) -> None:
    portal = install(service, state=PortalState.UNPAID, retry_at=clock.now() - 1)
    repeating = FaultyDynamoDB(stores.dynamodb, repeats=True)
    process = build(
        Stores(repeating.client, stores.secrets, stores.portal_table, stores.cache_table),
        clock,
        bitrix24,
        service.telemetry,
    )
    bitrix24.answers(READ, 1437)
    assert process.calls.call(portal, READ, {}, Deadline.after(10, clock)).result == 1437
    assert process.portals.get(portal.member_id).state is PortalState.ACTIVE


def test_a_look_that_fails_is_followed_by_another_when_that_is_due(
    service: Service, another_process: Service, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    portal = install(service, state=PortalState.UNPAID, retry_at=clock.now() - 1)
    failing(bitrix24, "profile", *[("TRANSPORT", 0)] * 3)
    bitrix24.answers(READ, 1437)
    with pytest.raises(PortalBlocked):
        service.calls.call(portal, READ, {}, Deadline.after(10, clock))
    assert READ not in bitrix24.methods
    with pytest.raises(PortalBlocked):
        another_process.portals.get(portal.member_id)
    clock.advance(pause(1))
    current = another_process.portals.get(portal.member_id)
    assert another_process.calls.call(current, READ, {}, Deadline.after(10, clock)).result == 1437
    assert service.portals.get(portal.member_id).state is PortalState.ACTIVE


def test_portal_without_a_slot_is_busy(service: Service, bitrix24: FakeBitrix24) -> None:
    portal = install(service, rate=0.1, burst=1)
    bitrix24.answers(READ, 1437)
    service.calls.call(portal, READ, {}, Deadline.after(2, service.clock))
    with pytest.raises(PortalBusy):
        service.calls.call(portal, READ, {}, Deadline.after(2, service.clock))
