"""The bot answers at most once per message, and counts the answers that it gives up."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chat_lookup.bitrix24.client import Bitrix24Client
from chat_lookup.bot.answer_claims import HELD
from chat_lookup.calls.operating_budget import BUCKET
from chat_lookup.events.model import EventMessage, Record
from tests.support.events import bot_questions
from tests.support.events.conversation import ADMIN, DEAL_CHAT, SEND_METHODS, Conversation, conversation
from tests.support.portals.unknown_portal import Stage
from tests.support.processes.waiting import until


class Killed(BaseException):
    """Ends the process of the worker at this point."""


@pytest.fixture
def talk(stage: Stage) -> Conversation:
    return conversation(stage, "v2")


def record_of(talk: Conversation, message_id: int, text: str = "deal 1663") -> Record:
    """Return the record of a message to the bot, as in the queue."""
    record = bot_questions.message(
        text,
        chat=bot_questions.PERSONAL._replace(dialog_id=f"{ADMIN}"),
        bot_ids=(talk.bot_id,),
        message=EventMessage(message_id, text, ADMIN),
    )
    now = talk.stage.service.clock.now()
    return record._replace(member_id=talk.stage.portal.member_id, received_at=now)


def test_record_delivered_again_is_answered_once(talk: Conversation) -> None:
    message_id = talk.say("deal 1663")["message_id"]
    talk.stage.service.settle()
    for _ in range(2):
        talk.work(record_of(talk, message_id))
    assert len(talk.messages()) == 1
    assert talk.unsent() == 0


def test_record_delivered_to_several_workers_at_once_is_answered_once(talk: Conversation) -> None:
    record = record_of(talk, 900_001)

    with ThreadPoolExecutor(8) as workers:
        list(workers.map(lambda _: talk.work(record), range(8)))
    assert len(talk.messages()) == 1


def test_answer_refused_by_the_portals_limit_goes_back_to_the_queue_and_is_sent_later(talk: Conversation) -> None:
    talk.stage.answers("imbot.v2.Chat.Message.send", status=429, error="OPERATION_TIME_LIMIT", times=1)
    record = record_of(talk, 900_002)
    talk.work(record)
    assert talk.messages() == []
    # By the queue as well, at once, and refused as well: the next delivery is delayed by the machine's own time. So the
    # same event is delivered here once more.
    until(lambda: talk.counted("EventsRequeued") > 1)
    talk.stage.service.clock.advance(BUCKET + 1)
    talk.work(record)
    assert len(talk.messages()) == 1
    assert talk.unsent() == 0


def test_answer_with_a_lost_reply_is_not_sent_again(talk: Conversation) -> None:
    talk.stage.answers("imbot.v2.Chat.Message.send", drop=True, times=1)
    record = record_of(talk, 900_003)
    for _ in range(3):
        talk.work(record)
    assert talk.send_methods() == ["imbot.v2.Chat.Message.send"]
    assert talk.unsent() == 1


@pytest.mark.parametrize("after", [False, True], ids=["before sending", "after sending"])
def test_killed_worker_is_counted_once_and_no_other_worker_answers(
    talk: Conversation, monkeypatch: pytest.MonkeyPatch, *, after: bool
) -> None:
    whole = Bitrix24Client.call

    def fatal(self: Bitrix24Client, endpoint: Any, method: str, params: Mapping[str, object], *rest: Any) -> object:
        if method not in SEND_METHODS:
            return whole(self, endpoint, method, params, *rest)
        if after:
            whole(self, endpoint, method, params, *rest)
        raise Killed

    record = record_of(talk, 900_004)
    with monkeypatch.context() as patched:
        patched.setattr(Bitrix24Client, "call", fatal)
        with pytest.raises(Killed):
            talk.work(record)
    talk.stage.tell("/clock", {"advance_s": HELD + 1})
    for _ in range(3):
        talk.work(record)
    assert len(talk.messages()) == int(after)
    assert talk.unsent() == 1


def test_log_contains_no_text_of_question_or_answer(talk: Conversation) -> None:
    talk.asks("deal 1663 for the secret customer")
    talk.asks("/chatid", chat_id=DEAL_CHAT)
    written = talk.stage.service.output()
    assert '"answer":"answered"' in written
    for word in ("secret customer", "IM_DIALOG", "office chairs"):
        assert word not in written
