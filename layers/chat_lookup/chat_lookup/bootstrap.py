"""Builds the object graph. The only place that names AWS clients, and the only one that reads the environment."""

import os
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, cast

from chat_lookup import config
from chat_lookup.applications import Applications
from chat_lookup.asking import Asking
from chat_lookup.bitrix24.client import Bitrix24Client
from chat_lookup.bitrix24.oauth import AuthorisationServer
from chat_lookup.cache import Cache
from chat_lookup.calls import PortalCalls
from chat_lookup.clock import Clock, SystemClock
from chat_lookup.keys import Keys
from chat_lookup.limiter import Limiter
from chat_lookup.lookup import Lookup
from chat_lookup.parts import Parts
from chat_lookup.pointer import Pointers
from chat_lookup.portals import Portals
from chat_lookup.records import Portal
from chat_lookup.renewal_world import PortalWorld
from chat_lookup.telemetry import Telemetry
from chat_lookup.tokens import Tokens
from chat_lookup.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.session import Session
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_secretsmanager import SecretsManagerClient

    from chat_lookup.installing import Installing

clock: Clock = SystemClock()
"""The time of everything built here. A local run puts a clock that can be moved in its place, before it builds."""


@dataclass(frozen=True, slots=True)
class Services:
    """What the handlers call. `installing` builds what only some of them need, once, when it is called first."""

    portals: Portals
    keys: Keys
    lookup: Lookup
    installing: "Callable[[], Installing]"


@cache
def telemetry() -> Telemetry:
    """The logger and the metrics; made first and from defaults, so that a failing start can be told."""
    return Telemetry(
        service=os.environ.get("POWERTOOLS_SERVICE_NAME") or "chat-lookup",
        namespace=os.environ.get("POWERTOOLS_METRICS_NAMESPACE") or "ChatLookup",
        level=(os.environ.get("LOG_LEVEL") or "INFO").upper(),
    )


@cache
def services() -> Services:
    """Everything else, once per process. Raises `ServiceMisconfigured`, and tries again at the next invocation then."""
    parts = _parts(config.from_environ(os.environ), telemetry())
    lookup = Lookup(Asking(parts.calls, parts.portals, parts.telemetry), parts.cache, parts.telemetry, clock)
    return Services(parts.portals, parts.keys, lookup, cache(partial(_installing, parts)))


def _parts(settings: config.Settings, told: Telemetry) -> Parts:
    dynamodb = _dynamodb(settings)
    portals = Portals(dynamodb, settings.portal_table, clock)
    vault = Vault(_secrets(settings), settings.secret_prefix, clock, told.redactor)
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
    return Parts(
        settings=settings,
        clock=clock,
        telemetry=told,
        dynamodb=dynamodb,
        portals=portals,
        keys=Keys(dynamodb, settings.portal_table, clock),
        applications=applications,
        server=server,
        tokens=tokens,
        limiter=limiter,
        calls=PortalCalls(client, tokens, portals, limiter, told, clock),
        cache=Cache(dynamodb, settings.cache_table, clock, SystemRandom()),
    )


def _installing(parts: Parts) -> "Installing":
    from chat_lookup.installing import installing  # noqa: PLC0415 - a look-up need not pay for it

    return installing(parts)


@cache
def layer() -> str:
    """The hash of the layer that this function was built with, or `unbuilt` where it runs from its sources."""
    stamp = Path(os.environ.get("LAMBDA_TASK_ROOT", ".")) / "layer-stamp"
    return stamp.read_text().strip() if stamp.is_file() else "unbuilt"


@cache
def _session() -> "Session":
    from botocore.session import get_session  # noqa: PLC0415 - a health check need not pay for botocore

    return get_session()


def _dynamodb(settings: config.Settings) -> "DynamoDBClient":
    from botocore.config import Config  # noqa: PLC0415 - as above

    client = _session().create_client(
        "dynamodb",
        endpoint_url=settings.endpoint_url,
        # Short, so that one lost packet does not eat a look-up's ten seconds.
        config=Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 3}),
    )
    return cast("DynamoDBClient", client)


def _secrets(settings: config.Settings) -> "SecretsManagerClient":
    from botocore.config import Config  # noqa: PLC0415 - as above

    client = _session().create_client(
        "secretsmanager",
        endpoint_url=settings.endpoint_url,
        config=Config(connect_timeout=1, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3}),
    )
    return cast("SecretsManagerClient", client)
