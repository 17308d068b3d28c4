"""Questions of employees to the bot in chats of their portal, and its answers, with both versions of the bot API."""

from itertools import cycle

import pytest

from tests.support.events.conversation import (
    CUSTOMER,
    DEAL_CHAT,
    EXTRANET,
    GROUP_CHAT,
    GUEST,
    LINE_CHAT,
    OTHER_BOT,
    TASK_CHAT,
    Conversation,
    conversation,
)
from tests.support.portals.unknown_portal import Stage

FORMS = (
    ("CRM DEAL|1663", DEAL_CHAT),
    ("deal 1663", DEAL_CHAT),
    ("task 8293", TASK_CHAT),
    ("group 133", GROUP_CHAT),
    ("https://{domain}/crm/deal/details/1663/?IFRAME=Y&IFRAME_TYPE=SIDE_SLIDER", DEAL_CHAT),
    ("look: https://{domain}/crm/lead/show/13/, please", 10),
    ("[URL=https://{domain}/crm/type/2/details/1663/]the deal[/URL]", DEAL_CHAT),
    ("https://{domain}/company/personal/user/1/tasks/task/view/8293/", TASK_CHAT),
    ("https://{domain}/workgroups/group/133/tasks/task/view/8293/", TASK_CHAT),
    ("https://{domain}/workgroups/group/133/", GROUP_CHAT),
)
"""Texts of employees, and the chat of the demo portal for each."""
OPEN_IT = {"en": "Open the chat", "de": "Chat öffnen", "ru": "Открыть чат"}
WORDS = {
    "en": ("deal 1663", "task 8293", "group 133"),
    "de": ("Auftrag 1663", "Aufgabe 8293", "Gruppe 133"),
    "ru": ("сделка 1663", "задача 8293", "группа 133"),
}
TITLES = ("200 office chairs", "order the chairs", "Purchasing", "request from the site")


A_MINUTE = 60


@pytest.fixture(scope="module", params=["v2", "v1"])
def one_talk(one_stage: Stage, request: pytest.FixtureRequest) -> Conversation:
    """One bot of either version for all tests: none of them changes the installation."""
    one_stage.reset()
    return conversation(one_stage, request.param)


@pytest.fixture
def talk(one_talk: Conversation) -> Conversation:
    """The bot with the whole of the portal's rate limit; only its new messages count."""
    one_talk.stage.service.clock.advance(A_MINUTE)
    return one_talk


def test_every_form_is_answered_with_chat_and_link_and_without_title(talk: Conversation) -> None:
    for (form, chat_id), language in zip(FORMS, cycle(OPEN_IT), strict=False):
        text = form.format(domain=talk.stage.portal.domain)
        (answer,) = talk.asks(text, language=language)
        assert f"chat{chat_id}" in answer, text
        assert f"[URL={talk.link(chat_id)}]{OPEN_IT[language]}[/URL]" in answer, text
        assert not [title for title in TITLES if title in answer]


@pytest.mark.parametrize("language", WORDS)
def test_words_of_each_language_are_understood(talk: Conversation, language: str) -> None:
    answers = [talk.asks(text, language=language) for text in WORDS[language]]
    for answer, chat_id in zip(answers, (DEAL_CHAT, TASK_CHAT, GROUP_CHAT), strict=True):
        assert len(answer) == 1
        assert talk.link(chat_id) in answer[0]


@pytest.mark.parametrize("language", OPEN_IT)
def test_other_text_gets_one_line_of_help(talk: Conversation, language: str) -> None:
    (answer,) = talk.asks("what can you do?", language=language)
    assert "/chatid" in answer
    assert "\n" not in answer


def test_command_is_answered_in_a_chat_without_the_bot(talk: Conversation) -> None:
    (answer,) = talk.asks("/chatid", chat_id=DEAL_CHAT)
    assert f"chat{DEAL_CHAT}" in answer
    assert "DEAL|1663" in answer
    assert talk.send_methods()[-1].lower().endswith("command.answer")


def test_command_with_a_text_is_answered_in_a_group(talk: Conversation) -> None:
    (answer,) = talk.asks("/chatid task 8293", chat_id=DEAL_CHAT)
    assert talk.link(TASK_CHAT) in answer


def test_mention_in_a_group_is_answered_with_the_chat_or_with_the_entity_that_it_names(talk: Conversation) -> None:
    chat_id = talk.chat_with_bot("CRM", "DEAL|77")
    (answer,) = talk.asks("@Chat Lookup well done!", chat_id=chat_id)
    assert f"chat{chat_id}" in answer
    assert "CRM DEAL|77" in answer
    (answer,) = talk.asks("@Chat Lookup deal 1663", chat_id=chat_id)
    assert talk.link(DEAL_CHAT) in answer
    assert talk.messages()[-1]["chat_id"] == chat_id


def test_command_in_the_personal_chat_that_sends_two_events_is_answered_once(talk: Conversation) -> None:
    known = len(talk.messages())
    message = talk.say("/chatid deal 1663")
    assert len(message["sent"]) == 2
    talk.stage.service.settle()
    (answer,) = talk.messages()[known:]
    assert talk.link(DEAL_CHAT) in answer["text"]


@pytest.mark.parametrize("user_id", [EXTRANET, CUSTOMER, GUEST, OTHER_BOT])
def test_only_employees_are_answered(talk: Conversation, user_id: int) -> None:
    chat_id = talk.chat_with_bot("CRM", "DEAL|78", user_id)
    assert talk.asks("deal 1663", user_id=user_id) == []
    assert talk.asks("@Chat Lookup deal 1663", user_id=user_id, chat_id=chat_id) == []
    assert talk.asks("/chatid", user_id=user_id, chat_id=chat_id) == []


def test_command_in_an_open_line_is_answered_hidden_from_the_customer_and_mention_is_ignored(
    talk: Conversation,
) -> None:
    (answer,) = talk.asks("/chatid", chat_id=LINE_CHAT)
    assert f"chat{LINE_CHAT}" in answer
    *_, call = [call for call in talk.stage.ask("/calls") if call["method"].lower().endswith("command.answer")]
    fields = call["params"].get("fields", call["params"])
    assert fields.get("system") is True or fields.get("SYSTEM") == "Y"
    line = talk.chat_with_bot("LINES", "telegrambot|2|1|745")
    assert talk.asks("@Chat Lookup deal 1663", chat_id=line) == []


def test_link_to_another_portal_is_answered_with_the_name_of_this_one(talk: Conversation) -> None:
    (answer,) = talk.asks("https://elsewhere.bitrix24.com/crm/deal/details/1663/")
    assert "IM_DIALOG" not in answer
    assert talk.stage.portal.domain in answer


def test_command_in_the_personal_chat_returns_its_id(talk: Conversation) -> None:
    (answer,) = talk.asks("/chatid")
    assert answer.startswith("This is chat ")


def test_chat_several_objects_and_an_object_of_ones_own_are_answered(talk: Conversation) -> None:
    (answer,) = talk.asks(f"chat {DEAL_CHAT}")
    assert "CRM DEAL|1663" in answer
    (answer,) = talk.asks("deal 1663 and task 8293")
    assert [talk.link(DEAL_CHAT) in answer, talk.link(TASK_CHAT) in answer, answer.count("\n")] == [True, True, 1]
    talk.stage.tell("/chats", {"entity_type": "ORDER", "entity_id": "2026-0815", "chat_id": 51999})
    (answer,) = talk.asks("ORDER 2026-0815")
    assert talk.link(51999) in answer
