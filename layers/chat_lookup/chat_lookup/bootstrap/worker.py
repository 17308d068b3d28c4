"""The objects that work events off, built on the core at the first event: a look-up does not pay for them."""

from random import SystemRandom
from typing import TYPE_CHECKING, NamedTuple

from chat_lookup.bootstrap.core import Core
from chat_lookup.bot.answer_claims import Claims
from chat_lookup.bot.answer_sender import AnswerSender
from chat_lookup.bot.answerer import Answering
from chat_lookup.bot.employees import People
from chat_lookup.cache.learned_rows import LearnedRows
from chat_lookup.cache.leases import Leases
from chat_lookup.events.cache_warming import Warming
from chat_lookup.events.publisher import Publisher
from chat_lookup.events.queue import Requeue
from chat_lookup.events.worker import Working
from chat_lookup.lookup.find import Lookup
from chat_lookup.lookup.hints import Hints
from chat_lookup.lookup.plan_runner import Asking
from chat_lookup.portals.updates import PortalFacts

if TYPE_CHECKING:
    from collections.abc import Callable

    from chat_lookup.objects.find import Objects


class WorkerServices(NamedTuple):
    """What WorkerFunction calls. Its threads share all of it: each works the events of another portal."""

    worker: Working
    requeue: Requeue


def build(parts: Core, lookup: Lookup, objects: "Callable[[], Objects]") -> WorkerServices:
    """Build everything. Calls nothing."""
    settings, clock, telemetry, calls, cache = parts.settings, parts.clock, parts.telemetry, parts.calls, parts.cache
    learned = LearnedRows(cache, parts.cache_table, clock, SystemRandom())
    asking, leases = Asking(calls, parts.portals, telemetry), Leases(parts.cache_table, clock)
    hints = Hints(asking, cache, leases, telemetry, clock, lookup.overtaken)
    answering = Answering(
        lookup,
        objects,
        cache,
        People(calls, parts.cache_table, clock),
        Claims(parts.cache_table, clock),
        AnswerSender(calls, clock),
        telemetry,
        clock,
    )
    worker = Working(
        parts.portals,
        PortalFacts(parts.portal_table, parts.portals),
        answering.answer,
        Warming(cache, learned, hints, calls, telemetry, clock, settings.events_teach),
        Publisher(parts.clients.bus(), settings.event_bus, telemetry, with_text=settings.publish_text),
        telemetry,
    )
    queues = settings.event_queue_url, settings.dead_letter_queue_url
    requeue = Requeue(parts.clients.sqs, *queues, telemetry, clock)
    return WorkerServices(worker, requeue)
