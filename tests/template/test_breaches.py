"""The template keeps its house rules, and a breach of each is found by that rule and by no other."""

import copy
import functools
from collections.abc import Callable
from typing import Any

import pytest

from tests.template.breaches import RULES, Rule, breaches
from tests.template.file import TEMPLATE

Seed = Callable[[Any], None]
"""A change that breaks one rule in a template."""

STATEMENT = "Resources.LookUpPolicy.Properties.PolicyDocument.Statement.0"
DIRECT = "Resources.DirectFunction.Properties"
TLS = "Resources.EventQueuePolicy.Properties.PolicyDocument.Statement.0"
PORTALS = "Resources.PortalTable"


def _holder(template: Any, path: str) -> tuple[Any, Any]:
    """The container of the last name of a path, and that name or number."""
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    return functools.reduce(lambda value, part: value[part], way, template), last


def put(path: str, value: object) -> Seed:
    def seed(template: Any) -> None:
        holder, name = _holder(template, path)
        holder[name] = value

    return seed


def drop(path: str) -> Seed:
    def seed(template: Any) -> None:
        holder, name = _holder(template, path)
        del holder[name]

    return seed


def resource(kind: str, **properties: object) -> Seed:
    return put("Resources.Seeded", {"Type": kind, "Properties": properties})


def silent(*words: str) -> Seed:
    """Remove the alarms that contain all these words."""

    def seed(template: Any) -> None:
        for name, each in list(template["Resources"].items()):
            if each["Type"] == "AWS::CloudWatch::Alarm" and all(word in str(each) for word in words):
                del template["Resources"][name]

    return seed


def allowing(principal: object) -> Seed:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sqs:SendMessage",
                 "Resource": {"Fn::GetAtt": "EventQueue.Arn"}}  # fmt: skip
    return resource("AWS::SQS::QueuePolicy", Queues=[{"Ref": "EventQueue"}], PolicyDocument={"Statement": [statement]})


