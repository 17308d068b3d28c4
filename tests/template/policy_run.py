"""A year of one portal: all requests of the functions to AWS, each with its function and its row.

test_policies.py runs it in a separate process and compares the list with the template's policies.

    python -m tests.template.policy_run STATE_DIR CALLS_FILE
"""

import itertools
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlencode

import pytest
from moto.core.utils import unix_time_millis
from moto.sqs import models

from chat_lookup.clock import SystemClock
from chat_lookup.errors import ChatLookupError
from chat_lookup.events.model import EventUser, Record
from chat_lookup.events.queue import MOST_HOPS
from local.aws import one_at_a_time
from local.portal.events.installer import Manner
from local.shared_clock import SharedClock
from local.stack import Settings, running
from tests.support.events.bot_questions import command, message
from tests.support.processes.waiting import until
from tests.support.service import Service
from tests.support.stores.dynamodb_engine import DynamoDbEngine
from tests.template.recorder import Recorder

A_DAY = 86_400
PAIR = {"entity_type": "CRM", "entity_id": "DEAL|1663"}
OTHER_PAIR = {"entity_type": "TASKS_TASK", "entity_id": "8293"}
REST_PAIRS = {name: {"ENTITY_TYPE": each["entity_type"], "ENTITY_ID": each["entity_id"]} for name, each in
              (("deal", PAIR), ("task", OTHER_PAIR))}  # fmt: skip
STEP_MS: Final = 500
"""By which the queues' time moves while something is waited for: a tenth of the shortest delay of an event."""
QUESTION = message()
MESSAGES = itertools.count(1_000)
KEYS = {"client_id": "app.0123456789", "client_secret": "5ecret5ecret5ecret"}


def live(service: Service) -> None:
    """What users, portals and operators do in that year; each comes to a good end."""
    operate(service)
    look_up(service)
    open_page(service)
    talk(service)
    work(service, command())  # which entity is this chat of?
    for call in callers(service):
        in_trouble(service, call)
    close(service)
    rename(service)
    service.control("/clock", {"advance_s": 165 * A_DAY})
    assert _invoke(service, "KeepaliveFunction", {})["renewed"] == 1
    move(service)
    leave(service)


def callers(service: Service) -> list[Callable[[], object]]:
    """A look-up by each function that makes them."""
    rest = f"/rest/1/{service.api_key}/im.chat.get?ENTITY_TYPE=CRM&ENTITY_ID=DEAL%7C1663"
    return [
        lambda: service.look_up(**PAIR, fresh="true"),
        lambda: service.get(rest),
        lambda: service.direct({**PAIR, "fresh": True}),
        lambda: work(service, message()),
        lambda: ask_page(service, "POST", "find", {"query": "deal 1663"}),
    ]


def ask_page(service: Service, verb: str, path: str, body: object = None) -> Any:
    """A request of the page's script, for the administrator with a fresh token; its answer, whatever that is."""
    from chat_lookup.bootstrap import process  # noqa: PLC0415 - only in the functions' environment

    sent = service.portal.installer.visit(manner=Manner(send=False)).sent[0].message
    portal = process.services().portals.known(service.member_id)
    assert portal is not None
    session = process.services().page().sessions.begin(portal, "1", is_administrator=True)
    headers = {"X-Page-Session": session, "X-Bitrix24-Token": parse_qs(sent.body)["AUTH_ID"][0]}
    reply = service.request(verb, f"/v1/page/{path}", headers, None if body is None else json.dumps(body).encode())
    return reply.json


def open_page(service: Service) -> None:
    """The administrator opens the page, finds chats, reads the report, and makes a key and revokes it."""
    assert service.control("/visit", {})["sent"][0]["status"] == 200
    forged = {"fields": {"APPLICATION_TOKEN": "f" * 32}}
    assert service.control("/visit", forged)["sent"][0]["status"] == 403
    forged = {"fields": {"AUTH_ID": "f" * 32}}
    assert service.control("/visit", forged)["sent"][0]["status"] == 403
    for query in ("deal 1663", "chat 1437", "ORDER 2026-0815"):
        ask_page(service, "POST", "find", {"query": query})
    assert ask_page(service, "GET", "doctor")["state"] == "active"
    made = ask_page(service, "POST", "keys", {"label": "crm sync", "days": 30})
    assert len(ask_page(service, "GET", "keys")["keys"]) == 1
    assert ask_page(service, "DELETE", f"keys/{made['key_id']}")["revoked"]["label"] == "crm sync"


