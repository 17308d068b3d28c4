"""template.yaml as CloudFormation reads it, and what its policies let each function do."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
BUS = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/${EventBus}"
SECRETS = re.compile(
    r"arn:\$\{AWS::Partition}:secretsmanager:\$\{AWS::Region}:\$\{AWS::AccountId}:"
    r"secret:\$\{AWS::StackName}/(portal|application)/\*"
)

Mapping = dict[str, Any]


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's tags in their long form."""


def _intrinsic(loader: _Loader, name: str, node: yaml.Node) -> Mapping:
    value: Any = loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else None
    if isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    assert value is not None, f"!{name} of anything but text or a list"
    return {"Ref" if name == "Ref" else f"Fn::{name}": value}


yaml.add_multi_constructor("!", _intrinsic, _Loader)
TEMPLATE: Mapping = yaml.load((ROOT / "template.yaml").read_text("utf-8"), _Loader)  # noqa: S506 - a SafeLoader
RESOURCES: Mapping = TEMPLATE["Resources"]


def of_type(kind: str) -> dict[str, Mapping]:
    return {name: each["Properties"] for name, each in RESOURCES.items() if each["Type"] == kind}


FUNCTIONS = of_type("AWS::Serverless::Function")


def statements_of(function: str) -> list[Mapping]:
    """Every statement that a function's role carries, whether it stands at the function or in a shared policy."""
    documents = [
        RESOURCES[policy["Ref"]]["Properties"]["PolicyDocument"] if "Ref" in policy else policy
        for policy in FUNCTIONS[function]["Policies"]
    ]
    return [statement for document in documents for statement in document["Statement"]]


def actions_of(statement: Mapping) -> frozenset[str]:
    actions = statement["Action"]
    return frozenset([actions] if isinstance(actions, str) else actions)


def store_of(statement: Mapping) -> str:
    """What a statement is about: the logical id of a table, a queue or a function, `CacheTable/index/by_chat`,
    `secrets/portal`, `secrets/application` or `EventBus`."""
    resource = statement["Resource"]
    assert isinstance(resource, dict), "one statement names one ARN"
    if "Fn::GetAtt" in resource:
        return str(resource["Fn::GetAtt"]).removesuffix(".Arn")
    named: str = resource["Fn::Sub"]
    if named == BUS:
        return "EventBus"
    secrets = SECRETS.fullmatch(named)
    return f"secrets/{secrets[1]}" if secrets else named.replace("${CacheTable.Arn}", "CacheTable")


def granted(function: str) -> set[tuple[str, str]]:
    """What a function may do: pairs of a store and an action."""
    return {(store_of(each), action) for each in statements_of(function) for action in actions_of(each)}
