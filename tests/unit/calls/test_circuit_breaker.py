"""While a portal admits nothing it is not called, but for one probe at a time; and what is no such failure is none."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.calls.circuit_breaker import REMEMBERED_FOR, Circuit
from chat_lookup.calls.circuit_state import (
    FIRST_PAUSE,
    IN_A_ROW,
    LONGEST_PAUSE,
    WITHIN,
    State,
    answered,
    failed,
    pause,
    probed,
    shuts,
)
from chat_lookup.errors import ChatLookupError, PortalBlocked, PortalUnavailable
from tests.support.events.bot_questions import BadDay
from tests.support.fakes import MEMBER_ID, ManualClock, Stores

SHUT = BitrixError("OVERLOAD_LIMIT", 503, method="im.chat.get")
SILENT = BitrixError("TRANSPORT", method="im.chat.get")
NOW = 1_763_000_000.0

Process = Callable[[], Circuit]


@pytest.fixture
def process(stores: Stores, clock: ManualClock) -> Process:
    """One more process upon the same store."""
    return lambda: Circuit(stores.dynamodb, stores.cache_table, clock)


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


# -- what follows from what --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "code", "status", "shut"),
    [
        ("im.chat.get", "OVERLOAD_LIMIT", 503, True),
        ("imbot.message.add", "overload_limit", 503, True),
        ("im.dialog.get", "PORTAL_DELETED", 500, True),
        ("im.dialog.get", "PORTAL_DELETED", 410, True),
        ("im.chat.get", "ACCESS_DENIED", 403, True),
        ("batch", "ACCESS_DENIED", 403, True),
        ("im.user.get", "ACCESS_DENIED", 403, False),
        ("tasks.task.get", "ACCESS_DENIED", 403, False),
        ("event.bind", "ACCESS_DENIED", 403, False),
        ("im.chat.get", "user_access_error", 403, False),
        ("im.chat.get", "TRANSPORT", 0, True),
        ("im.chat.get", "TIMEOUT", 0, True),
        ("im.chat.get", "HTTP_5XX", 502, True),
        ("im.chat.get", "NOT_JSON", 200, True),
        ("im.chat.get", "NOT_JSON", 403, False),
        ("im.chat.get", "INTERNAL_SERVER_ERROR", 500, False),
        ("im.chat.get", "QUERY_LIMIT_EXCEEDED", 503, False),
        ("im.chat.get", "OPERATION_TIME_LIMIT", 429, False),
        ("im.chat.get", "expired_token", 401, False),
        ("im.chat.get", "BRAND_NEW", 503, False),
    ],
)
def test_only_what_speaks_of_the_whole_portal_shuts(method: str, code: str, status: int, shut: bool) -> None:
    assert shuts(method, BitrixError(code, status, method=method)) is shut


def test_pauses_double_from_half_a_minute_to_ten_and_stay_there_for_years() -> None:
    assert [pause(probes) for probes in range(6)] == [30, 60, 120, 240, 480, 600]
    assert pause(100_000) == LONGEST_PAUSE


def test_calls_without_an_answer_shut_after_some_in_a_row_within_a_minute() -> None:
    state = State()
    for number in range(IN_A_ROW):
        assert not state.code
        state = failed(state, SILENT, NOW + number)
    assert (state.code, state.probe_at) == ("TRANSPORT", NOW + IN_A_ROW - 1 + FIRST_PAUSE)


def test_calls_that_fail_now_and_then_shut_nothing() -> None:
    state = State()
    for number in range(10 * IN_A_ROW):
        state = failed(state, SILENT, NOW + number * WITHIN / (IN_A_ROW - 1))
        assert not state.code


def test_an_answer_between_them_begins_the_row_anew() -> None:
    state = State()
    for number in range(10 * IN_A_ROW):
        entered = state
        state = failed(state, SILENT, NOW + number)
        if number % (IN_A_ROW - 1) == 0:
            state = answered(state, entered)
        assert not state.code


def test_who_comes_back_from_before_it_shut_neither_opens_it_nor_lengthens_its_pause() -> None:
    before = State()
    shut = failed(before, SHUT, NOW)
    assert failed(shut, SHUT, NOW + 1) == shut
    assert failed(shut, SILENT, NOW + 1) == shut
    assert answered(shut, before) == shut
    latest = probed(probed(shut, NOW + 30), NOW + 90)
    assert answered(latest, probed(shut, NOW + 30)) == latest
    assert answered(latest, latest) == State()


def test_a_probe_that_finds_another_reason_tells_that_one_from_then_on() -> None:
    shut = probed(failed(State(), SHUT, NOW), NOW + 30)
    assert failed(shut, BitrixError("PORTAL_DELETED", 500), NOW + 31) == replace(
        shut, code="PORTAL_DELETED", status=500
    )


@given(arrivals=st.lists(st.floats(min_value=0, max_value=400), max_size=80))
def test_however_callers_come_a_portal_that_stays_shut_hears_of_few(arrivals: list[float]) -> None:
    state, now, calls = State(), NOW, 0
    for gap in arrivals:
        now += gap
        if state.holds_back(now):
            continue
        calls += 1
        state = failed(probed(state, now) if state.code else state, SHUT, now)
    most, at = 1, 0.0
    while (at := at + pause(most - 1)) <= now - NOW:
        most += 1
    assert calls <= most


# -- one portal, some processes ----------------------------------------------------------------------------------------


def test_a_portal_that_shut_one_process_out_is_called_by_none(process: Process, clock: ManualClock) -> None:
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


def test_an_answer_to_the_probe_lets_everybody_in(process: Process, clock: ManualClock) -> None:
    first, second = process(), process()
    open_by(first)
    clock.advance(FIRST_PAUSE + 1)
    entered = second.enter(MEMBER_ID)
    assert admitted(first) == [False]
    second.learn(MEMBER_ID, entered, None)
    assert admitted(second) == [True]
    clock.advance(REMEMBERED_FOR)
    assert admitted(first, second) == [True, True]


def test_a_probe_that_never_tells_is_followed_by_another_in_time(process: Process, clock: ManualClock) -> None:
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


def test_another_portal_is_another_matter(circuit: Circuit) -> None:
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
def test_callers_are_told_why_and_until_when(
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
    store = BadDay(stores.dynamodb)
    store.down.add("put_item")
    circuit = Circuit(store.client, stores.cache_table, clock)
    for _ in range(3):
        circuit.learn(MEMBER_ID, circuit.enter(MEMBER_ID), None)
    store.down.add("get_item")
    assert admitted(circuit) == [True]


# -- a store that fails ------------------------------------------------------------------------------------------------


def test_a_store_that_does_not_answer_shuts_nobody_out(stores: Stores, clock: ManualClock, process: Process) -> None:
    open_by(process())
    store = BadDay(stores.dynamodb)
    store.down |= {"get_item", "put_item"}
    circuit = Circuit(store.client, stores.cache_table, clock)
    assert admitted(circuit) == [True]
    circuit.learn(MEMBER_ID, State(), SHUT)
    store.down.clear()
    clock.advance(REMEMBERED_FOR)
    assert admitted(circuit) == [False]


def test_a_claim_that_is_sent_again_after_its_answer_was_lost_holds(stores: Stores, clock: ManualClock) -> None:
    circuit = Circuit(BadDay(stores.dynamodb, repeats=True).client, stores.cache_table, clock)
    open_by(circuit)
    clock.advance(FIRST_PAUSE + 1)
    entered = circuit.enter(MEMBER_ID)
    assert entered.probes == 1
    circuit.learn(MEMBER_ID, entered, None)
    assert circuit.enter(MEMBER_ID) == State()


def test_a_row_of_a_clock_that_ran_wrong_holds_nobody_back(process: Process, clock: ManualClock) -> None:
    clock.advance(24 * 3600)
    open_by(process())
    clock.advance(-24 * 3600)
    assert admitted(process()) == [True]
