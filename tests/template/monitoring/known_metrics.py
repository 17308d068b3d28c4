"""All metrics, as CloudWatch stores them: ours, those made from a log, and those of AWS that we use."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from chat_lookup.observability.metrics import METRICS, OTHER
from tests.template.reading import Mapping, of_type

OURS: Final = "ChatLookup"
STACK: Final = "${AWS::StackName}"

_OF_A_FUNCTION: Final = (frozenset({"FunctionName"}), frozenset({"FunctionName", "Resource"}))
_OF_ROUTES: Final = (frozenset({"ApiId", "Stage"}), frozenset({"ApiId", "Stage", "Method", "Resource"}))
_OF_A_QUEUE: Final = (frozenset({"QueueName"}),)
_OF_A_TABLE: Final = (frozenset({"TableName"}),)

OF_AWS: Final = {
    **{
        ("AWS/Lambda", name): _OF_A_FUNCTION
        for name in (
            "Errors",
            "Throttles",
            "Duration",
            "Invocations",
            "ConcurrentExecutions",
            "DestinationDeliveryFailures",
        )
    },
    **{("AWS/ApiGateway", name): _OF_ROUTES for name in ("5xx", "Count", "Latency")},
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"): _OF_A_QUEUE,
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): _OF_A_QUEUE,
    ("AWS/DynamoDB", "ConsumedReadCapacityUnits"): _OF_A_TABLE,
    ("AWS/DynamoDB", "ConsumedWriteCapacityUnits"): _OF_A_TABLE,
}
"""By namespace and name, the sets of dimensions under which AWS documents them (HTTP API: with detailed metrics)."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One metric of an alarm or a graph. A value that CloudFormation fills in is `${LogicalId}`; the free value of a
    search is empty."""

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]]
    statistic: str
    period: int = 300

    def value(self, dimension: str) -> str:
        return dict(self.dimensions).get(dimension, "")


def rendered(value: object) -> str:
    """A template's value as text: `!Ref X` is `${X}`, `!GetAtt X.Y` is `${X.Y}`, `!Sub` is its text."""
    match value:
        case {"Ref": str(name)} | {"Fn::GetAtt": str(name)}:
            return f"${{{name}}}"
        case {"Fn::Sub": str(text)}:
            return text
        case _:
            return str(value)


def _filed(template: Mapping) -> Iterator[tuple[str, frozenset[str], dict[str, frozenset[str]]]]:
    """Every metric of ours, its dimensions, and the values of the dimensions with a closed set."""
    for name, metrics in METRICS.items():
        for metric in metrics:
            closed = {metric.dimension: metric.values | {OTHER, ""}} if metric.dimension else {}
            yield name, frozenset({"service", *closed}), closed
    for _, made in of_type(template, "AWS::Logs::MetricFilter"):
        for each in made["MetricTransformations"]:
            if each["MetricNamespace"] == OURS:
                yield each["MetricName"], frozenset(dimension["Key"] for dimension in each["Dimensions"]), {}


def exists(watched: Watched, template: Mapping) -> bool:
    """Whether our code or AWS counts a metric with exactly these dimensions."""
    names = frozenset(name for name, _ in watched.dimensions)
    if watched.namespace != OURS:
        return names in OF_AWS.get((watched.namespace, watched.name), ())
    return watched.value("service") == STACK and any(
        watched.name == name and names == dimensions and all(watched.value(one) in values[one] for one in values)
        for name, dimensions, values in _filed(template)
    )


def access_log_fields(template: Mapping) -> frozenset[str]:
    """The fields of a line of the gateway's access log."""
    line = template["Resources"]["Api"]["Properties"]["AccessLogSettings"]["Format"]["Fn::Sub"]
    return frozenset(re.findall(r'"(\w+)":', line))
