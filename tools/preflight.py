"""`make preflight`: what an account must have before a deployment, read before anything is built or changed.

A refusal is what would fail the deployment or lose events. A warning is what an operator should know, a check without
the permission to read what it needs among them: an account that only deploys needs none of them.
"""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from tools.account_checks import CHECKS
from tools.environment import Clients, Environment, ToolError, explained, opened
from tools.findings import REFUSED, Finding, StackCase, warned
from tools.stack import action, state_of

_DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"})


def checked(environment: Environment, clients: Clients, print_line: Callable[[str], None]) -> int:
    """Run every check and print what it finds; returns the exit status, 1 after a refusal."""
    identity = clients("sts").get_caller_identity()
    print_line(f"{environment.stack} in {environment.region}, account {identity['Account']}, as {identity['Arn']}")
    case = StackCase(environment, clients, state_of(clients("cloudformation"), environment.stack))
    findings = [finding for check in CHECKS for finding in found(check, case)]
    for finding in findings:
        print_line(str(finding))
    refusals = sum(finding.kind == REFUSED for finding in findings)
    print_line(f"{len(CHECKS)} checks: {refusals} refusals, {len(findings) - refusals} warnings")
    return 1 if refusals else 0


def found(check: Callable[[StackCase], list[Finding]], case: StackCase) -> Iterator[Finding]:
    """What a check finds; a warning where it may not read what it needs, or its service does not answer."""
    name = check.__name__.replace("_", " ")
    try:
        yield from check(case)
    except ClientError as error:
        why = str(error)
        if error.response["Error"]["Code"] in _DENIED:
            why = f"{action(error)} is not allowed"
        yield from warned(f"Not checked: {name}", why, "allow it, or look at it by hand")
    except BotoCoreError as error:
        yield from warned(f"Not checked: {name}", str(error), "look at it by hand")


def main(environ: Mapping[str, str]) -> int:
    """Returns the exit status."""
    try:
        return checked(*opened(environ), print)
    except ToolError as error:
        print(error, file=sys.stderr)
    except (BotoCoreError, ClientError) as error:
        print(f"{explained(error)}\nThen: make preflight ENV={environ['ENV']}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(os.environ))
