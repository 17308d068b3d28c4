"""Clients of AWS, each with its time-outs. Nothing else makes one."""

from functools import cache, partial
from threading import Lock
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, NoReturn, cast

from chat_lookup.config import Settings

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from botocore.config import Config
    from botocore.session import Session
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

_making: Final = Lock()
"""A session makes one client at a time, and the worker's threads call for a client when they need one."""


class Patience(NamedTuple):
    """With one service of AWS: seconds to connect and for one answer, and how often it is asked.

    `in_silence` is for one answer of a service that has just let a call run into its time-out. Beyond these counts the
    deadline in force where a call is made (`aws_deadlines`).
    """

    connect: float = 1.0
    read: float = 2.0
    attempts: int = 3
    in_silence: float = 0.3


USUAL: Final = Patience()
"""Short, so that one lost packet does not eat a look-up's ten seconds, and that a store which is silent leaves time to
ask the portal: a look-up makes some eight calls to it."""
SLOW: Final = Patience(read=5.0, in_silence=1.0)
HASTY: Final = Patience(connect=0.5, read=1.0)
PERSISTENT: Final = Patience(connect=0.5, read=1.0, attempts=7)
"""Where an event waits: the store, the queue and the queue's fallback have ten seconds together. No portal sends it
again, so that a store which refuses within milliseconds is asked for up to three seconds, and so is the last way on."""

_LEGACY_PAUSE: Final = 0.05
_STANDARD_PAUSE: Final = 1.0
"""Seconds that a throttled call waits at the most before its second attempt, in botocore's two modes."""


@cache
def session() -> "Session":
    """The one session of this process: what its clients share is read once."""
    from botocore.session import get_session  # noqa: PLC0415 - a health check need not pay for botocore

    return get_session()


def _config(patience: Patience, mode: Literal["standard", "legacy"] = "standard") -> "Config":
    from botocore.config import Config  # noqa: PLC0415 - as above

    return Config(
        # To compose its user agent, and to check what the types have proved, takes botocore a seventh of a request.
        user_agent="bitrix24-chat-lookup",
        parameter_validation=False,
        connect_timeout=patience.connect,
        read_timeout=patience.read,
        retries={"mode": mode, "total_max_attempts": patience.attempts},
    )


def dynamodb(settings: Settings, patience: Patience = USUAL) -> "DynamoDBClient":
    # A throttled call is repeated after up to 50 and 100 ms in the legacy mode; 1 and 2 s in the standard mode are too
    # long for us.
    return cast("DynamoDBClient", _client("dynamodb", settings, patience, "legacy"))


def secrets(settings: Settings) -> "SecretsManagerClient":
    return cast("SecretsManagerClient", _client("secretsmanager", settings, SLOW))


def sqs(settings: Settings, patience: Patience = USUAL) -> "SQSClient":
    return cast("SQSClient", _client("sqs", settings, patience))


def lambda_(settings: Settings) -> "LambdaClient":
    return cast("LambdaClient", _client("lambda", settings, PERSISTENT))


def bus(settings: Settings) -> "EventBridgeClient":
    return cast("EventBridgeClient", _client("events", settings, USUAL))


def _client(
    service: str, settings: Settings, patience: Patience, mode: Literal["standard", "legacy"] = "standard"
) -> "BaseClient":
    from chat_lookup.bootstrap import aws_deadlines  # noqa: PLC0415 - it brings urllib3, as botocore's clients do

    with _making:
        client = session().create_client(service, endpoint_url=settings.endpoint_url, config=_config(patience, mode))
    client.meta.events.register_last("getattr", partial(_unknown, service))
    aws_deadlines.bind(
        client,
        read=patience.read,
        read_in_silence=patience.in_silence,
        first_pause=_LEGACY_PAUSE if mode == "legacy" else _STANDARD_PAUSE,
    )
    return client


def _unknown(service: str, event_name: str, **_: object) -> NoReturn:
    """Instead of botocore's own error, which does not say that the layer's data is cut."""
    name = event_name.rpartition(".")[2]
    raise AttributeError(
        f"{service} has no {name}: the layer keeps only the operations listed in layers/chat_lookup/botocore-data.txt",
        name=name,
    )
