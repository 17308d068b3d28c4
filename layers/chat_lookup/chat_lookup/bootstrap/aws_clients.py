"""Clients of AWS, each with its time-outs. Nothing else makes one."""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final, Literal, cast

from chat_lookup.config import Settings

if TYPE_CHECKING:
    from botocore.config import Config
    from botocore.session import Session
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient


@dataclass(frozen=True, slots=True)
class Patience:
    """With one service of AWS: seconds to connect and for one answer, and how often it is asked."""

    connect: float = 1.0
    read: float = 3.0
    attempts: int = 3


USUAL: Final = Patience()
"""Short, so that one lost packet does not eat a look-up's ten seconds."""
SLOW: Final = Patience(read=5.0)
HASTY: Final = Patience(connect=0.5, read=1.0, attempts=2)
LAST: Final = Patience(connect=0.5, read=1.0, attempts=1)
"""Where an event waits: the store, the queue and what stands in for the queue have ten seconds together."""


@cache
def session() -> "Session":
    """The one session of this process: what its clients share is read once."""
    from botocore.session import get_session  # noqa: PLC0415 - a health check need not pay for botocore

    return get_session()


def _config(patience: Patience, mode: Literal["standard", "legacy"] = "standard") -> "Config":
    from botocore.config import Config  # noqa: PLC0415 - as above

    return Config(
        # To put its own name together, and to check what the types have proved, takes botocore a seventh of a request.
        user_agent="bitrix24-chat-lookup",
        parameter_validation=False,
        connect_timeout=patience.connect,
        read_timeout=patience.read,
        retries={"mode": mode, "total_max_attempts": patience.attempts},
    )


def dynamodb(settings: Settings, patience: Patience = USUAL) -> "DynamoDBClient":
    # A throttled call is repeated after up to 50 and 100 ms in the elder mode, 1 and 2 s in the newer: too long for us.
    elder = _config(patience, "legacy")
    client = session().create_client("dynamodb", endpoint_url=settings.endpoint_url, config=elder)
    return cast("DynamoDBClient", client)


def secrets(settings: Settings) -> "SecretsManagerClient":
    slow = _config(SLOW)
    client = session().create_client("secretsmanager", endpoint_url=settings.endpoint_url, config=slow)
    return cast("SecretsManagerClient", client)


def sqs(settings: Settings, patience: Patience = USUAL) -> "SQSClient":
    client = session().create_client("sqs", endpoint_url=settings.endpoint_url, config=_config(patience))
    return cast("SQSClient", client)


def lambda_(settings: Settings) -> "LambdaClient":
    client = session().create_client("lambda", endpoint_url=settings.endpoint_url, config=_config(LAST))
    return cast("LambdaClient", client)


def bus(settings: Settings) -> "EventBridgeClient":
    client = session().create_client("events", endpoint_url=settings.endpoint_url, config=_config(USUAL))
    return cast("EventBridgeClient", client)
