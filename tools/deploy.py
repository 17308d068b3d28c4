"""`make deploy`: a change set by `sam deploy`, executed so that a deployment that is rolled back can be tried again.

SAM cannot set RetainExceptOnCreate (docs/decisions/028): so SAM uploads and makes the change set, and this program
executes it and follows it to its end.
"""

import os
import subprocess  # for commands of its own wording only  # nosec B404
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from tools.environment import Clients, Environment, ToolError, explained, opened
from tools.stack import DEPLOYED, StackState, is_absent, paged, remedy, state_of

POLL_SECONDS: Final = 5.0
_STACK: Final = "AWS::CloudFormation::Stack"
_ENDED: Final = ("_COMPLETE", "_FAILED")
_BEGUN: Final = frozenset({"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"})

Event = Mapping[str, Any]
Ask = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Deployment:
    """One run of `make deploy`; what it asks, runs, prints and waits with is passed in."""

    environment: Environment
    cloudformation: Any
    sam: Callable[[], int]
    """Runs `sam deploy` up to the change set; returns its exit status."""

    confirm: Callable[[str], bool]
    print_line: Callable[[str], None]
    sleep: Callable[[float], None]

    def run(self) -> int:
        """Returns the exit status: 0 if the stack is as the build describes it."""
        before = state_of(self.cloudformation, self.environment.stack)
        if not before.is_ready:
            raise ToolError(remedy(before.status, self.environment))
        known = {each["ChangeSetId"] for each in self._change_sets()}
        if status := self.sam():
            raise ToolError(f"sam ended with status {status}: nothing is deployed. Then: {self._again()}")
        change_set = self._made([each for each in self._change_sets() if each["ChangeSetId"] not in known])
        if change_set is None:
            self.print_line(f"{self.environment.stack} has no changes.")
            return self._printed_outputs(before)
        return self._executed(change_set)

    def _made(self, new: list[Mapping[str, Any]]) -> str | None:
        """The id of the change set that SAM made; None if it has no changes. SAM leaves an empty one behind, FAILED."""
        for empty in [each for each in new if each["Status"] == "FAILED"]:
            self._delete(empty["ChangeSetId"])
        ready = [str(each["ChangeSetId"]) for each in new if each["ExecutionStatus"] == "AVAILABLE"]
        if len(ready) > 1:
            raise ToolError(
                f"{len(ready)} change sets were made: another deployment is under way. Then: {self._again()}"
            )
        return ready[0] if ready else None

    def _executed(self, change_set: str) -> int:
        if self.environment.asks and not self.confirm(f"Deploy these changes to {self.environment.stack}? [y/N] "):
            self._delete(change_set)
            raise ToolError(
                f"Not confirmed: nothing is deployed. Then: {self._again()}, or with YES=1 without a question"
            )
        progress = Progress(self.cloudformation, self.environment.stack, self._last_event())
        self.cloudformation.execute_change_set(
            ChangeSetName=change_set,
            # What this deployment creates goes if it is rolled back, whatever its DeletionPolicy: versions of functions
            # would otherwise remain, and the same code could not be published again.
            RetainExceptOnCreate=True,
            DisableRollback=False,  # the reference calls True the default
            ClientRequestToken=change_set.rpartition("/")[2],  # for the repetitions of botocore
        )
        status = self._followed(progress)
        if status in DEPLOYED:
            return self._printed_outputs(state_of(self.cloudformation, self.environment.stack))
        for reason in self._reasons(progress.failed):
            self.print_line(reason)
        raise ToolError(remedy(status, self.environment))

    def _followed(self, progress: "Progress") -> str:
        """Print the events as they come; return the state in which the operation ends."""
        try:
            while True:
                for event in progress.new():
                    self.print_line(_line(event))
                if progress.status.endswith(_ENDED):
                    return progress.status
                self.sleep(POLL_SECONDS)
        except (KeyboardInterrupt, BotoCoreError, ClientError) as error:
            raise ToolError(
                f"{type(error).__name__}: no longer watched, but the deployment goes on. To cancel it:\n"
                f"  aws cloudformation cancel-update-stack --stack-name {self.environment.stack}"
                f" --region {self.environment.region}\nWhen it has ended: {self._again()}"
            ) from error

    def _reasons(self, failed: list[Event]) -> list[str]:
        """What failed in the stack, and in its nested stacks, which only their own events explain."""
        lines = []
        for event in failed:
            lines.append(f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', event['ResourceStatus'])}")
            nested = str(event.get("PhysicalResourceId", ""))
            if event["ResourceType"] == _STACK and nested:
                lines += [f"  in {each}" for each in self._reasons(self._newest_failures(nested))]
        return lines

    def _newest_failures(self, stack: str) -> list[Event]:
        """The failures of a stack's last operation, the oldest first."""
        found: list[Event] = []
        for event in paged(self.cloudformation, "describe_stack_events", "StackEvents", StackName=stack):
            if _is_own(event) and event["ResourceStatus"] in _BEGUN:
                break
            found.append(event)
        return [event for event in reversed(found) if _failed(event)]

    def _change_sets(self) -> list[Mapping[str, Any]]:
        try:
            return list(paged(self.cloudformation, "list_change_sets", "Summaries", StackName=self.environment.stack))
        except ClientError as error:
            if is_absent(error) or error.response["Error"]["Code"] == "ChangeSetNotFoundException":
                return []
            raise

    def _last_event(self) -> str:
        """The id of the newest event: later ones belong to this deployment, or to its cancellation."""
        events = self.cloudformation.describe_stack_events(StackName=self.environment.stack)["StackEvents"]
        return str(events[0]["EventId"]) if events else ""

    def _delete(self, change_set: str) -> None:
        self.cloudformation.delete_change_set(ChangeSetName=change_set)

    def _printed_outputs(self, state: StackState) -> int:
        for name, value in sorted(state.outputs.items()):
            self.print_line(f"{name:<24} {value}")
        return 0

    def _again(self) -> str:
        return self.environment.command("deploy")


class Progress:
    """The events of a stack after a known one, from the oldest to the newest."""

    def __init__(self, cloudformation: Any, stack: str, last: str) -> None:
        self._cloudformation, self._stack, self._last = cloudformation, stack, last
        self.status = ""
        self.failed: list[Event] = []

    def new(self) -> list[Event]:
        found: list[Event] = []
        for event in paged(self._cloudformation, "describe_stack_events", "StackEvents", StackName=self._stack):
            if event["EventId"] == self._last:
                break
            found.append(event)
        if found:
            self._last = str(found[0]["EventId"])
        for event in reversed(found):
            self._note(event)
        return found[::-1]

    def _note(self, event: Event) -> None:
        if _is_own(event):
            self.status = str(event["ResourceStatus"])
        elif _failed(event):
            self.failed.append(event)


def _is_own(event: Event) -> bool:
    """Whether it reports the stack itself, and not one of its resources."""
    return bool(event["ResourceType"] == _STACK and event["PhysicalResourceId"] == event["StackId"])


def _failed(event: Event) -> bool:
    """Whether a resource failed by itself: after the first failure the others only report that they were cancelled."""
    reason = str(event.get("ResourceStatusReason", ""))
    return not _is_own(event) and str(event["ResourceStatus"]).endswith("_FAILED") and "cancelled" not in reason


def _line(event: Event) -> str:
    reason = event.get("ResourceStatusReason", "")
    line = f"{event['Timestamp']:%H:%M:%S}  {event['ResourceStatus']:<36}  {event['LogicalResourceId']}"
    return f"{line}  {reason}" if reason else line


def main(environ: Mapping[str, str]) -> int:
    """Returns the exit status."""
    try:
        environment, clients = opened(environ)
        return deployment(environment, clients, environ).run()
    except ToolError as error:
        print(error, file=sys.stderr)
    except (BotoCoreError, ClientError) as error:
        print(f"{explained(error)}\nThen: make deploy ENV={environ['ENV']}", file=sys.stderr)
    return 1


def deployment(environment: Environment, clients: Clients, environ: Mapping[str, str]) -> Deployment:
    """The deployment that a terminal, or `YES=1` in its place, confirms."""

    def confirm(question: str) -> bool:
        if environ.get("YES") == "1":
            return True
        return sys.stdin.isatty() and input(question).strip().lower() in ("y", "yes")

    def sam() -> int:
        words = [environ.get("SAM", ".venv-sam/bin/sam"), "deploy", "--config-env", environment.name]
        words += ["--no-execute-changeset", "--no-fail-on-empty-changeset"]
        here = {**environ, "AWS_DEFAULT_REGION": environment.region}  # SAM does not read AWS_REGION
        return subprocess.run(words, env=here, check=False).returncode  # noqa: S603 - our words

    return Deployment(
        environment, clients("cloudformation"), sam, confirm, lambda line: print(line, flush=True), time.sleep
    )


if __name__ == "__main__":
    sys.exit(main(os.environ))
