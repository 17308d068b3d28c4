"""What the bot answers to employees, in which words and by which method; and when it sends nothing."""

import pytest

from chat_lookup.bitrix24.event_names import EventKind
from chat_lookup.bot.answer_claims import KEPT
from chat_lookup.events.model import EventChat, EventCommand, EventMessage, EventUser, Record
from chat_lookup.portals.portal import Portal, PortalState
from tests.support.events.bot_questions import (
    CHATID,
    EMPLOYEE,
    GROUP,
    OPEN_LINE,
    PERSONAL,
    SEND_METHODS,
    Bot,
    bot_by_a_deal,
    bot_in,
    command,
    message,
    record_of,
)
from tests.support.fakes import Output, Stores
from tests.support.in_process_service import Service, install
from tests.support.portals.known_portal import BOT, with_a_bot

LINK = "https://acme.bitrix24.com/online/?IM_DIALOG=chat1437"
CHAT = {
    "chat": {"id": 1437, "dialogId": "chat1437", "type": "chat", "name": "Secret plans", "entityType": "CRM",
             "entityId": "DEAL|1663"}
}  # fmt: skip


@pytest.fixture
def bot(service: Service, stores: Stores, portal: Portal) -> Bot:
    return bot_by_a_deal(service, stores, portal)


# -- what is answered --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("api", ["v1", "v2"])
@pytest.mark.parametrize(
    "text", ["deal 1663", "CRM DEAL|1663", "https://acme.bitrix24.com/crm/deal/details/1663/?IFRAME=Y"]
)
def test_entity_in_a_personal_chat_is_answered_with_its_chat_and_a_link(bot: Bot, api: str, text: str) -> None:
    assert bot.answer_record(message(text, api=api)) == "answered"
    (sentence,) = bot.sent_texts
    assert "1437" in sentence
    assert LINK in sentence
    assert bot.bitrix24.methods[-1] == SEND_METHODS[api, False]


def test_link_to_a_former_domain_is_answered_with_the_current_domain(service: Service, stores: Stores) -> None:
    portal = with_a_bot(service, former_domains=frozenset({"old.bitrix24.com"}))
    bot = bot_in(service, stores, portal)
    bot.bitrix24.answers("im.chat.get", {"ID": 1437})
    bot.answer_record(message("https://old.bitrix24.com/crm/deal/details/1663/"))
    assert LINK in bot.sent_texts[0]


def test_entity_without_a_chat_is_answered_too(bot: Bot) -> None:
    assert bot.answer_record(message("deal 5")) == "answered"
    assert "IM_DIALOG" not in bot.sent_texts[0]


def test_other_text_in_a_personal_chat_is_answered_with_one_line_of_help(bot: Bot) -> None:
    assert bot.answer_record(message("hello?")) == "answered"
    assert "/chatid" in bot.sent_texts[0]
    assert "\n" not in bot.sent_texts[0]


@pytest.mark.parametrize("api", ["v1", "v2"])
def test_command_in_a_chat_returns_that_chat_with_its_entity(bot: Bot, api: str) -> None:
    chat = GROUP._replace(entity_type="CRM", entity_id="DEAL|1663")
    assert bot.answer_record(command(api=api, chat=chat)) == "answered"
    assert "chat1437" in bot.sent_texts[0]
    assert "DEAL|1663" in bot.sent_texts[0]
    assert bot.bitrix24.methods == [SEND_METHODS[api, True]]


def test_entity_missing_in_a_v2_event_is_read_from_the_portal_and_the_title_is_not_shown(bot: Bot) -> None:
    bot.bitrix24.answers("imbot.v2.Chat.get", CHAT)
    bot.answer_record(command())
    assert "DEAL|1663" in bot.sent_texts[0]
    assert "Secret plans" not in bot.sent_texts[0]


def test_v1_event_contains_the_entity_so_that_the_portal_is_not_called(bot: Bot) -> None:
    bot.answer_record(command(api="v1"))
    assert bot.bitrix24.methods == [SEND_METHODS["v1", True]]


def test_entity_of_a_hidden_chat_is_read_from_the_cache(bot: Bot) -> None:
    bot.answer_record(message("deal 1663"))
    for method in ("imbot.v2.Chat.get", "im.dialog.get", "imbot.dialog.get"):
        bot.bitrix24.fails(method, "ACCESS_ERROR", 403)
    bot.answer_record(command(message=EventMessage(790, "/chatid", EMPLOYEE.user_id)))
    assert "DEAL|1663" in bot.sent_texts[1]


def test_chat_is_answered_without_its_entity_if_that_is_unknown(bot: Bot) -> None:
    for method in ("imbot.v2.Chat.get", "im.dialog.get", "imbot.dialog.get"):
        bot.bitrix24.fails(method, "ACCESS_ERROR", 403)
    assert bot.answer_record(command()) == "answered"
    assert "chat1437" in bot.sent_texts[0]


