"""A portal closes at the second sign; methods that keys let pass close nothing; a closed portal gets looks."""

from collections.abc import Callable

import pytest

from chat_lookup.bitrix24.client import Command
from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.calls.circuit_breaker import SIGN_FOR
from chat_lookup.calls.circuit_state import FIRST_PAUSE, IN_A_ROW
from chat_lookup.calls.executor import OWN_METHODS
from chat_lookup.clock import Deadline
from chat_lookup.errors import ChatLookupError, PortalBlocked, PortalBusy, PortalMisconfigured, PortalStopped
from chat_lookup.portals.failures import ASKED_AGAIN, FIRST_LOOK, LONGEST_PAUSE, RENAMED_FOR, pause
from chat_lookup.portals.portal import Portal, PortalState
from chat_lookup.portals.recovery import BLOCKED, UNREACHABLE
from tests.support.fakes import MEMBER_ID, FakeBitrix24, ManualClock, Output, Stores
from tests.support.in_process_service import Service, build, install
from tests.support.stores.faulty_dynamodb import FaultyDynamoDB

READ = "im.chat.get"
PASSED = "crm.deal.list"
SIGNS = [
    ("PAYMENT_REQUIRED", 401, PortalState.UNPAID),
    ("PORTAL_RENAMED", 302, PortalState.RENAMED),
]
SHUTS = [("OVERLOAD_LIMIT", 503), ("PORTAL_DELETED", 500), ("ACCESS_DENIED", 403)]

Call = Callable[..., object]


@pytest.fixture
def call(service: Service, portal: Portal, bitrix24: FakeBitrix24) -> Call:
    bitrix24.answers(READ, 1437)

    def make(method: str = READ, seconds: float = 10, *, teaches: bool = True, by: Service = service) -> object:
        deadline = Deadline.after(seconds, by.clock)
        record = by.portals.get(portal.member_id)
        with by.telemetry.invocation("test"):
            return by.calls.call(record, method, {}, deadline, teaches=teaches).result

    return make


def state_of(service: Service) -> PortalState:
    record = service.portals.read(MEMBER_ID)
    assert record is not None
    return record.state


# -- the second sign ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "status"), [*[(code, status) for code, status, _ in SIGNS], *SHUTS])
def test_one_sign_is_the_callers_error_and_closes_the_portal_for_no_other(
    service: Service, call: Call, bitrix24: FakeBitrix24, code: str, status: int
) -> None:
    bitrix24.fails(READ, code, status)
    with pytest.raises(BitrixError, match=code):
        call()
    assert bitrix24.methods == [READ, "profile"]
    assert state_of(service) is PortalState.ACTIVE
    bitrix24.answers(READ, 1437)
    assert call() == 1437


@pytest.mark.parametrize(("code", "status", "state"), SIGNS)
def test_another_refusal_is_no_second_sign(
    service: Service, call: Call, bitrix24: FakeBitrix24, code: str, status: int, state: PortalState
) -> None:
    bitrix24.fails(READ, code, status)
    for other in ("ACCESS_ERROR", "insufficient_scope", "INTERNAL_SERVER_ERROR", "TIMEOUT", "OVERLOAD_LIMIT"):
        bitrix24.fails("profile", other, 403)
        with pytest.raises(BitrixError, match=code):
            call()
        service.clock.advance(SIGN_FOR)
    assert state_of(service) is PortalState.ACTIVE
    bitrix24.fails("profile", code, status)
    with pytest.raises(BitrixError, match=code):
        call()
    assert state_of(service) is state


def test_one_process_asks_for_the_second_sign_and_the_others_go_on_meanwhile(
    service: Service, another_process: Service, call: Call, bitrix24: FakeBitrix24
) -> None:
    bitrix24.fails(READ, "PAYMENT_REQUIRED", 401)
    seen: list[object] = []

    def profile(_: object) -> object:
        with pytest.raises(BitrixError, match="PAYMENT_REQUIRED"):
            call(by=another_process)
        bitrix24.answers("im.dialog.get", {"id": 7})
        seen.append(call("im.dialog.get", by=another_process))
        raise BitrixError("PAYMENT_REQUIRED", 401, method="profile")

    bitrix24.answers_by("profile", profile)
    with pytest.raises(BitrixError, match="PAYMENT_REQUIRED"):
        call()
    assert seen == [{"id": 7}]
    assert bitrix24.methods.count("profile") == 1
    assert state_of(service) is PortalState.UNPAID


