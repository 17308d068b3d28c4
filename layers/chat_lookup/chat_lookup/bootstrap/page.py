"""The objects behind the page inside the portal, built on the core at the first request for it."""

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from chat_lookup.bootstrap.core import Core
from chat_lookup.install.attempt_limiter import AttemptLimiter
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
    from chat_lookup.lookup.find import Lookup
    from chat_lookup.objects.find import Objects


class PageServices(NamedTuple):
    """What PageFunction calls."""

    documents: Documents
    doorkeeper: Doorkeeper
    answers: PageAnswers
    sessions: Sessions
    portal_hosts: frozenset[str]
    """Exact `host:port` that a portal may have beyond ordinary names."""


def in_its_pace(parts: Core) -> Core:
    """The core whose calls take the page's share of the pace."""
    attempts = AttemptLimiter(parts.cache_table, parts.clock)
    return parts._replace(calls=parts.calls_in(PagePace(parts.limiter, attempts)))


def build(paced: Core, lookup: "Lookup", objects: "Objects") -> PageServices:
    """Build everything on a core in the page's pace, with the look-ups on the same. Calls nothing."""
    settings, clock = paced.settings, paced.clock
    attempts = AttemptLimiter(paced.cache_table, clock)
    sessions = Sessions(PageKey(paced.vault, settings.page_key, clock), clock)
    viewers = Viewers(paced.calls, clock)
    keys = PortalKeys(paced.keys, paced.telemetry, clock, allowed=settings.portal_admin_keys)
    return PageServices(
        documents=Documents(settings.bx24_script, settings.portal_page_url, keys=settings.portal_admin_keys),
        doorkeeper=Doorkeeper(paced.portals, viewers, sessions, attempts, paced.telemetry),
        answers=PageAnswers(
            paced.portals,
            sessions,
            viewers,
            PageFinder(lookup, objects, viewers, PagePace(paced.limiter, attempts)),
            keys,
            partial(_doctor, paced),
            partial(_queues, paced),
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
