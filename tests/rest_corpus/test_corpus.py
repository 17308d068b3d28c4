"""Service and local portal answer the same requests alike, to the byte; where they are not to, it is listed here."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import pytest

from tests.rest_corpus import vocabulary, wire
from tests.rest_corpus.corpus import SEED, SIZE, corpus
from tests.rest_corpus.requests import FORM, multipart, query
from tests.rest_corpus.wire import Answer, Ask, Door
from tests.support.service import Service

PLAN = {"rate": 1000, "burst": 1000}
BOT = {"bot_id": 9100, "bot_token": "0123456789abcdef0123456789abcdef"}
SHOWN = 10


@dataclass(frozen=True)
class Doors:
    """The service, and the portal behind it by its own webhook."""

    service: Door
    portal: Door

    def answers(self, ask: Ask) -> tuple[Answer, Answer]:
        return self.portal.ask(ask).less_time(), self.service.ask(ask).less_time()


@pytest.fixture
def doors(service: Service) -> Iterator[Doors]:
    """A portal of the largest plan, with the chats that the requests speak of and a bot; and a key for this address."""
    portal = service.stack.target.local
    assert portal is not None
    service.control("/plan", PLAN)
    for chat_id, (entity_type, entity_id) in vocabulary.ADDED.items():
        service.control("/chats", {"chat_id": chat_id, "entity_type": entity_type, "entity_id": entity_id})
    service.control(
        "/chats", {"chat_id": vocabulary.STRANGERS_CHAT, "entity_type": "", "entity_id": "", "members": [2]}
    )
    service.control("/bots", BOT)
    members = {"chat_id": 9014, "entity_type": "BOT", "entity_id": "1", "members": [1, BOT["bot_id"]]}
    service.control("/chats", members)
    webhook = {"webhook_url": portal.webhook_url, "member_id": service.member_id, "default": True}
    service.admin("portal.add_webhook", **webhook, **PLAN, **BOT)
    key = service.admin("keys.create", portal=service.member_id, label="corpus", scopes=["rest"])["key"]
    service.cold_start()
    both = Doors(wire.service(service.api_url, key), wire.webhook(portal.webhook_url, portal.ca_file))
    yield both
    both.service.close()
    both.portal.close()


def told_apart(doors: Doors, asks: Iterator[Ask]) -> tuple[list[str], Counter[str]]:
    """Requests that are not answered alike, as text; and how often the portal gave each kind of answer."""
    different, kinds = [], Counter[str]()
    for ask in asks:
        on_portal, on_service = doors.answers(ask)
        kinds.update(_kinds(on_portal))
        if on_portal != on_service:
            different.append(f"{ask}\n  portal  {on_portal}\n  service {on_service}")
    return different, kinds


def _kinds(answer: Answer) -> Iterator[str]:
    """What an answer is an example of; each answer inside a batch, too."""
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
def test_the_service_answers_the_whole_corpus_as_the_portal_does(doors: Doors) -> None:
    different, kinds = told_apart(doors, corpus(SIZE, SEED))

    assert SIZE >= 2_000
    assert not different, failing(different)
    # The corpus is as wide as it claims to be: every kind of answer is in it, and often.
    expected = {
        "found": 300, "null": 500, "more": 100, "batch": 400, "200": 1_500, "400": 60, "403": 20, "404": 50,
        "ACCESS_ERROR": 20, "DIALOG_ID_EMPTY": 50, "ERROR_METHOD_NOT_FOUND": 50, "ACCESS_DENIED": 10,
        "result is a dict": 100, "result is a list": 100, "result: some": 300, "result: null": 300,
        "result_error is a dict": 100, "result_error is a list": 100, "result_error: some": 300,
    }  # fmt: skip
    assert {kind: kinds[kind] for kind, least in expected.items() if kinds[kind] < least} == {}


def test_both_answer_bare_numbers_alike_where_the_portal_is_set_so(doors: Doors, service: Service) -> None:
    service.control("/shape", {"result": "int"})
    service.admin("portal.set", portal=service.member_id, result_shape="int")
    service.cold_start()

    different, kinds = told_apart(doors, corpus(400, SEED + 1))

    assert not different, failing(different)
    assert kinds["found"] == 0
    assert kinds["number"] > 50


def test_our_bot_sees_a_chat_as_the_portal_shows_it_to_the_bot(doors: Doors) -> None:
    told = {"botId": BOT["bot_id"], "botToken": BOT["bot_token"]}
    for dialog_id in ("chat9014", "chat10", "nonsense", None):
        on_portal, on_service = doors.answers(plain("imbot.v2.Chat.get", {**told, "dialogId": dialog_id}))
        assert on_service == on_portal


PAIR = {"ENTITY_TYPE": "LINES", "ENTITY_ID": "telegrambot|2|209607941|744"}
COMMANDS = {"one": f"im.chat.get?{query(PAIR)}", "two": "im.chat.get?ENTITY_TYPE=CRM&ENTITY_ID=DEAL%7C404"}
LISTED = list(COMMANDS.values())


def plain(method: str, params: object) -> Ask:
    return Ask(method, body=json.dumps(params).encode(), content_type="application/json")


# What SDKs put on the wire in webhook mode, by their sources; and the same as the documents have it.
AS_SENT = {
    # Always a slash at the end; two in the middle if the address was given with its last slash, as portals show it.
    "b24phpsdk": (replace(plain("im.chat.get/", PAIR), query="bx24_request_id=7c3f"), plain("im.chat.get", PAIR)),
    "b24phpsdk, address with a slash": (plain("/im.chat.get/", PAIR), plain("im.chat.get", PAIR)),
    "b24phpsdk without parameters": (plain("profile/", []), plain("profile", {})),
    # Everything in the query.
    "CRest": (Ask("im.chat.get.json", "GET", query(PAIR)), plain("im.chat.get", PAIR)),
    "CRest's batch": (
        Ask("batch.json", "GET", query({"cmd": COMMANDS, "halt": 0})),
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
def test_a_request_as_another_sdk_makes_it(doors: Doors, sent: Ask, documented: Ask) -> None:
    on_portal, on_service = doors.portal.ask(documented).less_time(), doors.service.ask(sent).less_time()

    assert on_portal.status == 200
    assert on_service == on_portal


@dataclass(frozen=True)
class Ours:
    """A request that the service is not to answer as the portal does (design 3.2), and the status and code of each."""

    method: str
    params: Mapping[str, object]
    on_portal: tuple[int, str | None]
    on_service: tuple[int, str | None]


NOT_OURS = (404, "ERROR_METHOD_NOT_FOUND")
A_CHAT = {"dialogId": "chat9014", "botToken": "0123"}
OURS = {
    # The service has the methods of design 3.2; what else a portal has passes only through keys that name it.
    "a method that writes": Ours("im.chat.add", {"TITLE": "x"}, (200, None), NOT_OURS),
    "another method that reads": Ours("im.user.get", {}, (200, None), NOT_OURS),
    "a neighbour of the look-up": Ours("imopenlines.dialog.get", {"CHAT_ID": 1764}, (200, None), NOT_OURS),
    # The bot that asks is the one of the installation: a client has no bot in this portal, and no bot's token.
    "a bot that is not ours": Ours("imbot.v2.Chat.get", {**A_CHAT, "botId": 39}, (400, "BOT_NOT_FOUND"), (200, None)),
}


@pytest.mark.parametrize("ours", OURS.values(), ids=OURS)
def test_what_is_answered_otherwise_on_purpose(doors: Doors, ours: Ours) -> None:
    on_portal, on_service = doors.answers(plain(ours.method, ours.params))

    assert (_said(on_portal), _said(on_service)) == (ours.on_portal, ours.on_service)


def test_a_method_that_is_not_ours_is_answered_as_one_that_nobody_has(doors: Doors) -> None:
    unheard_of = doors.portal.ask(Ask("im.nothing"))

    assert doors.service.ask(Ask("im.chat.add")) == unheard_of


def test_a_wrong_key_is_told_as_a_wrong_webhook_is_but_with_the_status_of_the_shared_table(
    service: Service,
) -> None:
    """The documents have both statuses (bitrix24.md 7.1). With 401, some clients renew their token and come again."""
    portal = service.stack.target.local
    assert portal is not None
    wrong_code = Door(portal.portal_url, prefix="1/0123456789abcdef/", ca_file=portal.ca_file)
    wrong_key = wire.service(service.api_url, "clk_0123456789abcdef0123456789abcdef")
    form = Ask("im.chat.get", body=query(PAIR).encode(), content_type=FORM)

    for ask in (plain("im.chat.get", PAIR), form):
        on_portal, on_service = wrong_code.ask(ask), wrong_key.ask(ask)
        assert (on_portal.status, on_service.status) == (401, 403)
        assert on_service.body == on_portal.body


def _said(answer: Answer) -> tuple[int, str | None]:
    return answer.status, json.loads(answer.body).get("error")
