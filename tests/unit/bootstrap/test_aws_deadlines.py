"""How long an attempt may take and whether it is retried: by the deadline and the last known state of the service."""

from types import SimpleNamespace
from typing import Any, Final

import pytest
from botocore.exceptions import ConnectionClosedError, ConnectTimeoutError, ReadTimeoutError

from chat_lookup.bootstrap.aws_deadlines import SILENCE, Hooks
from chat_lookup.clock import TO_ANSWER, Deadline, bound, bound_by
from chat_lookup.observability.aws_failures import OutOfTime
from tests.support.fakes import ManualClock

URL: Final = "https://dynamodb.example"
SILENT: Final = (ReadTimeoutError(endpoint_url=URL), ConnectTimeoutError(endpoint_url=URL))

Outcome = Exception | dict[str, str]
"""The end of an attempt: an exception, or a response with these headers."""


class Calls:
    """One client's hooks, called as botocore calls them."""

    def __init__(self, clock: ManualClock, first_pause: float = 0.05) -> None:
        self._hooks = Hooks(2.0, 0.3, first_pause)
        self._clock = clock

    def begin(self, context: dict[str, Any] | None = None) -> dict[str, Any]:
        """Begin an attempt; its timeouts are in the request's context."""
        context = {} if context is None else context
        self._hooks.before_send(SimpleNamespace(context=context))
        return context

    def end(self, context: dict[str, Any], outcome: Outcome, attempts: int = 1, took: float = 0.0) -> bool | None:
        """End an attempt, with an exception or a response with these headers; False forbids a retry."""
        self._clock.advance(took)
        error = outcome if isinstance(outcome, Exception) else None
        response: tuple[Any, dict[str, Any]] | None = None if error else (SimpleNamespace(headers=outcome), {})
        return self._hooks.needs_retry(attempts, response, error, {"context": context})


@pytest.fixture
def calls(clock: ManualClock) -> Calls:
    return Calls(clock)


@pytest.mark.parametrize(("seconds", "allowed"), [(10.0, 2.0), (2.2, 2.0), (1.2, 1.0), (0.25, 0.05)])
def test_attempt_reads_for_its_own_timeout_or_the_time_left(
    seconds: float, allowed: float, calls: Calls, clock: ManualClock
) -> None:
    with bound_by(Deadline.after(seconds, clock)):
        assert calls.begin()["read_timeout"] == pytest.approx(allowed)


@pytest.mark.parametrize("seconds", [TO_ANSWER / 2, 0.0, -5.0])
def test_attempt_without_time_left_is_not_sent(seconds: float, calls: Calls, clock: ManualClock) -> None:
    with bound_by(Deadline.after(seconds, clock)), pytest.raises(OutOfTime):
        calls.begin()


def test_client_outside_of_an_invocation_is_not_changed(calls: Calls) -> None:
    context = calls.begin()
    assert context == {}
    assert calls.end(context, SILENT[0]) is None


@pytest.mark.parametrize("error", SILENT, ids=lambda error: type(error).__name__)
def test_call_is_retried_after_the_first_timeout_and_later_calls_not_while_the_service_is_silent(
    error: Exception, calls: Calls, clock: ManualClock
) -> None:
    with bound_by(Deadline.after(60, clock)):
        limit = bound()
        assert limit is not None
        first = calls.begin()
        assert calls.end(first, error, took=2.0) is None
        calls.begin(first)
        assert (first["read_timeout"], limit.to_connect) == (0.3, 0.3)
        assert calls.end(first, error, attempts=2, took=0.3) is False
        second = calls.begin()
        assert second["read_timeout"] == 0.3
        assert calls.end(second, error, took=0.3) is False
        clock.advance(SILENCE)
        assert calls.begin()["read_timeout"] == 2.0
        assert limit.to_connect > 10


def test_fast_refusal_is_retried_by_the_rules_of_the_client(calls: Calls, clock: ManualClock) -> None:
    with bound_by(Deadline.after(60, clock)):
        outcomes: tuple[Outcome, ...] = ({}, ConnectionClosedError(endpoint_url=URL))
        for outcome in outcomes:
            context = calls.begin()
            assert [calls.end(context, outcome, attempts) for attempts in (1, 2)] == [None, None]
            assert calls.begin()["read_timeout"] == 2.0


@pytest.mark.parametrize(
    ("first_pause", "left", "attempts", "headers", "last"),
    [
        (0.05, 0.2, 1, {}, False),
        (0.05, 0.1, 1, {}, True),
        (1.0, 1.2, 1, {}, False),
        (1.0, 1.2, 2, {}, True),
        (1.0, 2.2, 2, {}, False),
        (1.0, 6.0, 1, {"x-amz-retry-after": "4000"}, True),
        (1.0, 6.2, 1, {"x-amz-retry-after": "4000"}, False),
    ],
)
def test_pause_before_a_retry_never_exceeds_the_deadline(
    first_pause: float, left: float, attempts: int, headers: dict[str, str], last: bool, clock: ManualClock
) -> None:
    calls = Calls(clock, first_pause)
    with bound_by(Deadline.after(left + TO_ANSWER, clock)):
        assert calls.end(calls.begin(), headers, attempts) is (False if last else None)


def test_time_in_aws_is_the_sum_of_all_attempts(calls: Calls, clock: ManualClock) -> None:
    with bound_by(Deadline.after(60, clock)):
        outcomes: tuple[Outcome, ...] = ({}, SILENT[0])
        for outcome in outcomes:
            calls.end(calls.begin(), outcome, took=1.5)
            clock.advance(1)
        limit = bound()
        assert limit is not None
        assert limit.in_aws == pytest.approx(3.0)
