"""A message in a pair's chat saves its next look-up the portal call; a forged one changes nothing.

Of a deal the portal is asked when the event comes; an application's own pair is learned from the event itself.
"""

import json
from dataclasses import dataclass, replace
from itertools import count
from typing import Any
from urllib.parse import parse_qs

import pytest

from chat_lookup.events.model import EventChat
from tests.support.events.bot_questions import message
from tests.support.events.conversation import Conversation, conversation
from tests.support.events.event_arrival import body_of
from tests.support.portals.unknown_portal import Stage

HOUR = 3600
DAY = 24 * HOUR
LOOK_UP_METHODS = {"im.chat.get", "imbot.chat.get"}
CHAT_GET = "imbot.v2.Chat.get"
FORGED_CHAT = 666


@dataclass(slots=True)
class Deals:
    """A portal with the bot of the service, and look-ups with a key for it."""

    talk: Conversation
    key: str
    entity_type: str = "CRM"

    @property
    def stage(self) -> Stage:
        return self.talk.stage

    def look_up(self, deal: str, **options: str) -> dict[str, Any]:
        reply = self.stage.look_up(self.key, entity_type=self.entity_type, entity_id=deal, **options)
        assert reply.status == 200, reply.body
        found: dict[str, Any] = reply.json
        return found

    def calls(self, *methods: str) -> list[str]:
        """Return the calls of these methods to the portal, in order."""
        return [method for method in self.stage.calls() if method in methods]

    def mention(self, chat_id: int, **more: object) -> None:
        """A user mentions the bot in a chat, and the worker handles the event."""
        self.talk.say("@Chat Lookup, thanks", chat_id=chat_id, **more)
        self.stage.service.settle()

    def claim(self, deal: str, chat_id: int) -> None:
        """Send an event with the portal's own token that binds another chat to a deal; the worker handles it."""
        portal = self.stage.portal
        token = parse_qs(self.stage.message().body)["APPLICATION_TOKEN"][0]
        binding = {
            "auth[application_token]": token,
            "auth[member_id]": portal.member_id,
            "auth[domain]": portal.domain,
            "auth[client_endpoint]": f"https://{portal.domain}/rest/",
            "data[message][id]": f"{chat_id}{self.stage.service.clock.now():.0f}",
            "data[chat][id]": str(chat_id),
            "data[chat][dialogId]": f"chat{chat_id}",
            "data[chat][entityType]": self.entity_type,
            "data[chat][entityId]": deal,
        }
        answer = self.stage.request("POST", "/bitrix24/events", body_of(binding))
        assert answer.status == 200, answer
        self.stage.service.settle()


_numbers = count(2001)


@pytest.fixture
def deal() -> str:
    """A deal that no other test uses: chats stay in the portal."""
    return f"DEAL|{next(_numbers)}"


@pytest.fixture(scope="module", params=["v2", "v1"])
def installed(one_stage: Stage, request: pytest.FixtureRequest) -> Deals:
    """A portal with a bot of either version, for all tests: none of them changes the installation."""
    one_stage.reset()
    talk = conversation(one_stage, request.param)
    return Deals(talk, one_stage.key())


in_v2 = pytest.mark.parametrize("installed", ["v2"], indirect=True)
"""Where the version makes no difference, or there is no other."""


@pytest.fixture
def deals(installed: Deals) -> Deals:
    installed.stage.begin_again()
    return installed


@pytest.fixture
def orders(deals: Deals) -> Deals:
    """The same, with pairs of an application's own type."""
    return replace(deals, entity_type="ORDER")


@pytest.fixture(params=["CRM", "ORDER"])
def pairs(deals: Deals, request: pytest.FixtureRequest) -> Deals:
    """The same, with pairs of either kind."""
    return replace(deals, entity_type=request.param)


