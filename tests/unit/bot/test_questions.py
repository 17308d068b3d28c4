"""Which messages the bot answers, how it parses them and what it answers."""

from collections.abc import Callable
from typing import get_args, get_type_hints

import pytest

from chat_lookup.bitrix24.event_names import EventKind
from chat_lookup.bot.questions import (
    BotQuestion,
    Plain,
    Question,
    Several,
    ThisChat,
    WhichChat,
    WhichEntity,
    answer_to,
    questions_in,
)
from chat_lookup.entity import EntityRef
from chat_lookup.errors import ChatLookupError, ChatNotAccessible, ChatNotFound, PortalBusy, ServiceMisconfigured
from chat_lookup.events.model import BotEvent, EventChat, EventCommand, EventMessage, EventUser
from chat_lookup.languages import Language
from chat_lookup.lookup.model import Found

HOSTS = ("acme.bitrix24.com",)
DEAL = EntityRef("CRM", "DEAL|1663")
BOT = 456

PERSONAL = EventChat(chat_id=1500, dialog_id="27", type="private", personal=True)
GROUP = EventChat(chat_id=1439, dialog_id="chat1439", type="chat")
OF_THE_DEAL = GROUP._replace(entity_type="CRM", entity_id="DEAL|1663")
OPEN_LINE = EventChat(
    chat_id=1777,
    dialog_id="chat1777",
    type="lines",
    open_line=True,
    entity_type="LINES",
    entity_id="livechat|22|1775|599",
)


def message(text: str, chat: EventChat | None, *, kind: EventKind = EventKind.MESSAGE_ADD) -> BotEvent:
    return BotEvent(
        name="ONIMBOTV2MESSAGEADD",
        kind=kind,
        api="v2",
        bot_ids=(BOT,),
        chat=chat,
        user=EventUser(27, employee=True),
        message=EventMessage(message_id=789, text=text, author_id=27),
    )


def command(params: str, chat: EventChat | None, *, name: str = "chatid") -> BotEvent:
    event = message(f"/{name} {params}", chat, kind=EventKind.COMMAND)
    return event._replace(name="ONIMBOTV2COMMANDADD", commands=(EventCommand(78, name, params),))


def question_of(event: BotEvent) -> Question | None:
    questions = [each.question for each in questions_in(event, HOSTS)]
    assert len(questions) <= 1
    return questions[0] if questions else None


@pytest.mark.parametrize(
    "text", ["deal 1663", "Сделка №1663", "https://acme.bitrix24.com/crm/deal/details/1663/?IFRAME=Y"]
)
def test_entity_is_parsed_in_a_personal_chat_in_a_group_and_after_the_command(text: str) -> None:
    for event in (
        message(text, PERSONAL),
        message(f", {text}", GROUP),
        message(f"[USER=456]Deal 5[/USER] {text}", GROUP),
        message(text, OF_THE_DEAL),
        command(text, PERSONAL),
        command(text, GROUP),
        command(text, OPEN_LINE),
    ):
        assert question_of(event) == WhichChat(DEAL)


@pytest.mark.parametrize("text", ["", "hello", "1663", "https://example.com/news/1663/"])
def test_other_text_gets_help_in_a_personal_chat_and_asks_for_the_chat_in_a_group(text: str) -> None:
    # A bot receives only what mentions it in a group (bitrix24.md 9, row 8).
    assert question_of(message(text, PERSONAL)) == Plain.HELP
    assert question_of(message(f"[USER=456]Bot[/USER] {text}", GROUP)) == ThisChat(1439, None)
    assert question_of(message(text, OF_THE_DEAL)) == ThisChat(1439, DEAL)


def test_mention_in_a_chat_without_an_id_is_no_question() -> None:
    assert question_of(message("hello", EventChat(dialog_id="sg133"))) is None


EVERYWHERE = pytest.mark.parametrize(
    "asks",
    [
        lambda text: message(text, PERSONAL),
        lambda text: message(f"[USER=456]Bot[/USER], {text}", GROUP),
        lambda text: command(text, PERSONAL),
        lambda text: command(text, GROUP),
        lambda text: command(text, OPEN_LINE),
    ],
    ids=["personal", "group", "command", "command in a group", "command in an open line"],
)
Asks = Callable[[str], BotEvent]


@EVERYWHERE
@pytest.mark.parametrize(
    "link",
    [
        "https://other.bitrix24.com/crm/deal/details/1663/",
        "[URL=https://other.bitrix24.com/crm/deal/details/1663/]deal 5[/URL]",
        "see other.bitrix24.com/workgroups/group/133/",
        "https://other.bitrix24.com/online/?IM_DIALOG=chat1437",
    ],
)
def test_link_to_another_portal_is_named_as_such(asks: Asks, link: str) -> None:
    assert question_of(asks(link)) == Plain.OTHER_PORTAL
    assert question_of(asks(f"{link} and deal 1663")) == WhichChat(DEAL)


