"""Once an hour: renews unused tokens before they expire, and retries grants that count as dead (bitrix24.md 3.4)."""

from typing import TYPE_CHECKING

from chat_lookup.bootstrap import process
from chat_lookup.clock import bound_by
from chat_lookup.observability import invocation

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


def handler(_: object, context: "LambdaContext") -> dict[str, object]:
    deadline = invocation.time_left(context, process.clock)
    with bound_by(deadline):
        return invocation.invoke(
            "keepalive",
            context,
            process.telemetry(),
            lambda: process.services().keepalive().run(deadline),
        )
