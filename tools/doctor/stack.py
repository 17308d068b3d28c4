"""A stack in AWS: its state, alarms, version, parameters, secrets, and what the account has for it."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from tools.account_checks import CHECKS, stack_state
from tools.doctor.findings import Code, Finding, finding
from tools.findings import StackCase
from tools.preflight import found as found_by
from tools.stack import ABSENT, READY, action, paged, remedy

_MOST_SECRETS: Final = 5_000
_FAILED: Final = (ClientError, BotoCoreError)
Portals = Sequence[Mapping[str, Any]]


def findings(case: StackCase) -> Iterator[Finding]:
    """Everything but what needs the answers of the service. A check that may not read is a finding."""
    if case.state.status == ABSENT:
        yield finding(
            Code.STACK_ABSENT,
            f"There is no stack {case.environment.stack} in {case.region}",
            env=case.environment.name,
        )
        return
    for check in (state, alarms, differing, contradicting, account):
        yield from guarded(f"{check.__name__} of {case.environment.stack}", check(case))


def guarded(what: str, check: Iterator[Finding]) -> Iterator[Finding]:
    """What a check finds, and a finding where AWS refuses it or does not answer."""
    try:
        yield from check
    except _FAILED as error:
        yield unread(what, error)


def unread(what: str, error: Exception) -> Finding:
    """The finding about something that could not be read: the action that failed, as IAM names it, and why."""
    why = type(error).__name__
    if isinstance(error, ClientError):
        why = f"{action(error)} failed: {error.response['Error']['Code']}"
    return finding(Code.NOT_CHECKED, f"Not read: {what} ({why})")


def state(case: StackCase) -> Iterator[Finding]:
    """A stack that was rolled back serves the version before, which is worth knowing, too."""
    if case.state.status not in READY or case.state.status.endswith("ROLLBACK_COMPLETE"):
        text = remedy(case.state.status, case.environment)
        yield Finding(Code.STACK_FAILED, f"{case.environment.stack} is {case.state.status}", text)


def alarms(case: StackCase) -> Iterator[Finding]:
    """Every alarm of the stack that rings. Names begin with the stack's, and an underscore, which no stack has."""
    ringing = paged(
        case.clients("cloudwatch"), "describe_alarms", "MetricAlarms",
        AlarmNamePrefix=f"{case.environment.stack}_", StateValue="ALARM",
    )  # fmt: skip
    for alarm in ringing:
        described = " ".join(alarm.get("AlarmDescription", "").split())
        means, _, first = described.partition(" First: ")
        since = alarm["StateUpdatedTimestamp"].isoformat(timespec="seconds")
        yield Finding(Code.ALARM, f"{alarm['AlarmName']}, since {since}: {means}", first or "docs/runbook.md")


def differing(case: StackCase) -> Iterator[Finding]:
    """Parameters that samconfig.toml names and the stack has with another value: changed, and not deployed."""
    deployed = case.state.parameters
    differ = [
        f"{name} is {deployed[name] or 'empty'}, {value or 'empty'} in samconfig.toml"
        for name, value in case.environment.overrides.items()
        if name in deployed and deployed[name] != value
    ]
    if differ:
        yield finding(Code.PARAMETERS_DIFFER, "; ".join(differ), env=case.environment.name)


def contradicting(case: StackCase) -> Iterator[Finding]:
    """Parameters that cannot both be meant: what the template's own rules do not refuse."""
    of, env = case.of, case.environment.name
    for is_so, detail in (
        (
            of("PrivatePortals") and not of("SubnetIds"),
            "PrivatePortals is set, and SubnetIds is not: no function reaches a private address",
        ),
        (of("PublishText") == "true" and not of("EventBus"), "PublishText is true, and no EventBus is named"),
        (
            of("AlarmTopic") and of("Monitoring") == "none",
            "AlarmTopic is named, and Monitoring is none: no alarm rings",
        ),
        (of("LocalHosts"), f"LocalHosts is {of('LocalHosts')}: a deployed stack may call private addresses by it"),
    ):
        if is_so:
            yield finding(Code.PARAMETERS_CONTRADICT, detail, env=env)


def account(case: StackCase) -> Iterator[Finding]:
    """What `make preflight` finds, but for the state, which is reported above."""
    for check in CHECKS:
        for each in found_by(check, case) if check is not stack_state else ():
            if each.what.startswith("Not checked: "):
                yield finding(Code.NOT_CHECKED, f"{each.what.removeprefix('Not checked: ')} of the account: {each.why}")
            else:
                yield Finding(Code.ACCOUNT, f"{each.what}: {each.why}", each.remedy)


def secrets(case: StackCase, portals: Portals) -> Iterator[Finding]:
    """Secrets of portals that no portal can have: an installation that failed halfway leaves one."""
    prefix = f"{case.environment.stack}/portal/"
    listed = paged(
        case.clients("secretsmanager"), "list_secrets", "SecretList", Filters=[{"Key": "name", "Values": [prefix]}]
    )
    count = sum(each["Name"].startswith(prefix) for each in islice(listed, _MOST_SECRETS))
    installed = sum(portal["state"] != "uninstalled" for portal in portals)
    if count > installed:
        yield finding(Code.SECRETS_LEFT, f"{count} secrets of portals for {installed} installed portals")


def addresses(case: StackCase, portals: Portals) -> Iterator[Finding]:
    """Applications whose bot and events are registered at another address than the stack's."""
    own = case.of("PublicUrl") or case.state.outputs.get("ApiUrl", "")
    for portal in portals:
        if portal.get("kind") == "oauth" and portal["state"] != "uninstalled" and portal.get("public_url") != own:
            registered = portal.get("public_url") or "no address"
            yield finding(
                Code.ADDRESS_CHANGED, f"Bot and events are registered at {registered}; the stack is at {own}",
                portal=portal["domain"], env=case.environment.name, url=own,
            )  # fmt: skip
