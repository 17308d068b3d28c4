"""Which bots and commands a text addresses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.portal.content.chat import Chat
from local.portal.content.content import Bot, Command, Content, User
from local.portal.events import mentions

BOT, LONGER, OUTSIDE = 50, 51, 52
CHAT = Chat(7, "Group", 1, frozenset({1, 4, BOT, LONGER}))


@pytest.fixture
def content() -> Content:
    found = Content()
    for bot_id, name in ((BOT, "Chat"), (LONGER, "Chat Lookup"), (OUTSIDE, "Other")):
        found.add_bot(Bot(bot_id, name), name)
    found.commands = {
        1: Command(1, BOT, "chatid", {}, {}),
        2: Command(2, OUTSIDE, "chatid", {}, {}, common=True),
        3: Command(3, OUTSIDE, "local", {}, {}),
        4: Command(4, BOT, "open", {}, {}, extranet=True),
    }
    return found


def given_in(text: str, content: Content, kind: str = "employee") -> list[tuple[int, str]]:
    user = User(1, "Anna", kind=kind)  # type: ignore[arg-type]  # one of the kinds
    return [(command.id, params) for command, params in mentions.commands(text, CHAT, user, content)]


def test_longest_matching_name_becomes_the_mention(content: Content) -> None:
    text = mentions.with_mentions("@Chat Lookup and @Chat, not @Chatty", CHAT, content)
    assert text == f"[USER={LONGER}]Chat Lookup[/USER] and [USER={BOT}]Chat[/USER], not @Chatty"
    assert mentions.mentioned(text, content) == {BOT, LONGER}


def test_only_bots_in_the_chat_can_be_mentioned_by_name(content: Content) -> None:
    assert mentions.with_mentions("@Other", CHAT, content) == "@Other"


def test_name_is_not_a_pattern_and_mention_not_a_template(content: Content) -> None:
    content.add_bot(Bot(BOT, "odd"), r"\1 (.*)")
    assert mentions.with_mentions(r"@\1 (.*) hi", CHAT, content) == rf"[USER={BOT}]\1 (.*)[/USER] hi"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/chatid", [(1, ""), (2, "")]),
        ("/chatid  deal 5 ", [(1, "deal 5"), (2, "deal 5")]),
        ("/chatid\ndeal 5", [(1, ""), (2, "")]),
        ("/local", []),
        ("/Chatid", []),
        ("x /chatid", []),
        ("/open\n/chatid a", [(4, ""), (1, "a"), (2, "a")]),
    ],
)
def test_each_line_may_give_a_command_to_every_bot_that_has_it(
    content: Content, text: str, expected: list[tuple[int, str]]
) -> None:
    assert given_in(text, content) == expected


@pytest.mark.parametrize("kind", ["extranet", "connector", "guest", "bot"])
def test_outsiders_have_the_commands_that_support_them(content: Content, kind: str) -> None:
    assert given_in("/open\n/chatid", content, kind) == [(4, "")]


@given(text=st.text(alphabet=st.sampled_from("@/[]=\n USERChat50 k\\")))
def test_any_text_is_parsed(text: str) -> None:
    found = Content()
    found.add_bot(Bot(BOT, "chat"), "Chat")
    found.commands = {1: Command(1, BOT, "Chat", {}, {})}
    sent = mentions.with_mentions(text, CHAT, found)
    assert mentions.mentioned(sent, found) <= {BOT}
    assert all(params == params.strip() for _, params in given_in(sent, found))
