"""Records the requests of the functions to AWS, each with its function, its store and its row.

As a plugin of pytest it records those of a whole room of tests; policy_table.py compares the file with the policies:

    CALLS=calls.json .venv/bin/python -m pytest -n 0 -p tests.template.recorder tests/integration
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest
from botocore.client import BaseClient

from chat_lookup.bootstrap import aws_clients
from local.aws import lambda_runtime
from local.aws.lambda_runtime import Functions


class Call(NamedTuple):
    """One request: `store` is named as in tests/template/file.py, `row` is the leading key, empty where there is none
    (a scan has none, and no other service has rows).
    """

    function: str
    store: str
    action: str
    row: str


@dataclass
class Recorder:
    calls: set[Call] = field(default_factory=set)
    operations: set[tuple[str, str]] = field(default_factory=set)
    """(service, operation), as botocore names both."""
    _by: ContextVar[str] = field(default_factory=lambda: ContextVar("by", default=""))

    @contextmanager
    def recording(self, *, cold: bool = True) -> Iterator[None]:
        """Record all until the end. With `cold` each invocation starts without the memory of the former ones."""
        invoke, call = Functions.invoke, cast(Any, BaseClient)._make_api_call
        submit = ThreadPoolExecutor.submit

        def invoked(invoking: Functions, logical_id: str, event: object) -> object:
            if cold:
                # In the cloud functions share no memory; here they share one process.
                lambda_runtime.forget()
            before = self._by.set(logical_id)
            try:
                return invoke(invoking, logical_id, event)
            finally:
                self._by.reset(before)

        def called(client: BaseClient, operation: str, params: Mapping[str, Any]) -> object:
            if self._by.get():
                self.operations.add((client.meta.service_model.service_name, operation))
                self._note(client.meta.service_model.service_name, operation, params)
            return call(client, operation, params)

        def submitted(pool: ThreadPoolExecutor, work: Callable[..., Any], *args: Any, **named: Any) -> Future[Any]:
            # Requests of a function's own threads count as the function's.
            return submit(pool, copy_context().run, work, *args, **named)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Functions, "invoke", invoked)
            patch.setattr(BaseClient, "_make_api_call", called)
            patch.setattr(ThreadPoolExecutor, "submit", submitted)
            # To make clients takes most of a cold start, and they keep nothing of a request.
            patch.setattr(aws_clients, "_client", cache(aws_clients._client))
            yield

    def write(self, path: Path) -> None:
        """Write the calls to the file, and the operations beside it."""
        path.write_text(json.dumps(sorted(self.calls)))
        path.with_name("operations.json").write_text(json.dumps(sorted(self.operations)))

    def _note(self, service: str, operation: str, params: Mapping[str, Any]) -> None:
        if operation == "TransactWriteItems":
            # By DynamoDB's documentation each write of a transaction needs the permission of the write alone.
            for item in params["TransactItems"]:
                ((kind, write),) = item.items()
                self._note(service, kind if kind == "ConditionCheck" else f"{kind}Item", write)
            return
        action = f"{service}:{ACTIONS.get(operation, operation)}"
        for row in _rows(params) if service == "dynamodb" else [""]:
            self.calls.add(Call(self._by.get(), STORES[service](params), action, row))


def read(path: Path) -> set[Call]:
    return {Call(*each) for each in json.loads(path.read_text())}


def _rows(params: Mapping[str, Any]) -> list[str]:
    """The leading keys of a request to DynamoDB: of a batch several, of a scan one that is empty."""
    if "RequestItems" in params:
        (request,) = params["RequestItems"].values()
        return [key["pk"]["S"] for key in request["Keys"]]
    if "KeyConditionExpression" in params:
        # All of ours name the partition first.
        return [params["ExpressionAttributeValues"][":0"]["S"]]
    return [(params.get("Key") or params.get("Item") or {"pk": {"S": ""}})["pk"]["S"]]


def _secret(params: Mapping[str, Any]) -> str:
    named = params.get("SecretId") or params["Name"]
    if named.endswith("/page-key"):
        return "PageKey"
    return "secrets/application" if "/application/" in named else "secrets/portal"


def _table(params: Mapping[str, Any]) -> str:
    (table,) = params.get("RequestItems", [params.get("TableName")])
    index = params.get("IndexName")
    return f"{table}/index/{index}" if index else str(table)


STORES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "dynamodb": _table,
    "secretsmanager": _secret,
    "sqs": lambda params: str(params["QueueUrl"]).rpartition("/")[2],
    "lambda": lambda params: str(params["FunctionName"]).removesuffix(":live").rpartition(":")[2],
    "events": lambda _: "EventBus",
}
# Actions with another name than the operation.
ACTIONS = {"Invoke": "InvokeFunction", "SendMessageBatch": "SendMessage", "DeleteMessageBatch": "DeleteMessage"}


# -- the plugin --------------------------------------------------------------------------------------------------------

_RECORDER, _OPEN = Recorder(), ExitStack()


def pytest_configure() -> None:
    _OPEN.enter_context(_RECORDER.recording(cold=False))


def pytest_runtest_logfinish() -> None:
    """After each test, so that a run that is stopped leaves what it recorded."""
    _RECORDER.write(Path(os.environ["CALLS"]))


def pytest_unconfigure() -> None:
    _OPEN.close()
