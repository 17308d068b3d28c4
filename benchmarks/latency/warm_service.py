"""The service in this process, warm: its handlers are called directly, like by Lambda.

Its tables are in DynamoDB Local, which is called directly; its output goes to a file.
"""

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast
from unittest.mock import patch

from botocore.session import Session

from benchmarks.setting import Setting
from chat_lookup.clock import SystemClock
from local.aws import lambda_runtime
from local.aws.lambda_runtime import LambdaContext
from local.stack import ROOT, LocalStack, Settings, running

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext as Context
    from mypy_boto3_dynamodb import DynamoDBClient

    from chat_lookup.config import Settings as Environment

_LONGEST_RUN: Final = 3600.0

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Warm:
    """A running stack, and a plain client of DynamoDB."""

    stack: LocalStack
    dynamodb: "DynamoDBClient"

    @property
    def cache_table(self) -> str:
        return self.stack.backend.variables["CACHE_TABLE"]

    def context(self, function: str) -> "Context":
        """The context of an invocation, with enough time for the whole run."""
        known = self.stack.backend.functions.template.functions[function]
        return cast("Context", LambdaContext(known, "benchmark", time.monotonic() + _LONGEST_RUN))

    def event(self, sample: str, **fields: object) -> Event:
        """One of `events/`, with the key of this stack."""
        event: Event = json.loads((ROOT / f"events/{sample}.json").read_text())
        headers = {**event["headers"], "authorization": f"Bearer {self.stack.api_key}"}
        return {**event, "headers": headers, **fields}


@contextmanager
def warm(setting: Setting, **portal: str) -> Iterator[Warm]:
    """Start a stack; `portal` is a `webhook_url` with its `ca_pem`, unless it is one of the stack's own.

    Raises LeftOut without a DynamoDB Local.
    """
    url = setting.dynamodb_local("is as fast as a table")
    from chat_lookup.bootstrap import aws_clients  # noqa: PLC0415 - it belongs to the stack's environment

    made = aws_clients.dynamodb

    def directly(environment: "Environment", *patience: Any) -> "DynamoDBClient":
        return made(environment._replace(endpoint_url=url), *patience)

    with tempfile.TemporaryDirectory() as folder:
        wanted = Settings(Path(folder) / "stack", by_webhook=True, dynamodb_url=url, **portal)  # type: ignore[arg-type]  # two texts
        with running(wanted) as stack, patch.object(aws_clients, "dynamodb", directly):
            lambda_runtime.put_clock(SystemClock())
            client = Session().create_client("dynamodb", endpoint_url=url)
            with stack.backend.functions.output.capturing():
                yield Warm(stack, cast("DynamoDBClient", client))


def answered(response: Mapping[str, Any]) -> Mapping[str, Any]:
    """The body of a response. Raises RuntimeError for an error, which must not be measured."""
    if response["statusCode"] != 200:  # noqa: PLR2004
        raise RuntimeError(f"the service answered {response}")
    body: Mapping[str, Any] = json.loads(response["body"])
    return body


def cpu_seconds_of(call: Callable[[], object], times: int) -> Callable[[], float]:
    """A subject for `alternate`: makes a call `times` times; returns this thread's CPU seconds for one."""

    def timed() -> float:
        began = time.thread_time()
        for _ in range(times):
            call()
        return (time.thread_time() - began) / times

    return timed
