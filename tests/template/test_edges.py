"""The edges of the stack: its addresses, its connections, and how its functions start."""

import re
import shutil
from pathlib import Path

import pytest

from local.template.deployment import Deployment
from local.template.reader import Template
from tests.support.repository import ROOT
from tests.template.file import FUNCTIONS, TEMPLATE, Mapping, of_type
from tests.template.forms import translated

DOMAIN = {
    "DomainName": "chats.example.com",
    "CertificateArn": "arn:aws:acm:eu-central-1:123456789012:certificate/1",
}
ZONE = {"HostedZoneId": "Z0123456789ABCDEFGHIJ"}
KINDS = frozenset({"AWS::ApiGatewayV2::DomainName", "AWS::ApiGatewayV2::ApiMapping", "AWS::Route53::RecordSet"})
SNAPSHOTS = {name for name, function in FUNCTIONS.items() if "SnapStart" in function}


@pytest.fixture(scope="module")
def translation() -> Mapping:
    return translated(TEMPLATE)


def deployed(template: Mapping, **chosen: str) -> Mapping:
    """The template as deployed with these parameters and the defaults of all others."""
    defaults = {name: parameter.get("Default") for name, parameter in TEMPLATE["Parameters"].items()}
    return Deployment.of(defaults | chosen, TEMPLATE["Conditions"]).settled(template)


def domain_resources(stack: Mapping) -> set[str]:
    return {name for name, each in stack["Resources"].items() if each["Type"] in KINDS}


@pytest.mark.parametrize(
    ("chosen", "made"),
    [
        ({}, set()),
        (DOMAIN, {"ApiDomain", "ApiDomainMapping"}),
        (DOMAIN | ZONE, {"ApiDomain", "ApiDomainMapping", "ApiDomainRecord"}),
        (ZONE, set()),
    ],
)
def test_domain_is_created_if_named_and_its_record_if_a_zone_is_named(
    translation: Mapping, chosen: dict[str, str], made: set[str]
) -> None:
    stack = deployed(translation, **chosen)

    assert domain_resources(stack) == made
    assert ("DomainTarget" in stack["Outputs"]) is ("ApiDomain" in made)


def test_domain_maps_to_the_stage_of_the_api_with_current_tls_only(translation: Mapping) -> None:
    resources = deployed(translation, **DOMAIN | ZONE)["Resources"]
    (configuration,) = resources["ApiDomain"]["Properties"]["DomainNameConfigurations"]
    mapping, alias = (resources[name]["Properties"] for name in ("ApiDomainMapping", "ApiDomainRecord"))

    assert (configuration["EndpointType"], configuration["SecurityPolicy"]) == ("REGIONAL", "TLS_1_2")
    stage = resources[mapping["Stage"]["Ref"]]
    assert (stage["Type"], stage["Properties"]["ApiId"]) == ("AWS::ApiGatewayV2::Stage", mapping["ApiId"])
    assert alias["AliasTarget"]["DNSName"] == {"Fn::GetAtt": "ApiDomain.RegionalDomainName"}


def test_address_of_the_gateway_stays_open_for_portals_installed_before_the_domain(translation: Mapping) -> None:
    resources = deployed(translation, **DOMAIN)["Resources"]
    (body,) = (each["Properties"]["Body"] for each in resources.values() if each["Type"] == "AWS::ApiGatewayV2::Api")

    assert not [name for name in body if "endpoint-configuration" in name]


@pytest.mark.parametrize(
    ("chosen", "address"),
    [
        ({}, "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}"),
        (DOMAIN, "https://${DomainName}"),
    ],
)
def test_outputs_name_the_address_to_use(translation: Mapping, chosen: dict[str, str], address: str) -> None:
    outputs = deployed(translation, **chosen)["Outputs"]

    assert outputs["ApiUrl"]["Value"] == {"Fn::Sub": address}
    assert outputs["InstallUrl"]["Value"] == {"Fn::Sub": f"{address}/bitrix24/install"}


