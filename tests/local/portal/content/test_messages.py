"""The messages that a portal keeps, and the chats that users have with bots."""

import pytest

from local.portal.content import messages as chat_messages
from local.portal.content.chat import Chat
from local.portal.content.content import Bot, Content, User
from local.portal.content.messages import ChatMessage, ChatMessages, cut


def put(messages: ChatMessages, method: str = "") -> ChatMessage:
    message = ChatMessage(messages.next_id(), 1.0, 10, 1, "Hi", method)
    messages.put(message)
    return message


def test_a_message_is_found_by_its_id_as_parameters_give_it() -> None:
    messages = ChatMessages()
    message = put(messages)
    assert messages.get(str(message.id)) == message
    for wrong in ("", "0", "x", "-1", "1.5", "²", str(message.id + 1), "9" * 5000):
        assert messages.get(wrong) is None


def test_only_what_bots_wrote_is_listed_the_newest_last() -> None:
    messages = ChatMessages()
    first, _, last = (put(messages, method) for method in ("send", "", "answer"))
    assert messages.of_bots() == [first, last]


def test_the_oldest_messages_are_forgotten_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_messages, "_MOST", 2)
    messages = ChatMessages()
    kept = [put(messages, "send") for _ in range(5)]
    assert messages.of_bots() == kept[3:]


def test_a_text_is_cut_where_it_gets_too_long() -> None:
    assert cut("x" * 20_000) == "x" * 20_000
    assert cut("x" * 30_000) == "x" * 20_000 + " (...)"


def test_a_user_has_one_chat_with_a_bot_that_each_calls_by_the_other() -> None:
    content = Content()
    content.add_user(User(1, "Anna"))
    content.add_bot(Bot(50, "bot"), "Bot")
    chat = content.personal_chat(1, 50, now=1.0)
    assert content.personal_chat(1, 50, now=2.0) == chat
    assert (chat.dialog_id(1), chat.dialog_id(50)) == ("50", "1")
    assert content.dialog("1", 50) == content.dialog("50", 1) == content.dialog(f"chat{chat.id}", 1) == chat


def test_a_chat_that_somebody_joins_is_none_the_younger() -> None:
    content = Content()
    for chat_id in (7, 8):
        content.put_chat(Chat(chat_id, "Deal", 1, frozenset({1}), "CRM", "DEAL|5"))
    content.put_chat(content.chats[7].with_member(2))
    assert content.bound_to("CRM", "DEAL|5") == content.chats[8]
    content.put_chat(Chat(8, "Deal", 1, frozenset({1}), "CRM", "DEAL|6"))
    assert content.bound_to("CRM", "DEAL|5") == content.chats[7]


def test_a_dialog_is_shown_to_its_members_only() -> None:
    content = Content()
    content.put_chat(Chat(7, "Group", 1, frozenset({1, 2})))
    assert content.dialog("chat7", 2) is not None
    for dialog_id, member_id in (("chat7", 3), ("7", 1), ("chat8", 1), ("chat", 1), ("", 1), ("chat" + "9" * 5000, 1)):
        assert content.dialog(dialog_id, member_id) is None