@EVERYWHERE
@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("ORDER 2026-0815", ("ORDER", "2026-0815")),
        (" SHOP_ORDER|17 ", ("SHOP_ORDER", "17")),
        ("IA_CONV: 6f1c9d2e", ("IA_CONV", "6f1c9d2e")),
        ("ЗАКАЗ 17?", ("ЗАКАЗ", "17")),
    ],
)
def test_object_of_ones_own_is_asked_for_by_its_pair(asks: Asks, text: str, pair: tuple[str, str]) -> None:
    assert question_of(asks(text)) == WhichChat(EntityRef(*pair))


@pytest.mark.parametrize(
    "text",
    ["order 17", "Order 17", "ORDER seventeen", "the ORDER 17", "ORDER 17 and 18", "OK 5", "CRM 1663", "LINES 5",
     "CALENDAR x5", "DYNAMIC_ 5", "ORDER [b]17", "ORDER", "17", "ORDER " + "1" * 101],
)  # fmt: skip
def test_text_that_is_no_pair_alone_names_no_object_of_ones_own(text: str) -> None:
    assert question_of(message(text, PERSONAL)) == Plain.HELP


@EVERYWHERE
@pytest.mark.parametrize(
    "text",
    ["chat 1437", "Chat 1437", "chat1437", "чат 1437", "Чат №1437", "what is chat 1437?", "чата 1437", "chat 01437",
     "https://acme.bitrix24.com/online/?IM_DIALOG=chat1437",
     "[URL=/online/?IM_DIALOG=chat1437]Open the chat[/URL]"],
)  # fmt: skip
def test_chat_is_asked_for_by_its_id(asks: Asks, text: str) -> None:
    assert question_of(asks(text)) == WhichEntity(1437)


def test_platforms_type_of_that_name_remains_a_pair() -> None:
    assert question_of(message("CHAT 13", PERSONAL)) == WhichChat(EntityRef("CHAT", "13"))


@EVERYWHERE
def test_each_object_of_a_text_is_asked_for_once_and_in_order(asks: Asks) -> None:
    text = "deal 1663 and task 8293, deal 1663 again, https://acme.bitrix24.com/crm/lead/details/13/ in chat 7"
    wanted = (DEAL, EntityRef("TASK", "8293"), EntityRef("CRM", "LEAD|13"))
    assert question_of(asks(text)) == Several(tuple(map(WhichChat, wanted)))
    assert question_of(asks("chat 5, chat 6")) == Several((WhichEntity(5), WhichEntity(6)))


def test_objects_of_a_text_are_limited_and_the_rest_is_counted() -> None:
    question = question_of(message(" ".join(f"deal {number}" for number in range(1, 9)), PERSONAL))
    assert isinstance(question, Several)
    assert (len(question.questions), question.left) == (5, 3)


def test_command_without_text_asks_for_its_own_chat() -> None:
    assert question_of(command("", OF_THE_DEAL)) == ThisChat(1439, DEAL)
    assert question_of(command(" \n", GROUP)) == ThisChat(1439, None)
    assert question_of(command("", OPEN_LINE)) == ThisChat(1777, EntityRef("LINES", "livechat|22|1775|599"))


@pytest.mark.parametrize(("entity_type", "entity_id"), [("THREAD", ""), ("", "5"), ("X", "0"), ("X", "a\nb")])
def test_incomplete_and_invalid_pairs_are_ignored_as_the_entity_of_the_chat(entity_type: str, entity_id: str) -> None:
    assert question_of(command("", GROUP._replace(entity_type=entity_type, entity_id=entity_id))) == ThisChat(
        1439, None
    )


def test_command_without_text_in_a_personal_chat_asks_for_that_chat() -> None:
    assert question_of(command("", PERSONAL)) == ThisChat(1500, None, personal=True)
    assert question_of(command("", PERSONAL._replace(chat_id=None))) == Plain.HELP


def test_command_with_a_text_without_an_entity_gets_help() -> None:
    assert question_of(command("hello", GROUP)) == Plain.HELP
    assert question_of(command("hello", PERSONAL)) == Plain.HELP


def test_command_in_a_chat_without_an_id_gets_help() -> None:
    assert question_of(command("", EventChat(dialog_id="sg133"))) == Plain.HELP


@pytest.mark.parametrize(
    "text",
    [
        "/chatid",
        "/chatid deal 1663",
        " /chatid deal 1663",
        ", /chatid deal 1663",
        "[USER=456]Bot[/USER], /chatid deal 1663",
        "/help deal 1663",
        "deal 1663\n/ChatID",
        "it is deal 1663, /chatid",
    ],
)
@pytest.mark.parametrize("chat", [PERSONAL, GROUP], ids=["personal", "group"])
def test_message_with_a_command_is_ignored_because_the_command_has_its_own_event(text: str, chat: EventChat) -> None:
    assert question_of(message(text, chat)) is None


def test_message_in_an_open_line_is_ignored() -> None:
    assert question_of(message("deal 1663", OPEN_LINE)) is None


@pytest.mark.parametrize("name", ["find", "chatids", ""])
def test_other_command_is_ignored(name: str) -> None:
    assert question_of(command("deal 1663", GROUP, name=name)) is None


