"""The entry points of the service, each called as its callers do, with an application installed in one portal."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, cast
from urllib.parse import urlencode

from chat_lookup.bootstrap import aws_deadlines, process
from chat_lookup.errors import ChatLookupError
from chat_lookup.events.model import Record
from functions.admin import app as admin_app
from functions.direct import app as direct_app
from functions.events import app as events_app
from functions.install import app as install_app
from functions.keepalive import app as keepalive_app
from functions.page import app as page_app
from functions.rest import app as rest_app
from functions.worker import app as worker_app
from tests.support.events import event_arrival
from tests.support.fakes import (
    CLIENT_ID,
    CLIENT_SECRET,
    MEMBER_ID,
    FakeAuthorisationServer,
    FakeBitrix24,
    ManualClock,
    Stores,
)
from tests.support.fakes import lambda_context as context
from tests.support.lookup_function import PAIR, http
from tests.support.portals import first_contact
from tests.support.portals.known_portal import install_application
from tests.support.portals.page_visitors import with_page_key
from tests.support.stores.memory_dynamodb import MemoryDynamoDB
from tests.support.stores.memory_secrets import MemorySecrets

A_DAY: Final = 86_400.0
DEAL: Final = {"entity_type": "CRM", "entity_id": "DEAL|1663"}
LEAD: Final = {"entity_type": "CRM", "entity_id": "LEAD|13"}
NOWHERE: Final = {"entity_type": "CRM", "entity_id": "DEAL|404"}
SAY: Final = "imbot.v2.Chat.Message.send"
SCOPES: Final = ["lookup", "details", "rest"]
EntryCall = Callable[["RunningService"], str]


@dataclass(slots=True)
class RunningService:
    """One process and its stores in memory. `key` is an API key; `saved` is a copy of what stores and server keep."""

    clock: ManualClock
    bitrix24: FakeBitrix24
    server: FakeAuthorisationServer
    stores: Stores
    key: str = ""
    hooks: list[aws_deadlines.Hooks] = field(default_factory=list)
    """Hooks of the AWS clients, which are built once: building one takes longer than all of its calls."""
    saved: tuple[Any, ...] = ()
    queued: str = ""
    sendings: Callable[[], int] = lambda: 0
    """How often something was sent to a queue."""

    def installed(self) -> None:
        """Add the application, install it, and create an API key."""
        add = {"command": "apps.add", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "kind": "local"}
        self.admin(add | {"domain": first_contact.DOMAIN})
        first_contact.answer_as_a_portal(self.bitrix24)
        for method in ("im.chat.get", "imbot.chat.get"):
            self.bitrix24.answers_by(method, _chat_of)
        chat = {"id": 1437, "name": "Tyres", "owner": 1, "userCounter": 3, "entityType": "CRM", "entityId": "DEAL|1663"}
        self.bitrix24.answers("imbot.v2.Chat.get", {"chat": chat})
        self.bitrix24.answers(SAY, {"id": 7})
        self.bitrix24.answers(
            "im.dialog.get", {"id": 1437, "name": "Tyres", "entity_type": "CRM", "entity_id": "DEAL|1663"}
        )
        install_application(self.server)
        self.key = str(
            self.admin({"command": "keys.create", "portal": MEMBER_ID, "label": "x", "scopes": SCOPES})["key"]
        )

    def admin(self, command: Mapping[str, object]) -> dict[str, object]:
        return admin_app.handler(command, context(60))

    def save(self) -> None:
        rows = {table: self.dynamodb.rows(table) for table in (self.stores.portal_table, self.stores.cache_table)}
        self.saved = dict(self.server._grants), rows, self.secrets.saved()

    def restore(self) -> None:
        """Restore the saved content, in a process with empty caches."""
        grants, rows, secrets = self.saved
        self.server._grants = dict(grants)
        for table, content in rows.items():
            self.dynamodb.put_back(table, content)
        self.secrets.restore(secrets)
        self.cold_start()

    @property
    def dynamodb(self) -> MemoryDynamoDB:
        return cast("MemoryDynamoDB", self.stores.dynamodb)

    @property
    def secrets(self) -> MemorySecrets:
        return cast("MemorySecrets", self.stores.secrets)

    def cold_start(self) -> None:
        """Clear the caches of the process."""
        for hooks in self.hooks:
            hooks._silent_until = 0.0
        process.built.cache_clear()
        process.receiving.cache_clear()


def _chat_of(params: Mapping[str, object]) -> object:
    return None if params["ENTITY_ID"] == NOWHERE["entity_id"] else {"ID": 1437}


# -- calls, each with its outcome as text ------------------------------------------------------------------------------


def _outcome(response: Mapping[str, Any]) -> str:
    """The status, with a problem's code or the outcomes of a batch."""
    status = str(response["statusCode"])
    body = json.loads(response["body"]) if response["body"].startswith("{") else {}
    if "results" in body:
        return f"{status} {_outcomes(body['results'])}"
    return f"{status} {body['type'].rpartition(':')[2]}" if "type" in body else status