def test_a_method_that_is_always_odd_costs_one_profile_in_a_while(
    service: Service, call: Call, bitrix24: FakeBitrix24
) -> None:
    bitrix24.fails(READ, "PAYMENT_REQUIRED", 401)
    for _ in range(60):
        with pytest.raises(BitrixError):
            call()
        service.clock.advance(1)
    assert bitrix24.methods.count("profile") <= 60 / SIGN_FOR
    assert state_of(service) is PortalState.ACTIVE


def test_portal_is_not_closed_without_a_slot_for_the_second_sign(service: Service, bitrix24: FakeBitrix24) -> None:
    portal = install(service, rate=0.1, burst=1)
    bitrix24.refuses("PAYMENT_REQUIRED", 401)
    with pytest.raises(BitrixError):
        service.calls.call(portal, READ, {}, Deadline.after(5, service.clock))
    assert bitrix24.methods == [READ]
    assert state_of(service) is PortalState.ACTIVE


def test_portal_is_not_closed_while_the_store_fails(
    stores: Stores, clock: ManualClock, bitrix24: FakeBitrix24, service: Service, portal: Portal
) -> None:
    faulty = FaultyDynamoDB(stores.dynamodb)
    process = build(
        Stores(faulty.client, stores.secrets, stores.portal_table, stores.cache_table),
        clock,
        bitrix24,
        service.telemetry,
    )
    bitrix24.refuses("PAYMENT_REQUIRED", 401)
    faulty.down.add("put_item")
    with pytest.raises(BitrixError):
        process.calls.call(portal, READ, {}, Deadline.after(10, clock))
    assert state_of(service) is PortalState.ACTIVE


def test_a_profile_that_is_refused_is_confirmed_by_another_method(
    service: Service, call: Call, bitrix24: FakeBitrix24
) -> None:
    bitrix24.fails("profile", "PAYMENT_REQUIRED", 401)
    bitrix24.answers("scope", ["im"])
    with pytest.raises(BitrixError):
        call("profile")
    assert bitrix24.methods == ["profile", "scope"]
    assert state_of(service) is PortalState.ACTIVE


# -- methods that keys let pass ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "status"),
    [*[(code, status) for code, status, _ in SIGNS], *SHUTS, ("TIMEOUT", 0), ("authorization_error", 401), ("X", 401)],
)
@pytest.mark.parametrize("method", [PASSED, READ])
def test_error_of_a_passed_method_affects_its_caller_only(
    service: Service, call: Call, bitrix24: FakeBitrix24, code: str, status: int, method: str
) -> None:
    bitrix24.refuses(code, status)
    for _ in range(2 * IN_A_ROW):
        with pytest.raises(BitrixError, match=code if code != "X" else "OTHER"):
            call(method, teaches=False)
    bitrix24.recovers()
    assert state_of(service) is PortalState.ACTIVE
    assert call() == 1437


def test_only_the_services_own_methods_can_close_a_portal(service: Service, call: Call, bitrix24: FakeBitrix24) -> None:
    assert PASSED not in OWN_METHODS
    bitrix24.refuses("PAYMENT_REQUIRED", 401)
    deadline = Deadline.after(10, service.clock)
    with pytest.raises(BitrixError):
        call(PASSED)
    with pytest.raises(BitrixError):
        service.calls.batch(service.portals.get(MEMBER_ID), [Command(PASSED, {})], deadline)
    assert state_of(service) is PortalState.ACTIVE


def test_limits_are_learned_from_a_passed_method(call: Call, bitrix24: FakeBitrix24) -> None:
    bitrix24.fails(PASSED, "OPERATION_TIME_LIMIT", 429)
    for _ in range(3):
        with pytest.raises(BitrixError, match="OPERATION_TIME_LIMIT"):
            call(PASSED, teaches=False)
    assert bitrix24.methods == [PASSED]
    assert call() == 1437


def test_a_passed_method_takes_no_probe_of_the_circuit(call: Call, bitrix24: FakeBitrix24, service: Service) -> None:
    bitrix24.refuses("OVERLOAD_LIMIT", 503)
    with pytest.raises(BitrixError):
        call()
    bitrix24.recovers()
    bitrix24.fails(PASSED, "TIMEOUT", 0)
    service.clock.advance(FIRST_PAUSE)
    with pytest.raises(BitrixError, match="TIMEOUT"):
        call(PASSED, teaches=False)
    assert bitrix24.methods[-2:] == ["profile", PASSED]
    assert call() == 1437


