"""docs/openapi.yaml is the contract: the service answers what it specifies, and nothing else (design 3.1)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from chat_lookup.bootstrap import process
from functions.lookup.app import ELSEWHERE
from local.template.reader import DEFAULT_ROUTE, Template
from tests.support.reply_checks import conforms, contract
from tests.support.repository import ROOT
from tests.support.service import Reply, Service

pytestmark = pytest.mark.usefixtures("leaping_clock")

PAIR = "entity_type=CRM&entity_id=DEAL%7C1663"
LOOKUPS = b'{"lookups": [{"entity_type": "CRM", "entity_id": "DEAL|1663"}, {"entity_type": "CRM"}]}'
OBJECTS = b'{"objects": [{"type": "deal", "id": 1663}, {"type": "deal", "id": 404}, {"type": "deals"}]}'
CHATS, CHAT, BATCH, HEALTH = "/v1/chats", "/v1/chats/{chat_id}", "/v1/chats/batch", "/health"
OBJECT, OBJECTS_BATCH = "/v1/objects/{type}/{id}/chats", "/v1/objects/chats/batch"
OF_THE_PLATFORM = ("/bitrix24/", "/rest/")
"""Routes in the platform's own formats, whose contract is the platform's."""
OF_THE_PAGE = ("/v1/page/", "/assets/")
"""Routes for the page's own script, which needs a user of a portal: tests/unit/functions/test_page_contract.py. The
gateway has one route for all of each."""
GATEWAYS = "application/json"
"""The type of what the gateway answers by itself, and of no problem."""

BROKEN = {"CA_PEM": "no certificate"}
NO_STORE = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
NO_DETAILS = [{"method": method, "error": "ACCESS_ERROR"} for method in ("im.dialog.get", "imbot.dialog.get")]

WITH_A_SLASH = "/bitrix24/{address+}"
"""The route of all addresses for Bitrix24 with a slash at their end, which are answered as those without."""


@dataclass(frozen=True)
class Situation:
    """A request of one operation, and the state of portal and service; its path is the operation's, with `query`."""

    verb: str
    operation: str
    status: int
    problem: str | None = None
    query: str = ""
    chat_id: str = "1437"
    number: str = "1663"
    key: str | None = "details lookup"
    faults: Sequence[Mapping[str, object]] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)
    sent: str = ""
    """The verb that is sent, if it is another than the operation's."""
    gateway: bool = False
    """Whether the gateway answers by itself."""
    renamed: bool = False
    """Whether the portal was renamed before the request."""
    after: str = ""
    """The path of a request made before."""

    @property
    def path(self) -> str:
        path = self.operation.replace("{chat_id}", self.chat_id).replace("{type}/{id}", f"deal/{self.number}")
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


def others_verbs(verb: str, operation: str, *sent: str) -> list[Situation]:
    """Return a request with each verb that the operation's path does not have."""
    return [Situation(verb, operation, 405, "method-not-allowed", sent=each) for each in sent]


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
    *others_verbs("GET", CHATS, "POST", "OPTIONS"),
    Situation("DELETE", CHATS, 204, query=PAIR),
    Situation("DELETE", CHATS, 503, "store-unavailable", PAIR, settings=NO_STORE),
    *errors_of_the_service("DELETE", CHATS, PAIR, "details"),
    *others_verbs("DELETE", CHATS, "PUT"),
    Situation("POST", BATCH, 200, body=LOOKUPS),
    Situation("POST", BATCH, 200, body=LOOKUPS, faults=[{"method": "*", "error": "INTERNAL_SERVER_ERROR"}]),
    Situation("POST", BATCH, 413, "body-too-large", body=b" " * 1_100_000),
    Situation("POST", BATCH, 413, body=b" " * 10_500_000, gateway=True),
    *others_verbs("POST", BATCH, "GET", "DELETE", "OPTIONS", "TRACE", "QUERY"),
    Situation("POST", BATCH, 502, "portal-misconfigured", body=LOOKUPS, renamed=True, after=f"{CHATS}?{PAIR}"),
    Situation("POST", BATCH, 503, "store-unavailable", body=LOOKUPS, settings=NO_STORE),
    *errors_of_the_service("POST", BATCH, "", "details", LOOKUPS),
    Situation("GET", CHAT, 200),
    Situation("GET", CHAT, 403, "chat-not-accessible", chat_id="987654"),
    *errors_of_the_portal("GET", CHAT, ""),
    *errors_of_the_service("GET", CHAT, "", "lookup"),
    *others_verbs("GET", CHAT, "PATCH"),
    Situation("GET", OBJECT, 200),
    Situation("GET", OBJECT, 200, query="relatives=false&closed=false&fresh=true"),
    Situation("GET", OBJECT, 200, faults=[{"method": "im.chat.get", "error": "INTERNAL_SERVER_ERROR"}]),
    Situation("GET", OBJECT, 404, "object-not-found", number="404"),
    *errors_of_the_portal("GET", OBJECT, ""),
    *errors_of_the_service("GET", OBJECT, "", "details"),
    *others_verbs("GET", OBJECT, "POST", "DELETE"),
    Situation("POST", OBJECTS_BATCH, 200, body=OBJECTS),
    Situation("POST", OBJECTS_BATCH, 200, body=OBJECTS, faults=[{"method": "*", "error": "INTERNAL_SERVER_ERROR"}]),
    Situation("POST", OBJECTS_BATCH, 413, "body-too-large", body=b" " * 1_100_000),
    *others_verbs("POST", OBJECTS_BATCH, "GET"),
    Situation("POST", OBJECTS_BATCH, 502, "portal-misconfigured", body=OBJECTS, renamed=True, after=f"{CHATS}?{PAIR}"),
    Situation("POST", OBJECTS_BATCH, 503, "store-unavailable", body=OBJECTS, settings=NO_STORE),
    *errors_of_the_service("POST", OBJECTS_BATCH, "", "details", OBJECTS),
    Situation("GET", HEALTH, 200),
    Situation("GET", HEALTH, 500, "internal-error"),
    *others_verbs("GET", HEALTH, "POST"),
    Situation("HEAD", HEALTH, 200),
    Situation("HEAD", HEALTH, 500),
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
    if situation.operation == HEALTH and situation.status == 500:
        monkeypatch.setattr(process, "layer", broken)
    return service.request(situation.sent or situation.verb, situation.path, headers, situation.body)