def test_look_up_after_a_mention_in_an_orders_chat_makes_no_call(orders: Deals, deal: str) -> None:
    chat_id = orders.talk.chat_with_bot("ORDER", deal)
    orders.mention(chat_id)
    before = orders.stage.calls()

    found = orders.look_up(deal)

    assert (found["chat_id"], found["source"]) == (chat_id, "event")
    assert orders.stage.calls() == before
    assert orders.calls(*LOOK_UP_METHODS) == []


def test_portal_is_asked_once_for_many_mentions_in_a_deals_chat(deals: Deals, deal: str) -> None:
    chat_id = deals.talk.chat_with_bot("CRM", deal)
    for _ in range(3):
        deals.mention(chat_id)

    found = deals.look_up(deal)

    assert (found["chat_id"], found["source"]) == (chat_id, "cache")
    assert deals.calls(*LOOK_UP_METHODS) == ["im.chat.get"]


@in_v2
def test_v2_event_without_entity_costs_calls_for_the_chat_and_one_for_the_pair(deals: Deals, deal: str) -> None:
    """The chat is asked for by the cache, and once by the first answer."""
    deals.stage.tell("/shape", {"entity_id_in_events": False})
    chat_id = deals.talk.chat_with_bot("CRM", deal)
    for _ in range(3):
        deals.mention(chat_id)
    assert sorted(deals.calls(CHAT_GET, *LOOK_UP_METHODS)) == sorted([CHAT_GET, CHAT_GET, "im.chat.get"])
    assert deals.look_up(deal)["source"] == "cache"


@in_v2
def test_v2_event_with_entity_costs_no_call_for_the_chat(deals: Deals, deal: str) -> None:
    chat_id = deals.talk.chat_with_bot("CRM", deal)
    deals.mention(chat_id)
    assert deals.calls(CHAT_GET) == []
    assert deals.look_up(deal)["source"] == "cache"


def test_invitation_of_the_bot_fills_the_cache(pairs: Deals, deal: str) -> None:
    chat_id = pairs.stage.tell("/chats", {"entity_type": pairs.entity_type, "entity_id": deal})["chat_id"]
    pairs.stage.tell("/join", {"chat_id": chat_id})
    pairs.stage.service.settle()
    assert pairs.look_up(deal)["source"] == {"CRM": "cache", "ORDER": "event"}[pairs.entity_type]


def test_what_an_event_taught_expires_after_an_hour(orders: Deals, deal: str) -> None:
    chat_id = orders.talk.chat_with_bot("ORDER", deal)
    orders.mention(chat_id)
    orders.stage.service.clock.advance(1.2 * HOUR)

    found = orders.look_up(deal)

    assert (found["chat_id"], found["source"]) == (chat_id, "portal")


def test_event_replaces_a_cached_not_found(pairs: Deals, deal: str) -> None:
    assert pairs.stage.look_up(pairs.key, entity_type=pairs.entity_type, entity_id=deal).status == 404
    chat_id = pairs.talk.chat_with_bot(pairs.entity_type, deal)
    pairs.mention(chat_id)
    pairs.stage.service.cold_start()  # another process: this one has its own answer in memory for a moment

    assert pairs.look_up(deal)["chat_id"] == chat_id


def test_event_of_the_last_hour_refreshes_an_expired_answer(pairs: Deals, deal: str) -> None:
    chat_id = pairs.talk.chat_with_bot(pairs.entity_type, deal)
    assert pairs.look_up(deal)["source"] == "portal"
    pairs.stage.service.clock.advance(2 * DAY)
    pairs.mention(chat_id)

    assert pairs.look_up(deal)["source"] == "cache"


# -- forged bindings ---------------------------------------------------------------------------------------------------


