"""The checks of `make preflight`: each reads one thing in the account and reports what would go wrong."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from botocore.exceptions import ClientError

from tools.findings import Finding, StackCase, refused, warned
from tools.stack import remedy

LONGEST_STACK_NAME: Final = 73
"""Names of queues have 80 characters at most, and that of the events is the stack's name and `-events`."""

KEPT_UNRESERVED: Final = 100
"""What Lambda leaves to the functions without reserved concurrency, and refuses to reserve."""

SHARES: Final = ("EventsConcurrency", "LookupConcurrency", "RestConcurrency")

_ASK_FOR_MORE: Final = "ask for 1,000 in Service Quotas, AWS Lambda, Concurrent executions"
_SAMCONFIG: Final = "correct it in samconfig.toml"


def stack_name(case: StackCase) -> list[Finding]:
    name = case.environment.stack
    if len(name) <= LONGEST_STACK_NAME:
        return []
    return refused(
        f"The stack's name has {len(name)} characters",
        f"the queue that is named after it would have more than 80: {LONGEST_STACK_NAME} are the most",
        f"choose a shorter stack_name; {_SAMCONFIG}",
    )


def stack_state(case: StackCase) -> list[Finding]:
    if case.state.is_ready:
        return []
    text = remedy(case.state.status, case.environment)
    return refused(f"The stack is {case.state.status}", "CloudFormation accepts no change set for it", text)


def concurrency(case: StackCase) -> list[Finding]:
    """The account's concurrent executions, against the worker's part and the reserved shares."""
    limit = case.clients("lambda").get_account_settings()["AccountLimit"]
    most, unreserved = int(limit["ConcurrentExecutions"]), int(limit["UnreservedConcurrentExecutions"])
    shares = sum(case.number(name) for name in SHARES)
    left = unreserved + sum(case.deployed_number(name) for name in SHARES) - shares
    worker = case.number("WorkerConcurrency")
    if shares and left < KEPT_UNRESERVED:
        return refused(
            f"{shares} concurrent executions are to be reserved, which leaves {left} of {most}",
            f"Lambda refuses a reservation that leaves less than {KEPT_UNRESERVED} to all other functions",
            f"lower {', '.join(SHARES)} in samconfig.toml, or {_ASK_FOR_MORE}",
        )
    if worker >= left:
        return refused(
            f"WorkerConcurrency is {worker}, and {left} concurrent executions are left in this region",
            "the worker may use all of them for a backlog; portals' events are throttled meanwhile and lost for good",
            f"lower WorkerConcurrency in samconfig.toml, or {_ASK_FOR_MORE}",
        )
    if most < KEPT_UNRESERVED:
        return warned(
            f"This account has {most} concurrent executions in this region, as a new one has",
            "a few slow look-ups can use all of them; an event that finds none left is lost for good",
            _ASK_FOR_MORE,
        )
    return []


def certificate(case: StackCase) -> list[Finding]:
    domain, arn = case.of("DomainName"), case.of("CertificateArn")
    if not domain or not arn:
        return []
    why = "the domain cannot be made, and the whole deployment is rolled back"
    if _region_of(arn) != case.region:
        return refused(
            f"The certificate is in {_region_of(arn)}, the stack in {case.region}", why,
            f"request one in {case.region} and set CertificateArn; {_SAMCONFIG}",
        )  # fmt: skip
    found = _or_none(
        lambda: case.clients("acm").describe_certificate(CertificateArn=arn)["Certificate"], "ResourceNotFoundException"
    )
    if found is None:
        return refused("CertificateArn names no certificate of this account", why, _SAMCONFIG)
    if found["Status"] != "ISSUED":
        return refused(
            f"The certificate is {found['Status']}", why, "have its domain validated, and deploy when it is ISSUED"
        )
    names = {found["DomainName"], *found.get("SubjectAlternativeNames", ())}
    if domain not in names and f"*.{domain.partition('.')[2]}" not in names:
        return refused(
            f"The certificate is for {', '.join(sorted(names))}, not for {domain}", why,
            f"request one for {domain} and set CertificateArn; {_SAMCONFIG}",
        )  # fmt: skip
    return []


def zone(case: StackCase) -> list[Finding]:
    domain, zone_id = case.of("DomainName"), case.of("HostedZoneId")
    if not zone_id:
        return []
    if not domain:
        return warned("HostedZoneId is set without DomainName", "no record is made", f"set both or none; {_SAMCONFIG}")
    why = "the record cannot be made, and the whole deployment is rolled back"
    found = _or_none(lambda: case.clients("route53").get_hosted_zone(Id=zone_id)["HostedZone"], "NoSuchHostedZone")
    if found is None:
        return refused("HostedZoneId names no zone of this account", why, _SAMCONFIG)
    name = str(found["Name"]).removesuffix(".")
    if domain != name and not domain.endswith(f".{name}"):
        return refused(f"{domain} does not end in the zone's name, {name}", why, _SAMCONFIG)
    if found.get("Config", {}).get("PrivateZone"):
        return warned(
            f"The zone {name} is private", "portals on the internet cannot resolve the record",
            "choose the public zone of that name",
        )  # fmt: skip
    return []


