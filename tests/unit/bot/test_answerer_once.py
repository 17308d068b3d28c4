"""The bot answers at most once: a possibly sent answer is not sent again; one that was not sent is retried."""

from collections.abc import Mapping

import pytest
from botocore.exceptions import BotoCoreError

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.bot.answer_claims import HELD
from chat_lookup.bot.answerer import AnswerInProgress
from chat_lookup.errors import ChatLookupError, PortalBusy, PortalUnavailable
from chat_lookup.events.model import EventMessage
from chat_lookup.portals.portal import Portal
from tests.support.events.bot_questions import PERSONAL, SEND_METHODS, Bot, bot_by_a_deal, bot_in, command, message
from tests.support.fakes import Output, Stores
from tests.support.in_process_service import Service
from tests.support.interleaving import Killed
from tests.support.portals.known_portal import with_a_bot

SEND = SEND_METHODS["v2", False]


@pytest.fixture
def bot(service: Service, stores: Stores, portal: Portal) -> Bot:
    return bot_by_a_deal(service, stores, portal)


@pytest.fixture
def second(service: Service, stores: Stores, portal: Portal) -> Bot:
    """The same bot as another worker has it."""
    return bot_in(service, stores, portal)


def raising(bot: Bot, error: BaseException, method: str = SEND) -> None:
    def reply(_: Mapping[str, object]) -> object:
        raise error

    bot.bitrix24.answers_by(method, reply)


def test_repeated_record_is_not_answered_again(bot: Bot, second: Bot) -> None:
    record = message()
    assert [bot.answer_record(record), second.answer_record(record), bot.answer_record(record)] == [
        "answered",
        "settled",
        "settled",
    ]
    assert len(bot.sent_texts) == 1


def test_message_and_its_command_are_answered_once(bot: Bot) -> None:
    assert bot.answer_record(message("/chatid deal 1663")) == "silent"
    assert bot.answer_record(command("deal 1663", chat=PERSONAL)) == "answered"
    assert len(bot.sent_texts) == 1


@pytest.mark.parametrize(
    "error", [BitrixError("TIMEOUT"), BitrixError("TRANSPORT", description="connection broken")], ids=lambda e: e.code
)
def test_possibly_sent_answer_is_given_up_and_counted_once(
    bot: Bot, second: Bot, output: Output, error: BitrixError
) -> None:
    raising(bot, error)
    record = message()
    assert [bot.answer_record(record), second.answer_record(record)] == ["unsent", "settled"]
    assert len(bot.sent_texts) == 1
    assert output.metric("AnswersUnsent") == 1


def test_answer_that_the_portal_refuses_is_given_up_and_counted_once(bot: Bot, second: Bot, output: Output) -> None:
    bot.bitrix24.fails(SEND, "BOT_NOT_FOUND", 400)
    record = message()
    assert [bot.answer_record(record), second.answer_record(record)] == ["unsent", "settled"]
    assert output.metric("AnswersUnsent") == 1


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (BitrixError("QUERY_LIMIT_EXCEEDED", 503), PortalBusy),
        (BitrixError("TRANSPORT", unreached=True), PortalUnavailable),
    ],
    ids=["limit", "connect"],
)
@pytest.mark.parametrize("method", [SEND, "im.chat.get"])
def test_answer_that_was_not_sent_is_sent_with_the_repeated_record(
    bot: Bot, second: Bot, output: Output, error: BitrixError, raised: type[ChatLookupError], method: str
) -> None:
    record = message()
    raising(bot, error, method)
    with pytest.raises(raised):
        bot.answer_record(record)
    bot.bitrix24.answers(method, {"ID": 1437})
    assert second.answer_record(record) == "answered"
    assert output.metric("AnswersUnsent") == 0


def test_portal_found_closed_is_not_called_again(bot: Bot, output: Output) -> None:
    for method in (SEND, "profile"):
        bot.bitrix24.fails(method, "OVERLOAD_LIMIT", 503)
    assert bot.answer_record(message()) == "unsent"
    assert bot.answer_record(message(message=EventMessage(790, "deal 1663", 27))) == "portal_closed"
    assert len(bot.sent_texts) == 1
    assert output.metric("AnswersUnsent") == 1


