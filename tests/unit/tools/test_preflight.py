"""Each check before a deployment, made true and made false against recorded answers of its service."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from tests.support.deployed_stack import STACK, environment, expect_no_stack, expect_stack
from tests.support.stubbed_clients import StubbedClients
from tests.template.file import RESOURCES
from tools import account_checks
from tools.account_checks import CHECKS, LONGEST_STACK_NAME
from tools.findings import REFUSED, WARNING, Finding, StackCase
from tools.preflight import checked, found
from tools.stack import StackState

ARN = "arn:aws:{}:eu-central-1:123456789012:{}"
CERTIFICATE = ARN.format("acm", "certificate/0a1b")
TOPIC = ARN.format("sns", "alarms")
KEY = ARN.format("kms", "key/0a1b")
DENIED = ("AccessDeniedException", "not authorized to perform this")
IDENTITY = {"UserId": "AIDA", "Account": "123456789012", "Arn": ARN.format("iam", "user/operator")}


def case(
    clients: Callable[[str], Any], stack: str = STACK, deployed: dict[str, str] | None = None, /, **parameters: str
) -> StackCase:
    state = StackState("UPDATE_COMPLETE", deployed or {}, {})
    return StackCase(environment(stack=stack, overrides=parameters), clients, state)


def only(findings: list[Finding]) -> tuple[str, str]:
    """Kind and text of the one finding, which has all three parts."""
    (finding,) = findings
    assert all((finding.what, finding.why, finding.remedy))
    return finding.kind, str(finding)


# --- name and state ---------------------------------------------------------------------------------------------------
def test_name_of_the_stack_leaves_room_for_the_names_of_its_queues(clients: StubbedClients) -> None:
    assert account_checks.stack_name(case(clients, "s" * LONGEST_STACK_NAME)) == []
    kind, text = only(account_checks.stack_name(case(clients, "s" * (LONGEST_STACK_NAME + 1))))
    assert kind == REFUSED
    assert "74 characters" in text


def test_bound_of_the_name_follows_from_the_queues_of_the_template() -> None:
    queues = (each["Properties"] for each in RESOURCES.values() if each["Type"] == "AWS::SQS::Queue")
    suffixes = [
        each["QueueName"]["Fn::Sub"].removeprefix("${AWS::StackName}") for each in queues if "QueueName" in each
    ]

    assert 80 - max(map(len, suffixes)) == LONGEST_STACK_NAME


def test_stack_in_a_failed_state_is_refused_with_its_remedy(clients: StubbedClients) -> None:
    failed = StackCase(environment(), clients, StackState("ROLLBACK_COMPLETE", {}, {}))
    kind, text = only(account_checks.stack_state(failed))
    assert kind == REFUSED
    assert "sam delete --config-env staging" in text
    assert account_checks.stack_state(case(clients)) == []


# --- concurrency ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("limit", "unreserved", "deployed", "parameters", "kind", "words"),
    [
        (1000, 1000, {}, {}, None, ""),
        (1000, 1000, {}, {"WorkerConcurrency": "10", "EventsConcurrency": "900"}, None, ""),
        (1000, 1000, {}, {"EventsConcurrency": "901"}, REFUSED, "leaves 99 of 1000"),
        (1000, 100, {"EventsConcurrency": "900"}, {"EventsConcurrency": "900"}, None, ""),
        (1000, 150, {}, {"LookupConcurrency": "30", "RestConcurrency": "30"}, REFUSED, "60 concurrent executions"),
        (10, 10, {}, {}, WARNING, "10 concurrent executions in this region"),
        (10, 10, {}, {"EventsConcurrency": "1"}, REFUSED, "leaves 9 of 10"),
        (10, 10, {}, {"WorkerConcurrency": "10"}, REFUSED, "WorkerConcurrency is 10"),
        (10, 10, {"WorkerConcurrency": "10"}, {}, REFUSED, "WorkerConcurrency is 10"),
    ],
)
def test_concurrency_of_the_account_is_compared_with_the_worker_and_the_shares(
    clients: StubbedClients,
    limit: int, unreserved: int, deployed: dict[str, str], parameters: dict[str, str], kind: str | None, words: str,
) -> None:  # fmt: skip
    limits = {"ConcurrentExecutions": limit, "UnreservedConcurrentExecutions": unreserved}
    clients.expect("lambda", "get_account_settings", {"AccountLimit": limits})
    findings = account_checks.concurrency(case(clients, STACK, deployed, **parameters))

    assert [each.kind for each in findings] == ([kind] if kind else [])
    assert words in "".join(str(each) for each in findings)


# --- certificate and zone ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("certificate", "words"),
    [
        ({"Status": "ISSUED", "DomainName": "chats.example.com"}, ""),
        ({"Status": "ISSUED", "DomainName": "example.com", "SubjectAlternativeNames": ["*.example.com"]}, ""),
        ({"Status": "PENDING_VALIDATION", "DomainName": "chats.example.com"}, "PENDING_VALIDATION"),
        ({"Status": "EXPIRED", "DomainName": "chats.example.com"}, "EXPIRED"),
        ({"Status": "ISSUED", "DomainName": "*.com"}, "not for chats.example.com"),
        ({"Status": "ISSUED", "DomainName": "other.example.com"}, "not for chats.example.com"),
        (None, "names no certificate"),
    ],
)
def test_certificate_is_issued_for_the_domain(
    clients: StubbedClients, certificate: dict[str, Any] | None, words: str
) -> None:
    if certificate:
        clients.expect("acm", "describe_certificate", {"Certificate": certificate}, CertificateArn=CERTIFICATE)
    else:
        clients.refuse("acm", "describe_certificate", "ResourceNotFoundException", CertificateArn=CERTIFICATE)
    findings = account_checks.certificate(case(clients, DomainName="chats.example.com", CertificateArn=CERTIFICATE))
    assert bool(findings) is bool(words)
    assert not findings or words in only(findings)[1]


def test_resources_of_another_region_are_refused_without_a_call(clients: StubbedClients) -> None:
    checks = {
        account_checks.certificate: {"DomainName": "chats.example.com", "CertificateArn": CERTIFICATE},
        account_checks.topic: {"AlarmTopic": TOPIC},
        account_checks.key: {"KeyArn": KEY},
    }
    for check, parameters in checks.items():
        elsewhere = {name: value.replace("eu-central-1", "us-east-1") for name, value in parameters.items()}
        kind, text = only(check(case(clients, **elsewhere)))
        assert kind == REFUSED
        assert "in us-east-1, the stack in eu-central-1" in text


@pytest.mark.parametrize(
    ("zone", "kind", "words"),
    [
        ({"Name": "example.com."}, None, ""),
        ({"Name": "chats.example.com."}, None, ""),
        ({"Name": "ample.com."}, REFUSED, "does not end in the zone's name"),
        ({"Name": "other.com."}, REFUSED, "does not end in the zone's name"),
        ({"Name": "example.com.", "Config": {"PrivateZone": True}}, WARNING, "private"),
        (None, REFUSED, "names no zone"),
    ],
)
def test_zone_holds_the_domain(
    clients: StubbedClients, zone: dict[str, Any] | None, kind: str | None, words: str
) -> None:
    if zone:
        answer = {"HostedZone": {"Id": "Z1", "CallerReference": "it", **zone}}
        clients.expect("route53", "get_hosted_zone", answer, Id="Z1")
    else:
        clients.refuse("route53", "get_hosted_zone", "NoSuchHostedZone", Id="Z1")
    findings = account_checks.zone(case(clients, DomainName="chats.example.com", HostedZoneId="Z1"))
    assert [each.kind for each in findings] == ([kind] if kind else [])
    assert words in "".join(str(each) for each in findings)


def test_zone_without_a_domain_is_a_warning(clients: StubbedClients) -> None:
    assert only(account_checks.zone(case(clients, HostedZoneId="Z1")))[0] == WARNING


# --- bus, topic, key --------------------------------------------------------------------------------------------------
def test_event_bus_exists(clients: StubbedClients) -> None:
    clients.expect("events", "describe_event_bus", {"Name": "default"}, Name="default")
    assert account_checks.bus(case(clients)) == []
    clients.refuse("events", "describe_event_bus", "ResourceNotFoundException", Name="misspelt")
    kind, text = only(account_checks.bus(case(clients, EventBus="misspelt")))
    assert kind == REFUSED
    assert "dead letters" in text
    assert account_checks.bus(case(clients, EventBus="")) == []


def policy(principal: object, action: object) -> str:
    return json.dumps({"Statement": [{"Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*"}]})


CLOUDWATCH = {"Service": "cloudwatch.amazonaws.com"}


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [
        ({"Policy": policy(CLOUDWATCH, "sns:Publish")}, None),
        ({"Policy": policy({"AWS": "*"}, ["SNS:GetTopicAttributes", "SNS:Publish"])}, None),
        ({"Policy": policy({"Service": ["events.amazonaws.com"]}, "sns:Publish")}, WARNING),
        ({"Policy": policy(CLOUDWATCH, "sns:Subscribe")}, WARNING),
        ({"Policy": policy(CLOUDWATCH, "sns:Publish"), "KmsMasterKeyId": "alias/aws/sns"}, WARNING),
        ({}, WARNING),
        (None, REFUSED),
    ],
)
def test_topic_admits_alarms(clients: StubbedClients, attributes: dict[str, str] | None, kind: str | None) -> None:
    if attributes is None:
        clients.refuse("sns", "get_topic_attributes", "NotFound", TopicArn=TOPIC)
    else:
        clients.expect("sns", "get_topic_attributes", {"Attributes": attributes}, TopicArn=TOPIC)
    assert [each.kind for each in account_checks.topic(case(clients, AlarmTopic=TOPIC))] == ([kind] if kind else [])


LOGS = {"Service": "logs.eu-central-1.amazonaws.com"}


@pytest.mark.parametrize(
    ("state", "text", "refused"),
    [
        ("Enabled", policy(LOGS, ["kms:Encrypt*", "kms:Decrypt*"]), False),
        ("Enabled", policy({"Service": ["x.amazonaws.com", *LOGS.values()]}, "kms:*"), False),
        ("Enabled", policy({"AWS": "arn:aws:iam::123456789012:root"}, "kms:*"), True),
        ("Enabled", policy({"Service": "logs.us-east-1.amazonaws.com"}, "kms:*"), True),
        ("Enabled", policy(LOGS, "kms:DescribeKey"), True),
        ("PendingDeletion", None, True),
        (None, None, True),
    ],
)
def test_key_is_enabled_and_admits_the_log_groups(
    clients: StubbedClients, state: str | None, text: str | None, refused: bool
) -> None:
    if state:
        clients.expect("kms", "describe_key", {"KeyMetadata": {"KeyId": "0a1b", "KeyState": state}}, KeyId=KEY)
    else:
        clients.refuse("kms", "describe_key", "NotFoundException", KeyId=KEY)
    if text:
        clients.expect("kms", "get_key_policy", {"Policy": text}, KeyId=KEY, PolicyName="default")
    findings = account_checks.key(case(clients, KeyArn=KEY))
    assert [each.kind for each in findings] == ([REFUSED] if refused else [])


def test_empty_parameters_ask_nothing(clients: StubbedClients) -> None:
    for check in (account_checks.certificate, account_checks.zone, account_checks.topic, account_checks.key):
        assert check(case(clients)) == []


# --- what a check may not read ----------------------------------------------------------------------------------------
CALLS: dict[str, tuple[str, str, str, dict[str, str], dict[str, str]]] = {
    "concurrency": ("lambda", "get_account_settings", "lambda:GetAccountSettings", {}, {}),
    "certificate": (
        "acm", "describe_certificate", "acm:DescribeCertificate",
        {"CertificateArn": CERTIFICATE}, {"DomainName": "a.example.com", "CertificateArn": CERTIFICATE},
    ),
    "zone": (
        "route53", "get_hosted_zone", "route53:GetHostedZone",
        {"Id": "Z1"}, {"DomainName": "a.example.com", "HostedZoneId": "Z1"},
    ),
    "bus": ("events", "describe_event_bus", "events:DescribeEventBus", {"Name": "default"}, {}),
    "topic": ("sns", "get_topic_attributes", "sns:GetTopicAttributes", {"TopicArn": TOPIC}, {"AlarmTopic": TOPIC}),
    "key": ("kms", "describe_key", "kms:DescribeKey", {"KeyId": KEY}, {"KeyArn": KEY}),
}  # fmt: skip


def test_every_check_that_calls_aws_is_listed() -> None:
    assert {check.__name__ for check in CHECKS} == {*CALLS, "stack_name", "stack_state"}


@pytest.mark.parametrize("name", CALLS)
def test_check_without_permission_is_a_warning_that_names_the_action(clients: StubbedClients, name: str) -> None:
    service, operation, action, parameters, values = CALLS[name]
    code = "AuthorizationError" if service == "sns" else DENIED[0]
    clients.refuse(service, operation, code, DENIED[1], **parameters)
    kind, text = only(list(found(getattr(account_checks, name), case(clients, **values))))

    assert kind == WARNING
    assert action in text


def test_check_whose_call_fails_otherwise_is_a_warning(clients: StubbedClients) -> None:
    clients.refuse("events", "describe_event_bus", "ThrottlingException", "Rate exceeded", Name="default")
    kind, text = only(list(found(account_checks.bus, case(clients))))
    assert kind == WARNING
    assert "Rate exceeded" in text


def test_service_without_an_endpoint_is_a_warning() -> None:
    def unreachable(_service: str) -> Any:
        raise EndpointConnectionError(endpoint_url="https://events.example")

    kind, text = only(list(found(account_checks.bus, case(unreachable))))
    assert kind == WARNING
    assert "Not checked: bus" in text


# --- the whole --------------------------------------------------------------------------------------------------------
def expect_account(clients: StubbedClients, limit: int) -> None:
    clients.expect("sts", "get_caller_identity", IDENTITY)
    limits = {"ConcurrentExecutions": limit, "UnreservedConcurrentExecutions": limit}
    clients.expect("lambda", "get_account_settings", {"AccountLimit": limits})


def test_account_that_is_ready_passes_and_is_named(clients: StubbedClients) -> None:
    expect_account(clients, 1000)
    expect_no_stack(clients)
    clients.expect("events", "describe_event_bus", {"Name": "default"}, Name="default")
    lines: list[str] = []

    assert checked(environment(), clients, lines.append) == 0
    assert lines[0].startswith(f"{STACK} in eu-central-1, account 123456789012, as arn:")
    assert lines[1:] == ["8 checks: 0 refusals, 0 warnings"]


def test_refusals_and_warnings_are_counted_apart_and_only_refusals_fail(clients: StubbedClients) -> None:
    expect_account(clients, 10)
    expect_stack(clients, "UPDATE_COMPLETE")
    clients.expect("events", "describe_event_bus", {"Name": "default"}, Name="default")
    lines: list[str] = []
    assert checked(environment(), clients, lines.append) == 0
    assert lines[-1] == "8 checks: 0 refusals, 1 warnings"

    expect_account(clients, 10)
    expect_stack(clients, "UPDATE_IN_PROGRESS")
    clients.refuse("events", "describe_event_bus", "ResourceNotFoundException", Name="default")
    assert checked(environment(), clients, lines.append) == 1
    assert lines[-1] == "8 checks: 2 refusals, 1 warnings"
