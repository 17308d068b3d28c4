"""Operators' commands: `sam remote invoke AdminFunction --event '{"command":"portals"}'` (design 3.5)."""

from typing import TYPE_CHECKING

from chat_lookup import bootstrap, edge
from chat_lookup.fields import Fields

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


def handler(event: object, context: "LambdaContext") -> dict[str, object]:
    deadline = edge.time_left(context, bootstrap.clock)
    return edge.invoke(
        "admin",
        context,
        bootstrap.telemetry(),
        lambda: bootstrap.services().installing().admin.run(Fields(event), deadline),
    )
