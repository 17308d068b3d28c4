"""A portal that admits nothing is not called, except by one probe at a time; other failures do not open the circuit."""

from collections.abc import Callable

import pytest

from chat_lookup.bitrix24.errors import BitrixError, NoConnection
from chat_lookup.calls.circuit_breaker import REMEMBERED_FOR, Circuit
from chat_lookup.calls.circuit_state import FIRST_PAUSE, IN_A_ROW, State, pause
from chat_lookup.dynamodb import Table
from chat_lookup.errors import ChatLookupError, PortalBlocked, PortalUnavailable
from tests.support.fakes import MEMBER_ID, ManualClock, Stores
from tests.support.stores.faulty_dynamodb import FaultyDynamoDB

SHUT = BitrixError("OVERLOAD_LIMIT", 503, method="im.chat.get")
SILENT = BitrixError("TRANSPORT", method="im.chat.get")
Process = Callable[[], Circuit]


@pytest.fixture
def process(stores: Stores, clock: ManualClock) -> Process:
    """One more process with the same store."""
    return lambda: Circuit(stores.cache_rows, clock)


@pytest.fixture
def circuit(process: Process) -> Circuit:
    return process()


def open_by(circuit: Circuit, error: BitrixError = SHUT) -> None:
    circuit.learn(MEMBER_ID, circuit.enter(MEMBER_ID), error)


def admitted(*processes: Circuit) -> list[bool]:
    """Whether each of them would be let through now, asked one after the other."""
    return [_enters(each) for each in processes]


def _enters(circuit: Circuit) -> bool:
    try:
        circuit.enter(MEMBER_ID)
    except ChatLookupError:
        return False
    return True


# -- one portal, some processes ----------------------------------------------------------------------------------------


def test_portal_that_blocked_one_process_is_called_by_none(process: Process, clock: ManualClock) -> None:
    first, second, third = process(), process(), process()
    assert admitted(second) == [True]
    open_by(first)
    assert admitted(first, third) == [False, False]
    clock.advance(REMEMBERED_FOR)
    assert admitted(second) == [False]


def test_when_a_probe_is_due_one_process_takes_it(process: Process, clock: ManualClock) -> None:
    processes = [process() for _ in range(4)]
    open_by(processes[0])
    for probes in range(6):
        clock.advance(pause(probes) - 1)
        assert admitted(*processes) == [False] * 4
        clock.advance(1.001)
        # They all know that it is due, and not that another takes it.
        for each in processes:
            each.check(MEMBER_ID)
        assert admitted(*processes) == [True, False, False, False]


def test_successful_probe_admits_every_process(process: Process, clock: ManualClock) -> None:
    first, second = process(), process()
    open_by(first)
    clock.advance(FIRST_PAUSE + 1)
    entered = second.enter(MEMBER_ID)
    assert admitted(first) == [False]
    second.learn(MEMBER_ID, entered, None)
    assert admitted(second) == [True]
    clock.advance(REMEMBERED_FOR)
    assert admitted(first, second) == [True, True]


def test_probe_without_an_outcome_is_followed_by_another_in_time(process: Process, clock: ManualClock) -> None:
    first, second = process(), process()
    open_by(first)
    clock.advance(FIRST_PAUSE + 1)
    first.enter(MEMBER_ID)  # and dies
    clock.advance(pause(1) - 1)
    assert admitted(second) == [False]
    clock.advance(1.001)
    assert admitted(second) == [True]


def test_failures_of_all_processes_are_one_row(process: Process) -> None:
    for _ in range(IN_A_ROW):
        open_by(process(), SILENT)
    with pytest.raises(PortalUnavailable):
        process().enter(MEMBER_ID)


def test_failures_of_separate_processes_all_count(process: Process, clock: ManualClock) -> None:
    processes = [process() for _ in range(IN_A_ROW)]
    entered = [each.enter(MEMBER_ID) for each in processes]
    for each, state in zip(processes, entered, strict=True):
        each.learn(MEMBER_ID, state, SILENT)
        clock.advance(-0.001)
    with pytest.raises(PortalUnavailable):
        process().enter(MEMBER_ID)


def test_circuit_of_one_portal_does_not_affect_another(circuit: Circuit) -> None:
    open_by(circuit)
    assert circuit.enter("another") == State()


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (SHUT, PortalBlocked, "OVERLOAD_LIMIT"),
        (BitrixError("ACCESS_DENIED", 403), PortalBlocked, "ACCESS_DENIED"),
    ],
    ids=["overload", "plan"],
)
def test_refused_caller_gets_the_error_code_and_the_time_to_retry_after(
    circuit: Circuit, clock: ManualClock, error: BitrixError, kind: type[ChatLookupError], code: str
) -> None:
    open_by(circuit, error)
    clock.advance(10)
    for refused in (circuit.check, circuit.enter):
        with pytest.raises(kind) as raised:
            refused(MEMBER_ID)
        assert raised.value.portal_error == code
        assert raised.value.retry_after == pytest.approx(FIRST_PAUSE - 10, abs=0.01)


def test_a_portal_that_answers_costs_no_write_and_few_reads(stores: Stores, clock: ManualClock) -> None:
    store = FaultyDynamoDB(stores.dynamodb)
    store.down.add("put_item")
    circuit = Circuit(Table(store.client, stores.cache_table), clock)
    for _ in range(3):
        circuit.learn(MEMBER_ID, circuit.enter(MEMBER_ID), None)
    store.down.add("get_item")
    assert admitted(circuit) == [True]


# -- a store that fails ------------------------------------------------------------------------------------------------


def test_store_failure_refuses_no_caller(stores: Stores, clock: ManualClock, process: Process) -> None:
    open_by(process())
    store = FaultyDynamoDB(stores.dynamodb)
    store.down |= {"get_item", "put_item"}
    circuit = Circuit(Table(store.client, stores.cache_table), clock)
    assert admitted(circuit) == [True]
    circuit.learn(MEMBER_ID, State(), SHUT)
    store.down.clear()
    clock.advance(REMEMBERED_FOR)
    assert admitted(circuit) == [False]


def test_claim_that_is_repeated_after_a_lost_response_holds(stores: Stores, clock: ManualClock) -> None:
    circuit = Circuit(Table(FaultyDynamoDB(stores.dynamodb, repeats=True).client, stores.cache_table), clock)
    open_by(circuit)
    clock.advance(FIRST_PAUSE + 1)
    entered = circuit.enter(MEMBER_ID)
    assert entered.probes == 1
    circuit.learn(MEMBER_ID, entered, None)
    assert circuit.enter(MEMBER_ID) == State()


def test_row_of_a_clock_that_ran_wrong_refuses_no_caller(process: Process, clock: ManualClock) -> None:
    clock.advance(24 * 3600)
    open_by(process())
    clock.advance(-24 * 3600)
    assert admitted(process()) == [True]


def test_callers_of_an_open_circuit_read_why_there_was_no_connection(process: Process) -> None:
    refused = BitrixError("TRANSPORT", host="b24.acme.example", connection=NoConnection.REFUSED)
    for _ in range(IN_A_ROW):
        process().learn(MEMBER_ID, State(), refused)
    with pytest.raises(PortalUnavailable, match=r"no connection to b24\.acme\.example: it is refused"):
        process().check(MEMBER_ID)