def test_record_without_a_slot_in_time_is_retried(bot: Bot, service: Service) -> None:
    bot.portal = with_a_bot(service, rate=0.1, burst=1)
    bot.seconds = 5
    with pytest.raises(PortalBusy):
        bot.answer_record(message())
    service.clock.advance(60)
    assert bot.answer_record(message()) == "answered"
    assert len(bot.sent_texts) == 1


def test_look_up_without_an_answer_of_the_portal_sends_nothing_and_is_retried(bot: Bot) -> None:
    bot.bitrix24.fails("im.chat.get", "TIMEOUT", 0)
    with pytest.raises(PortalUnavailable):
        bot.answer_record(message())
    assert bot.sent_texts == []


def test_look_up_that_fails_for_good_is_answered(bot: Bot) -> None:
    bot.bitrix24.fails("im.chat.get", "user_access_error", 403)
    assert bot.answer_record(message()) == "answered"
    assert len(bot.sent_texts) == 1


@pytest.mark.parametrize("fate", ["down", "lost"])
def test_record_is_retried_if_the_store_fails_while_the_answer_is_claimed(bot: Bot, output: Output, fate: str) -> None:
    getattr(bot.store, fate).add("put_item")
    with pytest.raises(BotoCoreError):
        bot.answer_record(message())
    bot.store.down.clear()
    bot.store.lost.clear()
    assert bot.answer_record(message()) == "answered"
    assert output.metric("AnswersUnsent") == 0


@pytest.mark.parametrize(("fate", "later"), [("down", "unsent"), ("lost", "settled")])
def test_sent_answer_that_cannot_be_marked_is_not_sent_again(bot: Bot, service: Service, fate: str, later: str) -> None:
    getattr(bot.store, fate).add("update_item")
    assert bot.answer_record(message()) == "answered"
    bot.store.down.clear()
    bot.store.lost.clear()
    service.clock.advance(HELD)
    assert bot.answer_record(message()) == later
    assert len(bot.sent_texts) == 1


def test_unsent_answer_is_counted_though_the_store_fails(bot: Bot, output: Output) -> None:
    bot.bitrix24.fails(SEND, "TIMEOUT", 0)
    bot.store.down.add("update_item")
    assert bot.answer_record(message()) == "unsent"
    assert output.metric("AnswersUnsent") == 1


def test_unsent_answer_is_counted_before_the_store_is_written(bot: Bot, output: Output) -> None:
    bot.bitrix24.fails(SEND, "TIMEOUT", 0)
    bot.store.ends["update_item"] = Killed()
    with pytest.raises(Killed):
        bot.answer_record(message())
    assert output.metric("AnswersUnsent") == 1


# -- dead workers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["im.chat.get", SEND])
def test_dead_worker_is_counted_once_and_its_question_is_not_answered_by_another(
    bot: Bot, second: Bot, service: Service, output: Output, method: str
) -> None:
    raising(bot, Killed(), method)
    with pytest.raises(Killed):
        bot.answer_record(message())
    bot.bitrix24.answers(method, {"ID": 1437})
    before = len(bot.sent_texts)
    with pytest.raises(AnswerInProgress):
        second.answer_record(message())
    service.clock.advance(HELD)
    assert [second.answer_record(message()) for _ in range(3)] == ["unsent", "settled", "settled"]
    assert len(bot.sent_texts) == before
    assert output.metric("AnswersUnsent") == 1


def test_attempt_ends_before_it_counts_as_dead(bot: Bot, service: Service) -> None:
    """However much time a worker has: else two could answer, each with a valid claim."""
    bot.portal = with_a_bot(service, rate=0.02, burst=1)
    bot.seconds = 600
    started = service.clock.now()
    with pytest.raises(PortalBusy):
        bot.answer_record(message())
    assert service.clock.now() - started < HELD