@pytest.mark.parametrize("chat", [PERSONAL, GROUP, OPEN_LINE], ids=["personal", "group", "open line"])
def test_command_with_an_entity_is_answered_in_every_chat(bot: Bot, chat: EventChat) -> None:
    assert bot.answer_record(command("deal 1663", chat=chat)) == "answered"
    assert LINK in bot.sent_texts[0]


@pytest.mark.parametrize(("language", "word"), [("en", "Open"), ("de", "öffnen"), ("ru", "Открыть"), ("fr", "Open")])
def test_answer_is_in_the_events_language_if_supported(bot: Bot, language: str, word: str) -> None:
    bot.answer_record(message(language=language))
    assert word in bot.sent_texts[0]


def test_personal_dialog_missing_in_the_event_is_named_by_its_user(bot: Bot) -> None:
    bot.answer_record(message(chat=PERSONAL._replace(dialog_id="")))
    assert bot.bitrix24.calls[-1].params["dialogId"] == "27"


def test_each_of_several_commands_in_one_message_is_answered(bot: Bot) -> None:
    both = (CHATID._replace(params="deal 1663"), EventCommand(79, "chatid", "deal 5"))
    record = command(api="v1", commands=both)
    assert bot.answer_record(record) == "answered,answered"
    assert [call.params["COMMAND_ID"] for call in bot.bitrix24.calls if "COMMAND_ID" in call.params] == [78, 79]
    assert bot.answer_record(record) == "settled,settled"


# -- chats, several objects, own objects -------------------------------------------------------------------------------


@pytest.mark.parametrize("api", ["v1", "v2"])
@pytest.mark.parametrize("language", ["en", "de", "ru"])
def test_command_in_a_personal_chat_returns_that_chat(bot: Bot, api: str, language: str) -> None:
    assert bot.answer_record(command(api=api, chat=PERSONAL, language=language)) == "answered"
    assert " 1407," in bot.sent_texts[0]
    assert bot.bitrix24.methods == [SEND_METHODS[api, True]], "a personal chat has no entity to read"


@pytest.mark.parametrize("language", ["en", "de", "ru"])
def test_mention_without_an_object_returns_the_chat_with_its_entity(bot: Bot, language: str) -> None:
    chat = GROUP._replace(entity_type="CRM", entity_id="DEAL|1663")
    assert bot.answer_record(message("[USER=456]Bot[/USER] hello", chat=chat, language=language)) == "answered"
    assert "chat1437" in bot.sent_texts[0]
    assert "CRM DEAL|1663" in bot.sent_texts[0]


def test_mention_by_a_user_who_is_no_employee_remains_unanswered(bot: Bot) -> None:
    assert bot.answer_record(message("hello", chat=GROUP, user=EventUser(27, employee=False))) == "silent"
    assert bot.bitrix24.calls == []


def test_mention_in_an_open_line_remains_unanswered(bot: Bot) -> None:
    assert bot.answer_record(message("hello", chat=OPEN_LINE)) == "silent"


def test_several_objects_are_answered_in_one_message_with_a_line_for_each(bot: Bot) -> None:
    assert bot.answer_record(message("deal 1663 and deal 5")) == "answered"
    (text,) = bot.sent_texts
    found, missing = text.split("\n")
    assert LINK in found
    assert missing.startswith("CRM DEAL|5: no chat yet")


@pytest.mark.parametrize("language", ["en", "de", "ru"])
def test_objects_beyond_the_bound_are_counted_in_the_answer(bot: Bot, language: str) -> None:
    bot.answer_record(message(" ".join(f"deal {number}" for number in range(1, 10)), language=language))
    lines = bot.sent_texts[0].split("\n")
    assert len(lines) == 6
    assert ": 4." in lines[-1]


def test_object_of_ones_own_is_looked_up(bot: Bot) -> None:
    bot.bitrix24.answers("im.chat.get", {"ID": 7})
    bot.answer_record(message("ORDER 2026-0815"))
    assert bot.sent_texts[0].startswith("ORDER 2026-0815: chat 7,")


@pytest.mark.parametrize("language", ["en", "de", "ru"])
def test_chat_is_answered_with_its_entity_and_without_its_title(bot: Bot, language: str) -> None:
    bot.bitrix24.answers("imbot.v2.Chat.get", CHAT)
    bot.answer_record(message("chat 1437", language=language))
    assert "CRM DEAL|1663" in bot.sent_texts[0]
    assert LINK in bot.sent_texts[0]
    assert "Secret plans" not in bot.sent_texts[0]


