"""docs/openapi.yaml is the contract: the service answers what it specifies, and nothing else (design 3.1)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from local.template.reader import DEFAULT_ROUTE, Template
from tests.support.reply_checks import conforms, contract
from tests.support.repository import ROOT
from tests.support.service import Reply, Service

PAIR = "entity_type=CRM&entity_id=DEAL%7C1663"
LOOKUPS = b'{"lookups": [{"entity_type": "CRM", "entity_id": "DEAL|1663"}, {"entity_type": "CRM"}]}'
CHATS, CHAT, BATCH, HEALTH = "/v1/chats", "/v1/chats/{chat_id}", "/v1/chats/batch", "/health"
OF_THE_PLATFORM = ("/bitrix24/", "/rest/")
"""Routes in the platform's own formats, which the contract does not describe."""

BROKEN = {"CA_PEM": "no certificate"}
NO_STORE = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
NO_DETAILS = [{"method": method, "error": "ACCESS_ERROR"} for method in ("im.dialog.get", "imbot.dialog.get")]


@dataclass(frozen=True)
class Situation:
    """A request of one operation, and the state of portal and service; its path is the operation's, with `query`."""

    verb: str
    operation: str
    status: int
    problem: str | None = None
    query: str = ""
    chat_id: str = "1437"
    key: str | None = "details lookup"
    faults: Sequence[Mapping[str, object]] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)
    renamed: bool = False
    """Whether the portal was renamed before the request."""
    after: str = ""
    """The path of a request made before."""

    @property
    def path(self) -> str:
        path = self.operation.replace("{chat_id}", self.chat_id)
        return f"{path}?{self.query}" if self.query else path

    def __str__(self) -> str:
        return f"{self.verb} {self.operation} {self.status} {self.problem or self.query}"


def errors_of_the_portal(verb: str, operation: str, query: str) -> list[Situation]:
    """Return the portal errors of each operation that calls the portal."""
    faults = {
        "portal-refused": (400, "INVALID_ARG_VALUE"),
        "portal-not-installed": (403, "APPLICATION_NOT_FOUND"),
        "chat-not-accessible": (403, "ACCESS_ERROR"),
        "portal-busy": (429, "QUERY_LIMIT_EXCEEDED"),
        "portal-misconfigured": (502, "INVALID_CREDENTIALS"),
        "portal-unavailable": (503, "INTERNAL_SERVER_ERROR"),
        "portal-blocked": (503, "OVERLOAD_LIMIT"),
    }
    return [
        Situation(verb, operation, status, name, query, faults=[{"method": "*", "error": error}])
        for name, (status, error) in faults.items()
    ]


def errors_of_the_service(
    verb: str, operation: str, query: str, other_scope: str, body: bytes | None = None
) -> list[Situation]:
    """Return the errors of each operation with a key that need no portal call."""
    return [
        Situation(verb, operation, 401, "key-rejected", query, key=None, body=body),
        Situation(verb, operation, 403, "scope-missing", query, key=other_scope, body=body),
        Situation(verb, operation, 400, "invalid-request", "x=1", body=body),
        Situation(verb, operation, 500, "service-misconfigured", query, settings=BROKEN, body=body),
    ]


