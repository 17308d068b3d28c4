"""Whatever happens to the workers of one question: at most one answer, and every missing answer is counted."""

import itertools
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.bot.answer_claims import HELD
from chat_lookup.errors import ChatLookupError
from chat_lookup.events.model import EventMessage
from tests.support.events.bot_questions import EMPLOYEE, SEND_METHODS, Bot, bot_in, message
from tests.support.fakes import Stores
from tests.support.in_process_service import Service
from tests.support.interleaving import Killed
from tests.support.portals.known_portal import with_a_bot

SEND = SEND_METHODS["v2", False]
_numbers = itertools.count(1)


class Fate(Enum):
    """What happens when an attempt sends: whether the portal posts the sentence, and the error that the worker gets."""

    WELL = (True, None)
    NO_REPLY = (True, BitrixError("TIMEOUT"))
    CUT = (False, BitrixError("TRANSPORT", description="connection broken"))
    REFUSED = (False, BitrixError("BOT_NOT_FOUND", 400, method=SEND))
    NO_ROOM = (False, BitrixError("QUERY_LIMIT_EXCEEDED", 503))
    DIED_BEFORE = (False, Killed())
    DIED_AFTER = (True, Killed())


@dataclass(frozen=True, slots=True)
class Attempt:
    """A record delivered (again) after so many seconds; with `beside`, to a second worker at the same time, too."""

    fate: Fate
    after: float
    beside: bool


attempts = st.lists(
    st.builds(Attempt, st.sampled_from(Fate), st.sampled_from([0.0, HELD - 1, HELD, 180.0]), st.booleans()), max_size=5
)


@pytest.fixture
def workers(service: Service, stores: Stores) -> tuple[Bot, Bot]:
    portal = with_a_bot(service)
    service.bitrix24.answers("im.chat.get", {"ID": 1437})
    return bot_in(service, stores, portal), bot_in(service, stores, portal)


class Question:
    """One question, and how often it was answered and how often that was counted as unsent."""

    def __init__(self, first: Bot, second: Bot) -> None:
        self.sent = self.unsent = 0
        self._first, self._second = first, second
        self._clock = first.service.clock
        event = message().event
        text = EventMessage(next(_numbers), "deal 1663", EMPLOYEE.user_id)
        self._record = message()._replace(event=event._replace(message=text), received_at=self._clock.now())

    def deliver(self, attempt: Attempt) -> None:
        self._clock.advance(attempt.after)
        beside = [self._second] if attempt.beside else []

        def reply(_: Mapping[str, object]) -> object:
            sent, error = attempt.fate.value
            self.sent += sent
            while beside:
                self._given_to(beside.pop())
            if error is not None:
                raise error
            return {"id": 1}

        self._first.bitrix24.answers_by(SEND, reply)
        self._given_to(self._first)

    def _given_to(self, bot: Bot) -> None:
        with suppress(ChatLookupError, Killed):
            self.unsent += bot.answer_record(self._record) == "unsent"


@given(attempts)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_question_has_at_most_one_answer_and_a_missing_one_is_counted_once(
    workers: tuple[Bot, Bot], attempts: list[Attempt]
) -> None:
    question = Question(*workers)
    for attempt in attempts:
        question.deliver(attempt)
    question.deliver(Attempt(Fate.WELL, after=180.0, beside=False))
    assert question.sent <= 1
    assert question.unsent <= 1
    assert question.sent + question.unsent >= 1
