"""`chats deal 1663`: the bot lists all chats of an object, in the language of the user."""

import re

import pytest

from chat_lookup.bot.questions import AllChats, Several, WhichChat, WhichEntity, answer_to
from chat_lookup.bot.texts import MOST_LISTED
from chat_lookup.errors import ChatLookupError, ChatNotAccessible, ObjectNotFound, PortalMisconfigured
from chat_lookup.languages import Language
from chat_lookup.objects.model import Line, ListedChat, ObjectChats, ObjectPart, PartState
from tests.support.events.bot_questions import Bot, bot_in, message
from tests.support.fakes import Stores
from tests.support.in_process_service import Service, install
from tests.support.portals.crm_content import FakeCrm, FakeLine, named
from tests.support.portals.known_portal import BOT
from tests.unit.bot.test_questions import GROUP, HOSTS, OPEN_LINE, PERSONAL, command, question_of
from tests.unit.bot.test_questions import message as written

DEAL = named("DEAL|1663")
LINK = "https://acme.bitrix24.com/crm/deal/details/1663/"
SCOPES = frozenset({"im", "imbot", "imopenlines", "crm"})
FOUND, NONE = PartState.FOUND, PartState.NONE


@pytest.mark.parametrize(
    "text",
    [
        "chats deal 1663", "Chats Deal 1663", "all chats of deal 1663", "deal 1663 chats", "CHATS: deal 1663",
        f"chats {LINK}", f"{LINK} chats", f"all chats of {LINK}?", f"[URL={LINK}]200 chairs[/URL] chats",
        "alle Chats von Deal 1663", "alle Chats des Deals Nr. 1663: Deal 1663", "чаты сделки 1663",
        "все чаты сделки №1663", "чаты сделка 1663", "список чатов по сделке 1663",
    ],
)  # fmt: skip
def test_word_for_chats_beside_an_object_asks_for_all_of_its_chats(text: str) -> None:
    for event in (
        written(text, PERSONAL),
        written(f", {text}", GROUP),
        command(text, PERSONAL),
        command(text, OPEN_LINE),
    ):
        assert question_of(event) == AllChats(DEAL)
    assert question_of(written(text, OPEN_LINE)) is None


@pytest.mark.parametrize(
    "text", ["chat deal 1663", "deal 1663", "чат сделки 1663", f"{LINK}?tab=chats", f"{LINK}chats/"]
)
def test_without_that_word_the_objects_own_chat_is_meant(text: str) -> None:
    assert question_of(written(text, PERSONAL)) == WhichChat(DEAL.ref)


@pytest.mark.parametrize("text", ["chats 1437", "chat 1437", "чат 1437", "chats: 1437", "Chats Nr. 1437 "])
def test_word_before_a_number_names_a_chat(text: str) -> None:
    assert question_of(written(text, PERSONAL)) == WhichEntity(1437)


@pytest.mark.parametrize("text", ["chats ORDER 2026-0815", "chats LINES livechat|22|1775|599"])
def test_pair_that_is_no_object_has_one_chat_at_most(text: str) -> None:
    assert not isinstance(question_of(written(text, PERSONAL)), AllChats)


def test_several_objects_are_listed_one_after_the_other() -> None:
    assert question_of(written("chats deal 1663, task 8293", PERSONAL)) == Several(
        (AllChats(DEAL), AllChats(named("TASK|8293")))
    )
    assert HOSTS


def answer(
    *chats: ListedChat, truncated: bool = False, open_lines: PartState = NONE, relatives: PartState | None = None
) -> ObjectChats:
    part = ObjectPart(DEAL.name, FOUND, open_lines, relatives)
    return ObjectChats(DEAL, chats, (part,), truncated=truncated, source="portal", age_seconds=0)


LINE = Line(1763, "telegrambot", "Telegram", active=True)
LISTED = (
    ListedChat(1437, "DEAL|1663"),
    ListedChat(1764, "DEAL|1663", LINE._replace(chat_id=1764)),
    ListedChat(1763, "CONTACT|42", LINE),
    ListedChat(1765, "COMPANY|7", LINE._replace(chat_id=1765, active=False, connector_title="")),
    ListedChat(1500, "CONTACT|42"),
)


@pytest.mark.parametrize("language", Language)
def test_each_chat_has_a_line_with_its_id_and_a_link(language: Language) -> None:
    head, *lines = answer_to(AllChats(DEAL), answer(*LISTED), language, "acme.bitrix24.com").splitlines()
    assert "DEAL|1663" in head
    for text, chat in zip(lines, LISTED, strict=True):
        assert f"https://acme.bitrix24.com/online/?IM_DIALOG=chat{chat.chat_id}]" in text
        assert f" {chat.chat_id}" in text


@pytest.mark.parametrize("language", Language)
def test_no_line_tells_what_only_readers_of_the_object_may_know(language: Language) -> None:
    """The bot asks with the application's rights, and nothing proves those of the user."""
    sentence = answer_to(AllChats(DEAL), answer(*LISTED), language, "acme.bitrix24.com")
    assert len(sentence.splitlines()) == len(LISTED) + 1
    for secret in ("CONTACT", "COMPANY", "|42", "|7", "telegram", "Tele"):
        assert secret not in sentence
    alike = {re.sub(r"[0-9]+", "", line) for line in sentence.splitlines()[2:5]}
    assert len(alike) == 1, "whose line it is, and whether a conversation is in progress, shows by nothing"


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize(
    ("outcome", "lines"),
    [
        (answer(), 1),
        (answer(open_lines=PartState.REFUSED), 2),
        (answer(open_lines=PartState.NOT_GRANTED, truncated=True), 3),
        (answer(relatives=PartState.NOT_GRANTED), 2),
        (answer(*(ListedChat(number, "DEAL|1663") for number in range(1, MOST_LISTED + 5))), MOST_LISTED + 2),
        (ObjectNotFound(), 1),
        (ChatNotAccessible(), 1),
        (PortalMisconfigured(), 1),
    ],
)
def test_other_outcomes_have_their_sentences(
    outcome: ObjectChats | ChatLookupError, lines: int, language: Language
) -> None:
    assert len(answer_to(AllChats(DEAL), outcome, language, "acme.bitrix24.com").splitlines()) == lines


@pytest.fixture
def bot(service: Service, stores: Stores) -> Bot:
    return bot_in(service, stores, install(service, bot_id=BOT, bot_api="v2", scopes=SCOPES))


@pytest.mark.parametrize("text", ["chats deal 1663", f"chats {LINK}"])
def test_bot_answers_with_all_chats_of_the_object(bot: Bot, text: str) -> None:
    content = FakeCrm({"DEAL|1663": 1437}, {"CONTACT|42": [FakeLine(1763, active=True)]}, {"DEAL|1663": [42]})
    content.behind(bot.bitrix24)
    assert bot.answer_record(message(text)) == "answered"
    (sent,) = bot.sent_texts
    assert "chat1437" in sent
    assert "chat1763" in sent
    assert not [secret for secret in ("CONTACT", "elegram") if secret in sent]
    assert len(sent.splitlines()) == 3