def work(service: Service, asked: Record) -> None:
    """The worker processes an event of a user whom the event does not describe, as if the queue had refused it."""
    (portal,) = (each for each in service.admin("portals")["portals"] if each["bot_id"])
    event = asked.event._replace(bot_ids=(portal["bot_id"],), user=EventUser(1))
    assert event.message is not None
    event = event._replace(message=event.message._replace(message_id=next(MESSAGES)))
    record = asked._replace(event=event, member_id=service.member_id, received_at=service.clock.now())
    _invoke(service, "WorkerFunction", {"record": record.to_json()})


def in_trouble(service: Service, call: Callable[[], object]) -> None:
    """The portal's tokens expire, it is unpaid for a while, and it is renamed: whichever function calls it then writes
    that down."""
    rename(service)
    call()
    close(service, call)
    service.control("/clock", {"advance_s": 601})
    service.admin("cache.purge", portal=service.member_id)
    call()
    (portal,) = service.admin("portals")["portals"]
    assert portal["state"] == "active"


def rename(service: Service) -> None:
    """From one of its two names to the other. Tokens are renewed once in ten minutes."""
    (portal,) = service.admin("portals")["portals"]
    host = "127.0.0.1" if portal["domain"].startswith("localhost") else "localhost"
    service.control("/rename", {"host": host})
    service.control("/expire_tokens", {})
    service.control("/clock", {"advance_s": 3_601})
    service.admin("cache.purge", portal=service.member_id)


def operate(service: Service) -> None:
    key = service.admin("keys.create", portal=service.member_id, label="back end")
    service.admin("keys.list", portal=service.member_id)
    service.admin("keys.restore", portal=service.member_id)
    service.admin("keys.revoke", portal=service.member_id, key_id=key["key_id"])
    service.admin("apps.add", kind="market", **KEYS)
    service.admin("apps.rotate_secret", **KEYS | {"client_secret": "newer5ecret5ecret5ecret"})
    service.admin("apps.list")
    local = KEYS | {"client_id": "local.0123456789"}
    service.admin("apps.add", kind="local", domain="acme.bitrix24.com", **local)
    service.admin("apps.set", client_id=local["client_id"], domain="globex.bitrix24.com")
    service.admin("apps.remove", client_id=local["client_id"])
    service.admin("portals")
    assert service.admin("doctor") == {"findings": []}
    service.admin("portal.set", portal=service.member_id, burst=100, default=True)
    assert service.admin("portal.rebind", portal=service.member_id)["remarks"] == []
    target = service.stack.target.local
    assert target is not None
    for _ in range(2):
        service.admin("portal.add_webhook", member_id="by-webhook", webhook_url=target.webhook_url)
    service.admin("portals.reconcile")
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
    for asked in range(2):  # from the portal, then from the cache
        assert service.get("/v1/objects/deal/1663/chats").status == 200
        assert service.direct({"object": {"type": "deal", "id": 1663}, "fresh": not asked})["chats"]
    assert service.get("/v1/chats/987654").status == 403
    assert service.request("DELETE", f"/v1/chats?{urlencode(PAIR)}").status == 204
    lookups = json.dumps({"lookups": [PAIR, OTHER_PAIR]}).encode()
    headers = {"X-Api-Key": service.api_key, "Content-Type": "application/json"}
    assert service.request("POST", "/v1/chats/batch", headers, lookups).status == 200
    assert service.get(f"/rest/1/{service.api_key}/user.current").status == 200
    batch = urlencode({f"cmd[{name}]": f"im.chat.get?{urlencode(each)}" for name, each in REST_PAIRS.items()})
    assert service.get(f"/rest/1/{service.api_key}/batch?{batch}").status == 200

    close(service)
    service.control("/clock", {"advance_s": 61})
    assert service.look_up(**PAIR, fresh="true").status == 200
    service.admin("portal.stop", portal=service.member_id)
    service.admin("portal.start", portal=service.member_id)


def close(service: Service, call: Callable[[], object] | None = None) -> None:
    """The portal returns `PAYMENT_REQUIRED` to that call, and to the one that confirms it."""
    service.admin("cache.purge", portal=service.member_id)
    service.control("/faults", {"method": "*", "error": "PAYMENT_REQUIRED", "status": 401})
    with suppress(ChatLookupError):  # of the functions that raise it
        (call or callers(service)[0])()
    service.control("/faults", [])
    (portal,) = service.admin("portals")["portals"]
    assert portal["state"] == "unpaid"


