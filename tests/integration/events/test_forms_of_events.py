"""Events of v2 in every form that documents and source show: the bot answers each, and their tokens stay nowhere."""

from collections.abc import Iterator
from typing import Any, Final

import pytest
import urllib3

from local.portal.events.http_delivery import Answer, Delivery
from local.portal.events.outgoing import Message
from local.portal.protocol import php
from tests.support.events.conversation import DEAL_CHAT, Conversation, conversation
from tests.support.portals.switches import AS_USUAL
from tests.support.portals.unknown_portal import Stage

FORMS: Final[tuple[dict[str, object], ...]] = (
    {},
    {"entity_id_in_events": False},
    {"auth_in_events": "brief"},
    {"refresh_in_events": False},
    {"handler_id": "bound"},
    {"entity_id_in_events": False, "auth_in_events": "brief", "refresh_in_events": False, "handler_id": "bound"},
)
"""What differs from the usual form; the last is the oldest of all."""


@pytest.fixture(scope="module")
def one_talk(one_stage: Stage) -> Conversation:
    one_stage.reset()
    return conversation(one_stage, "v2")


@pytest.fixture
def talk(one_talk: Conversation) -> Iterator[Conversation]:
    one_talk.stage.service.clock.advance(60)
    yield one_talk
    one_talk.stage.tell("/shape", AS_USUAL)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The events that the portal sends, as PHP decodes them."""
    events: list[Any] = []
    usual = Delivery.send

    def recording(delivery: Delivery, message: Message) -> Answer:
        events.append(php.decode_query(message.body))
        return usual(delivery, message)

    monkeypatch.setattr(Delivery, "send", recording)
    return events


@pytest.mark.parametrize("form", FORMS, ids=lambda form: ",".join(form) or "usual")
def test_bot_answers_events_of_every_form(talk: Conversation, form: dict[str, object]) -> None:
    talk.stage.tell("/shape", form)
    [answer] = talk.asks("deal 1663")
    assert str(DEAL_CHAT) in answer


def test_tokens_of_the_bot_in_an_event_are_in_no_table_log_or_published_entry(
    talk: Conversation, sent: list[Any]
) -> None:
    talk.asks("deal 1663")
    [event] = sent
    auth = event["data"]["bot"]["auth"]
    tokens = {auth["access_token"], auth["refresh_token"]}
    service = talk.stage.service
    kept = repr([service.items(table) for table in ("PortalTable", "CacheTable")])
    kept += service.output() + repr([entry.detail for entry in service.published()])
    assert "deal" in kept.lower()
    assert [token for token in tokens if token in kept] == []


def test_reactions_edits_deletions_and_links_are_processed_without_an_answer(talk: Conversation) -> None:
    talk.asks("deal 1663")
    answer = talk.messages()[-1]
    said = talk.say("thanks")["message_id"]
    talk.stage.service.settle()
    known = len(talk.messages())
    for path, body in (
        ("/react", {"message_id": answer["message_id"], "reaction": "like"}),
        ("/edit", {"message_id": said, "text": "deal 1663"}),
        ("/open", {"context": {"entityType": "deal", "entityId": 1663}}),
        ("/delete", {"message_id": said}),
    ):
        reply = talk.stage.tell(path, body)
        assert [each["status"] for each in reply["sent"]] == [200], path
    talk.stage.service.settle()
    assert len(talk.messages()) == known


def test_bot_is_forgotten_with_its_last_event(talk: Conversation) -> None:
    portal = talk.stage.portal

    def bot_of_record() -> object:
        portals = talk.stage.service.admin("portals")["portals"]
        return next(each["bot_id"] for each in portals if each["member_id"] == portal.member_id)

    assert bot_of_record() == talk.bot_id
    token = talk.stage.grant()["access_token"]
    with urllib3.PoolManager(ca_certs=str(portal.ca_file)) as http:
        asked = {"botId": talk.bot_id, "auth": token}
        answer = http.request("POST", f"{portal.portal_url}/rest/imbot.v2.Bot.unregister", json=asked)
    assert answer.json()["result"] == {"result": True}
    portal.settle()
    talk.stage.service.settle()
    assert bot_of_record() is None
