"""The objects that look chats up, and those that some functions need besides: built when they are called for first."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from random import SystemRandom
from typing import TYPE_CHECKING

from chat_lookup.applications import Applications
from chat_lookup.asking import Asking
from chat_lookup.attempts import Attempts
from chat_lookup.bitrix24.client import Bitrix24Client
from chat_lookup.bitrix24.oauth import AuthorisationServer
from chat_lookup.cache import Cache
from chat_lookup.calls import PortalCalls
from chat_lookup.circuit import Circuit
from chat_lookup.clock import Clock
from chat_lookup.config import Settings
from chat_lookup.keys import Keys
from chat_lookup.leases import Leases
from chat_lookup.limiter import Limiter
from chat_lookup.lookup import Lookup
from chat_lookup.misses import Misses
from chat_lookup.operating import Operating
from chat_lookup.parts import Clients, Parts
from chat_lookup.pointer import Pointers
from chat_lookup.portals import Portals
from chat_lookup.records import Portal
from chat_lookup.renewal_world import PortalWorld
from chat_lookup.retries import RetryPolicy
from chat_lookup.telemetry import Telemetry
from chat_lookup.tokens import Tokens
from chat_lookup.vault import Vault

if TYPE_CHECKING:
    from chat_lookup.installing import Installing
    from chat_lookup.many import Many
    from chat_lookup.rest_methods import RestMethods
    from chat_lookup.working import Working


@dataclass(frozen=True, slots=True)
class Services:
    """What the handlers call. `many`, `rest`, `installing` and `working` build what only some of them need, once."""

    portals: Portals
    keys: Keys
    lookup: Lookup
    many: "Callable[[], Many]"
    rest: "Callable[[], RestMethods]"
    installing: "Callable[[], Installing]"
    working: "Callable[[], Working]"


def serving(settings: Settings, clients: Clients, told: Telemetry, clock: Clock) -> Services:
    """Build everything. Calls nothing."""
    parts = _parts(settings, clients, told, clock)
    leases = Leases(clients.dynamodb, settings.cache_table, clock)
    lookup = Lookup(
        Asking(parts.calls, parts.portals, parts.telemetry),
        parts.cache,
        Misses(leases, parts.telemetry, clock, SystemRandom()),
        parts.telemetry,
        clock,
    )
    many = cache(partial(_many, parts))
    return Services(
        portals=parts.portals,
        keys=parts.keys,
        lookup=lookup,
        many=many,
        rest=cache(partial(_rest, parts, lookup, many)),
        installing=cache(partial(_installing, parts)),
        working=cache(partial(_working, parts, lookup)),
    )


def _parts(settings: Settings, clients: Clients, told: Telemetry, clock: Clock) -> Parts:
    dynamodb = clients.dynamodb
    portals = Portals(dynamodb, settings.portal_table, clock)
    vault = Vault(clients.secrets, settings.secret_prefix, clock, told.redactor, settings.key_arn)
    client = Bitrix24Client(
        clock,
        local_hosts=settings.local_hosts,
        private_portals=settings.private_portals,
        ca_pem=settings.ca_pem,
    )
    server = AuthorisationServer(clock, client.wire)
    applications = Applications(dynamodb, settings.portal_table, vault, clock)
    pointers = Pointers(dynamodb, settings.portal_table)

    def world_of(portal: Portal) -> PortalWorld:
        return PortalWorld(portal, vault, pointers, server, applications.keys, told, clock)

    tokens = Tokens(vault, portals, world_of, clock)
    limiter = Limiter(dynamodb, settings.cache_table, clock)
    operating = Operating(dynamodb, settings.cache_table, clock)
    circuit = Circuit(dynamodb, settings.cache_table, clock)
    attempts = Attempts(client, limiter, circuit, operating, RetryPolicy(SystemRandom().random), told, clock)
    return Parts(
        settings=settings,
        clients=clients,
        clock=clock,
        telemetry=told,
        portals=portals,
        keys=Keys(dynamodb, settings.portal_table, clock),
        applications=applications,
        server=server,
        tokens=tokens,
        limiter=limiter,
        operating=operating,
        calls=PortalCalls(tokens, portals, attempts, clock),
        cache=Cache(dynamodb, settings.cache_table, clock, SystemRandom()),
    )


# None is paid for by a look-up.


def _many(parts: Parts) -> "Many":
    from chat_lookup.allowance import Allowance  # noqa: PLC0415 - as said
    from chat_lookup.cache_pages import CachePages  # noqa: PLC0415 - as said
    from chat_lookup.many import Many  # noqa: PLC0415 - as said

    dynamodb, table = parts.clients.dynamodb, parts.settings.cache_table
    pages = CachePages(parts.cache, dynamodb, table, parts.clock, SystemRandom())
    allowance = Allowance(parts.operating, parts.clock)
    return Many(parts.calls, parts.portals, allowance, pages, parts.telemetry, parts.clock)


def _rest(parts: Parts, lookup: Lookup, many: "Callable[[], Many]") -> "RestMethods":
    from chat_lookup.rest_failures import RestFailures  # noqa: PLC0415 - as said
    from chat_lookup.rest_forwarding import Forwarding  # noqa: PLC0415 - as said
    from chat_lookup.rest_methods import RestMethods  # noqa: PLC0415 - as said

    failures = RestFailures(parts.telemetry, parts.clock)
    forwarding = Forwarding(parts.calls, failures, parts.clock)
    return RestMethods(lookup, many, forwarding, failures, parts.operating, parts.clock)


def _installing(parts: Parts) -> "Installing":
    from chat_lookup.installing import installing  # noqa: PLC0415 - as said

    return installing(parts)


def _working(parts: Parts, lookup: Lookup) -> "Working":
    from chat_lookup.working_parts import working  # noqa: PLC0415 - as said

    return working(parts, lookup)
