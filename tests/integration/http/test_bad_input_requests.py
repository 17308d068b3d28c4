"""Requests that make no sense: each is told what is wrong with it, in one form (design 3.1)."""

import pytest

from tests.support.outcomes import only_line, problem
from tests.support.service import Service

PAIR = "entity_type=CRM&entity_id=DEAL%7C1663"

FAULTY = {
    "no type": ("entity_id=1", "entity_type"),
    "no id": ("entity_type=CRM", "entity_id"),
    "no query": ("", "entity_type"),
    "an empty type": ("entity_type=&entity_id=1", "entity_type"),
    "an empty id": ("entity_type=CRM&entity_id=", "entity_id"),
    "an id without a value": ("entity_type=CRM&entity_id", "entity_id"),
    "the type twice": (f"entity_type=LINES&{PAIR}", "entity_type"),
    "the id twice": (f"{PAIR}&entity_id=DEAL%7C1663", "entity_id"),
    "the id twice, once in other characters": (f"{PAIR}&entity%5Fid=1", "entity_id"),
    "the method twice": (f"{PAIR}&method=im&method=im", "method"),
    "a type that is nothing to the platform": ("entity_type=0&entity_id=1", "entity_type"),
    "an id that is nothing to the platform": ("entity_type=CRM&entity_id=0", "entity_id"),
    "a line end": ("entity_type=CRM&entity_id=DEAL%0A1", "entity_id"),
    "a zero character": ("entity_type=CRM%00&entity_id=1", "entity_type"),
    "too long a type": (f"entity_type={'T' * 256}&entity_id=1", "entity_type"),
    "too long an id": (f"entity_type=CRM&entity_id={'%D0%AB' * 256}", "entity_id"),
    "an unknown method": (f"{PAIR}&method=im.chat.get", "method"),
    "an empty method": (f"{PAIR}&method=", "method"),
    "a bot that is no number": (f"{PAIR}&bot_id=bot", "bot_id"),
    "a bot without a number": (f"{PAIR}&bot_id=", "bot_id"),
    "bot 0": (f"{PAIR}&bot_id=0", "bot_id"),
    "a bot below 0": (f"{PAIR}&bot_id=-1", "bot_id"),
    "a bot in other digits": (f"{PAIR}&bot_id=%D9%A3", "bot_id"),
    "a bot beyond all numbers": (f"{PAIR}&bot_id={'9' * 400}", "bot_id"),
    "an unknown expansion": (f"{PAIR}&expand=members", "expand"),
    "an unknown freshness": (f"{PAIR}&fresh=1", "fresh"),
    "a parameter that nobody knows": (f"{PAIR}&entity_typ=CRM", "entity_typ"),
    "a parameter in capitals": ("ENTITY_TYPE=CRM&ENTITY_ID=1", "ENTITY_TYPE"),
    "bytes that are no UTF-8": ("entity_type=CRM&entity_id=%FF%FE", "UTF-8"),
    "half a character": ("entity_type=CRM&entity_id=%D0", "UTF-8"),
    "too many parameters": ("&".join(f"p{number}=1" for number in range(51)), "parameters"),
    "too long a query": (f"{PAIR}&x={'y' * 17_000}", "characters"),
}


@pytest.mark.parametrize(("query", "word"), FAULTY.values(), ids=FAULTY)
def test_a_faulty_look_up_is_told_what_is_wrong(service: Service, query: str, word: str) -> None:
    body = problem(service.get(f"/v1/chats?{query}"), 400, "invalid-request")

    assert word in body["detail"]
    assert only_line(service)["status"] == 400
    assert service.calls() == []


@pytest.mark.parametrize(
    ("query", "word"),
    [("entity_id=1", "entity_type"), (f"{PAIR}&entity_id=1", "entity_id"), (f"{PAIR}&fresh=true", "fresh")],
    ids=["missing", "repeated", "of another route"],
)
def test_a_faulty_request_to_forget_is_told_what_is_wrong(service: Service, query: str, word: str) -> None:
    assert word in problem(service.request("DELETE", f"/v1/chats?{query}"), 400, "invalid-request")["detail"]


@pytest.mark.parametrize("chat_id", ["0", "-5", "1.5", "chat1437", "%D9%A3", "9" * 30, "%20", "1437%00"])
def test_what_is_no_chat_id_is_told(service: Service, chat_id: str) -> None:
    assert "chat_id" in problem(service.get(f"/v1/chats/{chat_id}"), 400, "invalid-request")["detail"]


def test_the_reverse_knows_no_parameters(service: Service) -> None:
    assert "expand" in problem(service.get("/v1/chats/1437?expand=chat"), 400, "invalid-request")["detail"]


@pytest.mark.parametrize(
    "path",
    [
        "/", "/v1", "/v2/chats", "/v1/chat", "/v1/chats/1437/members", "/V1/CHATS", "/v1/chats/", "/health/",
        "/favicon.ico", "/v1//chats", "/.env", "/%D1%87%D0%B0%D1%82", "/v1/chats/%2e%2e/health",
    ],
)  # fmt: skip
def test_a_route_that_does_not_exist(service: Service, path: str) -> None:
    problem(service.get(path), 404, "route-not-found")
    assert only_line(service)["route"] == "$default"


@pytest.mark.parametrize(
    ("verb", "path", "allowed"),
    [
        ("POST", "/v1/chats", "DELETE, GET"),
        ("PUT", "/v1/chats", "DELETE, GET"),
        ("PATCH", f"/v1/chats?{PAIR}", "DELETE, GET"),
        ("OPTIONS", "/v1/chats", "DELETE, GET"),
        ("DELETE", "/v1/chats/1437", "GET"),
        ("POST", "/v1/chats/1437", "GET"),
        ("POST", "/health", "GET"),
    ],
)
def test_a_verb_that_a_route_does_not_answer(service: Service, verb: str, path: str, allowed: str) -> None:
    reply = service.request(verb, path)

    problem(reply, 405, "method-not-allowed")
    assert reply.headers["allow"] == allowed


def test_head_is_told_what_is_allowed(service: Service) -> None:
    reply = service.request("HEAD", f"/v1/chats?{PAIR}")

    assert (reply.status, reply.headers["allow"], reply.body) == (405, "DELETE, GET", b"")


@pytest.mark.parametrize("path", ["/nowhere", "/v1/chats/1437/members"])
def test_a_route_that_does_not_exist_needs_no_key_to_be_told(service: Service, path: str) -> None:
    problem(service.get(path, {}), 404, "route-not-found")


@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded", ""])
def test_a_body_that_nobody_asked_for_changes_nothing(service: Service, content_type: str) -> None:
    headers = {"X-Api-Key": service.api_key, **({"Content-Type": content_type} if content_type else {})}

    reply = service.request("GET", f"/v1/chats?{PAIR}", headers, b"entity_type=LINES&\xff\x00")

    assert (reply.status, reply.json["chat_id"]) == (200, 1437)


def test_health_needs_no_key_and_calls_nobody(service: Service) -> None:
    reply = service.get("/health", {})

    assert (reply.status, reply.json["status"]) == (200, "ok")
    assert len(reply.json["layer"]) == 64
    assert service.calls() == []
