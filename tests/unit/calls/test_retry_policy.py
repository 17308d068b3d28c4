"""Which failed calls may be retried: reads only, never too often, and never after an error that looks retryable."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_lookup.bitrix24.errors import METRIC_CODES, BitrixError, ErrorClass
from chat_lookup.calls.retry_policy import READS, RetryPolicy
from chat_lookup.observability.metrics import METHODS

POLICY = RetryPolicy(random=random.random)

CODES = st.sampled_from(sorted(METRIC_CODES)) | st.text(max_size=5)
STATUSES = st.sampled_from([0, 200, 302, 400, 401, 403, 404, 429, 500, 502, 503, 504])
CALLED = st.sampled_from(sorted(METHODS))
ATTEMPTS = st.integers(1, 10)
WRITES = sorted(method for method in METHODS if method.casefold() not in READS)


def may(code: str, status: int = 0, method: str = "im.chat.get", attempt: int = 1) -> bool:
    return POLICY.may(BitrixError(code, status, method=method), method, attempt)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("TRANSPORT", 0), ("TIMEOUT", 0), ("HTTP_5XX", 502), ("NOT_JSON", 200), ("PROTOCOL", 200),
        ("INTERNAL_SERVER_ERROR", 500), ("ERROR_UNEXPECTED_ANSWER", 500), ("UNKNOWN_CODE", 503),
    ],
)  # fmt: skip
def test_read_is_tried_three_times_where_the_next_attempt_may_succeed(code: str, status: int) -> None:
    assert [may(code, status, attempt=attempt) for attempt in (1, 2, 3)] == [True, True, False]


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("OVERLOAD_LIMIT", 503), ("PORTAL_DELETED", 500), ("OPERATION_TIME_LIMIT", 429), ("expired_token", 401),
        ("ACCESS_DENIED", 403), ("PORTAL_RENAMED", 302), ("ADDRESS_REFUSED", 0), ("insufficient_scope", 403),
    ],
)  # fmt: skip
def test_permanent_error_that_looks_retryable_is_not_retried(code: str, status: int) -> None:
    assert not may(code, status)


@pytest.mark.parametrize("method", ["im.chat.get", "imbot.message.add"])
@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("QUERY_LIMIT_EXCEEDED", 429), ("QUERY_LIMIT_EXCEEDED", 503), ("HTTP_4XX", 429), ("TOO_MANY_REQUESTS", 429),
        ("", 429), ("0", 429),
    ],
)  # fmt: skip
def test_refusal_for_too_many_requests_had_no_effect_and_is_retried_once(method: str, code: str, status: int) -> None:
    tries = [may(code, status, method, attempt) for attempt in (1, 2, 3)]

    assert tries == [True, False, False]


@pytest.mark.parametrize("method", ["IM.Chat.Get", "imbot.v2.Chat.get", "imbot.v2.chat.get"])
def test_methods_are_known_in_any_case(method: str) -> None:
    assert may("TRANSPORT", method=method)


def test_methods_that_write_are_distinguished_from_those_that_read() -> None:
    changing = {"bind", "unbind", "register", "unregister", "update", "add", "send", "answer"}

    assert {method.rpartition(".")[2] for method in WRITES} <= changing | {"batch"}
    assert {method.casefold() for method in METHODS} >= READS


@given(CODES, STATUSES, st.sampled_from([*WRITES, "batch", "crm.deal.add", "no.such.method"]), ATTEMPTS)
def test_write_is_retried_only_if_it_surely_had_no_effect(code: str, status: int, method: str, attempt: int) -> None:
    error = BitrixError(code, status, method=method)

    assert not POLICY.may(error, method, attempt) or error.too_many


@given(CODES, STATUSES, CALLED, ATTEMPTS)
def test_only_errors_that_the_table_calls_retryable_are_retried(
    code: str, status: int, method: str, attempt: int
) -> None:
    error = BitrixError(code, status, method=method)

    if POLICY.may(error, method, attempt):
        assert error.error_class is ErrorClass.RETRY or error.too_many


@given(st.lists(st.tuples(CODES, STATUSES), max_size=10), CALLED, st.integers(1, 6))
def test_number_of_attempts_never_exceeds_the_allowed_one(
    failures: list[tuple[str, int]], method: str, attempts: int
) -> None:
    policy = RetryPolicy(random=random.random, attempts=attempts)
    made = 1
    for code, status in failures:
        if not policy.may(BitrixError(code, status, method=method), method, made):
            break
        made += 1

    assert made <= attempts


@given(
    st.floats(0, 1, exclude_max=True),
    st.floats(0.01, 10),
    st.floats(0.01, 60),
    st.integers(1, 20),
)
def test_a_pause_is_drawn_from_nothing_up_to_a_bound_that_doubles_up_to_the_cap(
    drawn: float, base: float, cap: float, attempt: int
) -> None:
    policy = RetryPolicy(random=lambda: drawn, base=base, cap=cap)

    assert 0 <= policy.pause(attempt) <= min(cap, base * 2 ** (attempt - 1))
    assert policy.pause(attempt) == pytest.approx(drawn * min(cap, base * 2 ** (attempt - 1)))


def test_all_pauses_of_a_call_together_stay_under_a_second() -> None:
    worst = RetryPolicy(random=lambda: 1.0)

    assert sum(worst.pause(attempt) for attempt in range(1, worst.attempts)) == pytest.approx(0.9)
