"""What everything else is built on: tables, stores, tokens, calls to portals."""

from random import SystemRandom
from typing import TYPE_CHECKING, NamedTuple

from chat_lookup.bitrix24.client import Bitrix24Client
from chat_lookup.bitrix24.oauth import AuthorisationServer
from chat_lookup.bootstrap.recoveries import QueuedRecoveries
from chat_lookup.cache.chat_cache import Cache
from chat_lookup.calls.circuit_breaker import Circuit
from chat_lookup.calls.executor import Attempts, Slots
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
from chat_lookup.dynamodb import Table
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.api_keys import Keys
from chat_lookup.portals.portal import Portal
from chat_lookup.portals.recovery import Recoveries
from chat_lookup.portals.store import Portals

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient


class Clients(NamedTuple):
    """AWS, as far as the service uses it. The queues and the bus are made when they are called for."""

    dynamodb: "DynamoDBClient"
    secrets: "SecretsManagerClient"
    sqs: "Callable[[], SQSClient]"
    bus: "Callable[[], EventBridgeClient]"


class Core(NamedTuple):
    """Shared by everything in one process."""

    settings: Settings
    clients: Clients
    portal_table: Table
    cache_table: Table
    clock: Clock
    telemetry: Telemetry
    portals: Portals
    keys: Keys
    applications: Applications
    server: AuthorisationServer
    tokens: Tokens
    limiter: Limiter
    operating: Operating
    calls: PortalCalls
    cache: Cache
    recoveries: Recoveries
    vault: Vault
    calls_in: "Callable[[Slots], PortalCalls]"
    """Makes what calls portals in other slots: `calls` do so in all of a portal's."""


def core(settings: Settings, clients: Clients, telemetry: Telemetry, clock: Clock) -> Core:
    """Build it. Calls nothing."""
    portal_table = Table(clients.dynamodb, settings.portal_table)
    cache_table = Table(clients.dynamodb, settings.cache_table)
    portals = Portals(portal_table, clock, lambda member_id: telemetry.note(portal=member_id))
    vault = Vault(clients.secrets, settings.secret_prefix, clock, telemetry.redactor, settings.key_arn)
    client = Bitrix24Client(
        clock,
        local_hosts=settings.local_hosts,
        private_portals=settings.private_portals,
        servers=settings.authorisation_servers,
        ca_pem=settings.ca_pem,
    )
    server = AuthorisationServer(clock, client.wire)
    applications = Applications(portal_table, vault, portals, clock)
    pointers = Pointers(portal_table)

    def world_of(portal: Portal) -> PortalWorld:
        return PortalWorld(portal, vault, pointers, server, applications.keys, telemetry, clock)

    tokens = Tokens(vault, portals, world_of, clock)
    limiter = Limiter(cache_table, clock)
    operating = Operating(cache_table, clock)
    circuit = Circuit(cache_table, clock)
    recoveries = QueuedRecoveries(clients.sqs, settings.event_queue_url, telemetry, clock)
    policy = RetryPolicy(SystemRandom().random)

    def calls_in(slots: Slots) -> PortalCalls:
        attempts = Attempts(client, slots, circuit, operating, policy, telemetry, recoveries, clock)
        return PortalCalls(tokens, portals, attempts, recoveries, clock)

    return Core(
        settings=settings,
        clients=clients,
        portal_table=portal_table,
        cache_table=cache_table,
        clock=clock,
        telemetry=telemetry,
        portals=portals,
        keys=Keys(portal_table, portals, clock),
        applications=applications,
        server=server,
        tokens=tokens,
        limiter=limiter,
        operating=operating,
        calls=calls_in(limiter),
        cache=Cache(cache_table, clock, SystemRandom()),
        recoveries=recoveries,
        vault=vault,
        calls_in=calls_in,
    )
