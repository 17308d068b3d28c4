"""The time of a warm look-up with a cached answer: the whole handler, from API Gateway's event to the response.

From DynamoDB each pair is new to this process, while the key and the portal are in memory: one eventually consistent
read. From memory it is the same pair again and again.
"""

import json
import time
from collections.abc import Callable, Mapping
from random import SystemRandom
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.metrics import MetricUnit

from benchmarks.latency.warm_service import Warm, answered, cpu_seconds_of, warm
from benchmarks.setting import Setting
from benchmarks.timing import Figure, alternate, pinned, seconds_of
from chat_lookup.cache.chat_cache import Cache
from chat_lookup.cache.rows import cache_key
from chat_lookup.clock import SystemClock
from chat_lookup.dynamodb import Table
from chat_lookup.entity import EntityRef

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_FUNCTION: Final = "LookupFunction"
_SAMPLE: Final = "lookup-http"
_READS: Final = 1000
_ROUNDS: Final = 60
_CALLS: Final = 50
"""Calls in each round of the handlers that read nothing: one alone is too short to be timed."""
_WARM_UP: Final = 20

_OURS: Final = "ours"
_BARE: Final = "client.get_item and json.dumps"
_EMPTY: Final = "an empty Powertools HTTP handler, its line and its metric"
_SILENT: Final = "an empty Powertools HTTP handler that prints nothing"


def figures(setting: Setting) -> list[Figure]:
    """Raises LeftOut without a DynamoDB Local."""
    with warm(setting) as service, pinned():
        return [
            *_from_dynamodb(service, setting.rounds(_READS)),
            *_from_memory(service, setting.rounds(_ROUNDS)),
        ]


def _from_dynamodb(service: Warm, reads: int) -> list[Figure]:
    from functions.lookup import app  # noqa: PLC0415 - it belongs to the stack's environment

    refs = [EntityRef("CRM", f"DEAL|{number}") for number in range(reads + _WARM_UP)]
    keys = iter(_stored(service, refs))
    events = iter([service.event(_SAMPLE, rawQueryString=urlencode(_pair(ref))) for ref in refs])
    context = service.context(_FUNCTION)

    def bare() -> None:
        json.dumps(service.dynamodb.get_item(TableName=service.cache_table, Key={"pk": {"S": next(keys)}})["Item"])

    responses = []
    subjects = {
        _OURS: seconds_of(lambda: responses.append(app.handler(next(events), context))),
        _BARE: seconds_of(bare),
    }
    taken = alternate(subjects, reads, warm_up=_WARM_UP)
    for response in responses:
        answered(response)
    ours, theirs = ([seconds * 1e3 for seconds in taken[name]] for name in (_OURS, _BARE))
    more = [one - other for one, other in zip(ours, theirs, strict=True)]
    return [
        Figure.paired("warm look-up, answer in DynamoDB", _BARE, "ms", ours, theirs, 1.25),
        Figure.paired("warm look-up, what it adds to the read", "one millisecond", "ms", more, [1.0] * len(more), 1.0),
    ]


def _stored(service: Warm, refs: list[EntityRef]) -> list[str]:
    """Store the portal's answers for all pairs in the table; returns the keys of their rows."""
    from chat_lookup.bootstrap import process  # noqa: PLC0415 - as above

    cache = Cache(Table(service.dynamodb, service.cache_table), SystemClock(), SystemRandom())
    portal = process.services().portals.get(service.stack.member_id)
    whose = portal.member_id, portal.generation
    for chat_id, ref in enumerate(refs, start=1):
        cache.put(*whose, ref, chat_id, method="im.chat.get", asked_at=time.time())
    return [cache_key(*whose, ref) for ref in refs]


def _pair(ref: EntityRef) -> Mapping[str, str]:
    return {"entity_type": ref.entity_type, "entity_id": ref.entity_id}


def _from_memory(service: Warm, rounds: int) -> list[Figure]:
    from functions.lookup import app  # noqa: PLC0415 - as above

    event, context = service.event(_SAMPLE), service.context(_FUNCTION)
    handlers: dict[str, Callable[[], object]] = {
        _OURS: lambda: app.handler(event, context),
        **{name: _called(handler, event, context) for name, handler in _powertools().items()},
    }
    answered(app.handler(event, context))
    taken = alternate({name: cpu_seconds_of(call, _CALLS) for name, call in handlers.items()}, rounds)
    ours, empty, silent = ([seconds * 1e6 for seconds in taken[name]] for name in (_OURS, _EMPTY, _SILENT))
    what = "warm look-up, answer in memory"
    return [Figure.paired(what, _EMPTY, "µs", ours, empty, 2.0), Figure.paired(what, _SILENT, "µs", ours, silent)]


_Handler = Callable[[dict[str, object], "LambdaContext"], dict[str, object]]


def _called(handler: _Handler, event: dict[str, object], context: "LambdaContext") -> Callable[[], object]:
    return lambda: handler(event, context)


def _powertools() -> Mapping[str, _Handler]:
    """Powertools' handlers for a function with one empty route: one with the usual log line and metric, one without."""
    logger, metrics = Logger(service="empty"), Metrics(namespace="Empty", service="empty")
    http = APIGatewayHttpResolver()

    @http.get("/v1/chats")
    def _() -> dict[str, object]:
        return {}

    @logger.inject_lambda_context
    @metrics.log_metrics
    def logged(event: dict[str, object], context: "LambdaContext") -> dict[str, object]:
        metrics.add_metric("Lookups", MetricUnit.Count, 1)
        logger.info("request")
        return http.resolve(event, context)

    return {_EMPTY: logged, _SILENT: http.resolve}
