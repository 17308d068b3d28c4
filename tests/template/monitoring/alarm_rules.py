"""What the template's alarms watch, and the rules for them: each rule yields the breaches in a template."""

import json
import re
from collections.abc import Callable, Set
from typing import Final

from chat_lookup.bitrix24.errors import ROWS
from tests.support.page_anchors import anchors
from tests.support.repository import ROOT
from tests.template.file import TEMPLATE
from tests.template.monitoring.known_metrics import OURS, STACK, Watched, access_log_fields, exists, rendered
from tests.template.reading import WRITTEN_FUNCTION, Mapping, Places, of_type

NORMAL: Final = {
    "object": "one chat or user is not accessible, the portal works: its caller gets 403",
    "not_found": "the requested object does not exist: its caller gets 404",
}
"""Classes of errors that concern the caller only, each with the reason why no alarm watches it."""
LASTING: Final = {
    "Api5xxAlarm": "many callers get errors until it ends",
    "Lookup5xxAlarm": "callers of look-ups get errors until it ends",
    "ThrottledAlarm": "callers are refused until it ends",
    "OldestEventAlarm": "events are late until it ends",
    "DeadLettersAlarm": "events wait for an operator until it ends",
    "EventsRateAlarm": "events are near their limit until it ends",
    "KeepaliveMissedAlarm": "tokens are not renewed until it ends",
}
"""The alarms whose end is news, each with the reason. Others are about something that happened: their end only means
that it did not happen again. A new alarm begins with its end: each of these sends a message at the first deployment."""
_OF_THE_WHOLE_API: Final = {("ANY", "$default"), ("HEAD", "/health")}
"""Routes of which no alarm has a metric: unknown ones, and that of monitors, which have alarms of their own."""
NOTIFICATION: Final = {"Fn::If": ["HasAlarmTopic", [{"Ref": "AlarmTopic"}], {"Ref": "AWS::NoValue"}]}

_MOST_WORDS: Final = 25
"""Of one sentence of a description."""
_MOST_METRICS: Final = 10
_AN_HOUR: Final = 3600
_A_DAY: Final = 24 * _AN_HOUR
"""Bounds of CloudWatch: metrics of one alarm; a day for periods below an hour, else a week."""


def alarms(template: Mapping) -> dict[str, Mapping]:
    """The properties of every alarm, by its logical id."""
    return dict(of_type(template, "AWS::CloudWatch::Alarm"))


def watched_by(alarm: Mapping) -> list[Watched]:
    """The metrics of an alarm: the one it names, or those in its expression."""
    if "Metrics" not in alarm:
        return [_watched(alarm, alarm.get("Statistic") or alarm["ExtendedStatistic"], alarm["Period"])]
    stats = [each["MetricStat"] for each in alarm["Metrics"] if "MetricStat" in each]
    return [_watched(stat["Metric"], stat["Stat"], stat["Period"]) for stat in stats]


def _watched(metric: Mapping, statistic: str, period: int) -> Watched:
    dimensions = frozenset((each["Name"], rendered(each["Value"])) for each in metric["Dimensions"])
    return Watched(metric["Namespace"], metric["MetricName"], dimensions, statistic, period)


def alarms_for(blob: Mapping) -> set[str]:
    """The alarms, by logical id, that watch a metric of a printed EMF blob, for any stack name."""
    (filed,) = blob["_aws"]["CloudWatchMetrics"]
    (names,) = filed["Dimensions"]
    dimensions = frozenset((name, STACK if name == "service" else blob[name]) for name in names)
    printed = {each["Name"] for each in filed["Metrics"]}
    return {
        name
        for name, alarm in alarms(TEMPLATE).items()
        for each in watched_by(alarm)
        if (each.namespace, each.dimensions) == (filed["Namespace"], dimensions) and each.name in printed
    }


def _everything_watched(template: Mapping) -> Set[Watched]:
    return {watched for alarm in alarms(template).values() for watched in watched_by(alarm)}


def is_named_and_explained(template: Mapping) -> Places:
    """An alarm's name is its logical id, and its description ends with a section of the runbook."""
    sections = anchors(ROOT / "docs" / "runbook.md")
    for name, alarm in alarms(template).items():
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name.removesuffix("Alarm")).lower()
        if not name.endswith("Alarm") or rendered(alarm["AlarmName"]) != f"{STACK}_{words}":
            yield f"{name} has the name {rendered(alarm['AlarmName'])}"
        link = re.search(r"\S\. Runbook: docs/runbook\.md#([\w-]+)$", alarm["AlarmDescription"])
        if not link or link[1] not in sections:
            yield f"{name} names no section of the runbook"


def describes_what_happened_its_impact_and_the_first_step(template: Mapping) -> Places:
    """A description has three short sentences: what happened, what it means for callers or events, `First:` a step."""
    for name, alarm in alarms(template).items():
        text = alarm["AlarmDescription"].partition(" Runbook:")[0]
        sentences = re.split(r"(?<=\.) (?=[A-Z])", text)
        if len(sentences) != 3 or [each.startswith("First: ") for each in sentences] != [False, False, True]:
            yield f"{name} has no description in three sentences: {sentences}"
        yield from (f"{name}: a long sentence: {each}" for each in sentences if len(each.split()) > _MOST_WORDS)


def notifies_the_topic(template: Mapping) -> Places:
    """The topic is notified when an alarm begins, and of its end if it lasts; the meaning of missing data is set."""
    for name, alarm in alarms(template).items():
        end = NOTIFICATION if name in LASTING else None
        if (alarm.get("AlarmActions"), alarm.get("OKActions")) != (NOTIFICATION, end):
            yield f"{name} does not notify the topic"
        if alarm.get("TreatMissingData") not in ("notBreaching", "breaching"):
            yield f"{name} does not set the meaning of missing data"


