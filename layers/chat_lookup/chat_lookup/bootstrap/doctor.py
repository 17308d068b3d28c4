"""The objects that examine portals, built on the core when a report is asked for."""

from chat_lookup.bootstrap.core import Core
from chat_lookup.calls.circuit_breaker import Circuit
from chat_lookup.doctor.examination import Doctor
from chat_lookup.doctor.queues import QueueDepths


def doctor(parts: Core) -> Doctor:
    """Build it. Calls nothing; of the stores it only reads."""
    circuit = Circuit(parts.cache_table, parts.clock)
    return Doctor(parts.portals, parts.calls, circuit, parts.limiter, parts.applications, parts.keys, parts.clock)


def queue_depths(parts: Core) -> QueueDepths:
    """Build it. Calls nothing."""
    settings = parts.settings
    return QueueDepths(parts.clients.sqs, settings.event_queue_url, settings.dead_letter_queue_url)
