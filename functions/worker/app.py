"""Processes queued events: answers as the bot, warms the cache, publishes (design 5, Events)."""

from typing import TYPE_CHECKING

from chat_lookup.bootstrap import process
from chat_lookup.events.sqs_batch import Batches
from chat_lookup.observability import invocation

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


def handler(event: object, context: "LambdaContext") -> dict[str, object]:
    deadline = invocation.time_left(context, process.clock)
    return Batches(process.working, process.telemetry()).run(event, context, deadline)