@in_v2
def test_forged_binding_does_not_replace_the_chat_of_the_portal(pairs: Deals, deal: str) -> None:
    chat_id = pairs.talk.chat_with_bot(pairs.entity_type, deal)
    assert pairs.look_up(deal)["chat_id"] == chat_id

    for number in range(3):
        pairs.claim(deal, FORGED_CHAT + number)
        assert pairs.look_up(deal)["chat_id"] == chat_id
        pairs.stage.service.cold_start()
        assert pairs.look_up(deal)["chat_id"] == chat_id

    assert pairs.look_up(deal, fresh="true")["chat_id"] == chat_id


@in_v2
def test_forged_binding_does_not_replace_the_stale_answer_while_the_portal_fails(pairs: Deals, deal: str) -> None:
    chat_id = pairs.talk.chat_with_bot(pairs.entity_type, deal)
    pairs.look_up(deal)
    pairs.claim(deal, FORGED_CHAT)
    pairs.stage.service.cold_start()
    pairs.stage.tell("/faults", {"method": "*", "drop": True})

    found = pairs.look_up(deal)

    # Of a deal the portal was asked when the event came.
    assert (found["chat_id"], found["source"]) == (chat_id, {"CRM": "cache", "ORDER": "stale"}[pairs.entity_type])


@in_v2
def test_forged_binding_leads_to_a_question_to_the_portal(pairs: Deals, deal: str) -> None:
    chat_id = pairs.talk.chat_with_bot(pairs.entity_type, deal)
    pairs.look_up(deal)
    pairs.claim(deal, FORGED_CHAT)
    pairs.stage.service.cold_start()

    found = pairs.look_up(deal)

    assert (found["chat_id"], found["source"]) == (chat_id, {"CRM": "cache", "ORDER": "portal"}[pairs.entity_type])
    assert len(pairs.calls(*LOOK_UP_METHODS)) == 2


@in_v2
def test_answer_of_the_portal_replaces_a_row_of_a_forged_binding(pairs: Deals, deal: str) -> None:
    chat_id = pairs.talk.chat_with_bot(pairs.entity_type, deal)
    pairs.claim(deal, FORGED_CHAT)
    assert pairs.look_up(deal, fresh="true")["chat_id"] == chat_id
    pairs.claim(deal, FORGED_CHAT)
    pairs.stage.service.cold_start()

    assert pairs.look_up(deal)["chat_id"] == chat_id


# -- published entries and redriven dead letters -----------------------------------------------------------------------


def test_published_entry_contains_chat_and_entity_but_no_text_and_no_token(deals: Deals, deal: str) -> None:
    chat_id = deals.talk.chat_with_bot("CRM", deal)
    deals.mention(chat_id)

    (entry,) = [each for each in deals.stage.service.published() if "MESSAGE" in each.detail_type]

    assert (entry.bus, entry.source) == ("default", "bitrix24.chat")
    detail: Any = entry.detail
    assert detail["portal"] == {"member_id": deals.stage.portal.member_id, "domain": deals.stage.portal.domain}
    assert (detail["chat"]["chat_id"], detail["entity"]["entity_id"]) == (chat_id, deal)
    text = json.dumps(detail)
    assert "thanks" not in text
    assert "token" not in text
    assert deals.stage.grant()["access_token"] not in text


@in_v2
def test_redriven_dead_letter_is_handled(deals: Deals, deal: str) -> None:
    service, portal = deals.stage.service, deals.stage.portal
    aws = service.stack.backend.aws
    bound = EventChat(2021, "chat2021", "chat", entity_type="ORDER", entity_id=deal)
    letter = message("hello", chat=bound)._replace(member_id=portal.member_id, received_at=service.clock.now())
    # As a record that failed ten times is stored there.
    aws.sqs().send_message(QueueUrl=aws.queue_url("DeadLetterQueue"), MessageBody=letter.to_json())

    answer = service.admin("events.redrive")
    service.settle()

    assert answer == {"moved": 1, "left": 0}
    assert aws.left("DeadLetterQueue") == 0
    assert replace(deals, entity_type="ORDER").look_up(deal)["source"] == "event"
