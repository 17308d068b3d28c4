"""The findings of `./lookup doctor` beside those of the service: about a stack, a local run and this machine."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple


class Code(StrEnum):
    """What can be wrong, in the order of a report."""

    ENVIRONMENT_UNREAD = "environment-unread"
    STACK_ABSENT = "stack-absent"
    STACK_FAILED = "stack-failed"
    RUN_ABSENT = "run-absent"
    RUN_DEAD = "run-dead"
    PORT_BUSY = "port-busy"
    HEALTH_FAILED = "health-failed"
    FUNCTION_FAILED = "function-failed"
    ALARM = "alarm"
    VERSION_DIFFERS = "version-differs"
    ADDRESS_CHANGED = "address-changed"
    ACCOUNT = "account"
    PARAMETERS_DIFFER = "parameters-differ"
    PARAMETERS_CONTRADICT = "parameters-contradict"
    SECRETS_LEFT = "secrets-left"
    NOT_CHECKED = "not-checked"
    PYTHON_MISSING = "python-missing"
    ENVIRONMENT_BROKEN = "environment-broken"


REMEDIES: Final[Mapping[Code, str]] = {
    Code.ENVIRONMENT_UNREAD: "Set AWS_PROFILE and AWS_REGION, or sign in with `aws login`; "
    "without a connection check the network and the region; then ask again",
    Code.STACK_ABSENT: "make deploy ENV={env}",
    Code.STACK_FAILED: "What the state requires, as `make preflight ENV={env}` prints it",
    Code.RUN_ABSENT: "make run; STATE_DIR names its folder, if it is another one",
    Code.RUN_DEAD: "Start it again: make run; one that was killed has left its run.json",
    Code.PORT_BUSY: "End that program, or choose another port: make run {variable}=0 takes a free one",
    Code.HEALTH_FAILED: (
        "See the log lines of LookupFunction and the alarms; if the name cannot be resolved, the record of DomainName"
    ),
    Code.FUNCTION_FAILED: (
        "Allow lambda:InvokeFunction on the version `live`; if it is allowed, see the log lines of AdminFunction"
    ),
    Code.ALARM: "The section of docs/runbook.md that the alarm names",
    Code.VERSION_DIFFERS: "Deploy this checkout, or look at the one that was deployed: make deploy ENV={env}",
    Code.ADDRESS_CHANGED: "./lookup admin portal.rebind --env {env} --portal {portal} --public-url {url}",
    Code.ACCOUNT: "What `make preflight ENV={env}` prints for it",
    Code.PARAMETERS_DIFFER: "make deploy ENV={env} brings them to what samconfig.toml has; or correct samconfig.toml",
    Code.PARAMETERS_CONTRADICT: "Correct them in samconfig.toml, and deploy: make deploy ENV={env}",
    Code.SECRETS_LEFT: (
        "List them (aws secretsmanager list-secrets), compare with the portals, and delete those that are not used; "
        "each costs 0.40 $ a month"
    ),
    Code.NOT_CHECKED: "Allow the action that is named, or look at it by hand",
    Code.PYTHON_MISSING: "Install Python 3.13, with which the functions are built; pyenv's versions count, too",
    Code.ENVIRONMENT_BROKEN: "{command} makes it anew",
}
"""The remedy of each code, with what differs between findings in braces."""


class Finding(NamedTuple):
    """What is wrong, what exactly, and what mends it."""

    code: str
    detail: str
    remedy: str
    portal: str = ""

    def shown(self) -> dict[str, Any]:
        """The finding as JSON; as the service's, it names its portal where it is about one."""
        named = {"portal": self.portal} if self.portal else {}
        return {**named, "code": self.code, "detail": self.detail, "remedy": self.remedy}


def finding(code: Code, detail: str, *, portal: str = "", **words: str) -> Finding:
    """A finding with its usual remedy."""
    return Finding(code.value, detail, REMEDIES[code].format(**words, portal=portal), portal)