@pytest.mark.parametrize("chat", [PERSONAL, GROUP], ids=["personal", "group"])
@pytest.mark.parametrize(
    "change", [{"system": True}, {"author_id": 0}, {"author_id": BOT}], ids=["system", "no author", "its own"]
)
def test_messages_of_the_system_and_of_the_bot_are_ignored(change: dict[str, int | bool], chat: EventChat) -> None:
    for event in (message("deal 1663", chat), command("deal 1663", chat)):
        assert event.message is not None
        assert question_of(event._replace(message=event.message._replace(**change))) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", sorted(set(EventKind) - {EventKind.MESSAGE_ADD, EventKind.COMMAND}))
def test_other_kinds_of_events_are_no_questions(kind: EventKind) -> None:
    assert question_of(message("deal 1663", PERSONAL, kind=kind)) is None
    assert question_of(command("deal 1663", PERSONAL)._replace(kind=kind)) is None


def test_incomplete_event_is_no_question() -> None:
    assert question_of(message("deal 1663", PERSONAL)._replace(message=None)) is None
    assert question_of(message("deal 1663", None)) is None
    assert question_of(command("deal 1663", None)) is None
    assert question_of(command("deal 1663", GROUP)._replace(commands=())) is None


def test_command_is_parsed_though_the_event_has_no_message() -> None:
    assert question_of(command("deal 1663", GROUP)._replace(message=None)) == WhichChat(DEAL)


def test_each_command_of_an_event_has_its_own_question() -> None:
    first, foreign, second = (
        EventCommand(78, "chatid", "deal 1663"),
        EventCommand(79, "x", ""),
        EventCommand(78, "CHATID"),
    )
    event = command("", GROUP)._replace(commands=(first, foreign, second))
    assert questions_in(event, HOSTS) == (
        BotQuestion(WhichChat(DEAL), first),
        BotQuestion(ThisChat(1439, None), second),
    )


def test_question_in_a_message_has_no_command_id() -> None:
    assert questions_in(message("deal 1663", PERSONAL), HOSTS) == (BotQuestion(WhichChat(DEAL), None),)


FOUND = Found(DEAL, 1437, "cache", "im.chat.get", 0)


@pytest.mark.parametrize(
    ("question", "outcome", "answers"),
    [
        (
            WhichChat(DEAL),
            FOUND,
            (
                "CRM DEAL|1663: chat 1437, dialog chat1437. "
                "[URL=https://acme.bitrix24.com/online/?IM_DIALOG=chat1437]Open the chat[/URL]",
                "CRM DEAL|1663: Chat 1437, Dialog chat1437. "
                "[URL=https://acme.bitrix24.com/online/?IM_DIALOG=chat1437]Chat öffnen[/URL]",
                "CRM DEAL|1663: чат 1437, диалог chat1437. "
                "[URL=https://acme.bitrix24.com/online/?IM_DIALOG=chat1437]Открыть чат[/URL]",
            ),
        ),
        (
            ThisChat(1439, DEAL),
            None,
            (
                "This is chat 1439, dialog chat1439, of CRM DEAL|1663.",
                "Dies ist Chat 1439, Dialog chat1439, Objekt CRM DEAL|1663.",
                "Это чат 1439, диалог chat1439, объект CRM DEAL|1663.",
            ),
        ),
    ],
)
def test_answer_exists_in_each_language(question: Question, outcome: Found | None, answers: tuple[str, ...]) -> None:
    assert tuple(answer_to(question, outcome, language, HOSTS[0]) for language in Language) == answers


@pytest.mark.parametrize(
    ("question", "outcome", "part"),
    [
        (WhichChat(DEAL), ChatNotFound(), "CRM DEAL|1663: no chat yet."),
        (WhichChat(DEAL), PortalBusy(), "limit of requests"),
        (WhichChat(DEAL), ChatNotAccessible(), "does not show this chat"),
        (WhichChat(DEAL), ServiceMisconfigured(), "Something failed"),
        (ThisChat(1439, None), None, "belongs to no object"),
        (ThisChat(1439, None), ChatNotAccessible(), "does not show the application its object"),
        (ThisChat(1439, DEAL), ChatNotAccessible(), "DEAL|1663"),
        (Plain.HELP, None, "Send a link"),
    ],
)
def test_each_outcome_has_its_own_sentence(question: Question, outcome: ChatLookupError | None, part: str) -> None:
    assert part in answer_to(question, outcome, Language.ENGLISH, HOSTS[0])


def test_answer_names_the_requested_pair_and_not_the_pair_of_the_row() -> None:
    sentence = answer_to(WhichChat(EntityRef("TASK", "8293")), FOUND, Language.ENGLISH, HOSTS[0])
    assert sentence.startswith("TASK 8293: chat 1437")


def test_questions_of_two_kinds_are_never_equal_although_they_are_tuples() -> None:
    tuples = [kind for kind in get_args(Question) if issubclass(kind, tuple)]
    assert len(tuples) == len({tuple(get_type_hints(kind).values()) for kind in tuples}) > 1
