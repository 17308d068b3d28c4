"""The outermost frame of an invocation: it lets through our own errors only, each with a safe message."""

import logging
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from chat_lookup.clock import LAST_SECOND, Clock, Deadline
from chat_lookup.errors import ChatLookupError
from chat_lookup.observability.aws_failures import FAILED, OutOfTime, translated
from chat_lookup.observability.telemetry import Telemetry

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


Result = TypeVar("Result")

_SERVER_ERROR: Final = 500


def guarded(telemetry: Telemetry, work: Callable[[], Result], failure: Callable[[ChatLookupError], Result]) -> Result:
    """The result of `work`, or of `failure` with the raised error, translated into one of ours."""
    try:
        return work()
    except ChatLookupError as error:
        _note(error, telemetry)
        return failure(error)
    except Exception as error:  # noqa: BLE001 - the outermost handler: a traceback must not reach a caller
        return failure(_unexpected(error, telemetry))


def invoke(
    message: str, context: "LambdaContext", telemetry: Telemetry, work: Callable[[], dict[str, object]]
) -> dict[str, object]:
    """Answer one direct invocation.

    Raises our own errors only, each with a safe message and without the error that caused it, so that a state machine
    can match its class name and no secret is in its trace (design 3.3).
    """
    failure: ChatLookupError
    with telemetry.invocation(message, request_id=context.aws_request_id):
        try:
            return work()
        except ChatLookupError as error:
            _note(error, telemetry)
            failure = error
        except Exception as error:  # noqa: BLE001 - as above
            failure = _unexpected(error, telemetry)
    if failure.retry_after is not None:
        # The caller of a function receives nothing but the class's name and the message.
        failure.args = (f"{failure}; try again in {max(1, math.ceil(failure.retry_after))} s",)
    # A fresh raise: the frames and causes of the first one stay behind.
    failure.__context__ = None
    raise failure.with_traceback(None) from None


def time_left(context: "LambdaContext", clock: Clock, *, at_most: float = float("inf")) -> Deadline:
    """The deadline of the response: a second before Lambda's time-out, or sooner; with the function's own end."""
    left = context.get_remaining_time_in_millis() / 1000
    return Deadline.after(min(left - LAST_SECOND, at_most), clock, end=left)


def _note(error: ChatLookupError, telemetry: Telemetry) -> None:
    level = logging.ERROR if error.status == _SERVER_ERROR else logging.INFO
    telemetry.note(level=level, problem=error.code, detail=error.detail)


def _unexpected(error: Exception, telemetry: Telemetry) -> ChatLookupError:
    if not isinstance(error, OutOfTime):
        telemetry.fault("unexpected error", error)
    failure = translated(error) if isinstance(error, FAILED) else ChatLookupError()
    _note(failure, telemetry)
    return failure
