"""`make prune`: deletes published versions of the functions that no caller and no rollback needs.

Every deployment publishes a version of each function, and CloudFormation keeps them all; with SnapStart each costs a
snapshot as long as it exists. Kept are the newest three, and whatever an alias names. Versions of the layer need no
pruning: CloudFormation deletes them itself (`RetentionPolicy: Delete`), and published versions go on with theirs.
"""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from tools.environment import Clients, Environment, ToolError, explained, opened
from tools.stack import DEPLOYED, paged, state_of

KEPT: Final = 3
_LATEST: Final = "$LATEST"


@dataclass(frozen=True, slots=True)
class Pruning:
    """One run of `make prune`."""

    environment: Environment
    clients: Clients
    deletes: bool
    print_line: Callable[[str], None]

    def run(self) -> int:
        """Returns the exit status. Raises ToolError for a stack that is being changed."""
        stack = self.environment.stack
        status = state_of(self.clients("cloudformation"), stack).status
        if status not in DEPLOYED | {"UPDATE_ROLLBACK_COMPLETE"}:
            raise ToolError(f"{stack} is {status}: a deployment under way, or undone by half, may need each version")
        count = sum(self._pruned(function) for function in self._functions())
        if self.deletes or not count:
            self.print_line(f"{count} versions deleted")
        else:
            self.print_line(
                f"{count} versions would be deleted; delete them with: {self.environment.command('prune')} YES=1"
            )
        return 0

    def _pruned(self, function: str) -> int:
        client = self.clients("lambda")
        versions = old_versions(client, function)
        for version in versions:
            self.print_line(f"{'delete' if self.deletes else 'would delete'} {function}:{version}")
            if self.deletes:
                client.delete_function(FunctionName=function, Qualifier=version)
        return len(versions)

    def _functions(self) -> list[str]:
        cloudformation = self.clients("cloudformation")
        resources = paged(
            cloudformation, "list_stack_resources", "StackResourceSummaries", StackName=self.environment.stack
        )
        return sorted(
            str(each["PhysicalResourceId"]) for each in resources if each["ResourceType"] == "AWS::Lambda::Function"
        )


def old_versions(client: Any, function: str) -> list[str]:
    """The versions but the newest ones and those that an alias names, whether for all callers or for a part."""
    listed = paged(client, "list_versions_by_function", "Versions", FunctionName=function)
    published = sorted((each["Version"] for each in listed if each["Version"] != _LATEST), key=int)
    named: set[str] = set()
    for alias in paged(client, "list_aliases", "Aliases", FunctionName=function):
        named |= {alias["FunctionVersion"], *alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})}
    return [version for version in published[:-KEPT] if version not in named]


def main(environ: Mapping[str, str]) -> int:
    """Returns the exit status."""
    try:
        environment, clients = opened(environ)
        return Pruning(environment, clients, environ.get("YES") == "1", print).run()
    except ToolError as error:
        print(error, file=sys.stderr)
    except (BotoCoreError, ClientError) as error:
        print(f"{explained(error)}\nThen: make prune ENV={environ['ENV']}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(os.environ))
