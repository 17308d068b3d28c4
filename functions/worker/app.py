"""From the queue of events: answers as the bot, warms the cache, publishes (design 5, Events)."""

from typing import TYPE_CHECKING

from chat_lookup import bootstrap, edge
from chat_lookup.batches import Batches

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


def handler(event: object, context: "LambdaContext") -> dict[str, object]:
    deadline = edge.time_left(context, bootstrap.clock)
    return Batches(bootstrap.working, bootstrap.telemetry()).run(event, context, deadline)