SITUATIONS = [
    Situation("GET", CHATS, 200, query=PAIR),
    Situation("GET", CHATS, 200, query=f"{PAIR}&expand=chat"),
    Situation("GET", CHATS, 200, query=f"{PAIR}&expand=chat", faults=NO_DETAILS),
    Situation("GET", CHATS, 404, "chat-not-found", "entity_type=CRM&entity_id=1663"),
    *errors_of_the_portal("GET", CHATS, PAIR),
    *errors_of_the_service("GET", CHATS, PAIR, "details"),
    Situation("DELETE", CHATS, 204, query=PAIR),
    Situation("DELETE", CHATS, 503, "store-unavailable", PAIR, settings=NO_STORE),
    *errors_of_the_service("DELETE", CHATS, PAIR, "details"),
    Situation("POST", BATCH, 200, body=LOOKUPS),
    Situation("POST", BATCH, 200, body=LOOKUPS, faults=[{"method": "*", "error": "INTERNAL_SERVER_ERROR"}]),
    Situation("POST", BATCH, 413, "body-too-large", body=b" " * 1_100_000),
    Situation("POST", BATCH, 502, "portal-misconfigured", body=LOOKUPS, renamed=True, after=f"{CHATS}?{PAIR}"),
    Situation("POST", BATCH, 503, "store-unavailable", body=LOOKUPS, settings=NO_STORE),
    *errors_of_the_service("POST", BATCH, "", "details", LOOKUPS),
    Situation("GET", CHAT, 200),
    Situation("GET", CHAT, 403, "chat-not-accessible", chat_id="987654"),
    *errors_of_the_portal("GET", CHAT, ""),
    *errors_of_the_service("GET", CHAT, "", "lookup"),
    Situation("GET", HEALTH, 200),
]


def answer(service: Service, situation: Situation, monkeypatch: pytest.MonkeyPatch) -> Reply:
    headers = {}
    if situation.key:
        made = service.admin("keys.create", portal=service.member_id, label="x", scopes=situation.key.split())
        headers = {"X-Api-Key": made["key"]}
    service.control("/faults", situation.faults)
    if situation.renamed:
        service.control("/rename", {"host": "localhost"})
    if situation.after:
        service.get(situation.after)
    if situation.settings:
        for name, value in situation.settings.items():
            monkeypatch.setenv(name, value)
        service.cold_start()
    return service.request(situation.verb, situation.path, headers, situation.body)


@pytest.mark.parametrize("situation", SITUATIONS, ids=str)
def test_answer_conforms_to_the_contract(
    service: Service, situation: Situation, monkeypatch: pytest.MonkeyPatch
) -> None:
    reply = answer(service, situation, monkeypatch)

    assert reply.status == situation.status, reply.body
    promised = response(situation)
    content = promised.get("content", {})
    assert set(content) == ({reply.headers["content-type"]} if reply.body else set())
    for media in content.values():
        schema = media["schema"]
        if "$ref" in schema:
            conforms(reply.json, schema["$ref"].rpartition("/")[2])
        else:
            assert reply.json.keys() == set(schema["required"])
    for header in promised.get("headers", {}):
        assert header in reply.headers
    if situation.problem:
        assert reply.json["type"].endswith(f":{situation.problem}")
        assert f"`{situation.problem}`" in promised["description"]


def response(situation: Situation) -> dict[str, Any]:
    """Return the response of the contract for the operation and status."""
    operation = contract()["paths"][situation.operation][situation.verb.lower()]
    promised: dict[str, Any] = operation["responses"][str(situation.status)]
    if "$ref" in promised:
        promised = contract()["components"]["responses"][promised["$ref"].rpartition("/")[2]]
    return promised


def operations() -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (verb.upper(), path): operation
        for path, verbs in contract()["paths"].items()
        for verb, operation in verbs.items()
    }


def test_every_response_of_the_contract_is_tested() -> None:
    promised = {
        (*operation, int(status)) for operation, described in operations().items() for status in described["responses"]
    }

    assert promised == {(each.verb, each.operation, each.status) for each in SITUATIONS}


def test_contract_and_template_have_the_same_routes() -> None:
    routes = {(route.method, route.path) for route in Template.load(ROOT / "template.yaml").routes}
    ours = {each for each in routes if each[1] != DEFAULT_ROUTE and not each[1].startswith(OF_THE_PLATFORM)}

    assert ours == operations().keys()


def test_only_the_health_check_needs_no_key() -> None:
    assert {path for (_, path), described in operations().items() if described.get("security") == []} == {HEALTH}
