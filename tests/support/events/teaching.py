"""The part of a worker that teaches the cache, with the stores of the test, and events for it."""

from dataclasses import dataclass
from typing import Any, Final

from chat_lookup.cache.learned_rows import LearnedRows
from chat_lookup.cache.leases import Leases
from chat_lookup.clock import Deadline
from chat_lookup.config import EventsTeach
from chat_lookup.dynamodb import Table
from chat_lookup.entity import EntityRef
from chat_lookup.events.cache_warming import Warming
from chat_lookup.events.model import Record
from chat_lookup.lookup.hints import Hints
from chat_lookup.portals.portal import Portal
from tests.support.events.bot_questions import GROUP, message
from tests.support.fakes import FixedRandom, Stores
from tests.support.in_process_service import Service

OF_THE_EVENT: Final = 2
"""The chat that events name."""


def hints(service: Service, stores: Stores) -> Hints:
    """What follows hints in one process."""
    leases = Leases(stores.cache_rows, service.clock)
    overtaken = service.lookup.overtaken
    return Hints(service.asking, service.cache, leases, service.telemetry, service.clock, overtaken)


def warming(service: Service, stores: Stores, teach: EventsTeach, learned: Table | None = None) -> Warming:
    """`Warming` of one process; rows learned from events are written to the table `learned`, if it is given."""
    rows = LearnedRows(service.cache, learned or stores.cache_rows, service.clock, FixedRandom())
    lookups = hints(service, stores)
    return Warming(service.cache, rows, lookups, service.calls, service.telemetry, service.clock, teach)


@dataclass(frozen=True, slots=True)
class Worker:
    """One process of the worker."""

    service: Service
    stores: Stores
    portal: Portal
    teach: EventsTeach = EventsTeach.HINT

    def work(self, ref: EntityRef, chat_id: int = OF_THE_EVENT, **fields: Any) -> None:
        self.work_off(self.received(ref, chat_id, **fields))

    def received(self, ref: EntityRef, chat_id: int = OF_THE_EVENT, **fields: Any) -> Record:
        """An event of a chat that carries the pair, received now."""
        bound = GROUP._replace(chat_id=chat_id, entity_type=ref.entity_type, entity_id=ref.entity_id)
        record = message("hello", **{"chat": bound, **fields})
        return record._replace(received_at=self.service.clock.now())

    def work_off(self, record: Record, seconds: float = 25) -> None:
        """Teach the cache as the worker does: learn, then follow."""
        part = warming(self.service, self.stores, self.teach)
        deadline = Deadline.after(seconds, self.service.clock)
        with self.service.telemetry.invocation("test"):
            part.follow(self.portal, record, part.learn(self.portal, record, deadline), deadline)
