"""The template deploys with each of its parameters: translated for twelve sets of them, and read in four regions."""

import json
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter

import pytest

from local.template.deployment import Deployment
from tests.template.deployment_sets import EVERYTHING, SETS, deployed
from tests.template.file import TEMPLATE
from tests.template.forms import Template
from tests.template.reading import dependencies, missing, texts
from tests.template.resource_rules import cycle

PLACES = {
    "us-east-1": ("aws", "amazonaws.com"),
    "eu-central-1": ("aws", "amazonaws.com"),
    "cn-north-1": ("aws-cn", "amazonaws.com.cn"),
    "us-gov-west-1": ("aws-us-gov", "amazonaws.com"),
}
# Principals and actions are written with this suffix in every part of AWS.
PRINCIPALS = frozenset(f"{name}.amazonaws.com" for name in ("apigateway", "codedeploy", "events", "lambda"))
# The longest name that each service admits, and the longest stack's that docs/first-deployment.md admits.
LONGEST_STACK = 73
LONGEST = {
    "QueueName": 80, "AlarmName": 255, "DashboardName": 255, "PolicyName": 128, "LogGroupName": 512, "FilterName": 512,
    "Name": 255,
}  # fmt: skip


@pytest.fixture(scope="module")
def stacks() -> dict[str, Template]:
    return {name: deployed(chosen) for name, chosen in SETS.items()}


@pytest.fixture(params=SETS)
def stack(request: pytest.FixtureRequest, stacks: dict[str, Template]) -> Template:
    return stacks[request.param]


def named(stack: Template, stack_name: str) -> Iterator[tuple[str, str, str]]:
    """Resource, property and value of each name that the template gives."""
    for resource, each in stack["Resources"].items():
        for name, value in each.get("Properties", {}).items():
            text = value.get("Fn::Sub", "") if isinstance(value, dict) else value
            if name in LONGEST and isinstance(text, str) and text:
                yield (
                    resource,
                    name,
                    text.replace("${AWS::StackName}", stack_name).replace("${AWS::Region}", "us-gov-west-1"),
                )


def before(stack: Template) -> dict[str, set[str]]:
    """All resources that each one waits for, through others, too."""
    near = dependencies(stack)
    far: dict[str, set[str]] = {}
    for name in TopologicalSorter(near).static_order():
        far[name] = near[name].union(*(far[each] for each in near[name]))
    return far


def test_sets_have_every_parameter_and_each_condition_both_ways() -> None:
    assert len(SETS) == 12
    assert EVERYTHING.keys() == TEMPLATE["Parameters"].keys()
    for name in TEMPLATE["Conditions"]:
        found = set()
        for chosen in SETS.values():
            values = {each: chosen.get(each, of.get("Default")) for each, of in TEMPLATE["Parameters"].items()}
            found.add(Deployment.of(values, TEMPLATE["Conditions"]).decides.holds({"Condition": name}, name))
        assert found == {True, False}, name


@pytest.mark.parametrize("name", EVERYTHING)
def test_values_of_the_sets_are_admitted_by_their_parameters(name: str) -> None:
    parameter, value = TEMPLATE["Parameters"][name], EVERYTHING[name]
    several = parameter["Type"] == "CommaDelimitedList"
    for each in value.split(",") if several else [value]:
        assert re.fullmatch(parameter.get("AllowedPattern", ".*"), str(each))
    assert value in parameter.get("AllowedValues", [value])
    assert parameter.get("MinValue", value) <= value <= parameter.get("MaxValue", value)
    assert len(str(value)) <= parameter.get("MaxLength", 4096)


def test_stack_refers_to_nothing_that_it_does_not_create_and_no_resource_waits_for_itself(stack: Template) -> None:
    assert set(missing(stack)) == set()
    assert list(cycle(stack)) == []


@pytest.mark.parametrize("region", PLACES)
def test_names_of_aws_belong_to_the_part_that_the_region_is_in(stack: Template, region: str) -> None:
    partition, suffix = PLACES[region]
    of_region = {"${AWS::Partition}": partition, "${AWS::URLSuffix}": suffix, "${AWS::Region}": region}
    # Values of our own parameters are of the account's own region.
    for text in texts({part: stack[part] for part in ("Resources", "Outputs")}):
        resolved = re.sub("|".join(map(re.escape, of_region)), lambda found: of_region[found[0]], text)
        assert all(arn.startswith(f"arn:{partition}:") for arn in re.findall(r"arn:[^:]*:", resolved)), text
        hosts = set(re.findall(r"[a-z0-9.$*{}:A-Z-]*amazonaws\.com[.a-z]*", resolved)) - PRINCIPALS
        assert all(host.endswith(f".{suffix}") for host in hosts), text


def test_names_fit_where_the_name_of_the_stack_is_the_longest(stack: Template) -> None:
    longest = "s" * LONGEST_STACK
    assert [each for each in named(stack, longest) if len(each[2]) > LONGEST[each[1]]] == []
    assert [each[0] for each in named(stack, f"{longest}s") if len(each[2]) > LONGEST[each[1]]] == ["EventQueue"]
    # SAM and CloudFormation shorten the names that they give themselves; a nested stack's begins with ours.
    assert len(f"{longest}-{max(stack['Resources'], key=len)}-0123456789ABC") <= 128


def test_stack_is_within_the_bounds_of_cloudformation(stack: Template) -> None:
    assert len(stack["Resources"]) <= 500
    assert len(stack["Parameters"]) <= 200
    assert len(json.dumps(stack)) <= 1_000_000


def test_policy_of_codedeploy_is_changed_before_any_deployment_and_no_canary_waits_for_another(
    stacks: dict[str, Template],
) -> None:
    stack = stacks["canary"]
    waits = before(stack)
    kinds = {name: each["Type"] for name, each in stack["Resources"].items()}
    groups = {name for name, kind in kinds.items() if kind == "AWS::CodeDeploy::DeploymentGroup"}
    aliases = {name for name, kind in kinds.items() if kind == "AWS::Lambda::Alias"}
    assert len(groups) == 6
    assert "AWS::IAM::RolePolicy" not in kinds.values()
    assert not waits["DeploymentRole"] & (groups | aliases)
    for group in groups:
        assert "DeploymentRole" in waits[group]
        assert not waits[group] & aliases
    assert all(len(waits[alias] & (groups | aliases)) <= 1 for alias in aliases)
