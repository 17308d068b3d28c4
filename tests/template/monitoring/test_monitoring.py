"""Monitoring=full, basic, none: what is deployed and emitted with each, and how the nested template fits its stack."""

import copy
import functools
from collections import Counter
from typing import Final

import pytest

from chat_lookup.observability.metrics import EMITTED, WATCHED, Series
from local.template.applications import APPLICATION
from local.template.deployment import Deployment
from local.template.intrinsics import parsed
from tests.support.repository import ROOT
from tests.template.file import TEMPLATE, WRITTEN, Mapping
from tests.template.forms import translated
from tests.template.monitoring.alarm_rules import LASTING, alarms, watched_by
from tests.template.monitoring.known_metrics import OURS
from tests.template.reading import of_type, references

NESTED: Final[Mapping] = parsed((ROOT / "monitoring/template.yaml").read_text("utf-8"))  # type: ignore[assignment]
BASIC: Final = {"EventsLostAlarm", "DeadLettersAlarm", "TokenDeadAlarm"}
SHIFTING: Final = {f"{name}ErrorsAlarm" for name in ("Lookup", "Rest", "Install", "Page", "Events", "Worker")}
OF_MONITORING: Final = ("AWS::CloudWatch::", "AWS::Logs::MetricFilter", "AWS::Logs::QueryDefinition")
STACK: Final = "AWS::CloudFormation::Stack"


@functools.cache
def plain() -> Mapping:
    return translated(TEMPLATE)


def deployed(template: Mapping, **chosen: object) -> Mapping:
    return Deployment.by_default(template, **chosen).settled(template)


def monitoring_of(template: Mapping) -> set[str]:
    return {name for name, each in template["Resources"].items() if each["Type"].startswith(OF_MONITORING)}


@pytest.mark.parametrize(
    ("extent", "shifts", "left"),
    [
        ("basic", "AllAtOnce", BASIC),
        ("basic", "Canary10Percent5Minutes", BASIC | SHIFTING),
        ("none", "AllAtOnce", set()),
        ("none", "Linear10PercentEvery1Minute", SHIFTING),
    ],
)
def test_basic_has_three_alarms_and_none_has_none_but_those_that_shift_callers_back(
    extent: str, shifts: str, left: set[str]
) -> None:
    for template in (TEMPLATE, plain()):
        assert monitoring_of(deployed(template, Monitoring=extent, Deployment=shifts)) == left


@pytest.mark.parametrize("shifts", ["AllAtOnce", "Canary10Percent5Minutes"])
def test_full_has_everything_whatever_the_deployment(shifts: str) -> None:
    chosen = {"Monitoring": "full", "Deployment": shifts, "EventsConcurrency": 100}
    for template in (TEMPLATE, plain()):
        assert monitoring_of(deployed(template, **chosen)) == monitoring_of(TEMPLATE)


def test_alarms_that_a_deployment_names_exist_with_every_monitoring() -> None:
    for extent in ("full", "basic", "none"):
        resources = deployed(plain(), Monitoring=extent, Deployment="Canary10Percent5Minutes")["Resources"]
        groups = [
            each["Properties"] for each in resources.values() if each["Type"] == "AWS::CodeDeploy::DeploymentGroup"
        ]
        named = references([each["AlarmConfiguration"] for each in groups if "AlarmConfiguration" in each])
        assert named == SHIFTING
        assert named <= resources.keys()


@pytest.mark.parametrize(
    ("extent", "emitted", "by_route"), [("full", "all", True), ("basic", "alarms", False), ("none", "off", False)]
)
def test_metrics_are_emitted_as_far_as_they_are_monitored(extent: str, emitted: str, by_route: bool) -> None:
    deployment = Deployment.by_default(TEMPLATE, Monitoring=extent)
    assert deployment.kept(TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]["METRICS"]) == emitted
    # As SAM translates it: a route that is added later has the default's settings.
    ((_, stage),) = of_type(deployed(plain(), Monitoring=extent), "AWS::ApiGatewayV2::Stage")
    settings = [stage["DefaultRouteSettings"], *stage["RouteSettings"].values()]
    assert [each["DetailedMetricsEnabled"] for each in settings] == [by_route] * len(settings)


def test_alarms_of_basic_watch_exactly_what_is_emitted_for_them() -> None:
    watched = [each for name in BASIC for each in watched_by(alarms(TEMPLATE)[name])]
    of_ours = [(each.name, dict(each.dimensions)) for each in watched if each.namespace == OURS]
    assert {
        Series(name, *next(((key, value) for key, value in dimensions.items() if key != "service"), ("", "")))
        for name, dimensions in of_ours
    } == WATCHED
    assert EMITTED["alarms"] == WATCHED


def test_parameter_monitoring_has_a_value_for_each_extent_of_metrics() -> None:
    kept = [
        Deployment.by_default(TEMPLATE, Monitoring=each)
        for each in TEMPLATE["Parameters"]["Monitoring"]["AllowedValues"]
    ]
    variable = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]["METRICS"]
    assert sorted(each.kept(variable) for each in kept) == sorted(EMITTED)


def test_nested_template_uses_each_of_its_parameters_and_is_given_each() -> None:
    ((_, application),) = of_type(WRITTEN, APPLICATION)
    assert application["Parameters"].keys() == NESTED["Parameters"].keys()
    assert NESTED["Parameters"].keys() <= references([NESTED["Resources"], NESTED["Conditions"]])
    assert all(each["Description"] and "Default" not in each for each in NESTED["Parameters"].values())


def test_nested_stack_exists_unless_nothing_is_monitored() -> None:
    written = copy.deepcopy(WRITTEN)
    ((_, application),) = of_type(written, APPLICATION)
    application["Location"] = "https://s3.amazonaws.com/uploads/monitoring.yaml"  # as `sam deploy` uploads it
    template = translated(written)
    for extent, stacks in (("full", 1), ("basic", 1), ("none", 0)):
        resources = deployed(template, Monitoring=extent)["Resources"]
        assert Counter(each["Type"] for each in resources.values())[STACK] == stacks


def test_names_of_the_nested_template_contain_the_stack_with_a_sign_that_no_stack_has() -> None:
    # Nor can they meet the names that they had in template.yaml: an update creates before it deletes.
    named = [each["Properties"].get("AlarmName") or each["Properties"].get("DashboardName")
             for each in NESTED["Resources"].values()]  # fmt: skip
    assert all(each["Fn::Sub"].startswith("${Stack}_") for each in named if each)


def test_first_deployment_sends_a_message_for_few_alarms() -> None:
    sent = {name for name, alarm in alarms(TEMPLATE).items() if "OKActions" in alarm}
    assert sent == LASTING.keys()
    assert len(sent) <= 8
