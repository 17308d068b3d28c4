"""A year of one portal: all requests of the functions to AWS, each with its function.

test_policies.py runs it in a separate process and compares the list with the template's policies.

    python -m tests.template.policy_run STATE_DIR ASKED_FILE
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest
from botocore.client import BaseClient

from chat_lookup.bootstrap import aws_clients
from chat_lookup.clock import SystemClock
from chat_lookup.events.queue import MOST_HOPS
from local.aws import lambda_runtime
from local.aws.lambda_runtime import Functions
from local.stack import Settings, running
from tests.support.events.bot_questions import message
from tests.support.events.queue_scene import eventually
from tests.support.service import Service
from tests.support.stores.dynamodb_engine import DynamoDbEngine

A_DAY = 86_400
PAIR = {"entity_type": "CRM", "entity_id": "DEAL|1663"}
OTHER_PAIR = {"entity_type": "TASKS_TASK", "entity_id": "8293"}
QUESTION = message()
KEYS = {"client_id": "app.0123456789", "client_secret": "5ecret5ecret5ecret"}


@dataclass
class Recorder:
    """Records each request as (function, store, action), with the store named as in tests/template/file.py."""

    asked: set[tuple[str, str, str]] = field(default_factory=set)
    _by: ContextVar[str] = field(default_factory=lambda: ContextVar("by", default=""))

    @contextmanager
    def recording(self) -> Iterator[None]:
        invoke, call = Functions.invoke, cast(Any, BaseClient)._make_api_call
        submit = ThreadPoolExecutor.submit

        def invoked(invoking: Functions, logical_id: str, event: object) -> object:
            # In the cloud functions share no memory; here they share one process.
            lambda_runtime.forget()
            before = self._by.set(logical_id)
            try:
                return invoke(invoking, logical_id, event)
            finally:
                self._by.reset(before)

        def called(client: BaseClient, operation: str, params: Mapping[str, Any]) -> object:
            if self._by.get():
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

    def _note(self, service: str, operation: str, params: Mapping[str, Any]) -> None:
        if operation == "TransactWriteItems":
            for item in params["TransactItems"]:
                ((kind, write),) = item.items()
                self._note(service, kind if kind == "ConditionCheck" else f"{kind}Item", write)
            return
        self.asked.add((self._by.get(), STORES[service](params), f"{service}:{ACTIONS.get(operation, operation)}"))


def _secret(params: Mapping[str, Any]) -> str:
    named = params.get("SecretId") or params["Name"]
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


def live(service: Service) -> None:
    """What users, portals and operators do in that year; everything succeeds."""
    operate(service)
    look_up(service)
    talk(service)
    close(service)
    service.control("/clock", {"advance_s": 165 * A_DAY})
    assert _invoke(service, "KeepaliveFunction", {})["renewed"] == 1
    move(service)
    leave(service)


def operate(service: Service) -> None:
    key = service.admin("keys.create", portal=service.member_id, label="back end")
    service.admin("keys.revoke", portal=service.member_id, key_id=key["key_id"])
    service.admin("apps.add", kind="market", **KEYS)
    service.admin("apps.rotate_secret", **KEYS | {"client_secret": "newer5ecret5ecret5ecret"})
    service.admin("apps.list")
    local = KEYS | {"client_id": "local.0123456789"}
    service.admin("apps.add", kind="local", domain="acme.bitrix24.com", **local)
    service.admin("apps.set", client_id=local["client_id"], domain="globex.bitrix24.com")
    service.admin("apps.remove", client_id=local["client_id"])
    service.admin("portals")
    service.admin("portal.set", portal=service.member_id, burst=100, default=True)
    assert service.admin("portal.rebind", portal=service.member_id)["remarks"] == []
    target = service.stack.target.local
    assert target is not None
    for _ in range(2):
        service.admin("portal.add_webhook", member_id="by-webhook", webhook_url=target.webhook_url)
    service.admin("portal.forget", portal="by-webhook")


def look_up(service: Service) -> None:
    """Look up with a valid token, with an expired one, a chat that the portal does not show, and in a closed portal."""
    for _ in range(2):
        assert service.look_up(**PAIR).status == 200
        assert service.direct(OTHER_PAIR)["chat_id"] is not None
        assert service.get(f"/rest/1/{service.api_key}/im.dialog.get?DIALOG_ID=chat1437").status == 200
        service.control("/expire_tokens", {})
        # After a refused token a portal's tokens are renewed once in ten minutes.
        service.control("/clock", {"advance_s": 601})
        service.admin("cache.purge", portal=service.member_id)
    assert service.look_up(**PAIR).status == 200
    assert service.direct({"lookups": [PAIR, OTHER_PAIR]})["results"][1]["chat_id"] is not None
    assert service.get("/v1/chats/987654").status == 403

    close(service)
    service.control("/clock", {"advance_s": 61})
    assert service.look_up(**PAIR, fresh="true").status == 200
    service.admin("portal.stop", portal=service.member_id)
    service.admin("portal.start", portal=service.member_id)


def close(service: Service) -> None:
    """The portal returns `PAYMENT_REQUIRED`, twice."""
    service.control("/faults", {"method": "*", "error": "PAYMENT_REQUIRED", "status": 401})
    assert service.look_up(**PAIR, fresh="true").status == 503
    service.control("/faults", [])
    (portal,) = service.admin("portals")["portals"]
    assert portal["state"] == "unpaid"


def talk(service: Service) -> None:
    """A user writes to the bot, and again when the portal refuses the answer by its rate limit; then the queue is gone,
    and the worker is invoked directly; one event is given up, and redriven."""
    service.say("deal 1663")
    service.mark()
    service.control("/faults", {"method": "imbot.v2.Chat.Message.send", "status": 429, "times": 2})
    service.control("/say", {"text": "deal 1663"})
    eventually(lambda: any(line.get("answer") == "failed" for line in service.logs()))
    service.control("/faults", [])
    eventually(lambda: len(service.messages()) == 2)
    give_up(service)
    aws = service.stack.backend.aws
    sqs, queue = aws.sqs(), aws.queue_url("EventQueue")
    sqs.delete_queue(QueueUrl=queue)
    service.control("/say", {"text": "task 8293"})
    sqs.create_queue(QueueName="EventQueue")
    eventually(lambda: len(service.messages()) == 3)
    sqs.send_message(QueueUrl=aws.queue_url("DeadLetterQueue"), MessageBody="{}")
    service.admin("events.redrive")
    # Given up, then worked to its end: the portal has no such dialog.
    eventually(lambda: sum(line.get("request_id") == QUESTION.request_id for line in service.logs()) == 2)


def give_up(service: Service) -> None:
    """A question that went back to the queue too often, while the portal refuses the answer once more."""
    service.control("/faults", {"method": "imbot.v2.Chat.Message.send", "status": 429})
    (portal,) = service.admin("portals")["portals"]
    event = replace(QUESTION.event, bot_ids=(portal["bot_id"],))
    record = replace(QUESTION, event=event, member_id=service.member_id, received_at=SystemClock().now())
    aws = service.stack.backend.aws
    aws.sqs().send_message(
        QueueUrl=aws.queue_url("EventQueue"),
        MessageBody=record.to_json(),
        MessageAttributes={"hop": {"DataType": "Number", "StringValue": str(MOST_HOPS)}},
    )
    eventually(lambda: any("given_up" in line for line in service.logs()))
    service.control("/faults", [])


def move(service: Service) -> None:
    """The application is installed again, and once more after the portal is renamed; a user follows our link."""
    close(service)
    assert service.control("/install", {})["finished"]
    service.control("/rename", {"host": "localhost"})
    assert service.control("/install", {})["finished"]
    domain = service.admin("portals")["portals"][0]["domain"]
    assert service.request("GET", f"/bitrix24/install?portal={domain}", {}).status == 302


def leave(service: Service) -> None:
    (sent,) = service.control("/uninstall", {})["sent"]
    assert sent["status"] == 200
    (portal,) = service.admin("portals")["portals"]
    assert portal["state"] == "uninstalled"
    service.admin("portal.forget", portal=service.member_id)


def _invoke(service: Service, function: str, event: object) -> Any:
    return service.stack.backend.functions.invoke(function, event)


def main(state_dir: Path, asked_file: Path) -> None:
    recorder = Recorder()
    with recorder.recording(), running(Settings(state_dir, dynamodb=DynamoDbEngine())) as stack:
        live(Service(stack))
    asked_file.write_text(json.dumps(sorted(recorder.asked)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
