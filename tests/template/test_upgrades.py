"""What an update of a deployed stack replaces: a stack of an earlier template, kept in deployed/, and today's."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from local.template.deployment import Deployment
from local.template.intrinsics import parsed
from tests.template.file import TEMPLATE
from tests.template.forms import Template, translated

# Each as it was deployed, in the words of its day: by the commit that it is of.
EARLIER = sorted((Path(__file__).parent / "deployed").glob("*.template"))

# The properties that CloudFormation cannot change in place ("Update requires: Replacement"), by type of resource:
# `createOnlyProperties` and `conditionalCreateOnlyProperties` of the registry's schemas, of which cfn-lint has a copy.
IMMUTABLE: dict[str, tuple[str, ...]] = {
    "AWS::ApiGatewayV2::Api": ("ProtocolType",),
    "AWS::ApiGatewayV2::ApiMapping": ("DomainName",),
    "AWS::ApiGatewayV2::DomainName": ("DomainName",),
    "AWS::ApiGatewayV2::Stage": ("StageName", "ApiId"),
    "AWS::CloudWatch::Alarm": ("AlarmName",),
    "AWS::CloudWatch::Dashboard": ("DashboardName",),
    "AWS::CodeDeploy::Application": ("ApplicationName", "ComputePlatform"),
    "AWS::CodeDeploy::DeploymentGroup": ("DeploymentGroupName", "ApplicationName"),
    "AWS::DynamoDB::Table": ("TableName", "ImportSourceSpecification", "KeySchema"),
    "AWS::Events::Rule": ("Name", "EventBusName"),
    "AWS::IAM::ManagedPolicy": ("ManagedPolicyName", "Description", "Path"),
    "AWS::IAM::Role": ("Path", "RoleName"),
    "AWS::IAM::RolePolicy": ("PolicyName", "RoleName"),
    "AWS::Lambda::Alias": ("Name", "FunctionName"),
    "AWS::Lambda::EventInvokeConfig": ("FunctionName", "Qualifier"),
    "AWS::Lambda::EventSourceMapping": (
        "EventSourceArn", "StartingPosition", "StartingPositionTimestamp", "SelfManagedEventSource",
    ),
    "AWS::Lambda::Function": ("FunctionName", "PackageType", "TenancyConfig", "DurableConfig"),
    "AWS::Lambda::LayerVersion": (
        "CompatibleRuntimes", "LicenseInfo", "CompatibleArchitectures", "LayerName", "Description", "Content",
    ),
    "AWS::Lambda::Permission": (
        "FunctionName", "FunctionUrlAuthType", "InvokedViaFunctionUrl", "SourceAccount", "SourceArn", "Principal",
        "PrincipalOrgID", "Action", "EventSourceToken",
    ),
    "AWS::Lambda::Version": ("FunctionName", "Description", "CodeSha256", "ProvisionedConcurrencyConfig"),
    "AWS::Logs::LogGroup": ("LogGroupName",),
    "AWS::Logs::MetricFilter": ("FilterName", "LogGroupName"),
    "AWS::Logs::QueryDefinition": (),
    "AWS::Route53::RecordSet": ("HostedZoneName", "HostedZoneId", "Name"),
    "AWS::SecretsManager::Secret": ("Name",),
    "AWS::SQS::Queue": ("FifoQueue", "QueueName"),
    "AWS::SQS::QueuePolicy": (),
}  # fmt: skip
# Another one of these is as good as the former: it holds nothing, and no caller has its name or address.
REPLACEABLE = frozenset(
    {
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::Dashboard",
        "AWS::Events::Rule",
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::RolePolicy",
        "AWS::Lambda::LayerVersion",
        "AWS::Lambda::Permission",
        "AWS::Lambda::Version",
        "AWS::Logs::MetricFilter",
        "AWS::Logs::QueryDefinition",
    }
)


def deployed(template: Template, **chosen: str) -> Template:
    values = {name: chosen.get(name, each.get("Default", "")) for name, each in template["Parameters"].items()}
    return Deployment.of(values, template["Conditions"]).settled(translated(template))


def replaced(former: Template, new: Template) -> Iterator[tuple[str, str, str]]:
    """Name, type and cause of every resource that an update from `former` to `new` deletes or makes anew."""
    for name, resource in former["Resources"].items():
        kind, after = resource["Type"], new["Resources"].get(name)
        if after is None or after["Type"] != kind:
            yield name, kind, "is no longer there" if after is None else f"becomes a {after['Type']}"
            continue
        for immutable in IMMUTABLE[kind]:
            values = [
                json.dumps(each.get("Properties", {}).get(immutable), sort_keys=True) for each in (resource, after)
            ]
            if values[0] != values[1]:
                yield name, kind, immutable


@pytest.fixture(scope="module", params=EARLIER, ids=lambda path: str(path.stem))
def earlier(request: pytest.FixtureRequest) -> Template:
    return cast(Template, parsed(request.param.read_text("utf-8")))


DOMAIN = {"DomainName": "chats.example.com", "CertificateArn": "arn", "HostedZoneId": "Z1"}


@pytest.mark.parametrize("chosen", [{}, {"KeyArn": "arn"}, DOMAIN], ids=["defaults", "key", "domain"])
def test_update_of_an_earlier_stack_replaces_nothing_that_holds_data_or_has_an_address(
    earlier: Template, chosen: dict[str, str]
) -> None:
    found = list(replaced(deployed(earlier, **chosen), deployed(TEMPLATE, **chosen)))

    assert [each for each in found if each[1] not in REPLACEABLE] == []


def test_policy_that_an_update_removes_has_another_name_than_those_that_its_role_keeps(earlier: Template) -> None:
    """CloudFormation deletes it at the end, by the names of the role and of the policy."""
    for name, policy in ((each, of["Properties"]) for each, of in earlier["Resources"].items()
                         if of["Type"] == "AWS::IAM::RolePolicy"):  # fmt: skip
        role = TEMPLATE["Resources"][policy["RoleName"]["Ref"]]["Properties"]
        kept = {each["PolicyName"] for each in role["Policies"]}
        assert name in TEMPLATE["Resources"] or policy["PolicyName"] not in kept


def test_update_leaves_what_is_retained_under_retention(earlier: Template) -> None:
    for name, resource in earlier["Resources"].items():
        if resource.get("DeletionPolicy") == "Retain":
            after = TEMPLATE["Resources"][name]
            assert after["DeletionPolicy"] in {"Retain", "RetainExceptOnCreate"}
            assert after["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize(
    ("name", "changed", "cause"),
    [
        ("EventQueue", {"QueueName": "another"}, "QueueName"),
        ("PortalTable", {"KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}]}, "KeySchema"),
        ("LookupLogs", {"LogGroupName": "another"}, "LogGroupName"),
        ("ApiDomain", None, "is no longer there"),
    ],
)
def test_replacement_is_found(name: str, changed: dict[str, object] | None, cause: str) -> None:
    former = deployed(TEMPLATE, **DOMAIN)
    resources = dict(former["Resources"])
    if changed is None:
        del resources[name]
    else:
        properties = resources[name]["Properties"] | changed
        resources[name] = resources[name] | {"Properties": properties}
    assert [(each[0], each[2]) for each in replaced(former, former | {"Resources": resources})] == [(name, cause)]
