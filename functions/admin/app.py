"""Operators' commands, as `{"command": "portals"}`, which `sam remote invoke` sends (docs/runbook.md; design 3.5)."""

from typing import TYPE_CHECKING

from chat_lookup.bootstrap import process
from chat_lookup.clock import bound_by
from chat_lookup.http.json_fields import Fields
from chat_lookup.observability import invocation

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


def handler(event: object, context: "LambdaContext") -> dict[str, object]:
    deadline = invocation.time_left(context, process.clock)
    with bound_by(deadline):
        return invocation.invoke(
            "admin",
            context,
            process.telemetry(),
            lambda: process.services().admin().run(Fields(event), deadline),
        )
