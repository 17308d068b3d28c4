"""What an event teaches the cache about the entity of its chat (design 5, Events, and 10; bitrix24.md 5.9).

An event is no reply of the portal: anyone may bind a chat to a pair that has one already (bitrix24.md 9, row 8). So for
the types of the portal's modules it is a hint by default: the portal is asked (docs/decisions/020).
"""

from enum import Enum, auto
from typing import Final, Protocol

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.bitrix24.event_names import EventKind
from chat_lookup.bitrix24.results import ChatDetails, details_from
from chat_lookup.cache.chat_cache import Cache
from chat_lookup.cache.learned_rows import LearnedRows
from chat_lookup.cache.rows import LIST, Hint
from chat_lookup.calls.gcra import Share
from chat_lookup.calls.portal_calls import PortalCalls
from chat_lookup.clock import SKEW, Clock, Deadline
from chat_lookup.config import EventsTeach
from chat_lookup.entity import EntityRef
from chat_lookup.errors import ChatLookupError, StoreUnavailable
from chat_lookup.events.model import BotEvent, Record
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.failures import passing, refusal
from chat_lookup.portals.portal import Portal
from chat_lookup.ttl_cache import Memory

CHAT_GET: Final = "imbot.v2.Chat.get"
REMEMBERED_FOR: Final = 600.0
"""Seconds for which a process does not call for the same chat again, whatever the portal replied."""
_PATIENCE: Final = 5.0
"""Seconds for the call: other events wait behind this one, and no user waits for the result."""
_WITHOUT_ENTITY: Final = frozenset({EventKind.APPLICATION, EventKind.OTHER})
"""Events whose fields name no chat with an entity, or none that the decoder reads."""

_BY_THE_AUTHOR: Final = frozenset({EventKind.MESSAGE_ADD, EventKind.MESSAGE_UPDATE})
"""Events that the author of their message caused."""
_SYSTEM: Final = 0
"""The author of the system's messages (bitrix24.md 5.7)."""

_Chat = tuple[str, int, int]
"""Portal, generation and chat id."""


class Author(Enum):
    """Who caused an event, as far as the event shows it."""

    EMPLOYEE = auto()
    SYSTEM = auto()
    OUTSIDER = auto()
    """An extranet user, a guest, a bot, or a customer behind a connector."""
    UNKNOWN = auto()
    """Version 1 leaves the flags out of invitations and commands, and the user out of edits (bitrix24.md 5.4)."""


class Lesson(Enum):
    """What is done with the pair of an event's chat."""

    LEARN = auto()
    ASK = auto()
    NOTHING = auto()


class Lookups(Protocol):
    """The look-ups of this process, as far as events concern them: `lookup.hints.Hints`."""

    def ask(self, portal: Portal, hint: Hint, deadline: Deadline) -> None:
        """Ask the portal for the hint's pair, if that costs no caller anything. Never raises because of it."""
        ...

    def overtaken(self, portal: Portal, ref: EntityRef) -> None:
        """Drop what this process remembers of a pair."""
        ...


