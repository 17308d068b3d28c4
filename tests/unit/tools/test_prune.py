"""`make prune` against recorded answers: which versions it deletes, and which it never does."""

import pytest

from tests.support.deployed_stack import STACK, environment, expect_stack
from tests.support.stubbed_clients import StubbedClients
from tools.environment import ToolError
from tools.prune import Pruning

FUNCTION = "chat-lookup-staging-LookupFunction-AbC"


def pruned(clients: StubbedClients, *, deletes: bool) -> list[str]:
    lines: list[str] = []
    assert Pruning(environment(), clients, deletes, lines.append).run() == 0
    return lines


def expect_functions(clients: StubbedClients, *names: str) -> None:
    """The stack's resources, on two pages, other kinds among them."""
    expect_stack(clients, "UPDATE_COMPLETE")
    table = summary("PortalTable-1", "AWS::DynamoDB::Table")
    clients.expect(
        "cloudformation",
        "list_stack_resources",
        {"StackResourceSummaries": [table], "NextToken": "more"},
        StackName=STACK,
    )
    functions = [summary(name, "AWS::Lambda::Function") for name in names]
    clients.expect(
        "cloudformation",
        "list_stack_resources",
        {"StackResourceSummaries": functions},
        StackName=STACK,
        NextToken="more",
    )


def summary(name: str, kind: str) -> dict[str, object]:
    return {
        "LogicalResourceId": name, "PhysicalResourceId": name, "ResourceType": kind,
        "ResourceStatus": "CREATE_COMPLETE", "LastUpdatedTimestamp": 0,
    }  # fmt: skip


def expect_versions(clients: StubbedClients, *pages: tuple[str, ...], live: str, canary: str = "") -> None:
    for number, page in enumerate(pages):
        answer: dict[str, object] = {"Versions": [{"Version": version} for version in page]}
        if number + 1 < len(pages):
            answer["NextMarker"] = f"page {number + 1}"
        marker = {"Marker": f"page {number}"} if number else {}
        clients.expect("lambda", "list_versions_by_function", answer, FunctionName=FUNCTION, **marker)
    alias: dict[str, object] = {"Name": "live", "FunctionVersion": live}
    if canary:
        alias["RoutingConfig"] = {"AdditionalVersionWeights": {canary: 0.1}}
    clients.expect("lambda", "list_aliases", {"Aliases": [alias]}, FunctionName=FUNCTION)


def test_all_but_the_newest_three_versions_and_those_of_aliases_are_deleted(clients: StubbedClients) -> None:
    expect_functions(clients, FUNCTION)
    expect_versions(clients, ("$LATEST", "1", "2", "9", "10"), ("11", "12", "13"), live="2", canary="10")
    for version in ("1", "9"):
        clients.expect("lambda", "delete_function", {}, FunctionName=FUNCTION, Qualifier=version)

    assert pruned(clients, deletes=True) == [f"delete {FUNCTION}:1", f"delete {FUNCTION}:9", "2 versions deleted"]


def test_nothing_is_deleted_without_yes(clients: StubbedClients) -> None:
    expect_functions(clients, FUNCTION)
    expect_versions(clients, ("$LATEST", "1", "2", "3", "4"), live="4")

    assert pruned(clients, deletes=False) == [
        f"would delete {FUNCTION}:1", "1 versions would be deleted; delete them with: make prune ENV=staging YES=1"
    ]  # fmt: skip


@pytest.mark.parametrize("versions", [("$LATEST",), ("$LATEST", "1"), ("$LATEST", "1", "2", "3")])
def test_three_versions_or_fewer_are_all_kept(clients: StubbedClients, versions: tuple[str, ...]) -> None:
    expect_functions(clients, FUNCTION)
    expect_versions(clients, versions, live=versions[-1])

    assert pruned(clients, deletes=True) == ["0 versions deleted"]


@pytest.mark.parametrize("status", ["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED"])
def test_stack_that_is_being_changed_is_not_pruned(clients: StubbedClients, status: str) -> None:
    expect_stack(clients, status)

    with pytest.raises(ToolError, match=status):
        pruned(clients, deletes=True)
