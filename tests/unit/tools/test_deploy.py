"""A deployment against recorded answers of CloudFormation: each call's parameters, and each state in which it ends."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from tests.support.deployed_stack import (
    ABSENT,
    NESTED_ID,
    STACK,
    environment,
    event,
    expect_events,
    expect_no_stack,
    expect_stack,
)
from tests.support.stubbed_clients import StubbedClients
from tools.deploy import POLL_SECONDS, Deployment
from tools.environment import ToolError
from tools.stack import READY

CHANGE_SET = "arn:aws:cloudformation:eu-central-1:123456789012:changeSet/samcli-deploy1764419400/0c5e"
OTHERS = "arn:aws:cloudformation:eu-central-1:123456789012:changeSet/of-a-colleague/11aa"
NOT_READY = (
    "ROLLBACK_COMPLETE", "CREATE_FAILED", "ROLLBACK_FAILED", "DELETE_FAILED", "UPDATE_FAILED", "UPDATE_ROLLBACK_FAILED",
    "CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS",
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "DELETE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "A_STATE_OF_TOMORROW",
)  # fmt: skip


class Run:
    """A deployment whose questions, lines and waits are recorded."""

    def __init__(self, clients: StubbedClients, *, confirmed: bool = True, sam_status: int = 0) -> None:
        self.lines: list[str] = []
        self.questions: list[str] = []
        self.waits: list[float] = []
        self.sam_runs = 0
        self._confirmed, self._sam_status = confirmed, sam_status
        self.deployment = Deployment(
            environment(), clients("cloudformation"), self._sam, self._confirm, self.lines.append, self.waits.append
        )

    def refusal(self) -> str:
        with pytest.raises(ToolError) as refused:
            self.deployment.run()
        return str(refused.value)

    def _sam(self) -> int:
        self.sam_runs += 1
        return self._sam_status

    def _confirm(self, question: str) -> bool:
        self.questions.append(question)
        return self._confirmed


def expect_change_sets(clients: StubbedClients, *change_sets: tuple[str, str, str]) -> None:
    summaries = [
        {"ChangeSetId": identity, "Status": status, "ExecutionStatus": execution}
        for identity, status, execution in change_sets
    ]
    clients.expect("cloudformation", "list_change_sets", {"Summaries": summaries}, StackName=STACK)


OF_A_COLLEAGUE = (OTHERS, "CREATE_COMPLETE", "AVAILABLE")
MADE = (CHANGE_SET, "CREATE_COMPLETE", "AVAILABLE")


def expect_execution(clients: StubbedClients) -> None:
    clients.expect(
        "cloudformation", "execute_change_set", {},
        ChangeSetName=CHANGE_SET, RetainExceptOnCreate=True, DisableRollback=False, ClientRequestToken="0c5e",
    )  # fmt: skip


def expect_up_to_execution(clients: StubbedClients, *, exists: bool = True) -> None:
    if exists:
        expect_stack(clients, "UPDATE_COMPLETE")
        expect_change_sets(clients, OF_A_COLLEAGUE)
    else:
        expect_no_stack(clients)
        clients.refuse("cloudformation", "list_change_sets", *ABSENT, StackName=STACK)
    expect_change_sets(clients, *([OF_A_COLLEAGUE] if exists else []), MADE)
    expect_events(clients, [event(0, STACK, "UPDATE_COMPLETE" if exists else "REVIEW_IN_PROGRESS")])
    expect_execution(clients)


# --- success ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("exists", "verb"), [(True, "UPDATE"), (False, "CREATE")])
def test_change_set_is_executed_with_retain_except_on_create_and_followed_to_its_end(
    clients: StubbedClients, exists: bool, verb: str
) -> None:
    expect_up_to_execution(clients, exists=exists)
    first = [event(0, STACK, "UPDATE_COMPLETE"), event(1, STACK, f"{verb}_IN_PROGRESS", "User Initiated")]
    expect_events(clients, first)
    expect_events(clients, [*first, event(2, "LookupFunctionVersion", f"{verb}_COMPLETE")])
    expect_events(
        clients, [*first, event(2, "LookupFunctionVersion", f"{verb}_COMPLETE"), event(3, STACK, f"{verb}_COMPLETE")]
    )
    outputs = [{"OutputKey": "ApiUrl", "OutputValue": "https://api.example"}]
    expect_stack(clients, f"{verb}_COMPLETE", Outputs=outputs)
    run = Run(clients)

    assert run.deployment.run() == 0
    assert run.questions == [f"Deploy these changes to {STACK}? [y/N] "]
    assert run.waits == [POLL_SECONDS] * 2
    assert [line.split()[1:3] for line in run.lines] == [
        [f"{verb}_IN_PROGRESS", STACK], [f"{verb}_COMPLETE", "LookupFunctionVersion"], [f"{verb}_COMPLETE", STACK],
        ["https://api.example"],
    ]  # fmt: skip


def test_clean_up_after_an_update_is_waited_for(clients: StubbedClients) -> None:
    expect_up_to_execution(clients)
    expect_events(clients, [event(0, STACK, "UPDATE_COMPLETE"), event(1, STACK, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")])
    expect_events(clients, [event(1, STACK, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"), event(2, STACK, "UPDATE_COMPLETE")])
    expect_stack(clients, "UPDATE_COMPLETE")

    assert Run(clients).deployment.run() == 0


def test_change_set_without_changes_is_no_failure_and_is_deleted(clients: StubbedClients) -> None:
    outputs = [{"OutputKey": "ApiUrl", "OutputValue": "https://api.example"}]
    expect_stack(clients, "UPDATE_COMPLETE", Outputs=outputs)
    expect_change_sets(clients)
    expect_change_sets(clients, (CHANGE_SET, "FAILED", "UNAVAILABLE"))
    clients.expect("cloudformation", "delete_change_set", {}, ChangeSetName=CHANGE_SET)
    run = Run(clients)

    assert run.deployment.run() == 0
    assert run.questions == []
    assert run.lines[0] == f"{STACK} has no changes."
    assert "https://api.example" in run.lines[1]


def test_environment_without_confirmation_is_deployed_without_a_question(clients: StubbedClients) -> None:
    expect_up_to_execution(clients)
    expect_events(clients, [event(0, STACK, "UPDATE_COMPLETE"), event(1, STACK, "UPDATE_COMPLETE")])
    expect_stack(clients, "UPDATE_COMPLETE")
    run = Run(clients)

    assert replace(run.deployment, environment=environment(asks=False)).run() == 0
    assert run.questions == []


# --- nothing is deployed ----------------------------------------------------------------------------------------------
def test_change_set_that_is_not_confirmed_is_deleted_and_not_executed(clients: StubbedClients) -> None:
    expect_stack(clients, "UPDATE_COMPLETE")
    expect_change_sets(clients)
    expect_change_sets(clients, MADE)
    clients.expect("cloudformation", "delete_change_set", {}, ChangeSetName=CHANGE_SET)

    assert "make deploy ENV=staging, or with YES=1" in Run(clients, confirmed=False).refusal()


def test_failure_of_sam_ends_the_deployment(clients: StubbedClients) -> None:
    expect_stack(clients, "UPDATE_COMPLETE")
    expect_change_sets(clients)

    assert (
        "sam ended with status 1: nothing is deployed. Then: make deploy ENV=staging"
        in Run(clients, sam_status=1).refusal()
    )


def test_second_change_set_made_at_the_same_time_ends_the_deployment(clients: StubbedClients) -> None:
    expect_stack(clients, "UPDATE_COMPLETE")
    expect_change_sets(clients)
    expect_change_sets(clients, MADE, OF_A_COLLEAGUE)

    assert "another deployment is under way" in Run(clients).refusal()


@pytest.mark.parametrize("status", NOT_READY)
def test_stack_that_cannot_be_deployed_is_refused_before_sam_runs_with_what_to_do(
    clients: StubbedClients, status: str
) -> None:
    expect_stack(clients, status)
    run = Run(clients)
    text = run.refusal()

    assert run.sam_runs == 0
    assert text.startswith(f"{STACK} is {status}. ")
    assert "make deploy ENV=staging" in text or "sam delete --config-env staging" in text
    for line in text.splitlines()[1:]:
        assert "staging" in line, "every printed command names its environment"


@pytest.mark.parametrize("status", sorted(READY - {"ABSENT"} | {"REVIEW_IN_PROGRESS"}))
def test_stack_in_a_ready_state_reaches_sam(clients: StubbedClients, status: str) -> None:
    expect_stack(clients, status)
    expect_change_sets(clients)
    run = Run(clients, sam_status=1)
    run.refusal()

    assert run.sam_runs == 1


# --- the deployment fails ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("end", "advice"),
    [
        ("UPDATE_ROLLBACK_COMPLETE", "Nothing that it created was kept"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback --stack-name chat-lookup-staging"),
        ("ROLLBACK_COMPLETE", "sam delete --config-env staging --stack-name chat-lookup-staging"),
        ("ROLLBACK_FAILED", "deletion protection"),
        ("UPDATE_FAILED", "rollback-stack --retain-except-on-create --stack-name chat-lookup-staging"),
        ("CREATE_FAILED", "sam delete"),
    ],
)
def test_failed_deployment_ends_with_its_reasons_and_what_to_do(clients: StubbedClients, end: str, advice: str) -> None:
    expect_up_to_execution(clients)
    expect_events(
        clients,
        [
            event(0, STACK, "UPDATE_COMPLETE"),
            event(1, "LookupFunctionVersion", "CREATE_FAILED", "A version for this Lambda function exists ( 1 )."),
            event(2, "RestFunction", "UPDATE_FAILED", "Resource update cancelled"),
            event(3, STACK, "UPDATE_ROLLBACK_IN_PROGRESS", "The following resource(s) failed"),
            event(4, "LookupFunctionVersion", "DELETE_COMPLETE"),
            event(5, STACK, end),
        ],
    )
    run = Run(clients)
    text = run.refusal()

    assert advice in text
    assert run.lines[-1] == "LookupFunctionVersion: A version for this Lambda function exists ( 1 )."


def test_failure_inside_a_nested_stack_is_reported_with_its_own_reason(clients: StubbedClients) -> None:
    expect_up_to_execution(clients)
    expect_events(
        clients,
        [
            event(0, STACK, "UPDATE_COMPLETE"),
            event(1, "Monitoring", "UPDATE_FAILED", "Embedded stack was not updated", nested=NESTED_ID),
            event(2, STACK, "UPDATE_ROLLBACK_COMPLETE"),
        ],
    )
    own = [
        event(1, "FormerAlarm", "CREATE_FAILED", "of a deployment of last year"),
        event(2, STACK, "UPDATE_ROLLBACK_COMPLETE"),
        event(3, STACK, "UPDATE_IN_PROGRESS"),
        event(4, "TokenDeadAlarm", "CREATE_FAILED", "Metric name is empty"),
        event(5, "OtherAlarm", "CREATE_FAILED", "Resource creation cancelled"),
        event(6, STACK, "UPDATE_ROLLBACK_IN_PROGRESS"),
    ]
    expect_events(clients, own, NESTED_ID)
    run = Run(clients)
    run.refusal()

    assert run.lines[-2:] == ["Monitoring: Embedded stack was not updated", "  in TokenDeadAlarm: Metric name is empty"]


def test_rolled_back_deployment_is_deployed_again_by_the_same_command(clients: StubbedClients) -> None:
    expect_up_to_execution(clients)
    expect_events(clients, [event(0, STACK, "UPDATE_COMPLETE"), event(1, STACK, "UPDATE_ROLLBACK_COMPLETE")])
    assert "make deploy ENV=staging" in Run(clients).refusal()

    expect_stack(clients, "UPDATE_ROLLBACK_COMPLETE")
    expect_change_sets(clients)
    expect_change_sets(clients, MADE)
    expect_events(clients, [event(1, STACK, "UPDATE_ROLLBACK_COMPLETE")])
    expect_execution(clients)
    expect_events(clients, [event(1, STACK, "UPDATE_ROLLBACK_COMPLETE"), event(2, STACK, "UPDATE_COMPLETE")])
    expect_stack(clients, "UPDATE_COMPLETE")
    assert Run(clients).deployment.run() == 0


# --- the operator or the connection leaves ----------------------------------------------------------------------------
def interrupt(_seconds: float) -> None:
    raise KeyboardInterrupt


def disconnect(_seconds: float) -> None:
    raise EndpointConnectionError(endpoint_url="https://cloudformation.example")


@pytest.mark.parametrize("leave", [interrupt, disconnect])
def test_operator_who_leaves_learns_that_the_deployment_goes_on(
    clients: StubbedClients, leave: Callable[[float], None]
) -> None:
    expect_up_to_execution(clients)
    expect_events(clients, [event(0, STACK, "UPDATE_COMPLETE"), event(1, STACK, "UPDATE_IN_PROGRESS")])
    deployment = replace(Run(clients).deployment, sleep=leave)

    with pytest.raises(ToolError, match="the deployment goes on") as left:
        deployment.run()

    assert f"cancel-update-stack --stack-name {STACK} --region eu-central-1" in str(left.value)


def test_expired_credentials_during_a_deployment_are_reported_as_such(clients: StubbedClients) -> None:
    expect_up_to_execution(clients)
    clients.refuse("cloudformation", "describe_stack_events", "ExpiredToken", "expired", StackName=STACK)

    assert "the deployment goes on" in Run(clients).refusal()


def test_more_events_than_a_page_are_read_to_the_last_known_one(clients: StubbedClients) -> None:
    expect_up_to_execution(clients)
    pages: list[dict[str, Any]] = [
        {"StackEvents": [event(3, STACK, "UPDATE_COMPLETE"), event(2, "B", "UPDATE_COMPLETE")], "NextToken": "more"},
        {"StackEvents": [event(1, "A", "UPDATE_COMPLETE"), event(0, STACK, "UPDATE_COMPLETE")], "NextToken": "older"},
    ]
    clients.expect("cloudformation", "describe_stack_events", pages[0], StackName=STACK)
    clients.expect("cloudformation", "describe_stack_events", pages[1], StackName=STACK, NextToken="more")
    expect_stack(clients, "UPDATE_COMPLETE")
    run = Run(clients)

    assert run.deployment.run() == 0
    assert [line.split()[2] for line in run.lines] == ["A", "B", STACK]
