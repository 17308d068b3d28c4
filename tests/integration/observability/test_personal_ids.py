"""No id of a person is in a log line or a metric, wherever it enters the service (docs/decisions/021)."""

import contextlib
import json
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from chat_lookup.entity import EntityRef
from chat_lookup.errors import ChatLookupError
from chat_lookup.events.model import EventChat, Record
from tests.support.events.bot_questions import message
from tests.support.events.conversation import Conversation, conversation
from tests.support.personal_ids import PERSONAL_PAIRS
from tests.support.portals.unknown_portal import Stage
from tests.support.service import Service

PAIRS = PERSONAL_PAIRS if os.environ.get("PERSONAL_IDS") else PERSONAL_PAIRS[::4]
"""All with PERSONAL_IDS=1."""


def assert_no_id_in_the_output(service: Service, *, lines: int) -> None:
    """Assert it for every spelling of an id in at least so many log lines."""
    logged = json.dumps([service.logs(), service.metrics()], ensure_ascii=False)
    for _, entity_id in PERSONAL_PAIRS:
        for spelling in (entity_id, quote(entity_id), quote(entity_id, safe=""), json.dumps(entity_id)[1:-1]):
            assert spelling not in logged
    assert len(service.logs()) >= lines


def quoting(entity_id: str) -> dict[str, object]:
    """The fault of a portal that quotes the id in its error."""
    return {"method": "*", "error": "NO_SUCH_DIALOG", "error_description": f"Dialog {entity_id} was not found."}


@pytest.fixture
def failing(service: Service) -> Iterator[Service]:
    yield service
    service.control("/reset", {})


def test_looked_up_ids_are_logged_as_pseudonyms(failing: Service) -> None:
    for entity_type, entity_id in PAIRS:
        failing.clock.advance(5)
        failing.control("/faults", quoting(entity_id))
        failing.look_up(entity_type, entity_id)
        failing.request("DELETE", "/v1/chats?" + urlencode({"entity_type": entity_type, "entity_id": entity_id}))

    assert_no_id_in_the_output(failing, lines=2 * len(PAIRS))
    logged = {line["entity_id"] for line in failing.logs()}
    assert logged == {EntityRef(*pair).loggable_id for pair in PAIRS}
    assert any("Dialog sha256:" in str(line.get("portal_description")) for line in failing.logs())


def test_ids_of_rest_requests_are_logged_as_pseudonyms(failing: Service) -> None:
    for entity_type, entity_id in PAIRS:
        failing.clock.advance(5)
        failing.control("/faults", quoting(entity_id))
        query = urlencode({"ENTITY_TYPE": entity_type, "ENTITY_ID": entity_id})
        failing.get(f"/rest/1/{failing.api_key}/im.chat.get?{query}", {})
        commands = {"cmd": {"a": f"im.chat.get?{query}", "b": f"im.dialog.get?DIALOG_ID={quote(entity_id)}"}}
        headers = {"Content-Type": "application/json"}
        failing.request("POST", f"/rest/1/{failing.api_key}/batch", headers, json.dumps(commands).encode())

    assert_no_id_in_the_output(failing, lines=2 * len(PAIRS))


def test_ids_of_batches_and_direct_look_ups_are_not_logged(failing: Service) -> None:
    lookups = [{"entity_type": entity_type, "entity_id": entity_id} for entity_type, entity_id in PERSONAL_PAIRS]
    failing.control("/faults", quoting(PERSONAL_PAIRS[0][1]))
    headers = {"X-Api-Key": failing.api_key, "Content-Type": "application/json"}

    failing.request("POST", "/v1/chats/batch", headers, json.dumps({"lookups": lookups}).encode())
    failing.direct({"lookups": lookups})
    for pair in lookups[:5]:
        failing.clock.advance(5)
        with contextlib.suppress(ChatLookupError):
            failing.direct(pair)

    assert_no_id_in_the_output(failing, lines=7)


@pytest.fixture
def talk(stage: Stage) -> Conversation:
    talk = conversation(stage, "v2")
    stage.service.mark()
    return talk


def test_ids_of_events_are_not_logged_where_they_are_received_processed_and_redriven(talk: Conversation) -> None:
    service = talk.stage.service
    for entity_type, entity_id in PAIRS[:6]:
        chat_id = talk.chat_with_bot(entity_type, entity_id)
        talk.asks(f"{entity_type} {entity_id}", chat_id=chat_id)
    for entity_type, entity_id in PERSONAL_PAIRS:
        talk.work(record_of(talk, entity_type, entity_id))
    redriven = redrive(service, [record_of(talk, *pair).to_json() for pair in PERSONAL_PAIRS])

    assert redriven.keys() == {"moved", "left"}
    assert redriven["moved"] == len(PERSONAL_PAIRS)
    service.settle()
    assert_no_id_in_the_output(service, lines=2 * len(PERSONAL_PAIRS))


def record_of(talk: Conversation, entity_type: str, entity_id: str) -> Record:
    """A queued event of a chat that belongs to this entity."""
    chat = EventChat(1764, "chat1764", "lines", entity_type=entity_type, entity_id=entity_id)
    portal, now = talk.stage.portal.member_id, talk.stage.service.clock.now()
    return message(f"{entity_type} {entity_id}", chat=chat)._replace(member_id=portal, received_at=now)


def redrive(service: Service, letters: list[str]) -> dict[str, Any]:
    """Put dead letters in their queue and send them back, as an operator does; return the command's answer."""
    aws = service.stack.backend.aws
    for letter in letters:
        aws.sqs().send_message(QueueUrl=aws.queue_url("DeadLetterQueue"), MessageBody=letter)
    answer: dict[str, Any] = service.admin("events.redrive")
    return answer
