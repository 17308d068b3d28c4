"""The frame of an invocation: errors of ours only get past it, one line tells how it ended, and it ends in time."""

import traceback
from collections.abc import Callable

import pytest

from chat_lookup.errors import PortalBusy
from chat_lookup.observability import invocation
from chat_lookup.observability.telemetry import Telemetry
from tests.support.fakes import WEBHOOK_CODE, WEBHOOK_URL, ManualClock, Output, lambda_context


def cannot_reach() -> None:
    raise OSError(f"cannot reach {WEBHOOK_URL}")


# -- direct invocation -------------------------------------------------------------------------------------------------


def invoke(telemetry: Telemetry, work: Callable[[], dict[str, object]]) -> dict[str, object]:
    return invocation.invoke("direct", lambda_context(), telemetry, work)


def test_an_answer_goes_back_as_it_is_and_one_line_is_written(telemetry: Telemetry, output: Output) -> None:
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
        (fails_as_theirs, "ChatLookupError", "Something failed inside the service"),
    ],
)
def test_a_failure_is_raised_under_its_own_name_and_nothing_foreign_hangs_on_to_it(
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


def test_the_line_of_a_failure_tells_which(telemetry: Telemetry, output: Output) -> None:
    with pytest.raises(PortalBusy):
        invoke(telemetry, fails_as_ours)
    (line,) = output.lines
    assert (line["problem"], line["detail"]) == ("portal-busy", "no slot")


# -- the time that is left ---------------------------------------------------------------------------------------------


def test_a_second_is_kept_for_the_way_back() -> None:
    clock = ManualClock()
    assert invocation.time_left(lambda_context(29), clock).left() == pytest.approx(28)


def test_a_route_may_have_less_than_lambda_leaves() -> None:
    clock = ManualClock()
    assert invocation.time_left(lambda_context(29), clock, at_most=10).left() == pytest.approx(10)
    assert invocation.time_left(lambda_context(5), clock, at_most=10).left() == pytest.approx(4)


def test_when_lambda_leaves_nothing_nothing_is_left() -> None:
    assert invocation.time_left(lambda_context(0.5), ManualClock()).left() == 0