SEEDS: dict[str, tuple[Seed, ...]] = {
    "resource_of_a_statement": (
        put(f"{STATEMENT}.Resource", "*"),
        put(f"{STATEMENT}.Resource", {"Fn::Sub": "arn:${AWS::Partition}:dynamodb:*:${AWS::AccountId}:table/portals"}),
        put(f"{STATEMENT}.Resource", [{"Fn::GetAtt": "PortalTable.Arn"}, {"Fn::GetAtt": "CacheTable.Arn"}]),
        drop(f"{STATEMENT}.Resource"),
    ),
    "action_of_a_statement": (
        put(f"{STATEMENT}.Action", "dynamodb:*"),
        put(f"{STATEMENT}.Action", ["dynamodb:GetItem", "dynamodb:Batch*"]),
        put(f"{STATEMENT}.NotAction", "dynamodb:DeleteTable"),
    ),
    "rows_of_a_statement": (
        drop(f"{STATEMENT}.Condition"),
        put(f"{STATEMENT}.Condition", {"StringLike": {"dynamodb:LeadingKeys": ["CHAT#*"]}}),
        put(f"{STATEMENT}.Action", ["dynamodb:GetItem", "dynamodb:Scan"]),
    ),
    "public_access": (
        allowing("*"),
        allowing({"AWS": "*"}),
        resource("AWS::Lambda::Permission", FunctionName={"Ref": "AdminFunction"}, Action="lambda:InvokeFunction",
                 Principal="apigateway.amazonaws.com"),
        put(f"{DIRECT}.FunctionUrlConfig", {"AuthType": "NONE"}),
    ),
    "policy_of_aws": (
        put("Resources.DirectRole.Properties.ManagedPolicyArns",
            ["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"]),
        drop(f"{DIRECT}.Role"),
    ),
    "log_group": (
        drop(f"{DIRECT}.LoggingConfig"),
        put(f"{DIRECT}.LoggingConfig.LogGroup", {"Ref": "AdminLogs"}),
        drop("Resources.DirectLogs.Properties.RetentionInDays"),
    ),
    "json_logging": (put(f"{DIRECT}.LoggingConfig.LogFormat", "Text"),),
    "tracing": (put(f"{DIRECT}.Tracing", "PassThrough"), drop("Globals.Function.Tracing")),
    "memory": (put(f"{DIRECT}.MemorySize", 128), put("Globals.Function.MemorySize", 3008)),
    "timeout": (
        put(f"{DIRECT}.Timeout", 61),
        drop(f"{DIRECT}.Timeout"),
        put("Resources.LookupFunction.Properties.Timeout", 30),
        put("Resources.KeepaliveFunction.Properties.Timeout", 900),
    ),
    "errors_alarm": (silent("AWS/Lambda", "'Errors'", "DirectFunction"),),
    "queue_alarm": (silent("DeadLetterQueue"), silent("AWS/SQS", "EventQueue")),
    "missing_data": (drop("Resources.DeadLettersAlarm.Properties.TreatMissingData"),),
    "encryption": (
        put("Resources.EventQueue.Properties.SqsManagedSseEnabled", False),
        drop("Resources.EventQueue.Properties.KmsMasterKeyId"),  # with a KMS key of the operator there is no other
        drop(f"{PORTALS}.Properties.SSESpecification"),
    ),
    "tls_only": (
        drop("Resources.EventQueuePolicy"),
        drop(f"{TLS}.Condition"),
        put(f"{TLS}.Action", "sqs:SendMessage"),
        put(f"{TLS}.Resource", {"Fn::GetAtt": "DeadLetterQueue.Arn"}),
    ),
    "state": (
        drop(f"{PORTALS}.UpdateReplacePolicy"),
        put(f"{PORTALS}.DeletionPolicy", "Snapshot"),
        drop(f"{PORTALS}.Properties.PointInTimeRecoverySpecification"),
        put("Resources.CacheTable.Properties.TimeToLiveSpecification.Enabled", False),
    ),
    "cors": (
        put("Resources.Api.Properties.CorsConfiguration", True),
        put("Resources.Api.Properties.CorsConfiguration", {"AllowOrigins": ["https://shop.example.com"]}),
    ),
    "secret_by_name": (
        put(f"{DIRECT}.Environment", {"Variables": {"CLIENT_SECRET": "abc"}}),
        put("Parameters.ClientSecret", {"Type": "String", "Description": "A secret.", "AllowedPattern": ".+"}),
    ),
    "secret_by_shape": (
        put(f"{DIRECT}.Environment", {"Variables": {"WEBHOOK": "https://acme.bitrix24.com/rest/1/k3xq9vj2m5tzw8ab/"}}),
        put(f"{DIRECT}.Environment", {"Variables": {"APP": "{{resolve:secretsmanager:acme:SecretString:app}}"}}),
        put("Parameters.PublicUrl.Default", "d41d8cd98f00b204e9800998ecf8427e"),
        put("Outputs.ApiUrl.Value", "clk_" + "aB3" * 14),
    ),
    "parameter": (drop("Parameters.PublicUrl.Description"), drop("Parameters.PublicUrl.AllowedPattern")),
    "cycle": (put("Resources.DeadLetterQueue.DependsOn", "EventQueue"),),
}  # fmt: skip


def with_one_event_each() -> Any:
    """The template with one event of each function: what the others add no seed changes, and it takes SAM as long as
    all the rest."""
    template = copy.deepcopy(TEMPLATE)
    for function in template["Resources"].values():
        events = function.get("Properties", {}).get("Events", {})
        for further in list(events)[1:]:
            del events[further]
    return template


SEEDED = with_one_event_each()


def test_template_keeps_every_house_rule() -> None:
    assert breaches(TEMPLATE) == {}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_breach_is_found_by_its_house_rule_and_by_no_other(rule: Rule) -> None:
    seeds = SEEDS[rule.name]
    for seed in seeds:
        broken = copy.deepcopy(SEEDED)
        seed(broken)
        assert broken != SEEDED
        assert breaches(broken).keys() == {rule}


def test_each_house_rule_has_breaches() -> None:
    assert SEEDS.keys() == {rule.name for rule in RULES}
