"""Objects and the bot: events that make the next answer for an object a new one, and questions for all of its chats.

With both versions of the bot's API.
"""

from itertools import count
from typing import Any, Final

import pytest

from tests.support.events.conversation import Conversation, conversation
from tests.support.portals.crm_objects import SCOPES
from tests.support.portals.unknown_portal import Stage

NUMBERS: Final = count(610_001)


class ObjectTalk:
    """A portal with our bot, and questions about its objects with a key."""

    def __init__(self, talk: Conversation, key: str) -> None:
        self.talk = talk
        self.key = key

    def ask(self, kind: str, number: int, query: str = "relatives=false") -> dict[str, Any]:
        reply = self.talk.stage.service.get(f"/v1/objects/{kind}/{number}/chats?{query}", {"X-Api-Key": self.key})
        assert reply.status == 200, reply.body
        body: dict[str, Any] = reply.json
        return body

    def line(self, *objects: tuple[str, int]) -> int:
        """A line with our bot in it, bound to these objects; returns its chat."""
        crm = [{"type": kind, "id": number} for kind, number in objects]
        chat_id: int = self.talk.stage.tell("/lines", {"connector": "telegrambot", "crm": crm})["chat_id"]
        self.talk.stage.tell("/join", {"chat_id": chat_id})
        self.talk.stage.service.settle()
        # The event of this joining names the objects, too: what is asked just after it is not trusted (clock.SKEW).
        self.talk.stage.service.clock.advance(1)
        return chat_id

    def mention(self, chat_id: int) -> None:
        self.talk.say("@Chat Lookup, thanks", chat_id=chat_id)
        self.talk.stage.service.settle()


@pytest.fixture(scope="module", params=["v2", "v1"])
def one_talk(one_stage: Stage, request: pytest.FixtureRequest) -> ObjectTalk:
    one_stage.reset()
    one_stage.tell("/scopes", {"scopes": sorted(SCOPES), "client_id": one_stage.card.client_id})
    talk = conversation(one_stage, request.param)
    return ObjectTalk(talk, one_stage.key())


in_v2 = pytest.mark.parametrize("one_talk", ["v2"], indirect=True)
"""Where the version makes no difference."""


@pytest.fixture
def objects(one_talk: ObjectTalk) -> ObjectTalk:
    one_talk.talk.stage.begin_again()
    return one_talk


def test_event_in_a_line_forgets_the_lists_of_the_objects_that_it_names_and_of_no_other(objects: ObjectTalk) -> None:
    deal, contact, other = next(NUMBERS), next(NUMBERS), next(NUMBERS)
    chat_id = objects.line(("deal", deal), ("contact", contact))
    objects.line(("deal", other))
    named = (("deal", deal), ("contact", contact))
    for key in (*named, ("deal", other)):
        assert objects.ask(*key)["source"] == "portal"
        assert objects.ask(*key)["source"] == "cache"

    objects.mention(chat_id)

    assert [objects.ask(*key)["source"] for key in named] == ["portal", "portal"]
    assert objects.ask("deal", other)["source"] == "cache"


def test_line_that_begins_is_in_the_next_answer_after_its_event(objects: ObjectTalk) -> None:
    deal = next(NUMBERS)
    first = objects.line(("deal", deal))
    assert [chat["chat_id"] for chat in objects.ask("deal", deal)["chats"]] == [first]
    second = objects.line(("deal", deal))
    objects.mention(second)
    assert [chat["chat_id"] for chat in objects.ask("deal", deal)["chats"]] == [second, first]


def test_event_in_a_plain_chat_forgets_no_list(objects: ObjectTalk) -> None:
    deal = next(NUMBERS)
    objects.line(("deal", deal))
    objects.ask("deal", deal)
    objects.mention(objects.talk.chat_with_bot("ORDER", str(deal)))
    assert objects.ask("deal", deal)["source"] == "cache"


QUESTIONS: Final = (
    ("en", "chats deal 1663"),
    ("en", "all chats of deal 1663"),
    ("de", "Alle Chats von Auftrag 1663"),
    ("ru", "чаты сделка 1663"),
    ("en", "chats https://{domain}/crm/deal/details/1663/"),
)


@in_v2
def test_bot_lists_the_chats_of_an_object_and_of_its_clients_with_links_and_no_address(objects: ObjectTalk) -> None:
    talk = objects.talk
    talk.stage.tell("/plan", {"rate": 1000, "burst": 1000})
    secret = {each[name] for each in talk.stage.ask("/crm") for name in ("phone", "mail")}
    for language, question in QUESTIONS:
        (answer,) = talk.asks(question.format(domain=talk.stage.portal.domain), language=language)
        places = [answer.find(talk.link(chat_id)) for chat_id in (1437, 1764, 1763)]
        assert -1 < places[0] < places[1] < places[2], answer
        assert {each for each in secret if each in answer} == set()


@in_v2
def test_bot_answers_for_an_object_of_another_portal_without_a_call(objects: ObjectTalk) -> None:
    before = len(objects.talk.stage.calls())
    (answer,) = objects.talk.asks("chats https://other.bitrix24.com/crm/deal/details/1663/")
    assert "chat1437" not in answer
    assert "batch" not in objects.talk.stage.calls()[before:]
