"""The objects behind the page inside the portal, built on the core at the first request for it."""

from functools import partial
from random import SystemRandom
from typing import TYPE_CHECKING, NamedTuple

from chat_lookup.bootstrap.core import Core
from chat_lookup.cache.bulk_cache import CachePages
from chat_lookup.cache.leases import Leases
from chat_lookup.calls.bulk_allowance import Allowance
from chat_lookup.install.attempt_limiter import AttemptLimiter
from chat_lookup.install.pages import VENDORS_SCRIPT
from chat_lookup.lookup.find import Lookup
from chat_lookup.lookup.plan import Inquiries
from chat_lookup.lookup.plan_runner import Asking
from chat_lookup.lookup.requests import fields_in
from chat_lookup.lookup.single_flight import Misses
from chat_lookup.objects.asking import ListAsking
from chat_lookup.objects.find import Objects
from chat_lookup.objects.lists import Lists
from chat_lookup.objects.plan import ListInquiries
from chat_lookup.page.answers import PageAnswers
from chat_lookup.page.document import Documents
from chat_lookup.page.finding import PageFinder
from chat_lookup.page.opening import Doorkeeper
from chat_lookup.page.pace import PagePace
from chat_lookup.page.page_key import PageKey
from chat_lookup.page.portal_keys import PortalKeys
from chat_lookup.page.sessions import Sessions
from chat_lookup.page.viewers import Viewers

if TYPE_CHECKING:
    from chat_lookup.doctor.examination import Doctor
    from chat_lookup.doctor.queues import QueueDepths


class PageServices(NamedTuple):
    """What PageFunction calls."""

    documents: Documents
    doorkeeper: Doorkeeper
    answers: PageAnswers
    sessions: Sessions
    portal_hosts: frozenset[str]
    """Exact `host:port` that a portal may have beyond ordinary names."""


def build(parts: Core) -> PageServices:
    """Build everything. Calls nothing."""
    settings, clock = parts.settings, parts.clock
    attempts = AttemptLimiter(parts.cache_table, clock)
    paced = parts._replace(calls=parts.calls_in(PagePace(parts.limiter, attempts)))
    sessions = Sessions(PageKey(parts.vault, settings.page_key, clock), clock)
    viewers = Viewers(paced.calls, clock)
    keys = PortalKeys(parts.keys, parts.telemetry, clock, allowed=settings.portal_admin_keys)
    return PageServices(
        documents=Documents(
            settings.bx24_script or VENDORS_SCRIPT, settings.portal_page_url, keys=settings.portal_admin_keys
        ),
        doorkeeper=Doorkeeper(parts.portals, viewers, sessions, attempts, parts.telemetry),
        answers=PageAnswers(
            parts.portals,
            sessions,
            viewers,
            _finder(paced, viewers),
            keys,
            partial(_doctor, paced),
            partial(_queues, paced),
            fields_in,
            settings.public_url,
            clock,
        ),
        sessions=sessions,
        portal_hosts=settings.portal_hosts,
    )


# Imported for a report: users who are no administrators do not pay for it.


def _doctor(parts: Core) -> "Doctor":
    from chat_lookup.bootstrap.doctor import doctor  # noqa: PLC0415 - as above

    return doctor(parts)


def _queues(parts: Core) -> "QueueDepths":
    from chat_lookup.bootstrap.doctor import queue_depths  # noqa: PLC0415 - as above

    return queue_depths(parts)


def _finder(parts: Core, viewers: Viewers) -> PageFinder:
    clock, random = parts.clock, SystemRandom()
    misses = Misses(Leases(parts.cache_table, clock), parts.telemetry, clock, random)
    lookup = Lookup(Asking(parts.calls, parts.portals, parts.telemetry), parts.cache, misses, parts.telemetry, clock)
    inquiries = ListInquiries(Inquiries(parts.telemetry))
    asking = ListAsking(parts.calls, Allowance(parts.operating, clock), inquiries, clock)
    lists = Lists(parts.cache, CachePages(parts.cache, parts.cache_table, clock, random), parts.telemetry, random)
    objects = Objects(asking, lists, misses, parts.portals, parts.telemetry, clock)
    return PageFinder(lookup, objects, viewers)
