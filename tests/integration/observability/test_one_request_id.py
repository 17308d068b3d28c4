"""One request id finds all log lines of a request, from the gateway to the answer (design 7)."""

from typing import Any

import pytest

from tests.support.events.conversation import Conversation, conversation
from tests.support.portals.unknown_portal import Stage
from tests.support.reply_checks import only_line, problem
from tests.support.service import Service


def test_log_line_of_a_look_up_has_the_request_id_of_its_answer(service: Service) -> None:
    service.control("/faults", {"method": "im.chat.get", "error": "ACCESS_ERROR"})

    reply = service.look_up("CRM", "DEAL|1663", method="im")

    body = problem(reply, 403, "chat-not-accessible")
    assert only_line(service)["request_id"] == body["request_id"] == reply.headers["apigw-requestid"]


def test_log_line_of_a_rest_call_has_the_request_id_of_its_answer(service: Service) -> None:
    reply = service.get(f"/rest/1/{service.api_key}/im.chat.get?ENTITY_TYPE=CRM&ENTITY_ID=DEAL%7C1663", {})

    assert only_line(service)["request_id"] == reply.headers["apigw-requestid"]


@pytest.fixture
def talk(stage: Stage) -> Conversation:
    talk = conversation(stage, "v2")
    stage.service.mark()
    return talk


def lines_by_request(service: Service) -> dict[str, list[dict[str, Any]]]:
    lines: dict[str, list[dict[str, Any]]] = {}
    for line in service.logs():
        lines.setdefault(line["request_id"], []).append(line)
    return lines


def test_request_id_of_an_event_is_logged_until_it_is_answered_and_published(talk: Conversation) -> None:
    service = talk.stage.service

    assert len(talk.asks("deal 1663")) == 1

    (lines,) = lines_by_request(service).values()
    received, worked = lines
    assert (received["route"], received["queued_via"]) == ("POST /bitrix24/events", "queue")
    assert (worked["message"], worked["answer"], worked["published"]) == ("event", "answered", True)
    (entry,) = service.published()
    assert entry.detail["event_id"] == received["event_id"] == worked["event_id"]


def test_portal_error_of_an_answer_is_logged_with_the_request_id_of_its_event(talk: Conversation) -> None:
    talk.stage.answers("imbot.v2.Chat.Message.send", error="BOT_OWNERSHIP_ERROR", status=403)

    assert talk.asks("deal 1663") == []

    (lines,) = lines_by_request(talk.stage.service).values()
    assert [line.get("portal_error") for line in lines] == [None, "BOT_OWNERSHIP_ERROR"]