def bus(case: StackCase) -> list[Finding]:
    name = case.of("EventBus")
    if not name:
        return []
    found = _or_none(lambda: case.clients("events").describe_event_bus(Name=name), "ResourceNotFoundException")
    if found is not None:
        return []
    return refused(
        f"There is no event bus {name} in {case.region}",
        "the stack would deploy, and each event would wait in the queue and end among the dead letters",
        f"make it, or correct EventBus (empty publishes nothing); {_SAMCONFIG}",
    )


def topic(case: StackCase) -> list[Finding]:
    arn = case.of("AlarmTopic")
    if not arn:
        return []
    why = "no alarm would be notified, and nothing reports that"
    if _region_of(arn) != case.region:
        return refused(f"AlarmTopic is in {_region_of(arn)}, the stack in {case.region}", why, _SAMCONFIG)
    found = _or_none(lambda: case.clients("sns").get_topic_attributes(TopicArn=arn)["Attributes"], "NotFound")
    if found is None:
        return refused("AlarmTopic names no topic", why, f"make it (docs/recipes.md), or {_SAMCONFIG}")
    if not _admits(found.get("Policy", "{}"), "cloudwatch.amazonaws.com", {"sns:publish", "sns:*"}):
        return warned(
            "The policy of AlarmTopic does not admit cloudwatch.amazonaws.com", why, "add it, as in docs/recipes.md"
        )
    if found.get("KmsMasterKeyId") in ("alias/aws/sns", "aws/sns"):
        return warned(
            "AlarmTopic is encrypted with the key that AWS keeps for SNS", f"alarms may not use it: {why}",
            "use a key of your own whose policy admits cloudwatch.amazonaws.com, or none",
        )  # fmt: skip
    return []


def key(case: StackCase) -> list[Finding]:
    """The customer key: in the region, enabled, and open to the log groups, which use it in no role's name."""
    arn = case.of("KeyArn")
    if not arn:
        return []
    why = "tables, queues and log groups cannot be encrypted with it, and the whole deployment is rolled back"
    if _region_of(arn) != case.region:
        return refused(f"KeyArn is in {_region_of(arn)}, the stack in {case.region}", why, _SAMCONFIG)
    kms = case.clients("kms")
    found = _or_none(lambda: kms.describe_key(KeyId=arn)["KeyMetadata"], "NotFoundException")
    if found is None:
        return refused("KeyArn names no key", why, _SAMCONFIG)
    if found["KeyState"] != "Enabled":
        return refused(f"The key is {found['KeyState']}", why, "enable it, or choose another")
    policy = kms.get_key_policy(KeyId=arn, PolicyName="default")["Policy"]
    logs = f"logs.{case.region}.amazonaws.com"
    if not _admits(policy, logs, {"kms:*", "kms:encrypt", "kms:encrypt*"}):
        return refused(
            f"The key's policy does not admit {logs}",
            "no log group can be made, and the whole deployment is rolled back",
            "add the statement of docs/recipes.md",
        )  # fmt: skip
    return []


CHECKS: Final[tuple[Callable[[StackCase], list[Finding]], ...]] = (
    stack_name, stack_state, concurrency, certificate, zone, bus, topic, key,
)  # fmt: skip


def _region_of(arn: str) -> str:
    return arn.split(":")[3]


def _or_none(call: Callable[[], Any], absent: str) -> Any:
    """What the call returns; None where the service reports this code."""
    try:
        return call()
    except ClientError as error:
        if error.response["Error"]["Code"] in (absent, f"{absent}Exception"):
            return None
        raise


def _admits(policy: str, service: str, actions: Iterable[str]) -> bool:
    """Whether a statement allows one of the actions to the service, or to all. Conditions are not evaluated."""
    statements = json.loads(policy).get("Statement", [])
    for statement in statements if isinstance(statements, list) else [statements]:
        granted = {str(each).lower() for each in _listed(statement.get("Action"))}
        if statement.get("Effect") == "Allow" and granted & {*actions, "*"} and _names(statement, service):
            return True
    return False


def _names(statement: Mapping[str, Any], service: str) -> bool:
    principal = statement.get("Principal", {})
    if isinstance(principal, str):
        return principal == "*"
    services = [str(each) for each in _listed(principal.get("Service"))]
    return "*" in _listed(principal.get("AWS")) or any(each in (service, f"{service}.cn") for each in services)


def _listed(value: object) -> list[object]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
