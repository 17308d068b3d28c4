"""The lines that `make run` shows: one for each request, event and invocation, in one order, without a secret."""

import re
from typing import Any

import pytest

from local.aws.lambda_runtime import Invocation
from local.request_lines import RequestLines, lines
from tests.support.events.conversation import conversation
from tests.support.portals.unknown_portal import Stage
from tests.support.service import Service

SECRET = "clk_0123456789abcdefghijklmnop"


def http(verb: str, path: str, query: str = "") -> dict[str, Any]:
    return {
        "routeKey": f"{verb} {path}",
        "rawPath": path,
        "rawQueryString": query,
        "requestContext": {"http": {"method": verb}},
    }


def invocation(event: object, *printed: dict[str, Any], answer: object = None, error: str = "") -> Invocation:
    return Invocation("LookupFunction", event, answer, error, 0.0, 12.4, printed)


def shown(*arguments: Any, **options: Any) -> list[str]:
    """The lines without their time, which is this machine's."""
    return [line.partition(" ")[2] for line in lines(invocation(*arguments, **options))]


def logged(**fields: object) -> dict[str, Any]:
    return {"level": "INFO", "message": "request", **fields}


def calls(number: int) -> dict[str, Any]:
    return {"_aws": {}, "method": "im.chat.get", "PortalCalls": [1.0] * number}


@pytest.mark.parametrize(
    ("verb", "path", "query", "line"),
    [
        ("GET", "/v1/chats", "entity_type=CRM&entity_id=DEAL%7C1", "/v1/chats?entity_type=CRM&entity_id=DEAL%7C1"),
        ("GET", "/v1/chats", f"entity_id={'x' * 999}", "/v1/chats?entity_id=" + "x" * 280),
        ("GET", f"/rest/1/{SECRET}/im.chat.get", "", "/rest/1/***/im.chat.get"),
        ("GET", "/rest/im.chat.get", f"auth={SECRET}&ENTITY_ID=a", "/rest/im.chat.get?auth=***&ENTITY_ID=a"),
        ("POST", "/bitrix24/install", f"DOMAIN=a.example&APP_SID={SECRET}", "/bitrix24/install?DOMAIN=***&APP_SID=***"),
        ("GET", "/v1/chats", "entity_id=\x1b[31m%0A", "/v1/chats?entity_id=%1B%5B31m%0A"),
        ("GET", "/\x1b[31m", "", "/%1B%5B31m"),
    ],
)
def test_line_of_a_request_has_its_path_without_secrets_and_control_characters(
    verb: str, path: str, query: str, line: str
) -> None:
    assert shown(http(verb, path, query), answer={"statusCode": 200}) == [
        f"{verb} {line} 200 - 12 ms, 0 portal calls"
    ]  # fmt: skip


def test_line_of_a_look_up_has_status_source_and_the_calls_of_the_portal() -> None:
    printed = (logged(source="portal"), calls(1), calls(2))
    assert shown(http("GET", "/health"), *printed, answer={"statusCode": 200}) == [
        "GET /health 200 portal 12 ms, 3 portal calls"
    ]


def test_failed_invocation_shows_the_error_and_an_operators_command_its_name() -> None:
    command = {"command": "keys.create", "label": SECRET}
    assert shown(command, error="InvalidRequest") == [
        "INVOKE LookupFunction:keys.create InvalidRequest - 12 ms, 0 portal calls"
    ]
    assert shown({"entity_type": "CRM"}, answer={"chat_id": 1}) == [
        "INVOKE LookupFunction ok - 12 ms, 0 portal calls"
    ]  # fmt: skip


def test_each_event_of_a_batch_has_a_line_with_the_bots_answer() -> None:
    first = logged(message="event", event="ONIMBOTV2MESSAGEADD", source="cache", answer="answered")
    second = logged(message="event", event="ONIMBOTV2JOINCHAT")
    assert shown({"Records": []}, first, second, calls(1)) == [
        "EVENT ONIMBOTV2MESSAGEADD answered cache 12 ms, 1 portal call",
        "EVENT ONIMBOTV2JOINCHAT ok - 12 ms, 0 portal calls",
    ]


def test_terminal_obeys_no_word_of_a_line() -> None:
    """The server takes any verb, and an event has the name that its portal gives it."""
    hostile = "\x1b[2J\x9b31m\u202e\n"
    event = logged(message="event", event=hostile, source=hostile, answer=hostile)
    found = [
        *shown(http(hostile, f"/{hostile}", f"{hostile}={hostile}&url={hostile}"), logged(source=hostile)),
        *shown({"Records": []}, event),
        *shown({"command": hostile}, error=hostile),
    ]
    assert [line for line in found if not line.isprintable()] == []


def test_line_of_a_text_with_half_a_character_can_be_encoded() -> None:
    half = "\ud83d"
    lines = [*shown({"command": half}), *shown(http("GET", f"/{half}", f"entity_id={half}")), *shown(http(half, "/"))]
    assert len("\n".join(lines).encode().splitlines()) == 3


@pytest.mark.parametrize(
    "event",
    [None, [], 7, {"routeKey": None}, {"routeKey": "x", "requestContext": None}, {"routeKey": 1, "requestContext": {}},
     {"routeKey": "x", "requestContext": {"http": {}}, "rawPath": 1, "rawQueryString": 5}, {"command": ["x"]}],
)  # fmt: skip
def test_invocation_by_name_with_any_event_has_one_line(event: object) -> None:
    assert len(shown(event)) == 1


def test_reader_that_has_gone_ends_the_lines_and_fails_no_invocation() -> None:
    tries: list[str] = []

    def show(line: str) -> None:
        tries.append(line)
        raise BrokenPipeError

    watch = RequestLines(show)
    for _ in range(3):
        watch(invocation(http("GET", "/health"), answer={"statusCode": 200}))
    assert len(tries) == 1


def test_running_service_shows_a_look_up_with_one_portal_call_and_its_repetition_with_none(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed: list[str] = []
    monkeypatch.setattr(service.stack.backend.functions, "watchers", [RequestLines(passed.append)])
    for _ in range(2):
        service.look_up("CRM", "DEAL|1663")
    path = "GET /v1/chats?entity_type=CRM&entity_id=DEAL%7C1663 200"
    found = [line.partition(" ")[2].split(" ms, ") for line in passed]
    assert [(start.rpartition(" ")[0], end) for start, end in found] == [
        (f"{path} portal", "1 portal call"),
        (f"{path} cache", "0 portal calls"),
    ]


def test_running_service_shows_an_event_with_what_became_of_it_and_the_calls_that_it_took(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker processes each portal's events in a thread of its own: what is printed there counts, too."""
    talk, passed = conversation(stage, "v2"), list[str]()
    monkeypatch.setattr(stage.service.stack.backend.functions, "watchers", [RequestLines(passed.append)])
    talk.say("deal 1663")
    stage.service.settle()
    (event,) = [line.partition(" ")[2] for line in passed if " EVENT " in line]
    assert re.fullmatch(r"EVENT ONIMBOTV2MESSAGEADD answered portal [0-9]+ ms, 2 portal calls", event), event