class Warming:
    """Teaches the cache the pairs of the chats that events name."""

    def __init__(
        self,
        cache: Cache,
        learned: LearnedRows,
        lookups: Lookups,
        calls: PortalCalls,
        telemetry: Telemetry,
        clock: Clock,
        teach: EventsTeach,
    ) -> None:
        self._cache = cache
        self._learned = learned
        self._lookups = lookups
        self._calls = calls
        self._telemetry = telemetry
        self._clock = clock
        self._teach = teach
        # A tuple of at most one: empty for a chat without an entity.
        self._asked: Memory[_Chat, tuple[EntityRef, ...]] = Memory(clock, seconds=REMEMBERED_FOR)

    def learn(self, portal: Portal, record: Record, deadline: Deadline) -> EntityRef | None:
        """The entity of the event's chat, None without one; stored where the event may teach it (`lesson`).

        If the portal refuses or fails, the result is None and nothing else fails. Raises what our own stores raise.
        """
        event, chat_id = record.event, _chat_of(record.event)
        ref = entity_named(event)
        if chat_id is None:
            return None
        if ref is not None:
            self._store(portal, event, Hint(ref, chat_id, record.received_at))
        elif _shown_to_us(portal, event):
            ref = self._resolved(portal, event, chat_id, deadline)
        return ref

    def forget_lists(self, portal: Portal, record: Record) -> None:
        """Let no list of chats serve as fresh of the objects that the event's open line is bound to.

        Its conversation may have begun or ended (bitrix24.md 10.1). Raises what our own stores raise.
        """
        at = min(record.received_at, self._clock.now()) + SKEW
        for name in record.event.chat.crm if record.event.chat else ():
            ref = EntityRef("CRM", name)
            self._cache.distrust_null(portal.member_id, portal.generation, ref, at, kind=LIST)

    def follow(self, portal: Portal, record: Record, ref: EntityRef | None, deadline: Deadline) -> None:
        """Ask the portal for the entity of the event's chat, where the event is a hint only. Never raises."""
        chat_id = _chat_of(record.event)
        if ref is not None and chat_id is not None and lesson(self._teach, ref, record.event) is Lesson.ASK:
            self._lookups.ask(portal, Hint(ref, chat_id, record.received_at), deadline)

    def _resolved(self, portal: Portal, event: BotEvent, chat_id: int, deadline: Deadline) -> EntityRef | None:
        """The entity of a chat that the event does not name: from memory, the cache, or the portal."""
        key = (portal.member_id, portal.generation, chat_id)
        known = self._asked.get(key)
        if known is None:
            # A cached entity is not learned again: the event did not confirm it.
            ref = self._cache.entity_of(*key, fresh=True)
            known = (ref,) if ref else self._ask(portal, event, chat_id, deadline)
            if known is not None:
                self._asked.put(key, known)
        return known[0] if known else None

    def _ask(self, portal: Portal, event: BotEvent, chat_id: int, deadline: Deadline) -> tuple[EntityRef, ...] | None:
        """One call in the bulk share. None where a later call may find more."""
        now = self._clock.now()
        if refusal(portal.state, portal.state_code, portal.retry_at, now) is not None:
            return None
        try:
            chat = self._details(portal, chat_id, deadline.no_later_than(_PATIENCE))
        except BitrixError as error:
            self._telemetry.note(entity_lookup_error=error.metric_code)
            return None if passing(error) else ()
        except StoreUnavailable:
            raise
        except ChatLookupError as error:
            self._telemetry.note(entity_lookup_error=error.code)
            return None
        ref = EntityRef.or_none(chat.entity_type, chat.entity_id)
        if ref is None or chat.chat_id != chat_id:
            return ()
        self._store(portal, event, Hint(ref, chat_id, now))
        return (ref,)

    def _details(self, portal: Portal, chat_id: int, deadline: Deadline) -> ChatDetails:
        params = {"botId": portal.bot_id, "dialogId": f"chat{chat_id}"}
        answer = self._calls.call(portal, CHAT_GET, params, deadline, share=Share.BULK)
        try:
            return details_from(answer.result)
        except BitrixError as error:
            self._telemetry.portal_error(error)
            raise

    def _store(self, portal: Portal, event: BotEvent, hint: Hint) -> None:
        if lesson(self._teach, hint.ref, event) is Lesson.LEARN:
            outcome = self._learned.learn(portal.member_id, portal.generation, hint.ref, hint.chat_id, hint.at)
            self._lookups.overtaken(portal, hint.ref)
            self._telemetry.note(learned=outcome.value)


def lesson(teach: EventsTeach, ref: EntityRef, event: BotEvent) -> Lesson:
    """What an event teaches about its chat's pair.

    What an outsider may have bound is a hint at most, and so is a type of the portal's modules by default. Trust is for
    employees and the system: an author that the event does not describe may be anyone.
    """
    if teach is EventsTeach.OFF or not ref.names_one_chat:
        return Lesson.NOTHING
    author = author_of(event)
    if teach is EventsTeach.TRUST:
        return Lesson.LEARN if author in (Author.EMPLOYEE, Author.SYSTEM) else Lesson.NOTHING
    return Lesson.ASK if ref.of_module or author is Author.OUTSIDER else Lesson.LEARN


def author_of(event: BotEvent) -> Author:
    """Who caused the event. A message that only looks like the system's has an author, whose flags count."""
    if event.user is not None and event.user.employee is not None:
        return Author.EMPLOYEE if event.user.employee else Author.OUTSIDER
    by_the_system = event.message is not None and event.message.author_id == _SYSTEM
    return Author.SYSTEM if by_the_system and event.kind in _BY_THE_AUTHOR else Author.UNKNOWN


def entity_named(event: BotEvent) -> EntityRef | None:
    """The entity of the event's chat, where the event itself names it."""
    return EntityRef.or_none(event.chat.entity_type, event.chat.entity_id) if event.chat and _chat_of(event) else None


def _chat_of(event: BotEvent) -> int | None:
    """The chat of an event, if it may belong to an entity; a personal one never does."""
    chat = event.chat
    return None if chat is None or chat.personal or event.kind in _WITHOUT_ENTITY else chat.chat_id


def _shown_to_us(portal: Portal, event: BotEvent) -> bool:
    """Whether our bot received it: v2 may leave out the entity, and shows the chat to the bot (bitrix24.md 5.9)."""
    return event.api == "v2" and portal.bot_id is not None and portal.bot_id in event.bot_ids
