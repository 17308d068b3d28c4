"""How rules read a template in any form: resources by type, statements, references, watched metrics."""

import re
from collections.abc import Iterator
from typing import Any

Mapping = dict[str, Any]
Places = Iterator[str]

WRITTEN_FUNCTION = "AWS::Serverless::Function"
FUNCTION = "AWS::Lambda::Function"
ROLE = "AWS::IAM::Role"
QUEUE = "AWS::SQS::Queue"
TABLE = "AWS::DynamoDB::Table"

# `${Name}` and `${Name.Attribute}` in Fn::Sub; `${!Literal}` and `${AWS::Region}` name no resource.
SUBSTITUTED = re.compile(r"\$\{([A-Za-z0-9]+)(?:\.[A-Za-z0-9.]+)?}")


def of_type(template: Mapping, *kinds: str) -> Iterator[tuple[str, Mapping]]:
    """Logical id and properties of every resource of these types."""
    for name, resource in template["Resources"].items():
        if resource["Type"] in kinds:
            yield name, resource.get("Properties", {})


def mappings(value: object) -> Iterator[Mapping]:
    """Every mapping in a value, at any depth, itself included."""
    yield from (each for each in _inside(value) if isinstance(each, dict))


def texts(value: object) -> Iterator[str]:
    """Every text in a value, at any depth."""
    yield from (each for each in _inside(value) if isinstance(each, str))


def _inside(value: object) -> Iterator[object]:
    """The value and everything in it, in order; without recursion, as rules read millions of them."""
    left = [value]
    while left:
        each = left.pop()
        yield each
        if isinstance(each, dict):
            left.extend(reversed(each.values()))
        elif isinstance(each, list):
            left.extend(reversed(each))


def statements(template: Mapping) -> Iterator[tuple[str, Mapping]]:
    """Every statement of every policy, with the logical id of its resource."""
    for name, resource in template["Resources"].items():
        yield from ((name, each) for each in mappings(resource) if "Effect" in each)


def listed(value: Any) -> list[Any]:
    """A single value or a list, as a list."""
    return value if isinstance(value, list) else [value]


def references(value: object) -> set[str]:
    """The names that a value refers to, by Ref, Fn::GetAtt or Fn::Sub."""
    found: set[str] = set()
    for each in mappings(value):
        match each:
            case {"Ref": str(name)}:
                found.add(name)
            case {"Fn::GetAtt": [str(name), *_]}:
                found.add(name)
            case {"Fn::GetAtt": str(path)}:
                found.add(path.partition(".")[0])
            case {"Fn::Sub": str(text)}:
                found.update(SUBSTITUTED.findall(text))
            case {"Fn::Sub": [str(text), dict(given)]}:
                found.update(set(SUBSTITUTED.findall(text)) - given.keys())
    return found


def dependencies(template: Mapping) -> dict[str, set[str]]:
    """The resources that each resource waits for: those that it refers to, and those of its `DependsOn`."""
    resources = template["Resources"]
    return {
        name: (references(each) | set(listed(each.get("DependsOn", [])))) & resources.keys() - {name}
        for name, each in resources.items()
    }


def missing(template: Mapping) -> Places:
    """The places that refer to a resource or a parameter that is not there."""
    there = template["Resources"].keys() | template["Parameters"].keys()
    for name, each in (template["Resources"] | template.get("Outputs", {})).items():
        named = references(each) | set(listed(each.get("DependsOn", [])))
        # `Function.Alias` in a Ref is SAM's; pseudo parameters are there always.
        named = {text.partition(".")[0] for text in named if not text.startswith("AWS::")}
        yield from (f"{name}: {text}" for text in named - there)


def watched(template: Mapping) -> Iterator[tuple[str, str, Mapping]]:
    """Namespace, name and dimensions of every metric that an alarm watches, alone or in an expression."""
    for _, alarm in of_type(template, "AWS::CloudWatch::Alarm"):
        for metric in mappings(alarm):
            if "MetricName" in metric:
                dimensions = {each["Name"]: each["Value"] for each in metric.get("Dimensions", [])}
                yield metric["Namespace"], metric["MetricName"], dimensions