def _outcomes(results: list[Mapping[str, Any]]) -> str:
    return ",".join(each["problem"]["type"].rpartition(":")[2] if "problem" in each else "found" for each in results)


def _get(query: str) -> EntryCall:
    return lambda service: _outcome(http("GET /v1/chats", query, key=service.key))


def _reverse(service: RunningService) -> str:
    return _outcome(http("GET /v1/chats/{chat_id}", key=service.key, pathParameters={"chat_id": "1437"}))


def _delete(service: RunningService) -> str:
    return _outcome(http("DELETE /v1/chats", PAIR, key=service.key))


def _batch(service: RunningService) -> str:
    body = json.dumps({"lookups": [DEAL, LEAD, NOWHERE]})
    return _outcome(http("POST /v1/chats/batch", key=service.key, body=body))


def _rest(method: str, params: Mapping[str, str]) -> EntryCall:
    def call(service: RunningService) -> str:
        event = first_contact.http(f"POST /rest/1/{service.key}/{method}", body=urlencode(params))
        event |= {"routeKey": "ANY /rest/{proxy+}", "pathParameters": {"proxy": f"1/{service.key}/{method}"}}
        response = rest_app.handler(event, context())
        body = json.loads(response["body"])
        error = body["result"]["result_error"] if method == "batch" and "result" in body else body.get("error", "")
        codes = ",".join(sorted({each["error"] for each in error.values()})) if isinstance(error, dict) else error or ""
        return f"{response['statusCode']} {codes}".strip()

    return call


def _raised(work: Callable[[], Any]) -> str:
    try:
        answer = work()
    except ChatLookupError as error:
        return error.code
    if "results" in answer:
        return _outcomes(answer["results"])
    return f"chat {answer['chat_id']}" if "chat_id" in answer else "done"


def _direct(event: Mapping[str, object]) -> EntryCall:
    return lambda _: _raised(lambda: direct_app.handler(event, context(29)))


def _event(_: RunningService) -> str:
    event = first_contact.http("POST /bitrix24/events", body=event_arrival.body_of().decode())
    return _outcome(events_app.handler(event, context(15)))


def _worker(service: RunningService) -> str:
    sent, before = service.bitrix24.methods.count(SAY), service.sendings()
    event = {"Records": [{"messageId": "m-1", "body": service.queued}]}
    failed = cast("list[object]", worker_app.handler(event, context(30))["batchItemFailures"])
    back = ", put back" if service.sendings() > before else ""
    return f"{len(failed)} failed, {service.bitrix24.methods.count(SAY) - sent} sent{back}"


def _install(service: RunningService) -> str:
    service.server.grants("offered-refresh-token")
    return _outcome(install_app.handler(first_contact.frame(), context()))


def _with_page_key(service: RunningService) -> str:
    return with_page_key(service.stores)


def _visit(service: RunningService) -> str:
    service.bitrix24.answers("profile", {"ID": "1", "ADMIN": True, "NAME": "Ada"})
    return _outcome(page_app.handler(first_contact.frame("app"), context()))


def _keepalive(_: RunningService) -> str:
    counts = _keepalive_counts()
    return counts if isinstance(counts, str) else ",".join(name for name, count in counts.items() if count)


