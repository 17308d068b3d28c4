"""The catalogue of metrics, each with a closed set of dimensions (design 7)."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from aws_lambda_powertools.metrics import MetricUnit

from chat_lookup.bitrix24.errors import METRIC_CODES, ErrorClass
from chat_lookup.bitrix24.event_names import KINDS
from chat_lookup.bitrix24.results import ResultShape
from chat_lookup.errors import LossReason, RefusalReason, RejectionReason

OTHER: Final = "OTHER"
METHODS: Final = frozenset(
    {
        "im.chat.get", "imbot.chat.get", "imbot.v2.Chat.get", "im.dialog.get", "imbot.dialog.get",
        "imopenlines.dialog.get", "imopenlines.crm.chat.get", "imopenlines.crm.chat.getLastId", "crm.item.get",
        "tasks.task.get", "scope", "method.get", "profile", "app.info",
        "event.get", "event.bind", "event.unbind",
        "imbot.v2.Bot.register", "imbot.v2.Bot.update", "imbot.v2.Command.register", "imbot.v2.Command.update",
        "imbot.v2.Revision.get", "imbot.register", "imbot.update", "imbot.command.register", "imbot.command.update",
        "imbot.v2.Command.unregister", "imbot.v2.Bot.unregister", "imbot.command.unregister", "imbot.unregister",
        "imbot.message.add", "imbot.v2.Chat.Message.send", "imbot.command.answer", "imbot.v2.Command.answer",
        "imbot.v2.Bot.list", "imbot.bot.list", "im.user.get", "batch",
    }
)  # fmt: skip
REJECTIONS: Final = frozenset({*map(str, RefusalReason), *map(str, RejectionReason), "unknown_event", "late"})
CLOSED: Final = frozenset(
    {"reauthorise", "refused", "unpaid", "misconfigured", "renamed", "stopped", "blocked", "unreachable"}
)
"""Why a portal that is open again was closed: the states that end, and the two reasons of its circuit breaker."""
PASSING: Final = frozenset(
    {
        "no-time-left", "answer-in-progress", "portal-busy", "portal-unavailable", "portal-blocked",
        "portal-reauthorise", "store-unavailable", "bus-unavailable", "deadline",
    }
)  # fmt: skip
"""Why an event is tried again later: the codes of the worker's errors that pass."""
HINTS: Final = frozenset({"known", "asked", "undecided", "elsewhere", "skipped", "failed"})
"""What became of an event's hint (`lookup.hints.HintOutcome`)."""
SOURCES: Final = frozenset({"portal", "cache", "event", "stale", "none"})


class Metric(NamedTuple):
    """A metric's unit and its dimension, the values of which are a closed set (anything else counts as OTHER)."""

    unit: MetricUnit
    dimension: str | None = None
    values: frozenset[str] = frozenset()


METRICS: Final[Mapping[str, tuple[Metric, ...]]] = {
    "Lookups": (Metric(MetricUnit.Count, "source", SOURCES),),
    "ObjectLookups": (Metric(MetricUnit.Count, "source", SOURCES),),
    "LookupLatency": (Metric(MetricUnit.Milliseconds, "source", SOURCES),),
    "PortalCalls": (Metric(MetricUnit.Count, "method", METHODS),),
    "PortalErrors": (
        Metric(MetricUnit.Count, "code", METRIC_CODES),
        Metric(MetricUnit.Count, "class", frozenset(each.value for each in ErrorClass)),
    ),
    "PortalLatency": (Metric(MetricUnit.Milliseconds),),
    "LimiterWait": (Metric(MetricUnit.Milliseconds),),
    "TokenRefreshes": (
        Metric(MetricUnit.Count, "outcome", frozenset({"refreshed", "adopted", "dead", "lost", "unpaid", "failed"})),
    ),
    "KeepaliveRuns": (Metric(MetricUnit.Count, "outcome", frozenset({"renewed", "refused", "failed", "postponed"})),),
    "PortalRecoveries": (Metric(MetricUnit.Count, "state", CLOSED),),
    "EventsReceived": (Metric(MetricUnit.Count, "event", frozenset(KINDS)),),
    "EventsRejected": (Metric(MetricUnit.Count, "reason", REJECTIONS),),
    "EventsRequeued": (Metric(MetricUnit.Count, "reason", PASSING),),
    "EventsGivenUp": (Metric(MetricUnit.Count, "reason", PASSING),),
    # Without a dimension for the alarm, which is about every loss.
    "EventsLost": (Metric(MetricUnit.Count), Metric(MetricUnit.Count, "reason", frozenset(map(str, LossReason)))),
    "EventsTrimmed": (Metric(MetricUnit.Count),),
    "Hints": (Metric(MetricUnit.Count, "outcome", HINTS),),
    "PageViews": (Metric(MetricUnit.Count, "outcome", frozenset({"opened", "handed_over", "unproved", "closed"})),),
    "AnswersUnsent": (Metric(MetricUnit.Count),),
    "TokenAge": (Metric(MetricUnit.Seconds),),
    "ResultShape": (Metric(MetricUnit.Count, "shape", frozenset(shape.value for shape in ResultShape)),),
}


class Series(NamedTuple):
    """One metric as CloudWatch stores it, within a stack: its name, and its dimension with a value, or neither."""

    name: str
    dimension: str = ""
    value: str = ""


WATCHED: Final = frozenset({Series("EventsLost"), Series("TokenRefreshes", "outcome", "dead")})
"""What the alarms of Monitoring=basic watch; DeadLetters watches a metric of SQS (docs/decisions/026)."""
EMITTED: Final[Mapping[str, frozenset[Series] | None]] = {"all": None, "alarms": WATCHED, "off": frozenset()}
"""By the value of METRICS, the series that are emitted; None for every one."""