def test_chat_of_an_open_line_is_answered_without_the_clients_number(bot: Bot) -> None:
    line = {"entityType": "LINES", "entityId": "whatsapp|2|79161234567|744"}
    bot.bitrix24.answers("imbot.v2.Chat.get", {"chat": {**CHAT["chat"], **line}})
    bot.answer_record(message("chat 1437"))
    assert "open line" in bot.sent_texts[0]
    assert "79161234567" not in bot.sent_texts[0]


@pytest.mark.parametrize("language", ["en", "de", "ru"])
def test_chat_that_the_portal_does_not_show_is_answered_as_such(bot: Bot, language: str) -> None:
    for method in ("imbot.v2.Chat.get", "im.dialog.get", "imbot.dialog.get"):
        bot.bitrix24.fails(method, "ACCESS_ERROR", 403)
    bot.answer_record(message("chat 999999", language=language))
    assert "999999" in bot.sent_texts[0]


@pytest.mark.parametrize("language", ["en", "de", "ru"])
@pytest.mark.parametrize("chat", [PERSONAL, GROUP], ids=["personal", "group"])
def test_link_to_another_portal_is_answered_with_the_name_of_this_one(bot: Bot, chat: EventChat, language: str) -> None:
    record = message("https://other.bitrix24.com/crm/deal/details/1663/", chat=chat, language=language)
    assert bot.answer_record(record) == "answered"
    assert "acme.bitrix24.com" in bot.sent_texts[0]
    assert "other.bitrix24.com" not in bot.sent_texts[0]


# -- silence -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "record",
    [
        message(chat=OPEN_LINE),
        message("/chatid"),
        message(kind=EventKind.MESSAGE_UPDATE),
        message(kind=EventKind.JOIN),
        message(bot_ids=(BOT + 1,)),
        message(bot_ids=()),
        message(message=EventMessage(789, "deal 1663", BOT)),
        message(message=EventMessage(789, "deal 1663", 0)),
        message(message=EventMessage(789, "deal 1663", 27, system=True)),
        message(message=EventMessage(None, "deal 1663", 27)),
        message(message=None),
        message(user=None),
        message(user=EventUser(27, employee=False)),
        record_of(message().event._replace(chat=None)),
        command(commands=(EventCommand(78, "other"),)),
    ],
    ids=[
        "open line", "command's message", "edit", "join", "another's bot", "no bot", "itself",
        "no author", "system", "no id", "no message", "no user", "no employee", "no chat", "another command",
    ],
)  # fmt: skip
def test_bot_does_not_answer(bot: Bot, record: Record) -> None:
    assert bot.answer_record(record) == "silent"
    assert bot.bitrix24.calls == []


def test_bot_does_not_answer_in_a_portal_without_our_bot(bot: Bot, service: Service) -> None:
    bot.portal = install(service, bot_id=None)
    assert bot.answer_record(message()) == "silent"


def test_portal_is_asked_for_the_user_if_the_event_does_not_describe_the_user(bot: Bot) -> None:
    bot.bitrix24.answers(
        "im.user.get", {"id": 27, "extranet": True, "network": False, "bot": False, "connector": False}
    )
    assert bot.answer_record(command(user=EventUser(27))) == "silent"
    assert bot.bitrix24.methods == ["im.user.get"]


@pytest.mark.parametrize("state", [PortalState.REAUTHORISE, PortalState.STOPPED])
def test_closed_portal_is_not_called(bot: Bot, service: Service, state: PortalState) -> None:
    bot.portal = bot.portal._replace(state=state, retry_at=service.clock.now() + 60)
    assert bot.answer_record(command(user=EventUser(27))) == "portal_closed"
    assert bot.bitrix24.calls == []


def test_bot_does_not_answer_in_a_portal_that_was_just_stopped(bot: Bot, service: Service) -> None:
    remembered = bot.portal
    service.portals.states.stop(service.portals.named(remembered.member_id))
    bot.portal = remembered._replace(state=PortalState.UNPAID, retry_at=1.0)
    assert bot.answer_record(message()) == "portal_closed"
    assert bot.bitrix24.calls == []


def test_question_older_than_the_kept_claims_is_not_answered(bot: Bot, service: Service) -> None:
    record = message()
    assert bot.answer_record(record) == "answered"
    service.clock.advance(KEPT - 3600)
    assert bot.answer_record(record) == "late"
    assert len(bot.sent_texts) == 1


# -- the log -----------------------------------------------------------------------------------------------------------


def test_log_contains_neither_question_nor_answer(bot: Bot, output: Output) -> None:
    bot.answer_record(message("deal 1663 for the secret customer"))
    assert output.lines
    assert "secret" not in output.text
    assert "IM_DIALOG" not in output.text
