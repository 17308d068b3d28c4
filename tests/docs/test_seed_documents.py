"""Every look-up of the platform's documents, old pages included, answered as documented (bitrix24.md 1.1, 1.2).

Both methods find the same chats, so every example is tested with both; the pages contradict each other about the
result, so also with each printed result.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.reply_checks import counted, found, problem
from tests.support.service import Service

METHODS = {"im": "im.chat.get", "imbot": "imbot.chat.get"}

TIME = {
    "start": 1771929873,
    "finish": 1771929873.459722,
    "duration": 0.45972204208374023,
    "processing": 0,
    "date_start": "2026-02-24T13:44:33+03:00",
    "date_finish": "2026-02-24T13:44:33+03:00",
    "operating_reset_at": 1771930473,
    "operating": 0,
}


@dataclass(frozen=True)
class Example:
    """Parameters of one example; `bot_id` if the page sends one."""

    entity_type: str
    entity_id: str | int
    bot_id: int | None = None

    def event(self) -> dict[str, object]:
        """Return the parameters in the platform's own spelling, with the types of the page."""
        bot = {} if self.bot_id is None else {"BOT_ID": self.bot_id}
        return {"ENTITY_TYPE": self.entity_type, "ENTITY_ID": self.entity_id, **bot}

    def query(self) -> dict[str, str]:
        bot = {} if self.bot_id is None else {"bot_id": str(self.bot_id)}
        return {"entity_type": self.entity_type, "entity_id": str(self.entity_id), **bot}


EXAMPLES = {
    "imbot.chat.get, first page: a number and a bot": Example("OPEN", 13, bot_id=39),
    "im.chat.get, first page: a lead": Example("CRM", "LEAD|13"),
    "im.chat.get, Russian page: an open line": Example("LINES", "telegrambot|2|209607941|744"),
    "imbot.chat.get, present pages: a chat of one's own": Example("CHAT", "13"),
    "imbot.chat.get, first page, in its table: an open line": Example("OPENLINES", 13),
    "imbot.chat.get, first page, in its table: a call": Example("CALL", 13),
    "im.chat.get, Russian page, in its table: a client's side": Example("LIVECHAT", "LEAD|13"),
}

BODIES: dict[str, tuple[dict[str, Any], int | None, str]] = {
    "a bare number": ({"result": 10}, 10, "int"),
    "an object": ({"result": {"ID": 2725}, "time": TIME}, 2725, "object"),
    "null": ({"result": None}, None, "null"),
    "null with its time": ({"result": None, "time": TIME}, None, "null"),
}

every_example = pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
both_methods = pytest.mark.parametrize("method", METHODS)


@both_methods
@every_example
@pytest.mark.parametrize(("body", "chat_id", "shape"), BODIES.values(), ids=BODIES)
def test_example_with_each_printed_result_is_answered(
    service: Service, example: Example, method: str, body: dict[str, Any], chat_id: int | None, shape: str
) -> None:
    service.control("/faults", {"method": METHODS[method], "body": body})

    reply = service.look_up(**example.query(), method=method)

    if chat_id is None:
        problem(reply, 404, "chat-not-found")
    else:
        answer = found(reply)
        assert (answer["chat_id"], answer["method"]) == (chat_id, METHODS[method])
        assert (answer["entity_type"], answer["entity_id"]) == (example.entity_type, str(example.entity_id))
    assert counted(service, "ResultShape", shape=shape) == 1
    (call,) = service.calls()
    # As the page sends it, but with the id as text.
    bot = {} if example.bot_id is None else {"BOT_ID": example.bot_id}
    assert call["method"] == METHODS[method]
    assert call["params"] == {"ENTITY_TYPE": example.entity_type, "ENTITY_ID": str(example.entity_id), **bot}


@pytest.fixture
def _samples_return(service: Service) -> Iterator[None]:
    """The portal has the documented chats under the documented ids: a test that moves one restores it."""
    yield
    for chat_id, entity_type, entity_id in ((10, "CRM", "LEAD|13"), (2725, "CHAT", "13")):
        service.control("/chats", {"chat_id": chat_id, "entity_type": entity_type, "entity_id": entity_id})


@every_example
@pytest.mark.parametrize(("shape", "chat_id"), [("int", 10), ("object", 2725)])
@pytest.mark.usefixtures("_samples_return")
def test_example_finds_the_chat_of_a_portal_that_has_it(
    service: Service, example: Example, shape: str, chat_id: int
) -> None:
    pair = {"entity_type": example.entity_type, "entity_id": str(example.entity_id)}
    service.control("/chats", {**pair, "chat_id": chat_id})
    service.control("/shape", {"result": shape})

    assert found(service.look_up(**example.query()))["chat_id"] == chat_id


@every_example
def test_example_in_platform_spelling_is_answered_by_direct_invocation(service: Service, example: Example) -> None:
    method = "im" if example.bot_id is None else "imbot"
    service.control("/faults", {"method": METHODS[method], "body": BODIES["an object"][0]})

    answer = service.direct(example.event())

    assert (answer["chat_id"], answer["entity_id"]) == (2725, str(example.entity_id))
    assert answer["method"] == METHODS[method]


@pytest.mark.parametrize("status", [400, 403])
def test_documented_access_error_is_answered_as_chat_not_accessible(service: Service, status: int) -> None:
    error = {"error": "ACCESS_ERROR", "error_description": "You don't have access to this chat"}
    service.control("/faults", {"method": "imbot.chat.get", "status": status, **error})

    body = problem(service.look_up("CHAT", "13", method="imbot"), 403, "chat-not-accessible")

    assert body["portal_error"] == "ACCESS_ERROR"
    assert "access to this chat" not in body["detail"]


def test_documented_guest_session_error_is_answered_as_portal_misconfigured(service: Service) -> None:
    service.control("/faults", {"method": "imbot.chat.get", "error": "AUTHORIZE_ERROR"})

    body = problem(service.look_up("CHAT", "13", method="imbot"), 502, "portal-misconfigured")

    assert body["portal_error"] == "AUTHORIZE_ERROR"