def broken() -> str:
    raise RuntimeError("a test's fault")


@pytest.mark.parametrize("situation", SITUATIONS, ids=str)
def test_answer_conforms_to_the_contract(
    service: Service, situation: Situation, monkeypatch: pytest.MonkeyPatch
) -> None:
    reply = answer(service, situation, monkeypatch)

    assert reply.status == situation.status, reply.body
    promised = response(situation)
    content = promised.get("content", {})
    assert bool(content) == bool(reply.body)
    if reply.body:
        came = reply.headers["content-type"]
        assert (came == GATEWAYS) is (situation.gateway or reply.status == 200)
        assert set(content) <= {came, GATEWAYS} or situation.gateway
        schema = content[came]["schema"]
        if "$ref" in schema:
            conforms(reply.json, schema["$ref"].rpartition("/")[2])
        else:
            assert reply.json.keys() == set(schema["required"])
    for header in promised.get("headers", {}):
        assert header in reply.headers or situation.gateway
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


def of_the_gateway(described: Mapping[str, Any]) -> bool:
    """Whether only the gateway answers so, which a local run cannot be brought to."""
    named = described.get("$ref", "").rpartition("/")[2]
    return set(contract()["components"]["responses"].get(named, described).get("content", {})) == {GATEWAYS}


def operations() -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (verb.upper(), path): operation
        for path, verbs in contract()["paths"].items()
        if not path.startswith(OF_THE_PLATFORM + OF_THE_PAGE)
        for verb, operation in verbs.items()
    }


def test_every_response_of_the_contract_is_tested() -> None:
    promised = {
        (*operation, int(status))
        for operation, described in operations().items()
        for status, promise in described["responses"].items()
        if status == "200" or not of_the_gateway(promise)
    }

    assert promised == {(each.verb, each.operation, each.status) for each in SITUATIONS}


def test_contract_and_template_have_the_same_routes() -> None:
    routes = {(route.method, route.path) for route in Template.load(ROOT / "template.yaml").routes}
    ours = {
        each for each in routes if each[1] not in (DEFAULT_ROUTE, WITH_A_SLASH) and not each[1].startswith("/rest/")
    }

    assert ours == {
        (verb.upper(), routed(path))
        for path, verbs in contract()["paths"].items()
        if not path.startswith("/rest/")
        for verb in verbs
    }


def routed(path: str) -> str:
    """The path of the route that brings the requests of a path in the contract."""
    return next((f"{each}{{proxy+}}" for each in OF_THE_PAGE if path.startswith(each)), path)


@pytest.mark.parametrize("path", ["/rest/im.chat.get", "/rest/1/no-key/im.chat.get", "/rest/1/no-key/im.chat.get/"])
@pytest.mark.parametrize("verb", ["PUT", "DELETE", "HEAD"])
def test_verb_that_the_routes_of_rest_do_not_have_is_405_with_those_that_they_have(
    service: Service, verb: str, path: str
) -> None:
    reply = service.request(verb, path)
    assert (reply.status, reply.headers["allow"]) == (405, "GET, OPTIONS, POST")


def test_rest_without_a_method_is_no_route(service: Service) -> None:
    assert [service.request(verb, "/rest/").status for verb in ("GET", "PUT")] == [404, 404]


def test_function_of_the_default_route_knows_the_routes_of_all_other_functions() -> None:
    routes = {route.key for route in Template.load(ROOT / "template.yaml").routes}
    ours = {f"{verb} {path}" for verb, path in operations()}

    theirs = routes - ours - {DEFAULT_ROUTE}
    assert [each for each in theirs if not any(leads_to(each, named) for named in ELSEWHERE)] == []
    assert [named for named in ELSEWHERE if not any(leads_to(each, named) for each in theirs)] == []


def leads_to(route: str, named: str) -> bool:
    """Whether the gateway's route is the one that is named, or has it below its `{name+}`."""
    above, _, below = route.partition("{")
    return route == named or (below.endswith("+}") and named.startswith(above))


def test_only_the_health_check_needs_no_key() -> None:
    assert {path for (_, path), described in operations().items() if described.get("security") == []} == {HEALTH}
