"""The use case: an employee asks the bot, which answers once at most (design 5, Events)."""

import logging
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from chat_lookup.bot import texts
from chat_lookup.bot.answer_claims import KEPT, LONGEST_ATTEMPT, Claim, Claims, ClaimState
from chat_lookup.bot.answer_sender import AnswerSender, Delivery, Place
from chat_lookup.bot.employees import People
from chat_lookup.bot.questions import (
    AllChats,
    Outcome,
    Question,
    Several,
    ThisChat,
    WhichChat,
    WhichEntity,
    answer_to,
    questions_in,
)
from chat_lookup.cache.chat_cache import Cache
from chat_lookup.clock import DAY, Clock, Deadline
from chat_lookup.entity import EntityRef
from chat_lookup.errors import (
    ChatLookupError,
    PortalBlocked,
    PortalBusy,
    PortalStopped,
    PortalUnavailable,
    StoreUnavailable,
)
from chat_lookup.events.model import BotEvent, EventChat, EventUser, Record
from chat_lookup.languages import language_of
from chat_lookup.lookup.find import Lookup
from chat_lookup.lookup.model import Options
from chat_lookup.objects.model import ObjectOptions
from chat_lookup.observability.aws_failures import FAILED, code_of
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.failures import refusal
from chat_lookup.portals.portal import Portal

if TYPE_CHECKING:
    from chat_lookup.objects.find import Objects

_PASSING: Final = (PortalBusy, PortalUnavailable, StoreUnavailable)
"""Errors that are not answered to the user: the record is retried instead."""
_TOO_LATE: Final = KEPT - DAY
"""Seconds after which a question is not answered: its claim expires, which would show an earlier answer."""


class AnswerOutcome(StrEnum):
    """The outcome of a question, for the log line."""

    SILENT = "silent"
    ANSWERED = "answered"
    UNSENT = "unsent"
    """Given up: an answer may have been sent, and another could be a duplicate."""
    IN_PROGRESS = ClaimState.IN_PROGRESS.value
    SETTLED = ClaimState.SETTLED.value
    LATE = "late"
    CLOSED = "portal_closed"


class AnswerInProgress(ChatLookupError):
    """Another worker answers, or died doing so a moment ago: when the record is retried the claim is settled."""

    code, title, status, retryable = "answer-in-progress", "Another worker is answering this message", 503, True


