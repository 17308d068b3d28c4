"""Once a day: tokens that would lapse because nobody used them (bitrix24.md 3.4)."""

from typing import TYPE_CHECKING

from chat_lookup import bootstrap, edge

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


def handler(_: object, context: "LambdaContext") -> dict[str, object]:
    deadline = edge.time_left(context, bootstrap.clock)
    return edge.invoke(
        "keepalive",
        context,
        bootstrap.telemetry(),
        lambda: bootstrap.services().installing().keepalive.run(deadline),
    )