def watches_what_exists(template: Mapping) -> Places:
    """An alarm on a metric that is never counted never goes off."""
    for name, alarm in alarms(template).items():
        yield from (f"{name} watches {each}" for each in watched_by(alarm) if not exists(each, template))


def is_within_the_bounds_of_cloudwatch(template: Mapping) -> Places:
    """One result of at most ten metrics of one period, all of them used, within the longest time that is evaluated."""
    for name, alarm in alarms(template).items():
        watched = watched_by(alarm)
        periods = {each.period for each in watched}
        longest = max(periods) * alarm["EvaluationPeriods"]
        if (
            len(periods) > 1
            or len(watched) > _MOST_METRICS
            or longest > _A_DAY * (7 if max(periods) >= _AN_HOUR else 1)
        ):
            yield f"{name} is over the bounds"
        results = [each for each in alarm.get("Metrics", ()) if each.get("ReturnData", True)]
        for result in results[:1]:
            expression = rendered(result["Expression"])
            used = set(re.findall(r"\b[a-z]\w*", expression))
            computed = {each["Id"] for each in alarm["Metrics"]} - {result["Id"]}
            if len(results) > 1 or ("METRICS()" not in expression and used != computed):
                yield f"{name} computes with {used}, of {computed}"


def _watches(found: Set[Watched], namespace: str, name: str, **dimensions: str) -> bool:
    wanted = (namespace, name, frozenset(dimensions.items()))
    return any((each.namespace, each.name, each.dimensions) == wanted for each in found)


def every_function_is_watched(template: Mapping) -> Places:
    """Each function has an alarm for errors at its alias, for throttles, and for the used share of its time-out."""
    found = _everything_watched(template)
    (shares,) = (str(each["Expression"]) for each in alarms(template)["NearTimeoutAlarm"]["Metrics"][:1])
    for function, properties in of_type(template, WRITTEN_FUNCTION):
        own, short = f"${{{function}}}", function.removesuffix("Function")
        errors = alarms(template).get(f"{short}ErrorsAlarm")
        live = frozenset({("FunctionName", own), ("Resource", f"{own}:live")})
        if errors is None or [(each.name, each.dimensions) for each in watched_by(errors)] != [("Errors", live)]:
            yield f"{function} has no errors alarm"
        if not _watches(found, "AWS/Lambda", "Throttles", FunctionName=own):
            yield f"throttles of {function}"
        if not re.search(rf"\b{short.lower()} / {properties['Timeout'] * 10}\b", shares):
            yield f"the used share of the time-out of {function}"


def every_route_is_watched(template: Mapping) -> Places:
    """Each route has alarms for failures and the 99th percentile, or is in those of the whole API."""
    found = _everything_watched(template)
    stage = {"ApiId": "${Api}", "Stage": "$default"}
    for _, function in of_type(template, WRITTEN_FUNCTION):
        for event in function.get("Events", {}).values():
            if event["Type"] != "HttpApi":
                continue
            method, path = event["Properties"]["Method"], event["Properties"]["Path"]
            of_the_whole = (method, path) in _OF_THE_WHOLE_API
            route = stage if of_the_whole else {**stage, "Method": method, "Resource": path}
            for name, statistic in (("5xx", "Sum"), ("Latency", "p99")):
                of_statistic = {each for each in found if each.statistic == statistic}
                if not _watches(of_statistic, "AWS/ApiGateway", name, **route):
                    yield f"{name} of {method} {path}"


def every_error_is_watched(template: Mapping) -> Places:
    """Each row of the error table is watched by its code or its class, except for the normal classes."""
    found = {each for each in _everything_watched(template) if (each.namespace, each.name) == (OURS, "PortalErrors")}
    codes, classes = {each.value("code") for each in found}, {each.value("class") for each in found}
    for row in ROWS:
        if row.code not in codes and row.error_class not in classes | NORMAL.keys():
            yield f"{row.code} ({row.where})"


def every_loss_is_watched(template: Mapping) -> Places:
    """Events and answers that are not retried are watched; and the keepalive, without which grants expire."""
    found = _everything_watched(template)
    yield from (
        name
        for name in ("EventsUnserved", "EventsLost", "AnswersUnsent", "TokenAge")
        if not _watches(found, OURS, name, service=STACK)
    )
    if not _watches(found, "AWS/Lambda", "Invocations", FunctionName="${KeepaliveFunction}"):
        yield "the keepalive"


def counts_what_the_access_log_has(template: Mapping) -> Places:
    """A metric filter of the gateway's log reads existing fields only."""
    fields = access_log_fields(template)
    for name, made in of_type(template, "AWS::Logs::MetricFilter"):
        read = set(re.findall(r"\$\.(\w+)", json.dumps(made)))
        yield from (f"{name} reads {field}" for field in sorted(read - fields))


RULES: Final[dict[str, Callable[[Mapping], Places]]] = {
    rule.__name__: rule
    for rule in (
        is_named_and_explained, describes_what_happened_its_impact_and_the_first_step, notifies_the_topic,
        watches_what_exists, is_within_the_bounds_of_cloudwatch,
        every_function_is_watched, every_route_is_watched, every_error_is_watched,
        every_loss_is_watched, counts_what_the_access_log_has,
    )
}  # fmt: skip
"""Each yields a description of its breaches; nothing for a template that keeps the rule."""
