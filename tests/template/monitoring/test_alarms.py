"""Alarms, dashboard and saved queries: the template keeps their rules, and a breach of each rule is found."""

import copy
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.observability.telemetry import Telemetry
from tests.support.fakes import Output
from tests.support.repository import ROOT
from tests.template.file import TEMPLATE
from tests.template.monitoring import alarm_rules, dashboard_rules
from tests.template.monitoring.alarm_rules import NOTIFICATION, alarms_for

RULES = alarm_rules.RULES | dashboard_rules.RULES
Resources = dict[str, dict[str, Any]]


def _of(resources: Resources, name: str) -> dict[str, Any]:
    properties: dict[str, Any] = resources[name]["Properties"]
    return properties


def _metrics(resources: Resources, name: str) -> list[dict[str, Any]]:
    metrics: list[dict[str, Any]] = _of(resources, name)["Metrics"]
    return metrics


def _without(name: str) -> Callable[[Resources], object]:
    return lambda resources: resources.pop(name)


def _with(name: str, field: str, value: object) -> Callable[[Resources], object]:
    return lambda resources: _of(resources, name).update({field: value})


def _on_the_dashboard(old: str, new: str) -> Callable[[Resources], object]:
    def changed(resources: Resources) -> None:
        body = _of(resources, "Dashboard")["DashboardBody"]
        assert old in body["Fn::Sub"]
        body["Fn::Sub"] = body["Fn::Sub"].replace(old, new)

    return changed


def _in_the_query(old: str, new: str) -> Callable[[Resources], object]:
    def changed(resources: Resources) -> None:
        query = _of(resources, "RequestQuery")
        assert old in query["QueryString"]
        query["QueryString"] = query["QueryString"].replace(old, new)

    return changed


SILENT = {"Fn::If": ["HasAlarmTopic", [], {"Ref": "AWS::NoValue"}]}
ROUTE = {"Type": "HttpApi", "Properties": {"ApiId": {"Ref": "Api"}, "Method": "PUT", "Path": "/v1/chats"}}
BREACHES: dict[str, list[Callable[[Resources], object]]] = {
    "is_named_and_explained": [
        _with("EventsLostAlarm", "AlarmName", "events-lost"),
        _with("EventsLostAlarm", "AlarmDescription", "Events are lost. Runbook: docs/runbook.md#no-such-section"),
        _with("EventsLostAlarm", "AlarmDescription", "Events are lost."),
    ],
    "describes_what_happened_its_impact_and_the_first_step": [
        _with("EventsLostAlarm", "AlarmDescription", "It is lost. First: read. Runbook: docs/runbook.md#dead-letters"),
        _with("EventsLostAlarm", "AlarmDescription", "It is lost. It is gone. Read. Runbook: docs/runbook.md#x"),
        _with("EventsLostAlarm", "AlarmDescription", f"It {'is ' * 24}lost. It is gone. First: read. Runbook: x"),
    ],
    "notifies_the_topic": [
        _with("EventsLostAlarm", "AlarmActions", SILENT),
        _with("EventsLostAlarm", "OKActions", NOTIFICATION),
        _with("DeadLettersAlarm", "OKActions", None),
        _with("EventsLostAlarm", "TreatMissingData", "missing"),
    ],
    "watches_what_exists": [
        _with("EventsLostAlarm", "MetricName", "EventsGone"),
        _with("EventsLostAlarm", "Dimensions", []),
        _with("EventsLostAlarm", "Dimensions", [{"Name": "service", "Value": "another"}]),
        _with("PortalOtherAlarm", "Dimensions", [{"Name": "code", "Value": "NO_SUCH_CODE"}]),
        _with("DeadLettersAlarm", "MetricName", "ApproximateNumberOfMessages"),
        _with("Api5xxAlarm", "Metrics", [{"MetricStat": {"Stat": "Sum", "Period": 60, "Metric": {
            "Namespace": "AWS/ApiGateway", "MetricName": "5XXError", "Dimensions": []}}}]),
        _without("EventsUnservedFilter"),
    ],
    "is_within_the_bounds_of_cloudwatch": [
        _with("EventsLostAlarm", "EvaluationPeriods", 1441),
        _with("KeepaliveMissedAlarm", "EvaluationPeriods", 169),
        lambda resources: _metrics(resources, "ThrottledAlarm").extend(_metrics(resources, "NearTimeoutAlarm")),
        lambda resources: _metrics(resources, "QueryLimitAlarm")[0].update(Expression="errors / calls"),
    ],
    "every_function_is_watched": [
        _without("RestErrorsAlarm"),
        _with("RestErrorsAlarm", "Dimensions", [{"Name": "FunctionName", "Value": {"Ref": "RestFunction"}}]),
        _without("EventsThrottledAlarm"),
        _with("RestFunction", "Timeout", 28),
    ],
    "every_route_is_watched": [
        _without("EventsRouteLatencyAlarm"),
        _without("Api5xxAlarm"),
        lambda resources: _metrics(resources, "Install5xxAlarm").pop(),
        lambda resources: _of(resources, "LookupFunction")["Events"].update(New=ROUTE),
    ],
    "every_error_is_watched": [_without("PortalConfigAlarm"), _without("PortalRetryAlarm")],
    "every_loss_is_watched": [_without("EventsUnservedAlarm"), _without("KeepaliveMissedAlarm")],
    "counts_what_the_access_log_has": [
        _with("EventsUnservedFilter", "FilterPattern", '{ $.path = "/bitrix24/events" }'),
    ],
    "shows_what_exists": [
        _on_the_dashboard('MetricName=\\"Lookups\\"', 'MetricName=\\"Answers\\"'),
        _on_the_dashboard("ChatLookup,code,service", "ChatLookup,code"),
        _on_the_dashboard('"AWS/SQS", "ApproximateAgeOfOldestMessage"', '"AWS/SQS", "Age"'),
    ],
    "refers_to_what_exists": [_on_the_dashboard("${PortalTable}", "${KeyTable}")],
    "shows_each_function_and_its_memory": [
        _on_the_dashboard("${RestFunction}", "${LookupFunction}"),
        _on_the_dashboard("/ 1000 * 0.5", "/ 1000"),
    ],
    "reads_fields_that_are_written": [_in_the_query("request_id", "correlation_id")],
    "reads_logs_that_exist": [
        _with("RequestQuery", "LogGroupNames", [{"Ref": "NoLogs"}]),
        _with("RequestQuery", "Name", {"Fn::Sub": "by-request-id"}),
    ],
}  # fmt: skip
SEEDED = [(rule, breach) for rule, breaches in BREACHES.items() for breach in breaches]


