"""A portal's circuit after the outcome of a call: when it opens, for how long, and what closes it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_lookup.bitrix24.errors import BitrixError
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

SHUT = BitrixError("OVERLOAD_LIMIT", 503, method="im.chat.get")
SILENT = BitrixError("TRANSPORT", method="im.chat.get")
NOW = 1_763_000_000.0


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
        ("im.chat.get", "NOT_JSON", 403, True),
        ("im.chat.get", "INTERNAL_SERVER_ERROR", 500, False),
        ("im.chat.get", "QUERY_LIMIT_EXCEEDED", 503, False),
        ("im.chat.get", "OPERATION_TIME_LIMIT", 429, False),
        ("im.chat.get", "expired_token", 401, False),
        ("im.chat.get", "BRAND_NEW", 503, False),
    ],
)
def test_only_errors_of_the_whole_portal_open_the_circuit(method: str, code: str, status: int, shut: bool) -> None:
    assert shuts(method, BitrixError(code, status, method=method)) is shut


def test_pauses_double_from_half_a_minute_to_ten_and_stay_there_for_years() -> None:
    assert [pause(probes) for probes in range(6)] == [30, 60, 120, 240, 480, 600]
    assert pause(100_000) == LONGEST_PAUSE


def test_circuit_opens_after_some_failures_in_a_row_within_a_minute() -> None:
    state = State()
    for number in range(IN_A_ROW):
        assert not state.code
        state = failed(state, SILENT, NOW + number)
    assert (state.code, state.probe_at) == ("TRANSPORT", NOW + IN_A_ROW - 1 + FIRST_PAUSE)


def test_occasional_failures_do_not_open_the_circuit() -> None:
    state = State()
    for number in range(10 * IN_A_ROW):
        state = failed(state, SILENT, NOW + number * WITHIN / (IN_A_ROW - 1))
        assert not state.code


def test_success_restarts_the_count_of_failures() -> None:
    state = State()
    for number in range(10 * IN_A_ROW):
        entered = state
        state = failed(state, SILENT, NOW + number)
        if number % (IN_A_ROW - 1) == 0:
            state = answered(state, entered)
        assert not state.code


def test_outcome_of_a_call_from_before_the_circuit_opened_neither_closes_it_nor_lengthens_its_pause() -> None:
    before = State()
    shut = failed(before, SHUT, NOW)
    assert failed(shut, SHUT, NOW + 1) == shut
    assert failed(shut, SILENT, NOW + 1) == shut
    assert answered(shut, before) == shut
    latest = probed(probed(shut, NOW + 30), NOW + 90)
    assert answered(latest, probed(shut, NOW + 30)) == latest
    assert answered(latest, latest) == State()


def test_probe_with_another_error_replaces_the_code_of_the_circuit() -> None:
    shut = probed(failed(State(), SHUT, NOW), NOW + 30)
    assert failed(shut, BitrixError("PORTAL_DELETED", 500), NOW + 31) == shut._replace(
        code="PORTAL_DELETED", status=500
    )


@given(arrivals=st.lists(st.floats(min_value=0, max_value=400), max_size=80))
def test_portal_that_stays_blocked_gets_few_calls_at_any_arrivals(arrivals: list[float]) -> None:
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
