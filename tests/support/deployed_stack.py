"""A stack of an environment as CloudFormation describes it, with the events of its operations."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from tests.support.stubbed_clients import StubbedClients
from tools.environment import Environment

STACK: Final = "chat-lookup-staging"
STACK_ID: Final = f"arn:aws:cloudformation:eu-central-1:123456789012:stack/{STACK}/6a1f"
NESTED_ID: Final = f"arn:aws:cloudformation:eu-central-1:123456789012:stack/{STACK}-Monitoring-1/77bc"
ABSENT: Final = ("ValidationError", f"Stack with id {STACK} does not exist")
MOMENT: Final = datetime(2026, 11, 29, 12, 30, tzinfo=UTC)


def environment(**changes: Any) -> Environment:
    settings: dict[str, Any] = {
        "name": "staging", "stack": STACK, "region": "eu-central-1", "asks": True,
        "overrides": {"Deployment": "Canary10Percent5Minutes"},
        "defaults": {"Deployment": "AllAtOnce", "EventBus": "default", "WorkerConcurrency": "2"},
    }  # fmt: skip
    return Environment(**settings | changes)


def expect_stack(clients: StubbedClients, status: str, name: str = STACK, **parts: Any) -> None:
    """DescribeStacks finds the stack, in this state."""
    stack = {"StackName": name, "StackStatus": status, "CreationTime": MOMENT, **parts}
    clients.expect("cloudformation", "describe_stacks", {"Stacks": [stack]}, StackName=name)


def expect_no_stack(clients: StubbedClients, name: str = STACK) -> None:
    clients.refuse("cloudformation", "describe_stacks", *ABSENT, StackName=name)


def event(number: int, resource: str, status: str, reason: str = "", nested: str = "") -> dict[str, Any]:
    """An event of the stack itself if the resource is STACK, else of one of its resources."""
    kind = "AWS::CloudFormation::Stack" if resource == STACK or nested else "AWS::Lambda::Version"
    return {
        "StackId": STACK_ID, "StackName": STACK, "EventId": f"event-{number}", "Timestamp": MOMENT,
        "LogicalResourceId": resource, "PhysicalResourceId": STACK_ID if resource == STACK else nested or resource,
        "ResourceType": kind, "ResourceStatus": status,
        **({"ResourceStatusReason": reason} if reason else {}),
    }  # fmt: skip


def expect_events(clients: StubbedClients, events: Sequence[dict[str, Any]], stack: str = STACK) -> None:
    """DescribeStackEvents returns them, the newest first."""
    clients.expect("cloudformation", "describe_stack_events", {"StackEvents": list(events)[::-1]}, StackName=stack)
