"""The state of a stack in CloudFormation: whether it can be deployed, and what an operator does if it cannot."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from tools.environment import Environment

ABSENT: Final = "ABSENT"
"""No such stack. One whose first change set was never executed (REVIEW_IN_PROGRESS) counts as absent, as for SAM."""

DEPLOYED: Final = frozenset(
    {"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"},
)
READY: Final = DEPLOYED | {ABSENT, "UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"}
"""The states in which CloudFormation accepts a change set."""

_DELETE: Final = "  .venv-sam/bin/sam delete --config-env {env} --stack-name {stack} --region {region}"
_NOT_UPDATABLE: Final = (
    f"CloudFormation cannot update such a stack. Delete it, then deploy again:\n  {_DELETE}\n  make deploy ENV={{env}}"
)
REMEDIES: Final[Mapping[str, str]] = {
    "ROLLBACK_COMPLETE": f"The first deployment failed and was undone. {_NOT_UPDATABLE}",
    "CREATE_FAILED": f"The first deployment failed. {_NOT_UPDATABLE}",
    "ROLLBACK_FAILED": (
        "The first deployment failed, and a part of it could not be deleted: the reasons name it. A table with "
        f"deletion protection has it switched off first. {_NOT_UPDATABLE}"
    ),
    "DELETE_FAILED": (
        f"The stack could not be deleted: the reasons name what refused. Remove that, then delete it again:\n{_DELETE}"
    ),
    "UPDATE_FAILED": (
        "An update failed, and its rollback was switched off. Roll it back, then deploy again:\n"
        "  aws cloudformation rollback-stack --retain-except-on-create --stack-name {stack} --region {region}\n"
        "  make deploy ENV={env}"
    ),
    "UPDATE_ROLLBACK_FAILED": (
        "An update failed, and a part of it could not be undone: the reasons name it. Remove the cause, let "
        "CloudFormation finish, then deploy again:\n"
        "  aws cloudformation continue-update-rollback --stack-name {stack} --region {region}\n"
        "  make deploy ENV={env}"
    ),
    "UPDATE_ROLLBACK_COMPLETE": (
        "The update failed and was undone: callers are served by the version before. Nothing that it created was kept. "
        "Remove the cause, then deploy again:\n"
        "  make deploy ENV={env}"
    ),
}
_IN_PROGRESS: Final = (
    "Another operation on the stack is under way. Wait until it ends, then deploy again; an update is cancelled by\n"
    "  aws cloudformation cancel-update-stack --stack-name {stack} --region {region}\n"
    "  make deploy ENV={env}"
)
_UNKNOWN: Final = (
    "This state is not known here. Look at the stack's events, then deploy again:\n"
    "  aws cloudformation describe-stack-events --stack-name {stack} --region {region}\n"
    "  make deploy ENV={env}"
)


@dataclass(frozen=True, slots=True)
class StackState:
    """What CloudFormation reports of a stack."""

    status: str
    parameters: Mapping[str, str]
    outputs: Mapping[str, str]

    @property
    def is_ready(self) -> bool:
        return self.status in READY


def state_of(cloudformation: Any, stack: str) -> StackState:
    """Raises ClientError for everything but a stack that does not exist."""
    try:
        (found,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if is_absent(error):
            return StackState(ABSENT, {}, {})
        raise
    status = str(found["StackStatus"])
    return StackState(
        status=ABSENT if status == "REVIEW_IN_PROGRESS" else status,
        parameters={each["ParameterKey"]: each["ParameterValue"] for each in found.get("Parameters", ())},
        outputs={each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", ())},
    )


def is_absent(error: ClientError) -> bool:
    """CloudFormation reports a missing stack as an invalid request, with this sentence."""
    return error.response["Error"]["Code"] == "ValidationError" and "does not exist" in str(error)


_SERVICES: Final[Mapping[str, str]] = {
    "GetAccountSettings": "lambda",
    "DescribeCertificate": "acm",
    "GetHostedZone": "route53",
    "DescribeEventBus": "events",
    "GetTopicAttributes": "sns",
    "DescribeKey": "kms",
    "GetKeyPolicy": "kms",
    "DescribeAlarms": "cloudwatch",
    "ListSecrets": "secretsmanager",
    "StartQuery": "logs",
    "GetQueryResults": "logs",
}
"""The service of each call of a check."""


def action(error: ClientError) -> str:
    """The action that failed, as IAM names it."""
    return f"{_SERVICES.get(error.operation_name, 'aws')}:{error.operation_name}"


def remedy(status: str, environment: Environment) -> str:
    """What the operator does about a stack that is not deployed, with commands that name the environment."""
    text = REMEDIES.get(status, _IN_PROGRESS if status.endswith("_IN_PROGRESS") else _UNKNOWN)
    return f"{environment.stack} is {status}. " + text.format(
        env=environment.name, stack=environment.stack, region=environment.region
    )


def paged(client: Any, operation: str, key: str, **parameters: object) -> Iterator[Any]:
    """Each item of every page of a list."""
    for page in client.get_paginator(operation).paginate(**parameters):
        yield from page.get(key, ())
