"""Service and local portal give the same answers, to the byte; the intended differences are listed here."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from tests.rest_corpus import vocabulary, wire
from tests.rest_corpus.corpus import SEED, SIZE, corpus
from tests.rest_corpus.requests import FORM, multipart, query
from tests.rest_corpus.wire import Answer, WireClient, WireRequest
from tests.support.service import Service

PLAN = {"rate": 1000, "burst": 1000}
BOT = {"bot_id": 9100, "bot_token": "0123456789abcdef0123456789abcdef"}
SHOWN = 10


@dataclass(frozen=True)
class Clients:
    """Clients of the service and of its portal, the latter by the webhook."""

    service: WireClient
    portal: WireClient

    def answers(self, request: WireRequest) -> tuple[Answer, Answer]:
        return self.portal.send(request).without_times(), self.service.send(request).without_times()


@pytest.fixture
def clients(service: Service) -> Iterator[Clients]:
    """Clients of a portal with the largest plan, the chats of the requests and a bot, and of the service."""
    portal = service.stack.target.local
    assert portal is not None
    service.control("/plan", PLAN)
    for chat_id, (entity_type, entity_id) in vocabulary.ADDED.items():
        service.control("/chats", {"chat_id": chat_id, "entity_type": entity_type, "entity_id": entity_id})
    service.control(
        "/chats", {"chat_id": vocabulary.INACCESSIBLE_CHAT, "entity_type": "", "entity_id": "", "members": [2]}
    )
    service.control("/bots", BOT)
    members = {"chat_id": 9014, "entity_type": "BOT", "entity_id": "1", "members": [1, BOT["bot_id"]]}
    service.control("/chats", members)
    webhook = {"webhook_url": portal.webhook_url, "member_id": service.member_id, "default": True}
    service.admin("portal.add_webhook", **webhook, **PLAN, **BOT)
    key = service.admin("keys.create", portal=service.member_id, label="corpus", scopes=["rest"])["key"]
    service.cold_start()
    both = Clients(wire.service(service.api_url, key), wire.webhook(portal.webhook_url, portal.ca_file))
    yield both
    both.service.close()
    both.portal.close()


def compared(clients: Clients, requests: Iterator[WireRequest]) -> tuple[list[str], Counter[str]]:
    """Return the requests with different answers, as text, and the count of each kind of answer of the portal."""
    different, kinds = [], Counter[str]()
    for request in requests:
        on_portal, on_service = clients.answers(request)
        kinds.update(_kinds(on_portal))
        if on_portal != on_service:
            different.append(f"{request}\n  portal  {on_portal}\n  service {on_service}")
    return different, kinds


def _kinds(answer: Answer) -> Iterator[str]:
    """Yield the kinds of an answer, those of the answers within a batch included."""
    body = json.loads(answer.body)
    yield str(answer.status)
    if "error" in body:
        yield body["error"]
        return
    result = body["result"]
    if not isinstance(result, dict) or "result_error" not in result:
        yield _kind(result)
        return
    yield "batch"
    for part in ("result", "result_error"):
        inside = result[part]
        yield f"{part} is a {type(inside).__name__}"
        items = inside if isinstance(inside, list) else inside.values()
        yield from (f"{part}: null" if each is None else f"{part}: some" for each in items)


def _kind(result: object) -> str:
    if isinstance(result, dict) and result.keys() == {"ID"}:
        return "found"
    return "null" if result is None else "number" if isinstance(result, int) else "more"


def failing(different: list[str]) -> str:
    shown = "\n".join(different[:SHOWN])
    return f"{len(different)} of the requests are answered differently:\n{shown}"


@pytest.mark.timeout(300)
def test_service_answers_the_whole_corpus_like_the_portal(clients: Clients) -> None:
    different, kinds = compared(clients, corpus(SIZE, SEED))

    assert SIZE >= 2_000
    assert not different, failing(different)
    # The corpus is broad enough: it contains every kind of answer at least this often.
    expected = {
        "found": 300, "null": 500, "more": 100, "batch": 400, "200": 1_500, "400": 60, "403": 20, "404": 50,
        "ACCESS_ERROR": 20, "DIALOG_ID_EMPTY": 50, "ERROR_METHOD_NOT_FOUND": 50, "ACCESS_DENIED": 10,
        "result is a dict": 100, "result is a list": 100, "result: some": 300, "result: null": 300,
        "result_error is a dict": 100, "result_error is a list": 100, "result_error: some": 300,
    }  # fmt: skip
    assert {kind: kinds[kind] for kind, least in expected.items() if kinds[kind] < least} == {}


def test_service_answers_bare_numbers_like_a_portal_with_that_result_shape(clients: Clients, service: Service) -> None:
    service.control("/shape", {"result": "int"})
    service.admin("portal.set", portal=service.member_id, result_shape="int")
    service.cold_start()

    different, kinds = compared(clients, corpus(400, SEED + 1))

    assert not different, failing(different)
    assert kinds["found"] == 0
    assert kinds["number"] > 50


def test_service_answers_the_bot_method_like_the_portal(clients: Clients) -> None:
    bot = {"botId": BOT["bot_id"], "botToken": BOT["bot_token"]}
    for dialog_id in ("chat9014", "chat10", "nonsense", None):
        on_portal, on_service = clients.answers(plain("imbot.v2.Chat.get", {**bot, "dialogId": dialog_id}))
        assert on_service == on_portal


PAIR = {"ENTITY_TYPE": "LINES", "ENTITY_ID": "telegrambot|2|209607941|744"}
COMMANDS = {"one": f"im.chat.get?{query(PAIR)}", "two": "im.chat.get?ENTITY_TYPE=CRM&ENTITY_ID=DEAL%7C404"}
LISTED = list(COMMANDS.values())


def plain(method: str, params: object) -> WireRequest:
    return WireRequest(method, body=json.dumps(params).encode(), content_type="application/json")


# What SDKs send in webhook mode, by their sources, and the documented form of the same request.
AS_SENT = {
    # Always a slash at the end; two in the middle if the address was given with its last slash, as portals show it.
    "b24phpsdk": (replace(plain("im.chat.get/", PAIR), query="bx24_request_id=7c3f"), plain("im.chat.get", PAIR)),
    "b24phpsdk, address with a slash": (plain("/im.chat.get/", PAIR), plain("im.chat.get", PAIR)),
    "b24phpsdk without parameters": (plain("profile/", []), plain("profile", {})),
    # Everything in the query.
    "CRest": (WireRequest("im.chat.get.json", "GET", query(PAIR)), plain("im.chat.get", PAIR)),
    "CRest's batch": (
        WireRequest("batch.json", "GET", query({"cmd": COMMANDS, "halt": 0})),
        plain("batch", {"cmd": COMMANDS, "halt": 0}),
    ),
    # Names as they are typed, in UTF-8.
    "curl -F": (
        multipart("batch", {"cmd": {"ключ": COMMANDS["one"]}}),
        plain("batch", {"cmd": {"ключ": COMMANDS["one"]}}),
    ),
    "b24jssdk": (replace(plain("im.chat.get", PAIR), query="bx24_sdk_ver=2.2.0"), plain("im.chat.get", PAIR)),
    "b24jssdk's batch": (plain("batch", {"halt": 1, "cmd": LISTED}), plain("batch", {"cmd": LISTED})),
}


@pytest.mark.parametrize(("sent", "documented"), AS_SENT.values(), ids=AS_SENT)
def test_request_of_another_sdk_is_answered_like_the_documented_one(
    clients: Clients, sent: WireRequest, documented: WireRequest
) -> None:
    on_portal, on_service = clients.portal.send(documented).without_times(), clients.service.send(sent).without_times()

    assert on_portal.status == 200
    assert on_service == on_portal


@dataclass(frozen=True)
class Difference:
    """A request that the service answers differently from the portal (design 3.2), with status and code of each."""

    method: str
    params: Mapping[str, object]
    on_portal: tuple[int, str | None]
    on_service: tuple[int, str | None]


NO_METHOD = (404, "ERROR_METHOD_NOT_FOUND")
A_CHAT = {"dialogId": "chat9014", "botToken": "0123"}
DIFFERENCES = {
    # The service has the methods of design 3.2; other methods of a portal pass only with keys that list them.
    "a method that writes": Difference("im.chat.add", {"TITLE": "x"}, (200, None), NO_METHOD),
    "another method that reads": Difference("im.user.get", {}, (200, None), NO_METHOD),
    "the look-up of open lines": Difference("imopenlines.dialog.get", {"CHAT_ID": 1764}, (200, None), NO_METHOD),
    # The user consists of the portal's `profile`, which needs no scope.
    "the user without a scope of users": Difference("user.current", {}, (403, "insufficient_scope"), (200, None)),
    # The service calls with the bot of the installation: a client has neither a bot in this portal nor its token.
    "a bot of another application": Difference(
        "imbot.v2.Chat.get", {**A_CHAT, "botId": 39}, (400, "BOT_NOT_FOUND"), (200, None)
    ),
}


AS_JSON = json.dumps(PAIR)
NO_CHAT, NOT_READ = (200, None), (415, "INVALID_REQUEST")
# Bodies in which a portal finds no parameters and hence no chat: the service refuses them in a sentence.
FORMATS = {
    "JSON:API": WireRequest("im.chat.get", body=AS_JSON.encode(), content_type="application/vnd.api+json"),
    "JSON in UTF-16": WireRequest("im.chat.get", body=AS_JSON.encode("utf-16"), content_type="application/json"),
    "XML": WireRequest("im.chat.get", body=b"<im.chat.get/>", content_type="application/xml"),
    "XML without a type": WireRequest("im.chat.get", body=b"<?xml version='1.0'?><im.chat.get/>"),
}


@pytest.mark.parametrize("request_", FORMATS.values(), ids=FORMATS)
def test_body_in_a_format_that_is_not_read_is_refused_by_the_service_only(
    clients: Clients, request_: WireRequest
) -> None:
    on_portal, on_service = clients.answers(request_)

    assert (_status_and_code(on_portal), _status_and_code(on_service)) == (NO_CHAT, NOT_READ)


def test_time_of_the_server_is_that_of_the_portal(clients: Clients) -> None:
    on_portal, on_service = clients.answers(plain("server.time", {}))

    times = [datetime.fromisoformat(json.loads(answer.body)["result"]) for answer in (on_portal, on_service)]
    assert times[0] <= times[1] <= times[0] + timedelta(seconds=10)
    assert len(on_portal.body) == len(on_service.body)


@pytest.mark.parametrize("difference", DIFFERENCES.values(), ids=DIFFERENCES)
def test_intended_difference_has_its_status_and_code(clients: Clients, difference: Difference) -> None:
    on_portal, on_service = clients.answers(plain(difference.method, difference.params))

    assert (_status_and_code(on_portal), _status_and_code(on_service)) == (difference.on_portal, difference.on_service)


def test_method_outside_the_service_is_answered_like_an_unknown_method(clients: Clients) -> None:
    unknown_method = clients.portal.send(WireRequest("im.nothing"))

    assert clients.service.send(WireRequest("im.chat.add")) == unknown_method


def test_wrong_key_is_answered_like_a_wrong_webhook_with_status_403(
    service: Service,
) -> None:
    """The documents have both statuses (bitrix24.md 7.1). With 401, some clients renew their token and retry."""
    portal = service.stack.target.local
    assert portal is not None
    wrong_code = WireClient(portal.portal_url, prefix="1/0123456789abcdef/", ca_file=portal.ca_file)
    wrong_key = wire.service(service.api_url, "clk_0123456789abcdef0123456789abcdef")
    form = WireRequest("im.chat.get", body=query(PAIR).encode(), content_type=FORM)

    for request in (plain("im.chat.get", PAIR), form):
        on_portal, on_service = wrong_code.send(request), wrong_key.send(request)
        assert (on_portal.status, on_service.status) == (401, 403)
        assert on_service.body == on_portal.body


def _status_and_code(answer: Answer) -> tuple[int, str | None]:
    return answer.status, json.loads(answer.body).get("error")
