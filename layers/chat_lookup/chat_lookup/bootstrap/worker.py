"""The objects that work events off, built on the core at the first event: a look-up does not pay for them."""

from random import SystemRandom

from chat_lookup.bootstrap.core import Core
from chat_lookup.bot.answer_claims import Claims
from chat_lookup.bot.answer_sender import AnswerSender
from chat_lookup.bot.answerer import Answering
from chat_lookup.bot.employees import People
from chat_lookup.cache.learned_rows import LearnedRows
from chat_lookup.events.cache_warming import Warming
from chat_lookup.events.publisher import Publisher
from chat_lookup.events.worker import Working
from chat_lookup.lookup.find import Lookup
from chat_lookup.portals.updates import PortalFacts


def build(parts: Core, lookup: Lookup) -> Working:
    """Build everything. Calls nothing."""
    settings, clock, telemetry, calls, cache = parts.settings, parts.clock, parts.telemetry, parts.calls, parts.cache
    learned = LearnedRows(cache, parts.cache_table, clock, SystemRandom())
    answering = Answering(
        lookup,
        cache,
        People(calls, parts.cache_table, clock),
        Claims(parts.cache_table, clock),
        AnswerSender(calls, clock),
        telemetry,
        clock,
    )
    return Working(
        parts.portals,
        PortalFacts(parts.portal_table, parts.portals),
        answering.answer,
        Warming(cache, learned, calls, telemetry, clock),
        Publisher(parts.clients.bus(), settings.event_bus, telemetry, with_text=settings.publish_text),
        telemetry,
    )
