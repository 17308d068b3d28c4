"""Both templates, as one, as CloudFormation reads them; and what their policies allow each function."""

import re
from fnmatch import fnmatchcase
from typing import Any, cast

from local.template.applications import as_one
from local.template.intrinsics import parsed
from tests.support.repository import ROOT
from tests.template import reading

BUS = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/${EventBus}"
SECRETS = re.compile(
    r"arn:\$\{AWS::Partition}:secretsmanager:\$\{AWS::Region}:\$\{AWS::AccountId}:"
    r"secret:\$\{AWS::StackName}/(portal|application)/\*"
)
# What AWS does on a function's behalf, by the `Sid` of the statement.
BY_AWS = frozenset({"Logs", "Traces", "Network", "Key", "SecretsKey", "Taking", "Failures"})

Mapping = dict[str, Any]


WRITTEN: Mapping = cast(Mapping, parsed((ROOT / "template.yaml").read_text("utf-8")))
TEMPLATE: Mapping = as_one(WRITTEN, ROOT)
RESOURCES: Mapping = TEMPLATE["Resources"]


def of_type(kind: str) -> dict[str, Mapping]:
    return dict(reading.of_type(TEMPLATE, kind))


FUNCTIONS = of_type(reading.WRITTEN_FUNCTION)


def role_of(function: str) -> Mapping:
    name = str(FUNCTIONS[function]["Role"]["Fn::GetAtt"]).removesuffix(".Arn")
    return of_type("AWS::IAM::Role")[name]


def policies_of(function: str) -> list[Mapping]:
    """The policy documents of a function's role: the shared ones, then its own."""
    role = role_of(function)
    shared = [RESOURCES[policy["Ref"]]["Properties"]["PolicyDocument"] for policy in role["ManagedPolicyArns"]]
    return [*shared, *(policy["PolicyDocument"] for policy in role["Policies"])]


def statements_in(document: Mapping) -> list[Mapping]:
    """The statements of a policy; a conditional one as if its condition held."""
    return [each["Fn::If"][1] if "Fn::If" in each else each for each in document["Statement"]]


def statements_of(function: str) -> list[Mapping]:
    """All statements of a function's role."""
    return [statement for document in policies_of(function) for statement in statements_in(document)]


def asked_by_code(statement: Mapping) -> bool:
    """Whether the function's own code needs it, and not AWS on the function's behalf."""
    return statement["Sid"] not in BY_AWS


def actions_of(statement: Mapping) -> frozenset[str]:
    actions = statement["Action"]
    return frozenset([actions] if isinstance(actions, str) else actions)


def rows_of(statement: Mapping) -> list[str]:
    """The leading keys that a statement allows, as patterns of `StringLike`; without a condition all."""
    match statement.get("Condition"):
        case None:
            return ["*"]
        case {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": list(rows)}}:
            return rows
    raise AssertionError(f"{statement['Sid']}: a condition that is not evaluated here")


def allows(statement: Mapping, store: str, action: str, row: str) -> bool:
    """Whether a statement allows a request; `row` is empty for one without a leading key, which IAM compares with
    nothing."""
    if (store, True) != (store_of(statement), action in actions_of(statement)):
        return False
    return not row or any(fnmatchcase(row, each) for each in rows_of(statement))


def allowed_by(document: Mapping) -> set[tuple[str, str]]:
    """What a policy allows the code: pairs of a store and an action."""
    asked = filter(asked_by_code, statements_in(document))
    return {(store_of(each), action) for each in asked for action in actions_of(each)}


def store_of(statement: Mapping) -> str:
    """The store of a statement: the logical id of a table, a queue or a function, `CacheTable/index/by_chat`,
    `secrets/portal`, `secrets/application` or `EventBus`."""
    resource = statement["Resource"]
    assert isinstance(resource, dict), "one statement names one ARN"
    if "Fn::GetAtt" in resource:
        return str(resource["Fn::GetAtt"]).removesuffix(".Arn")
    if "Ref" in resource:
        return str(resource["Ref"]).removesuffix(".Alias")
    named: str = resource["Fn::Sub"]
    if named.endswith(".Arn}:live"):
        return named.removeprefix("${").removesuffix(".Arn}:live")
    if named == BUS:
        return "EventBus"
    secrets = SECRETS.fullmatch(named)
    return f"secrets/{secrets[1]}" if secrets else named.replace("${CacheTable.Arn}", "CacheTable")


def granted(function: str) -> set[tuple[str, str]]:
    """What a function's code may do: pairs of a store and an action."""
    return set().union(*map(allowed_by, policies_of(function)))
