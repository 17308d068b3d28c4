"""The messages that a portal stores, and the chats that users have with bots."""

import pytest

from local.portal.content import messages as chat_messages
from local.portal.content.chat import Chat
from local.portal.content.content import Bot, Content, User
from local.portal.content.messages import ChatMessage, ChatMessages, cut


def put(messages: ChatMessages, method: str = "") -> ChatMessage:
    message = ChatMessage(messages.next_id(), 1.0, 10, 1, "Hi", method)
    messages.put(message)
    return message


def test_message_is_found_by_its_id_as_a_parameter_gives_it() -> None:
    messages = ChatMessages()
    message = put(messages)
    assert messages.get(str(message.id)) == message
    for wrong in ("", "0", "x", "-1", "1.5", "²", str(message.id + 1), "9" * 5000):
        assert messages.get(wrong) is None


def test_only_messages_of_bots_are_listed_newest_last() -> None:
    messages = ChatMessages()
    first, _, last = (put(messages, method) for method in ("send", "", "answer"))
    assert messages.of_bots() == [first, last]


def test_oldest_messages_are_dropped_above_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_messages, "MOST", 2)
    messages = ChatMessages()
    kept = [put(messages, "send") for _ in range(5)]
    assert messages.of_bots() == kept[3:]


def test_text_above_the_limit_is_cut() -> None:
    assert cut("x" * 20_000) == "x" * 20_000
    assert cut("x" * 30_000) == "x" * 20_000 + " (...)"


def test_user_and_bot_have_one_personal_chat_with_the_other_ones_id_as_dialog_id() -> None:
    content = Content()
    content.add_user(User(1, "Anna"))
    content.add_bot(Bot(50, "bot"), "Bot")
    chat = content.personal_chat(1, 50, now=1.0)
    assert content.personal_chat(1, 50, now=2.0) == chat
    assert (chat.dialog_id(1), chat.dialog_id(50)) == ("50", "1")
    assert content.dialog("1", 50) == content.dialog("50", 1) == content.dialog(f"chat{chat.id}", 1) == chat


def test_chat_keeps_its_age_when_a_member_joins() -> None:
    content = Content()
    for chat_id in (7, 8):
        content.put_chat(Chat(chat_id, "Deal", 1, frozenset({1}), "CRM", "DEAL|5"))
    content.put_chat(content.chats[7].with_member(2))
    assert content.bound_to("CRM", "DEAL|5") == content.chats[8]
    content.put_chat(Chat(8, "Deal", 1, frozenset({1}), "CRM", "DEAL|6"))
    assert content.bound_to("CRM", "DEAL|5") == content.chats[7]


def test_dialog_is_shown_to_its_members_only() -> None:
    content = Content()
    content.put_chat(Chat(7, "Group", 1, frozenset({1, 2})))
    assert content.dialog("chat7", 2) is not None
    for dialog_id, member_id in (("chat7", 3), ("7", 1), ("chat8", 1), ("chat", 1), ("", 1), ("chat" + "9" * 5000, 1)):
        assert content.dialog(dialog_id, member_id) is None