# -- looks -------------------------------------------------------------------------------------------------------------


CLOSED = sorted(ASKED_AGAIN)


@pytest.mark.parametrize("state", CLOSED)
def test_every_closed_state_is_looked_at_after_a_minute_and_then_after_twice_as_long_up_to_an_hour(
    service: Service, call: Call, portal: Portal, bitrix24: FakeBitrix24, state: PortalState
) -> None:
    service.portals.states.close(portal, state, "CODE")
    began, looked_at = service.clock.now(), []
    bitrix24.fails("profile", "TRANSPORT", 0)
    while service.clock.now() < began + 6 * 3600:
        calls = len(bitrix24.calls)
        with pytest.raises(ChatLookupError):
            call()
        if len(bitrix24.calls) > calls:
            looked_at.append(service.clock.now() - began)
        service.clock.advance(FIRST_LOOK)
    gaps = [later - sooner for sooner, later in zip([0.0, *looked_at], looked_at, strict=False)]
    assert gaps[0] == pytest.approx(FIRST_LOOK, abs=1)
    for looks, gap in enumerate(gaps):
        # The attempts of one look pause between them, and the caller comes once a minute.
        assert pause(looks) - 5 <= gap <= pause(looks) + 2 * FIRST_LOOK
    assert max(gaps) <= LONGEST_PAUSE + 2 * FIRST_LOOK


@pytest.mark.parametrize("state", CLOSED)
def test_portal_that_answers_a_look_opens_and_its_recovery_is_reported_once(
    service: Service, another_process: Service, call: Call, portal: Portal, bitrix24: FakeBitrix24, state: PortalState
) -> None:
    service.portals.states.close(portal, state, "CODE")
    service.clock.advance(FIRST_LOOK)
    assert call() == 1437
    assert call(by=another_process) == 1437
    assert bitrix24.methods == ["profile", READ, READ]
    assert service.recoveries.reported == [(MEMBER_ID, state, "CODE")]
    assert another_process.recoveries.reported == []


