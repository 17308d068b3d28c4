"""The objects that look chats up, and those that some functions need besides: built when they are called for first."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from random import SystemRandom
from typing import TYPE_CHECKING

from chat_lookup.bitrix24.client import Bitrix24Client
from chat_lookup.bitrix24.oauth import AuthorisationServer
from chat_lookup.bootstrap.core import Clients, Parts
from chat_lookup.cache.chat_cache import Cache
from chat_lookup.cache.leases import Leases
from chat_lookup.calls.circuit_breaker import Circuit
from chat_lookup.calls.executor import Attempts
from chat_lookup.calls.operating_time import Operating
from chat_lookup.calls.portal_calls import PortalCalls
from chat_lookup.calls.rate_limiter import Limiter
from chat_lookup.calls.retry_policy import RetryPolicy
from chat_lookup.clock import Clock
from chat_lookup.config import Settings
from chat_lookup.credentials.applications import Applications
from chat_lookup.credentials.grants import Tokens
from chat_lookup.credentials.renewal_ports import PortalWorld
from chat_lookup.credentials.secret_store import Vault
from chat_lookup.credentials.token_pointer import Pointers
from chat_lookup.lookup.find import Lookup
from chat_lookup.lookup.plan_runner import Asking
from chat_lookup.lookup.single_flight import Misses
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.api_keys import Keys
from chat_lookup.portals.portal import Portal
from chat_lookup.portals.store import Portals

if TYPE_CHECKING:
    from chat_lookup.bootstrap.install import Installing
    from chat_lookup.events.worker import Working
    from chat_lookup.lookup.find_many import Many
    from chat_lookup.rest.methods import RestMethods


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
    from chat_lookup.cache.bulk_cache import CachePages  # noqa: PLC0415 - as said
    from chat_lookup.calls.bulk_allowance import Allowance  # noqa: PLC0415 - as said
    from chat_lookup.lookup.find_many import Many  # noqa: PLC0415 - as said

    dynamodb, table = parts.clients.dynamodb, parts.settings.cache_table
    pages = CachePages(parts.cache, dynamodb, table, parts.clock, SystemRandom())
    allowance = Allowance(parts.operating, parts.clock)
    return Many(parts.calls, parts.portals, allowance, pages, parts.telemetry, parts.clock)


def _rest(parts: Parts, lookup: Lookup, many: "Callable[[], Many]") -> "RestMethods":
    from chat_lookup.rest.failures import RestFailures  # noqa: PLC0415 - as said
    from chat_lookup.rest.forwarding import Forwarding  # noqa: PLC0415 - as said
    from chat_lookup.rest.methods import RestMethods  # noqa: PLC0415 - as said

    failures = RestFailures(parts.telemetry, parts.clock)
    forwarding = Forwarding(parts.calls, failures, parts.clock)
    return RestMethods(lookup, many, forwarding, failures, parts.operating, parts.clock)


def _installing(parts: Parts) -> "Installing":
    from chat_lookup.bootstrap.install import installing  # noqa: PLC0415 - as said

    return installing(parts)


def _working(parts: Parts, lookup: Lookup) -> "Working":
    from chat_lookup.bootstrap.worker import working  # noqa: PLC0415 - as said

    return working(parts, lookup)