def _keepalive_counts() -> Mapping[str, Any] | str:
    try:
        return keepalive_app.handler({}, context(300))
    except ChatLookupError as error:
        return error.code


def _admin(_: RunningService) -> str:
    return ",".join(_raised(partial(admin_app.handler, command, context(60))) for command in COMMANDS)


# -- the entry points --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Door:
    """An entry point. It has to answer within `seconds`; `usual` is its outcome without faults, after `prepare`.

    An entry point that `looks_up` answers even if the cache fails. `again` is called after the fault has ended.
    """

    seconds: float
    usual: str
    call: EntryCall
    looks_up: bool = True
    prepare: EntryCall = lambda _: ""
    again: tuple[EntryCall, str] | None = None


def _filled(service: RunningService) -> str:
    return _get(PAIR)(service)


def _arrived(service: RunningService) -> str:
    portal = process.services().portals.get(MEMBER_ID)
    named = {**event_arrival.EVENT, "data[bot][id]": str(portal.bot_id), "data[message][text]": "deal 1663"}
    service.queued = _record(urlencode(named).encode(), service.clock.now())
    return service.queued


def _record(body: bytes, now: float) -> str:
    from chat_lookup.events.decoder import decode  # noqa: PLC0415 - what the receiver does

    event = decode(body, event_arrival.FORM).event
    return Record("e" * 32, MEMBER_ID, now, "request-1", event).to_json()


def _an_hour(service: RunningService) -> str:
    service.clock.advance(3600)
    return ""


def _half_a_year(service: RunningService) -> str:
    service.clock.advance(165 * A_DAY)
    return ""


BATCH: Final = {"cmd[a]": "im.chat.get?ENTITY_TYPE=CRM&ENTITY_ID=DEAL%7C1663", "cmd[b]": "im.dialog.get?DIALOG_ID=7"}
COMMANDS: Final[tuple[Mapping[str, object], ...]] = (
    {"command": "portals"},
    {"command": "keys.list", "portal": MEMBER_ID},
    {"command": "apps.list"},
    {"command": "portal.set", "portal": MEMBER_ID, "burst": 100},
    {"command": "cache.purge", "portal": MEMBER_ID},
)
FOUND: Final = (_get(PAIR), "200")
DOORS: Final[Mapping[str, Door]] = {
    "hit": Door(10, "200", _get(PAIR), prepare=_filled),
    "miss": Door(10, "200", _get(PAIR)),
    "negative": Door(10, "404 chat-not-found", _get("entity_type=CRM&entity_id=DEAL%7C404")),
    "fresh": Door(10, "200", _get(f"{PAIR}&fresh=true"), prepare=_filled),
    "expand": Door(10, "200", _get(f"{PAIR}&expand=chat")),
    "reverse": Door(10, "200", _reverse),
    "delete": Door(10, "204", _delete, looks_up=False, prepare=_filled),
    "batch": Door(25, "200 found,found,chat-not-found", _batch),
    "rest": Door(8, "200", _rest("im.chat.get", {"ENTITY_TYPE": "CRM", "ENTITY_ID": "DEAL|1663"})),
    "rest batch": Door(8, "200", _rest("batch", BATCH)),
    "rest user": Door(8, "200", _rest("user.current", {})),
    "direct": Door(28, "chat 1437", _direct(DEAL)),
    "direct, many": Door(28, "found,found,chat-not-found", _direct({"lookups": [DEAL, LEAD, NOWHERE]})),
    # The one request that renews may be late (design 10).
    "look-up that renews": Door(29, "200", _get(PAIR), prepare=_an_hour),
    "receiver": Door(10, "200", _event, looks_up=False),
    "worker": Door(
        29, "0 failed, 1 sent", _worker, looks_up=False, prepare=_arrived, again=(_worker, "0 failed, 0 sent")
    ),
    "install": Door(26, "200", _install, looks_up=False),
    "visit": Door(26, "200", _visit, looks_up=False, prepare=_with_page_key),
    "keepalive": Door(299, "renewed", _keepalive, looks_up=False, prepare=_half_a_year, again=FOUND),
    "admin": Door(5 * 59, "done,done,done,done,done", _admin, looks_up=False),
}