def test_portal_that_answers_profile_opens_even_if_the_callers_method_fails(
    service: Service, call: Call, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    service.portals.states.close(portal, PortalState.UNPAID, "PAYMENT_REQUIRED")
    bitrix24.fails(READ, "ACCESS_ERROR", 403)
    service.clock.advance(FIRST_LOOK)
    with pytest.raises(BitrixError, match="ACCESS_ERROR"):
        call()
    assert state_of(service) is PortalState.ACTIVE


def test_a_refusal_with_a_documented_code_of_another_kind_shows_that_the_grant_is_admitted(
    service: Service, call: Call, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    service.portals.states.close(portal, PortalState.UNPAID, "PAYMENT_REQUIRED")
    bitrix24.fails("profile", "insufficient_scope", 403)
    service.clock.advance(FIRST_LOOK)
    assert call() == 1437
    assert state_of(service) is PortalState.ACTIVE


@pytest.mark.parametrize(
    ("code", "status"),
    [("PAYMENT_REQUIRED", 401), ("SOMETHING_NEW", 403), ("NOT_JSON", 403), ("QUERY_LIMIT_EXCEEDED", 503), ("X", 401)],
)
def test_look_that_shows_nothing_leaves_the_portal_closed_and_raises_the_error_of_the_state(
    service: Service, call: Call, portal: Portal, bitrix24: FakeBitrix24, code: str, status: int
) -> None:
    service.portals.states.close(portal, PortalState.UNPAID, "PAYMENT_REQUIRED")
    bitrix24.refuses(code, status)
    service.clock.advance(FIRST_LOOK)
    with pytest.raises(PortalBlocked) as raised:
        call()
    assert raised.value.portal_error == "PAYMENT_REQUIRED"
    assert 0 < (raised.value.retry_after or 0) <= pause(1)
    assert state_of(service) is PortalState.UNPAID
    assert service.recoveries.reported == []


def test_a_renamed_portal_is_looked_at_for_a_week_and_then_only_after_the_command_portal_start(
    service: Service, call: Call, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    service.portals.states.close(portal, PortalState.RENAMED, "")
    bitrix24.refuses("PORTAL_RENAMED", 302)
    began = service.clock.now()
    while service.clock.now() < began + RENAMED_FOR + LONGEST_PAUSE:
        service.clock.advance(LONGEST_PAUSE)
        with pytest.raises(PortalMisconfigured):
            call()
    looks = len(bitrix24.calls)
    bitrix24.recovers()
    for _ in range(50):
        service.clock.advance(LONGEST_PAUSE)
        with pytest.raises(PortalMisconfigured) as raised:
            call()
    assert len(bitrix24.calls) == looks
    assert 0 < (raised.value.retry_after or 0) <= LONGEST_PAUSE
    service.portals.states.start(portal)
    assert call() == 1437
    assert service.recoveries.reported == [(MEMBER_ID, "renamed", "")]


def test_a_passed_method_waits_for_a_look_by_profile_too(
    service: Service, call: Call, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    service.portals.states.close(portal, PortalState.UNPAID, "PAYMENT_REQUIRED")
    bitrix24.answers(PASSED, [])
    service.clock.advance(FIRST_LOOK)
    assert call(PASSED, teaches=False) == []
    assert bitrix24.methods == ["profile", PASSED]


# -- circuits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "status", "state"), [("OVERLOAD_LIMIT", 503, BLOCKED), ("TRANSPORT", 0, UNREACHABLE)])
def test_recovery_is_reported_when_a_portal_is_called_again(
    service: Service, call: Call, bitrix24: FakeBitrix24, code: str, status: int, state: str
) -> None:
    bitrix24.refuses(code, status)
    for _ in range(IN_A_ROW):
        with pytest.raises((BitrixError, ChatLookupError)):
            call()
    bitrix24.recovers()
    service.clock.advance(FIRST_PAUSE)
    assert call() == 1437
    assert service.recoveries.reported == [(MEMBER_ID, state, code)]


@pytest.mark.parametrize(("code", "status"), [("NOT_JSON", 403), ("SOMETHING_NEW", 401)])
def test_reply_that_may_concern_one_method_only_neither_opens_nor_closes_the_circuit(
    service: Service, call: Call, bitrix24: FakeBitrix24, code: str, status: int
) -> None:
    bitrix24.fails(READ, code, status)
    for _ in range(2 * IN_A_ROW):
        with pytest.raises(BitrixError):
            call()
    bitrix24.answers("im.dialog.get", {})
    assert call("im.dialog.get") == {}
    bitrix24.refuses("OVERLOAD_LIMIT", 503)
    with pytest.raises(BitrixError):
        call("im.dialog.get")
    bitrix24.recovers()
    service.clock.advance(FIRST_PAUSE)
    with pytest.raises((BitrixError, PortalBlocked)):
        call()
    with pytest.raises(PortalBlocked):
        call("im.dialog.get")


# -- a stop ------------------------------------------------------------------------------------------------------------


def test_stopped_portal_is_not_called_and_no_look_ends_the_stop(
    service: Service, call: Call, portal: Portal, bitrix24: FakeBitrix24, output: Output
) -> None:
    del output
    service.portals.states.close(portal, PortalState.UNPAID, "PAYMENT_REQUIRED")
    stopped = service.portals.states.stop(portal)
    for _ in range(30):
        service.clock.advance(LONGEST_PAUSE)
        with pytest.raises(PortalStopped) as raised:
            call()
        assert raised.value.retry_after is None
        with pytest.raises(PortalStopped):
            service.calls.call(stopped, READ, {}, Deadline.after(10, service.clock))
    # A process that remembers the record as it was closed, and thinks a look is due.
    remembered = portal._replace(state=PortalState.UNPAID, retry_at=1.0)
    with pytest.raises(PortalStopped):
        service.calls.call(remembered, READ, {}, Deadline.after(10, service.clock))
    assert bitrix24.calls == []
    service.portals.states.start(portal)
    assert call() == 1437


def test_a_closed_portal_without_a_slot_is_busy(service: Service, bitrix24: FakeBitrix24) -> None:
    portal = install(service, rate=0.1, burst=1)
    bitrix24.answers(READ, 1437)
    service.calls.call(portal, READ, {}, Deadline.after(2, service.clock))
    service.portals.states.close(portal, PortalState.UNPAID, "PAYMENT_REQUIRED")
    service.portals.states.start(portal)
    with pytest.raises(PortalBusy):
        service.calls.call(service.portals.get(MEMBER_ID), READ, {}, Deadline.after(2, service.clock))
