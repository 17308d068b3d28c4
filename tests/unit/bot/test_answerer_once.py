"""The bot answers once at most: what may have been said is never said again, and what surely was not said, is."""

from collections.abc import Mapping

import pytest
from botocore.exceptions import BotoCoreError

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.bot.answer_claims import HELD
from chat_lookup.bot.answerer import AnswerInProgress
from chat_lookup.errors import ChatLookupError, PortalBusy, PortalUnavailable
from chat_lookup.events.model import EventMessage
from chat_lookup.portals.portal import Portal
from tests.support.events.bot_questions import BOT, PERSONAL, SAYING, Bot, bot_by_a_deal, bot_in, command, message
from tests.support.fakes import Output, Stores
from tests.support.in_process_service import Service, install
from tests.support.interleaving import Killed

SEND = SAYING["v2", False]


@pytest.fixture
def portal(service: Service) -> Portal:
    return install(service, bot_id=BOT, bot_api="v2", command_id=78)


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


def test_a_record_that_comes_again_is_not_answered_again(bot: Bot, second: Bot) -> None:
    record = message()
    assert [bot.hears(record), second.hears(record), bot.hears(record)] == ["answered", "settled", "settled"]
    assert len(bot.said) == 1


def test_a_message_and_its_command_are_answered_once(bot: Bot) -> None:
    assert bot.hears(message("/chatid deal 1663")) == "silent"
    assert bot.hears(command("deal 1663", chat=PERSONAL)) == "answered"
    assert len(bot.said) == 1


@pytest.mark.parametrize(
    "error", [BitrixError("TIMEOUT"), BitrixError("TRANSPORT", description="connection broken")], ids=lambda e: e.code
)
def test_what_may_have_been_said_is_given_up_and_counted_once(
    bot: Bot, second: Bot, output: Output, error: BitrixError
) -> None:
    raising(bot, error)
    record = message()
    assert [bot.hears(record), second.hears(record)] == ["unsent", "settled"]
    assert len(bot.said) == 1
    assert output.metric("AnswersUnsent") == 1


def test_what_the_portal_refuses_is_given_up_and_counted_once(bot: Bot, second: Bot, output: Output) -> None:
    bot.bitrix24.fails(SEND, "BOT_NOT_FOUND", 400)
    record = message()
    assert [bot.hears(record), second.hears(record)] == ["unsent", "settled"]
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
def test_what_surely_was_not_said_comes_again_and_is_said_then(
    bot: Bot, second: Bot, output: Output, error: BitrixError, raised: type[ChatLookupError], method: str
) -> None:
    record = message()
    raising(bot, error, method)
    with pytest.raises(raised):
        bot.hears(record)
    bot.bitrix24.answers(method, {"ID": 1437})
    assert second.hears(record) == "answered"
    assert output.metric("AnswersUnsent") == 0


def test_a_portal_that_turned_out_to_admit_nothing_is_not_asked_again_and_again(bot: Bot, output: Output) -> None:
    for method in (SEND, "profile"):
        bot.bitrix24.fails(method, "OVERLOAD_LIMIT", 503)
    assert bot.hears(message()) == "unsent"
    assert bot.hears(message(message=EventMessage(790, "deal 1663", 27))) == "portal_closed"
    assert len(bot.said) == 1
    assert output.metric("AnswersUnsent") == 1


def test_without_a_slot_in_time_the_record_comes_again(bot: Bot, service: Service) -> None:
    bot.portal = install(service, bot_id=BOT, rate=0.1, burst=1)
    bot.seconds = 5
    with pytest.raises(PortalBusy):
        bot.hears(message())
    service.clock.advance(60)
    assert bot.hears(message()) == "answered"
    assert len(bot.said) == 1


def test_a_portal_that_stays_away_during_the_look_up_is_no_answer(bot: Bot) -> None:
    bot.bitrix24.fails("im.chat.get", "TIMEOUT", 0)
    with pytest.raises(PortalUnavailable):
        bot.hears(message())
    assert bot.said == []


def test_a_look_up_that_fails_for_good_is_told(bot: Bot) -> None:
    bot.bitrix24.fails("im.chat.get", "user_access_error", 403)
    assert bot.hears(message()) == "answered"
    assert len(bot.said) == 1


@pytest.mark.parametrize("fate", ["down", "lost"])
def test_a_store_that_fails_while_the_answer_is_claimed_brings_the_record_back(
    bot: Bot, output: Output, fate: str
) -> None:
    getattr(bot.store, fate).add("put_item")
    with pytest.raises(BotoCoreError):
        bot.hears(message())
    bot.store.down.clear()
    bot.store.lost.clear()
    assert bot.hears(message()) == "answered"
    assert output.metric("AnswersUnsent") == 0


@pytest.mark.parametrize(("fate", "later"), [("down", "unsent"), ("lost", "settled")])
def test_an_answer_that_was_said_is_not_said_again_if_it_cannot_be_marked(
    bot: Bot, service: Service, fate: str, later: str
) -> None:
    getattr(bot.store, fate).add("update_item")
    assert bot.hears(message()) == "answered"
    bot.store.down.clear()
    bot.store.lost.clear()
    service.clock.advance(HELD)
    assert bot.hears(message()) == later
    assert len(bot.said) == 1


def test_a_store_that_fails_while_an_answer_is_given_up_does_not_keep_it_from_being_counted(
    bot: Bot, output: Output
) -> None:
    bot.bitrix24.fails(SEND, "TIMEOUT", 0)
    bot.store.down.add("update_item")
    assert bot.hears(message()) == "unsent"
    assert output.metric("AnswersUnsent") == 1


def test_an_answer_is_counted_as_unsent_before_anything_else_can_end_the_worker(bot: Bot, output: Output) -> None:
    bot.bitrix24.fails(SEND, "TIMEOUT", 0)
    bot.store.ends["update_item"] = Killed()
    with pytest.raises(Killed):
        bot.hears(message())
    assert output.metric("AnswersUnsent") == 1


# -- deaths ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["im.chat.get", SEND])
def test_a_worker_that_dies_on_the_way_is_counted_once_and_nobody_answers_after_it(
    bot: Bot, second: Bot, service: Service, output: Output, method: str
) -> None:
    raising(bot, Killed(), method)
    with pytest.raises(Killed):
        bot.hears(message())
    bot.bitrix24.answers(method, {"ID": 1437})
    said = len(bot.said)
    with pytest.raises(AnswerInProgress):
        second.hears(message())
    service.clock.advance(HELD)
    assert [second.hears(message()) for _ in range(3)] == ["unsent", "settled", "settled"]
    assert len(bot.said) == said
    assert output.metric("AnswersUnsent") == 1


def test_an_attempt_ends_before_it_is_taken_for_dead(bot: Bot, service: Service) -> None:
    """However much time a worker has: else two could answer, each believing that it is its turn."""
    bot.portal = install(service, bot_id=BOT, rate=0.02, burst=1)
    bot.seconds = 600
    started = service.clock.now()
    with pytest.raises(PortalBusy):
        bot.hears(message())
    assert service.clock.now() - started < HELD
