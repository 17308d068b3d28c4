"""The use case behind the queue: the effects of one event (design 5, Events).

Each effect is safe to repeat in its own way: the cache by version, publishing under a stable id, an answer by its
claim. So a record of which one effect failed is simply retried.
"""

import logging
from collections.abc import Callable
from typing import TypeVar

from chat_lookup.bitrix24.event_names import EventKind
from chat_lookup.clock import Deadline
from chat_lookup.events.cache_warming import Warming, entity_named
from chat_lookup.events.model import Record
from chat_lookup.events.publisher import Publisher
from chat_lookup.events.queue import Progress
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.portal import Portal, PortalState
from chat_lookup.portals.recovery import Recovery
from chat_lookup.portals.store import Portals
from chat_lookup.portals.updates import PortalFacts

Result = TypeVar("Result")


class Working:
    """Processes one record at a time.

    `answer` answers an event's questions to our bot, once at most, and returns the outcome.
    """

    def __init__(
        self,
        portals: Portals,
        facts: PortalFacts,
        answer: Callable[[Portal, Record, Deadline], str],
        warming: Warming,
        publisher: Publisher,
        telemetry: Telemetry,
    ) -> None:
        self._portals = portals
        self._facts = facts
        self._answer = answer
        self._warming = warming
        self._publisher = publisher
        self._telemetry = telemetry

    def work(self, record: Record, deadline: Deadline, progress: Progress) -> None:
        """Run all effects of the event, and note each outcome on the invocation's log line.

        Every effect is tried; then the first failure is raised, so that the record is retried. An event that was
        published is not published again while it waits for its answer: `progress` records it, and is kept.
        """
        self._note_event(record)
        portal = self._portals.for_event(record.member_id, record.event.bot_ids)
        if portal is None or portal.state is PortalState.UNINSTALLED:
            self._telemetry.note(outcome="not_installed")
            return
        try:
            self._effects(portal, record, deadline, progress)
        finally:
            # Once more: a look-up overwrote the chat with the one that a user asked for.
            self._note_event(record)

    def announce(self, recovery: Recovery) -> None:
        """Publish that a portal is open again. Raises where the message has to be retried."""
        self._telemetry.note(recovered=recovery.member_id, recovered_from=recovery.state, event_id=recovery.event_id)
        self._telemetry.note(published=self._publisher.publish_recovery(recovery))

    def _effects(self, portal: Portal, record: Record, deadline: Deadline, progress: Progress) -> None:
        effects = _Effects(self._telemetry)
        portal = effects.attempt("bot", lambda: self._without_deleted_bot(portal, record), portal)
        answer = effects.attempt("answer", lambda: self._answer(portal, record, deadline), "failed")
        named = entity_named(record.event)
        self._telemetry.hide_entities([named] if named else [])
        ref = effects.attempt("cache", lambda: self._warming.learn(portal, record, deadline), named)
        effects.attempt("lists", lambda: self._warming.forget_lists(portal, record), None)
        if not progress.published:
            progress.published = effects.attempt(
                "bus", lambda: self._publisher.publish(record, portal.domain, ref), False
            )
        # Last: the portal may take its time, and nothing else depends on it.
        effects.attempt("hint", lambda: self._warming.follow(portal, record, ref, deadline), None)
        self._telemetry.note(answer=answer, published=progress.published)
        if ref is not None:
            self._telemetry.note_entity(ref)
        if effects.failures:
            raise effects.failures[0]

    def _note_event(self, record: Record) -> None:
        """Note the event's own fields on the log line."""
        chat = record.event.chat
        self._telemetry.note(
            event=record.event.name,
            event_id=record.event_id,
            portal=record.member_id,
            chat_id=chat.chat_id if chat else None,
        )

    def _without_deleted_bot(self, portal: Portal, record: Record) -> Portal:
        """The portal, without our bot if the event reports its deletion; the deletion of an earlier bot is ignored."""
        deleted = record.event.kind is EventKind.BOT_DELETE and portal.bot_id in record.event.bot_ids
        if not deleted:
            return portal
        without = portal._replace(bot_id=None, bot_api="", command_id=None)
        self._facts.learn(without, "bot_id", "bot_api", "command_id")
        self._telemetry.note(level=logging.WARNING, bot="deleted")
        return without


class _Effects:
    """Effects that run one after the other, even if one fails."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self.failures: list[Exception] = []

    def attempt(self, name: str, effect: Callable[[], Result], otherwise: Result) -> Result:
        try:
            return effect()
        except Exception as error:  # noqa: BLE001 - it is raised after the other effects
            self.failures.append(error)
            self._telemetry.note(level=logging.WARNING, **{f"{name}_failure": type(error).__name__})
            return otherwise
