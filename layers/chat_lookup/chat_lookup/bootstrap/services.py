"""The objects that look chats up, and those that some functions need besides: built when they are first asked for."""

from collections.abc import Callable
from functools import cache, partial
from random import SystemRandom
from typing import TYPE_CHECKING, NamedTuple

from chat_lookup.bootstrap.core import Clients, Core, core
from chat_lookup.cache.leases import Leases
from chat_lookup.clock import Clock
from chat_lookup.config import Settings
from chat_lookup.lookup.find import Lookup
from chat_lookup.lookup.plan_runner import Asking
from chat_lookup.lookup.single_flight import Misses
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.api_keys import Keys
from chat_lookup.portals.store import Portals

if TYPE_CHECKING:
    from chat_lookup.admin.commands import Admin
    from chat_lookup.bootstrap.install import InstallServices
    from chat_lookup.bootstrap.page import PageServices
    from chat_lookup.bootstrap.worker import WorkerServices
    from chat_lookup.credentials.keepalive import Keepalive
    from chat_lookup.lookup.find_many import Many
    from chat_lookup.objects.find import Objects
    from chat_lookup.rest.methods import RestMethods


class Services(NamedTuple):
    """What the handlers call. The callables build what only some of them need, once."""

    portals: Portals
    keys: Keys
    lookup: Lookup
    bring_in: "Callable[[], None]"
    many: "Callable[[], Many]"
    objects: "Callable[[], Objects]"
    rest: "Callable[[], RestMethods]"
    install: "Callable[[], InstallServices]"
    worker: "Callable[[], WorkerServices]"
    admin: "Callable[[], Admin]"
    keepalive: "Callable[[], Keepalive]"
    page: "Callable[[], PageServices]"


def build(settings: Settings, clients: Clients, telemetry: Telemetry, clock: Clock) -> Services:
    """Build everything. Calls nothing."""
    parts = core(settings, clients, telemetry, clock)
    misses = _misses(parts)
    lookup = _lookup(parts, misses)
    many = cache(partial(_many, parts))
    objects = cache(partial(_objects, parts, misses))
    install = cache(partial(_install, parts))
    return Services(
        portals=parts.portals,
        keys=parts.keys,
        lookup=lookup,
        bring_in=parts.tokens.bring_in,
        many=many,
        objects=objects,
        rest=cache(partial(_rest, parts, lookup, many)),
        install=install,
        worker=cache(partial(_worker, parts, lookup, objects)),
        admin=cache(partial(_admin, parts, install)),
        keepalive=cache(partial(_keepalive, parts)),
        page=cache(partial(_page, parts)),
    )


def _misses(parts: Core) -> Misses:
    return Misses(Leases(parts.cache_table, parts.clock), parts.telemetry, parts.clock, SystemRandom())


def _lookup(parts: Core, misses: Misses) -> Lookup:
    asking = Asking(parts.calls, parts.portals, parts.telemetry)
    return Lookup(asking, parts.cache, misses, parts.telemetry, parts.clock)


# Imported when they are built: a look-up does not pay for them.


def _many(parts: Core) -> "Many":
    from chat_lookup.cache.bulk_cache import CachePages  # noqa: PLC0415 - as above
    from chat_lookup.calls.bulk_allowance import Allowance  # noqa: PLC0415 - as above
    from chat_lookup.lookup.find_many import Many  # noqa: PLC0415 - as above

    pages = CachePages(parts.cache, parts.cache_table, parts.clock, SystemRandom())
    allowance = Allowance(parts.operating, parts.clock)
    return Many(parts.calls, parts.portals, allowance, pages, parts.telemetry, parts.clock)


def _objects(parts: Core, misses: Misses) -> "Objects":
    from chat_lookup.cache.bulk_cache import CachePages  # noqa: PLC0415 - as above
    from chat_lookup.calls.bulk_allowance import Allowance  # noqa: PLC0415 - as above
    from chat_lookup.lookup.plan import Inquiries  # noqa: PLC0415 - as above
    from chat_lookup.objects.asking import ListAsking  # noqa: PLC0415 - as above
    from chat_lookup.objects.find import Objects  # noqa: PLC0415 - as above
    from chat_lookup.objects.lists import Lists  # noqa: PLC0415 - as above
    from chat_lookup.objects.plan import ListInquiries  # noqa: PLC0415 - as above

    inquiries = ListInquiries(Inquiries(parts.telemetry))
    asking = ListAsking(parts.calls, Allowance(parts.operating, parts.clock), inquiries, parts.clock)
    pages = CachePages(parts.cache, parts.cache_table, parts.clock, SystemRandom())
    lists = Lists(parts.cache, pages, parts.telemetry, SystemRandom())
    return Objects(asking, lists, misses, parts.portals, parts.telemetry, parts.clock)


def _rest(parts: Core, lookup: Lookup, many: "Callable[[], Many]") -> "RestMethods":
    from chat_lookup.rest.errors import RestFailures  # noqa: PLC0415 - as above
    from chat_lookup.rest.forwarding import Forwarding  # noqa: PLC0415 - as above
    from chat_lookup.rest.methods import RestMethods  # noqa: PLC0415 - as above
    from chat_lookup.rest.own_methods import OwnMethods, user_of  # noqa: PLC0415 - as above
    from chat_lookup.rest.profiles import Profiles  # noqa: PLC0415 - as above

    failures = RestFailures(parts.telemetry, parts.clock)
    forwarding = Forwarding(parts.calls, failures, parts.clock)
    profiles = Profiles(partial(user_of, forwarding), failures, parts.cache_table, parts.clock)
    own = OwnMethods(profiles, parts.clock)
    return RestMethods(lookup, many, forwarding, own, failures, parts.operating, parts.clock)


def _page(parts: Core) -> "PageServices":
    from chat_lookup.bootstrap.page import build as build_page  # noqa: PLC0415 - as above
    from chat_lookup.bootstrap.page import in_its_pace  # noqa: PLC0415 - as above

    paced = in_its_pace(parts)
    misses = _misses(paced)
    return build_page(paced, _lookup(paced, misses), _objects(paced, misses))


def _install(parts: Core) -> "InstallServices":
    from chat_lookup.bootstrap.install import build as build_install  # noqa: PLC0415 - as above

    return build_install(parts)


def _worker(parts: Core, lookup: Lookup, objects: "Callable[[], Objects]") -> "WorkerServices":
    from chat_lookup.bootstrap.worker import build as build_worker  # noqa: PLC0415 - as above

    return build_worker(parts, lookup, objects)


def _admin(parts: Core, install: "Callable[[], InstallServices]") -> "Admin":
    from chat_lookup.bootstrap.admin import build as build_admin  # noqa: PLC0415 - as above

    return build_admin(parts, install)


def _keepalive(parts: Core) -> "Keepalive":
    from chat_lookup.credentials.keepalive import Keepalive  # noqa: PLC0415 - as above
    from chat_lookup.portals.updates import PortalFacts  # noqa: PLC0415 - as above

    facts = PortalFacts(parts.portal_table, parts.portals)
    return Keepalive(parts.portals, facts, parts.tokens, parts.telemetry, parts.recoveries, parts.clock)
