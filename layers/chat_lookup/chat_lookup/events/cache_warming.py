"""Finds the entity of an event's chat, and stores a hint in the cache (design 5, Events; bitrix24.md 5.9)."""

from typing import Final

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.bitrix24.event_names import EventKind
from chat_lookup.bitrix24.results import ChatDetails, details_from
from chat_lookup.cache.chat_cache import Cache
from chat_lookup.cache.learned_rows import LearnedRows
from chat_lookup.calls.gcra import Share
from chat_lookup.calls.portal_calls import PortalCalls
from chat_lookup.clock import Clock, Deadline
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

_Chat = tuple[str, int, int]
"""Portal, generation and chat id."""


class Warming:
    """Stores hints for the chats that events name."""

    def __init__(
        self, cache: Cache, hints: LearnedRows, calls: PortalCalls, telemetry: Telemetry, clock: Clock
    ) -> None:
        self._cache = cache
        self._hints = hints
        self._calls = calls
        self._telemetry = telemetry
        self._clock = clock
        # A tuple of at most one: empty for a chat without an entity.
        self._asked: Memory[_Chat, tuple[EntityRef, ...]] = Memory(clock, seconds=REMEMBERED_FOR)

    def learn(self, portal: Portal, record: Record, deadline: Deadline) -> EntityRef | None:
        """The entity of the event's chat, None without one; a hint is stored where the event or the portal names it.

        If the portal refuses or fails, the result is None and nothing else fails. Raises what our own stores raise.
        """
        event, chat_id = record.event, _chat_of(record.event)
        ref = entity_named(event)
        if chat_id is None:
            return None
        if ref is not None:
            self._store_hint(portal, ref, chat_id, record.received_at)
        elif _shown_to_us(portal, event):
            ref = self._resolved(portal, chat_id, deadline)
        return ref

    def _resolved(self, portal: Portal, chat_id: int, deadline: Deadline) -> EntityRef | None:
        """The entity of a chat that the event does not name: from memory, the cache, or the portal."""
        key = (portal.member_id, portal.generation, chat_id)
        known = self._asked.get(key)
        if known is None:
            # No hint for a cached entity: the event did not confirm it.
            ref = self._cache.entity_of(*key, fresh=True)
            known = (ref,) if ref else self._ask(portal, chat_id, deadline)
            if known is not None:
                self._asked.put(key, known)
        return known[0] if known else None

    def _ask(self, portal: Portal, chat_id: int, deadline: Deadline) -> tuple[EntityRef, ...] | None:
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
        self._store_hint(portal, ref, chat_id, now)
        return (ref,)

    def _details(self, portal: Portal, chat_id: int, deadline: Deadline) -> ChatDetails:
        params = {"botId": portal.bot_id, "dialogId": f"chat{chat_id}"}
        answer = self._calls.call(portal, CHAT_GET, params, deadline, share=Share.BULK)
        try:
            return details_from(answer.result)
        except BitrixError as error:
            self._telemetry.portal_error(error)
            raise

    def _store_hint(self, portal: Portal, ref: EntityRef, chat_id: int, at: float) -> None:
        outcome = self._hints.learn(portal.member_id, portal.generation, ref, chat_id, at)
        self._telemetry.note(learned=outcome.value)


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