@pytest.mark.parametrize("rule", RULES)
def test_template_keeps_the_rule_of_alarms(rule: str) -> None:
    assert list(RULES[rule](TEMPLATE)) == []


@pytest.mark.parametrize(("rule", "breach"), SEEDED, ids=[rule for rule, _ in SEEDED])
def test_breach_of_the_rule_of_alarms_is_found(rule: str, breach: Callable[[Resources], object]) -> None:
    template = copy.deepcopy(TEMPLATE)
    before = set(RULES[rule](template))
    breach(template["Resources"])
    assert set(RULES[rule](template)) - before


def test_each_rule_of_alarms_has_breaches() -> None:
    assert BREACHES.keys() == RULES.keys()


@pytest.mark.parametrize(
    ("code", "method", "watching"),
    [
        ("QUERY_LIMIT_EXCEEDED", "im.chat.get", {"QueryLimitAlarm"}),
        ("OVERLOAD_LIMIT", "im.chat.get", {"PortalOverloadAlarm", "PortalClosedAlarm"}),
        ("authorization_error", "im.chat.get", {"PortalReauthoriseAlarm"}),
        ("SOMETHING_NEW", "im.chat.get", {"PortalOtherAlarm", "PortalCallerAlarm"}),
        ("ACCESS_ERROR", "im.chat.get", set()),
    ],
)
def test_alarms_of_an_error_are_found_by_its_printed_metrics(
    code: str, method: str, watching: set[str], telemetry: Telemetry, output: Output
) -> None:
    with telemetry.invocation("request"):
        telemetry.portal_error(BitrixError(code, 400, method=method))
    assert {name for blob in output.blobs for name in alarms_for(blob)} == watching


def test_metric_without_alarm_has_no_alarms(telemetry: Telemetry, output: Output) -> None:
    with telemetry.invocation("request"):
        telemetry.count("Lookups", source="cache")
    (blob,) = output.blobs
    assert alarms_for(blob) == set()


def test_latency_alarm_compares_each_route_with_the_deadline_of_its_function() -> None:
    def deadline(function: str, name: str) -> float:
        source = (ROOT / "functions" / function / "app.py").read_text("utf-8")
        return float(re.findall(rf"^{name} = ([\d.]+)$", source, re.MULTILINE)[0])

    single, batch, rest = (
        deadline("lookup", "SECONDS"),
        deadline("lookup", "BATCH_SECONDS"),
        deadline("rest", "SECONDS"),
    )
    deadlines = {**dict.fromkeys(("find", "forget", "reverse", "health"), single), "batch": batch}
    deadlines |= {"objects": single, "objects_batch": batch}
    deadlines |= dict.fromkeys(("opened", "posted", "preflight"), rest)
    expression = _metrics(TEMPLATE["Resources"], "LookupLatencyAlarm")[0]["Expression"]
    # Milliseconds divided by ten times the seconds are percent.
    assert expression == f"MAX([{', '.join(f'{route} / {seconds * 10:g}' for route, seconds in deadlines.items())}])"


def test_dashboard_widgets_neither_overlap_nor_leave_the_grid() -> None:
    body = json.loads(TEMPLATE["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"])
    taken = [
        (x, y)
        for widget in body["widgets"]
        for x in range(widget["x"], widget["x"] + widget["width"])
        for y in range(widget["y"], widget["y"] + widget["height"])
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24
