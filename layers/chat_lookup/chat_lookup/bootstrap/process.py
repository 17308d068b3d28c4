"""Builds the object graph. The only place that names AWS clients, and the only one that reads the environment.

What is imported at the top every function pays for at its start: only what all of them need stands there.
"""

import os
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, cast

from chat_lookup import config
from chat_lookup.clock import Clock, SystemClock
from chat_lookup.observability.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.config import Config
    from botocore.session import Session
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

    from chat_lookup.bootstrap.services import Services
    from chat_lookup.events.receiver import Receiving
    from chat_lookup.events.worker import Working

clock: Clock = SystemClock()
"""The time of everything built here. A local run puts a clock that can be moved in its place, before it builds."""


@dataclass(frozen=True, slots=True)
class _Patience:
    """With one service of AWS: seconds to connect and for one answer, and how often it is asked."""

    connect: float = 1.0
    read: float = 3.0
    attempts: int = 3


_USUAL: Final = _Patience()
"""Short, so that one lost packet does not eat a look-up's ten seconds."""
_SLOW: Final = _Patience(read=5.0)
_HASTY: Final = _Patience(connect=0.5, read=1.0, attempts=2)
_LAST: Final = _Patience(connect=0.5, read=1.0, attempts=1)
"""Where an event waits: the store, the queue and what stands in for the queue have ten seconds together."""


@cache
def telemetry() -> Telemetry:
    """The logger and the metrics; made first and from defaults, so that a failing start can be told."""
    return Telemetry(
        service=os.environ.get("POWERTOOLS_SERVICE_NAME") or "chat-lookup",
        namespace=os.environ.get("POWERTOOLS_METRICS_NAMESPACE") or "ChatLookup",
        level=(os.environ.get("LOG_LEVEL") or "INFO").upper(),
    )


@cache
def services() -> "Services":
    """Everything else, once per process. Raises `ServiceMisconfigured`, and tries again at the next invocation then."""
    from chat_lookup.bootstrap.core import Clients  # noqa: PLC0415 - the events function does without all of this
    from chat_lookup.bootstrap.services import serving  # noqa: PLC0415 - as above

    settings = config.from_environ(os.environ)
    clients = Clients(
        _dynamodb(settings), _secrets(settings), cache(partial(_sqs, settings)), cache(partial(_bus, settings))
    )
    return serving(settings, clients, telemetry(), clock)


@cache
def receiving() -> "Receiving":
    """What takes events in, and nothing besides: it can read no secret and call no portal. Raises as `services`."""
    from chat_lookup.events.queue import EventQueue  # noqa: PLC0415 - nobody else has a use for it
    from chat_lookup.events.receiver import Receiving  # noqa: PLC0415 - as above
    from chat_lookup.events.verification import Origin  # noqa: PLC0415 - as above
    from chat_lookup.portals.store import Portals  # noqa: PLC0415 - as above

    settings = config.from_environ(os.environ)
    portals = Portals(_dynamodb(settings, _HASTY), settings.portal_table, clock)
    queue = EventQueue(
        _sqs(settings, _HASTY),
        settings.event_queue_url,
        partial(_lambda, settings),
        settings.worker_function,
        telemetry(),
    )
    return Receiving(Origin(portals, clock), queue, telemetry(), clock)


def working() -> "Working":
    """What works the events off. Raises as `services`."""
    return services().working()


def before_snapshot(build: "Callable[[], object]") -> None:
    """Build at import where Lambda takes a snapshot after it (template.yaml, SnapStart): a first request finds it done.

    All that start from the snapshot have in common what is built here, so it may hold nothing that must differ or age:
    connections and memories come with requests, ids and keys from the system's random numbers at each call. Raises as
    `build`, and with that the deployment fails.
    """
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
        build()


@cache
def layer() -> str:
    """The hash of the layer that this function was built with, or `unbuilt` where it runs from its sources."""
    stamp = Path(os.environ.get("LAMBDA_TASK_ROOT", ".")) / "layer-stamp"
    return stamp.read_text().strip() if stamp.is_file() else "unbuilt"


@cache
def _session() -> "Session":
    from botocore.session import get_session  # noqa: PLC0415 - a health check need not pay for botocore

    return get_session()


def _config(patience: _Patience, mode: Literal["standard", "legacy"] = "standard") -> "Config":
    from botocore.config import Config  # noqa: PLC0415 - as above

    return Config(
        # To put its own name together, and to check what the types have proved, takes botocore a seventh of a request.
        user_agent="bitrix24-chat-lookup",
        parameter_validation=False,
        connect_timeout=patience.connect,
        read_timeout=patience.read,
        retries={"mode": mode, "total_max_attempts": patience.attempts},
    )


def _dynamodb(settings: config.Settings, patience: _Patience = _USUAL) -> "DynamoDBClient":
    # A throttled call is repeated after up to 50 and 100 ms in the elder mode, 1 and 2 s in the newer: too long for us.
    elder = _config(patience, "legacy")
    client = _session().create_client("dynamodb", endpoint_url=settings.endpoint_url, config=elder)
    return cast("DynamoDBClient", client)


def _secrets(settings: config.Settings) -> "SecretsManagerClient":
    slow = _config(_SLOW)
    client = _session().create_client("secretsmanager", endpoint_url=settings.endpoint_url, config=slow)
    return cast("SecretsManagerClient", client)


def _sqs(settings: config.Settings, patience: _Patience = _USUAL) -> "SQSClient":
    client = _session().create_client("sqs", endpoint_url=settings.endpoint_url, config=_config(patience))
    return cast("SQSClient", client)


def _lambda(settings: config.Settings) -> "LambdaClient":
    client = _session().create_client("lambda", endpoint_url=settings.endpoint_url, config=_config(_LAST))
    return cast("LambdaClient", client)


def _bus(settings: config.Settings) -> "EventBridgeClient":
    client = _session().create_client("events", endpoint_url=settings.endpoint_url, config=_config(_USUAL))
    return cast("EventBridgeClient", client)
