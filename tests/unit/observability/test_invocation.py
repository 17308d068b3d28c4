"""The frame of an invocation: only our errors leave it, one log line reports how it ended, and it ends in time."""

import traceback
from collections.abc import Callable

import pytest

from chat_lookup.errors import ChatLookupError, PortalBusy
from chat_lookup.observability import invocation
from chat_lookup.observability.telemetry import Telemetry
from tests.support.fakes import WEBHOOK_CODE, WEBHOOK_URL, ManualClock, Output, lambda_context


def cannot_reach() -> None:
    raise OSError(f"cannot reach {WEBHOOK_URL}")


# -- direct invocation -------------------------------------------------------------------------------------------------


def invoke(telemetry: Telemetry, work: Callable[[], dict[str, object]]) -> dict[str, object]:
    return invocation.invoke("direct", lambda_context(), telemetry, work)


def test_answer_is_returned_unchanged_and_one_log_line_is_written(telemetry: Telemetry, output: Output) -> None:
    assert invoke(telemetry, lambda: {"chat_id": 7}) == {"chat_id": 7}
    (line,) = output.lines
    assert (line["message"], line["request_id"]) == ("direct", lambda_context().aws_request_id)


def fails_as_ours() -> dict[str, object]:
    try:
        cannot_reach()
    except OSError:
        raise PortalBusy("no slot", retry_after=3) from None
    return {}


def fails_as_theirs() -> dict[str, object]:
    try:
        cannot_reach()
    except OSError as cause:
        raise RuntimeError(f"broken: {WEBHOOK_URL}") from cause
    return {}


@pytest.mark.parametrize(
    ("work", "name", "detail"),
    [
        (fails_as_ours, "PortalBusy", "no slot"),
        (fails_as_theirs, "ChatLookupError", ChatLookupError.detail),
    ],
)
def test_failure_is_raised_with_its_own_class_and_without_a_foreign_cause(
    telemetry: Telemetry, work: Callable[[], dict[str, object]], name: str, detail: str
) -> None:
    with pytest.raises(Exception, match=detail) as raised:
        invoke(telemetry, work)
    assert type(raised.value).__name__ == name  # a state machine matches the class's name
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None
    shown = "".join(traceback.format_exception(raised.value))
    for leak in (WEBHOOK_CODE, "OSError", "RuntimeError", "fails_as"):
        assert leak not in shown


def test_log_line_of_a_failure_names_its_problem(telemetry: Telemetry, output: Output) -> None:
    with pytest.raises(PortalBusy):
        invoke(telemetry, fails_as_ours)
    (line,) = output.lines
    assert (line["problem"], line["detail"]) == ("portal-busy", "no slot")


# -- the time that is left ---------------------------------------------------------------------------------------------


def test_one_second_is_reserved_for_the_response() -> None:
    clock = ManualClock()
    assert invocation.time_left(lambda_context(29), clock).left() == pytest.approx(28)


def test_route_may_limit_the_time_that_lambda_leaves() -> None:
    clock = ManualClock()
    assert invocation.time_left(lambda_context(29), clock, at_most=10).left() == pytest.approx(10)
    assert invocation.time_left(lambda_context(5), clock, at_most=10).left() == pytest.approx(4)


def test_time_left_is_zero_when_lambda_leaves_none() -> None:
    assert invocation.time_left(lambda_context(0.5), ManualClock()).left() == 0
