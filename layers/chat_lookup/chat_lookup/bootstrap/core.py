"""What the service is built upon, made once by `bootstrap`: stores, tokens, calls."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chat_lookup.bitrix24.oauth import AuthorisationServer
from chat_lookup.cache.chat_cache import Cache
from chat_lookup.calls.operating_time import Operating
from chat_lookup.calls.portal_calls import PortalCalls
from chat_lookup.calls.rate_limiter import Limiter
from chat_lookup.clock import Clock
from chat_lookup.config import Settings
from chat_lookup.credentials.applications import Applications
from chat_lookup.credentials.grants import Tokens
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.api_keys import Keys
from chat_lookup.portals.store import Portals

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient


@dataclass(frozen=True, slots=True)
class Clients:
    """AWS, as far as the service uses it. The queues and the bus are made when they are called for."""

    dynamodb: "DynamoDBClient"
    secrets: "SecretsManagerClient"
    sqs: "Callable[[], SQSClient]"
    bus: "Callable[[], EventBridgeClient]"


@dataclass(frozen=True, slots=True)
class Parts:
    """Shared by everything in one process."""

    settings: Settings
    clients: Clients
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