def talk(service: Service) -> None:
    """A user writes to the bot, and again when the portal refuses the answer by its rate limit; then the queue is gone,
    and the worker is invoked directly; one event is given up, and redriven."""
    service.say("deal 1663")
    service.say("chats deal 1663")
    service.mark()
    service.control("/faults", {"method": "imbot.v2.Chat.Message.send", "status": 429, "times": 2})
    service.control("/say", {"text": "deal 1663"})
    later(service, lambda: '"answer":"failed"' in service.output())
    service.control("/faults", [])
    later(service, lambda: len(service.messages()) == 3)
    give_up(service)
    aws = service.stack.backend.aws
    sqs, queue = aws.sqs(), aws.queue_url("EventQueue")
    sqs.delete_queue(QueueUrl=queue)
    service.control("/say", {"text": "task 8293"})
    sqs.create_queue(QueueName="EventQueue")
    later(service, lambda: len(service.messages()) == 4)
    sqs.send_message(QueueUrl=aws.queue_url("DeadLetterQueue"), MessageBody="{}")
    service.admin("events.redrive")
    # Given up, then worked to its end: the portal has no such dialog.
    later(service, lambda: sum(line.get("request_id") == QUESTION.request_id for line in service.logs()) == 2)


def give_up(service: Service) -> None:
    """A question that went back to the queue too often, while the portal refuses the answer once more."""
    service.control("/faults", {"method": "imbot.v2.Chat.Message.send", "status": 429})
    (portal,) = service.admin("portals")["portals"]
    event = QUESTION.event._replace(bot_ids=(portal["bot_id"],))
    record = QUESTION._replace(event=event, member_id=service.member_id, received_at=SystemClock().now())
    aws = service.stack.backend.aws
    aws.sqs().send_message(
        QueueUrl=aws.queue_url("EventQueue"),
        MessageBody=record.to_json(),
        MessageAttributes={"hop": {"DataType": "Number", "StringValue": str(MOST_HOPS)}},
    )
    later(service, lambda: '"given_up"' in service.output())
    service.control("/faults", [])


def move(service: Service) -> None:
    """The application is installed again, and once more after the portal is renamed; a user follows our link."""
    close(service)
    assert service.control("/install", {})["finished"]
    rename(service)
    service.admin("portal.rebind", portal=service.member_id)
    rename(service)
    assert service.control("/install", {})["finished"]
    domain = service.admin("portals")["portals"][0]["domain"]
    assert service.direct({"portal": domain, **PAIR})["chat_id"] is not None
    assert service.request("GET", f"/bitrix24/install?portal={domain}", {}).status == 302
    assert service.request("GET", "/bitrix24/install?portal=initech.bitrix24.com", {}).status == 302
    forged = urlencode({"event": "ONIMBOTMESSAGEADD", "auth[domain]": domain, "auth[application_token]": "0" * 32})
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert service.request("POST", "/bitrix24/events", form, forged.encode()).status == 403


def leave(service: Service) -> None:
    (sent,) = service.control("/uninstall", {})["sent"]
    assert sent["status"] == 200
    (portal,) = service.admin("portals")["portals"]
    assert portal["state"] == "uninstalled"
    service.admin("portal.forget", portal=service.member_id)


class QueueTime:
    """The time of moto's queues, ahead of the machine's: messages wait by it for their delay and for another try."""

    def __init__(self) -> None:
        self.ahead_ms = 0.0

    def now(self) -> float:
        return unix_time_millis() + self.ahead_ms


QUEUE_TIME: Final = QueueTime()


def later(service: Service, happened: Callable[[], bool]) -> None:
    """Wait, as fast as the functions work: where none does, the time of the queues moves on."""

    def moved() -> bool:
        if service.stack.backend.functions.output.running == 0:
            QUEUE_TIME.ahead_ms += STEP_MS
        return happened()

    until(moved)


@contextmanager
def hurrying() -> Iterator[None]:
    """Inside, pauses of portal and service move their clock, and take no time; delays of messages pass by `later`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SharedClock, "sleep", lambda clock, seconds: clock.advance(max(0.0, seconds)))
        patch.setattr(models, "unix_time_millis", QUEUE_TIME.now)
        patch.setattr(one_at_a_time, "_CHECK_AGAIN_S", 0.02)
        yield


def _invoke(service: Service, function: str, event: object) -> Any:
    return service.stack.backend.functions.invoke(function, event)


def main(state_dir: Path, calls_file: Path) -> None:
    recorder = Recorder()
    with hurrying(), recorder.recording(), running(Settings(state_dir, dynamodb=DynamoDbEngine())) as stack:
        live(Service(stack))
    recorder.write(calls_file)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