@pytest.mark.parametrize(
    ("domain", "public_url", "stored"),
    [
        ("", "", ""),
        ("chats.example.com", "", "https://chats.example.com"),
        ("chats.example.com", "https://front.example.com", "https://front.example.com"),
        ("", "https://front.example.com", "https://front.example.com"),
    ],
)
def test_public_url_is_the_domain_unless_another_address_is_set(
    domain: str, public_url: str, stored: str, tmp_path: Path
) -> None:
    text = (ROOT / "template.yaml").read_text("utf-8")
    for name, value in (("DomainName", domain), ("PublicUrl", public_url)):
        text, changed = re.subn(rf'(\n  {name}:\n(?:    .*\n)*?    Default: )""', rf'\g<1>"{value}"', text)
        assert changed == 1
    (tmp_path / "template.yaml").write_text(text)
    shutil.copytree(ROOT / "monitoring", tmp_path / "monitoring")

    functions = Template.load(tmp_path / "template.yaml").functions
    assert {function.environment["PUBLIC_URL"] for function in functions.values()} == {stored}


@pytest.mark.parametrize(
    ("name", "admitted", "refused"),
    [
        ("DomainName", ["", "chats.example.com", "a-b.example"], ["https://a.b", "a.b/", "a", "A.example", "*.a.b"]),
        ("CertificateArn", ["", DOMAIN["CertificateArn"]], ["arn:aws:iam::123456789012:server-certificate/a"]),
        ("HostedZoneId", ["", *ZONE.values()], ["/hostedzone/Z0123", "example.com"]),
    ],
)  # fmt: skip
def test_parameter_of_the_domain_admits_what_aws_admits(name: str, admitted: list[str], refused: list[str]) -> None:
    pattern = re.compile(TEMPLATE["Parameters"][name]["AllowedPattern"])

    assert all(pattern.fullmatch(value) for value in admitted)
    assert not any(pattern.fullmatch(value) for value in refused)


def test_domain_without_certificate_is_refused_before_resources_are_created() -> None:
    rule = TEMPLATE["Rules"]["DomainHasCertificate"]

    assert rule["RuleCondition"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "DomainName"}, ""]}]}
    assert [each["Assert"] for each in rule["Assertions"]] == [
        {"Fn::Not": [{"Fn::Equals": [{"Ref": "CertificateArn"}, ""]}]}
    ]


def test_every_queue_refuses_requests_without_tls() -> None:
    refused = set()
    for policy in of_type("AWS::SQS::QueuePolicy").values():
        (queue,), (statement,) = policy["Queues"], policy["PolicyDocument"]["Statement"]
        assert statement["Resource"] == {"Fn::GetAtt": f"{queue['Ref']}.Arn"}
        assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "sqs:*")
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        refused.add(queue["Ref"])
    assert refused == of_type("AWS::SQS::Queue").keys()


def test_dead_letter_queue_accepts_messages_of_the_event_queue_only() -> None:
    queues = of_type("AWS::SQS::Queue")
    named = queues["EventQueue"]["QueueName"]["Fn::Sub"]

    assert queues["DeadLetterQueue"]["RedriveAllowPolicy"] == {
        "redrivePermission": "byQueue",
        "sourceQueueArns": [{"Fn::Sub": "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:" + named}],
    }


@pytest.mark.parametrize(("chosen", "applied"), [("false", "None"), ("true", "PublishedVersions")])
def test_functions_start_from_a_snapshot_if_that_is_chosen(translation: Mapping, chosen: str, applied: str) -> None:
    resources = deployed(translation, SnapStart=chosen)["Resources"]

    assert {resources[name]["Properties"]["SnapStart"]["ApplyOn"] for name in SNAPSHOTS} == {applied}


def test_functions_with_snapshot_and_no_others_build_their_services_before_it() -> None:
    builders = {
        f"{path.parent.name.title()}Function"
        for path in ROOT.glob("functions/*/app.py")
        if "process.before_snapshot(" in path.read_text("utf-8")
    }

    assert builders == SNAPSHOTS
