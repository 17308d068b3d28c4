"""Many users write to the bot in one chat at once: each is answered once, within the portal's limits."""

from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pytest

from tests.support.events.conversation import Conversation, conversation
from tests.support.portals.unknown_portal import Stage

BURST: Final = 50


@pytest.fixture
def talk(stage: Stage) -> Conversation:
    return conversation(stage, "v2")


def test_burst_in_one_chat_is_answered_within_the_portals_limits(talk: Conversation) -> None:
    chat_id = talk.chat_with_bot("CRM", "DEAL|79")
    with ThreadPoolExecutor(8) as people:
        list(people.map(lambda _: talk.say("@Chat Lookup deal 1663", chat_id=chat_id), range(BURST)))
    answers = talk.until(BURST)
    talk.stage.service.settle()
    assert len(talk.messages()) == BURST
    assert {answer["chat_id"] for answer in answers} == {chat_id}
    assert [call for call in talk.stage.ask("/calls") if call["error"] == "QUERY_LIMIT_EXCEEDED"] == []
    assert talk.unsent() == 0
