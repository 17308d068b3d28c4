"""Once a day: tokens that would lapse because nobody used them (bitrix24.md 3.4)."""

from typing import TYPE_CHECKING

from chat_lookup.bootstrap import process
from chat_lookup.http import entrypoint

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


def handler(_: object, context: "LambdaContext") -> dict[str, object]:
    deadline = entrypoint.time_left(context, process.clock)
    return entrypoint.invoke(
        "keepalive",
        context,
        process.telemetry(),
        lambda: process.services().installing().keepalive.run(deadline),
    )