class Answering:
    """Answers the questions of events to our bot."""

    def __init__(
        self,
        lookup: Lookup,
        objects: "Callable[[], Objects]",
        cache: Cache,
        people: People,
        claims: Claims,
        sender: AnswerSender,
        telemetry: Telemetry,
        clock: Clock,
    ) -> None:
        self._lookup = lookup
        self._objects = objects
        self._cache = cache
        self._people = people
        self._claims = claims
        self._sender = sender
        self._telemetry = telemetry
        self._clock = clock

    def answer(self, portal: Portal, record: Record, deadline: Deadline) -> str:
        """Answer the event's questions, and return the outcome; of each question, if there are several.

        Raises where the record has to be retried: `PortalBusy`, `PortalUnavailable`, `AnswerInProgress`, and a store's
        failures. The retry may send what was not sent then.
        """
        event = record.event
        questions = _questions(portal, event)
        if not questions or event.user is None:
            return AnswerOutcome.SILENT
        if self._clock.now() - record.received_at > _TOO_LATE:
            return AnswerOutcome.LATE
        if refusal(portal.state, portal.state_code, portal.retry_at, self._clock.now()) is not None:
            return AnswerOutcome.CLOSED
        deadline = deadline.no_later_than(LONGEST_ATTEMPT)
        if not self._people.is_employee(portal, event.user, deadline):
            return AnswerOutcome.SILENT
        outcomes = [self._once(portal, event, question, place, deadline) for question, place in questions]
        if AnswerOutcome.IN_PROGRESS in outcomes:
            raise AnswerInProgress
        return ",".join(outcomes)

    def _once(
        self, portal: Portal, event: BotEvent, question: Question, place: Place, deadline: Deadline
    ) -> AnswerOutcome:
        """Answer one question, unless that was attempted before."""
        claim = Claim.to(portal.member_id, place.bot_id, _named(place))
        delivery = None
        try:
            state = self._claims.take(claim)
            if state is ClaimState.OURS:
                sentence = self._sentence(portal, event, question, deadline)
                delivery = self._sender.send(portal, place, sentence, deadline)
        except (ChatLookupError, *FAILED) as error:
            self._claims.release(claim)
            if isinstance(error, PortalBlocked | PortalStopped):
                return AnswerOutcome.CLOSED
            raise
        if delivery is not None:
            return self._settled(claim, delivery)
        return self._given_up(claim) if state is ClaimState.DIED else AnswerOutcome(state.value)

    def _settled(self, claim: Claim, delivery: Delivery) -> AnswerOutcome:
        """Store the outcome of an answer."""
        self._telemetry.note(delivery=delivery)
        if delivery is not Delivery.SENT:
            return self._given_up(claim)
        self._mark(self._claims.answered, claim)
        return AnswerOutcome.ANSWERED

    def _given_up(self, claim: Claim) -> AnswerOutcome:
        """Count it, then mark it: a worker that dies in between leaves a dead claim, which is counted."""
        self._telemetry.count_at_once("AnswersUnsent")
        self._telemetry.note(level=logging.WARNING)
        self._mark(self._claims.unsent, claim)
        return AnswerOutcome.UNSENT

    def _mark(self, settle: Callable[[Claim], None], claim: Claim) -> None:
        """Mark the claim, and log a store's failure: a retry of the record could not change the outcome."""
        try:
            settle(claim)
        except FAILED as error:
            self._telemetry.fault("the outcome of an answer could not be stored", error)

    def _sentence(self, portal: Portal, event: BotEvent, question: Question, deadline: Deadline) -> str:
        """The answer's text. Raises temporary failures; others are answered."""
        language = language_of(event.language)
        if isinstance(question, Several):
            each = [self._sentence(portal, event, one, deadline) for one in question.questions]
            return texts.several(each, question.left, language)
        outcome: Outcome | None = None
        try:
            if isinstance(question, WhichChat):
                outcome = self._lookup.find(portal, question.ref, Options(), deadline)
            elif isinstance(question, AllChats):
                outcome = self._objects().find(portal, question.object, ObjectOptions(), deadline)
            elif isinstance(question, WhichEntity):
                outcome = self._lookup.reverse(portal, question.chat_id, deadline)
            elif isinstance(question, ThisChat) and _may_have_entity(question, event):
                # An earlier event of the chat is stored (design 5, Events): further mentions cost no call.
                ref = self._known(portal, question.chat_id, fresh=True)
                question = question._replace(ref=ref or self._lookup.reverse(portal, question.chat_id, deadline).ref)
        except _PASSING:
            raise
        except ChatLookupError as error:
            outcome = error
            if isinstance(question, ThisChat):
                question = question._replace(ref=self._known(portal, question.chat_id, fresh=False))
        return answer_to(question, outcome, language, portal.domain)

    def _known(self, portal: Portal, chat_id: int, *, fresh: bool) -> EntityRef | None:
        """The cached entity of a chat; None, too, where the cache cannot be read."""
        try:
            return self._cache.entity_of(portal.member_id, portal.generation, chat_id, fresh=fresh)
        except FAILED as error:
            self._telemetry.note(level=logging.WARNING, cache_read_failures=1, cache_error=code_of(error))
            return None


def _questions(portal: Portal, event: BotEvent) -> list[tuple[Question, Place]]:
    """The event's questions to our own bot, and where to answer. Without a message's id an answer could repeat."""
    message_id = event.message.message_id if event.message else None
    if portal.bot_id is None or portal.bot_id not in event.bot_ids or event.chat is None or message_id is None:
        return []
    here = Place(event.api, portal.bot_id, _dialog_id(event.chat, event.user), message_id, None, event.chat.open_line)
    return [
        (asked.question, here._replace(command_id=asked.command.command_id if asked.command else None))
        for asked in questions_in(event, {portal.domain, *portal.former_domains})
    ]


def _may_have_entity(question: ThisChat, event: BotEvent) -> bool:
    """Whether the portal may know an entity that the event lacks.

    An event of v1 without an entity means none; one of v2 may leave it out (bitrix24.md 8, row 17).
    """
    return question.ref is None and not question.personal and event.api == "v2"


def _dialog_id(chat: EventChat, user: EventUser | None) -> str:
    """The dialog's id for the bot: of a personal one the user's id (bitrix24.md 5.6)."""
    if chat.dialog_id:
        return chat.dialog_id
    return f"{user.user_id}" if chat.personal and user else f"chat{chat.chat_id}"


def _named(place: Place) -> str:
    """The name of an answer's claim: each command of a message has its own."""
    return f"{place.message_id}" if place.command_id is None else f"{place.message_id}#{place.command_id}"
