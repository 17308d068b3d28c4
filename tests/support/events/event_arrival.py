"""A bot event as a portal sends it, with all its tokens, and fake clients of the queue and the worker."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any, cast
from unittest import mock
from urllib.parse import urlencode

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config

from chat_lookup.portals.application_tokens import hashed
from chat_lookup.portals.portal import Portal
from local.aws.clients import new_client
from tests.support.fakes import MEMBER_ID

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient

FORM = "application/x-www-form-urlencoded"
DOMAIN = "acme.bitrix24.com"
TOKEN = "appt0kenappt0kenappt0kenappt0ken"
NESTED_TOKEN = "n3st3dn3st3dn3st3dn3st3dn3st3dn3"
ACCESS_TOKEN, BOT_ACCESS_TOKEN, BOT_REFRESH_TOKEN = "acc3ss-of-user-27", "acc3ss-of-bot-456", "r3fr3sh-of-bot-456"
SECRETS = (TOKEN, NESTED_TOKEN, ACCESS_TOKEN, BOT_ACCESS_TOKEN, BOT_REFRESH_TOKEN)
TEXT = "what a secret deal this is"
PORTAL = Portal(MEMBER_ID, DOMAIN, "arn:secret", "version-1", application_tokens=frozenset({hashed(TOKEN)}))

Changes = Mapping[str, str | None]

EVENT: Mapping[str, str] = {
    "event": "ONIMBOTV2MESSAGEADD",
    "event_handler_id": "403",
    "data[bot][id]": "456",
    "data[bot][code]": "chat_lookup",
    "data[bot][auth][access_token]": BOT_ACCESS_TOKEN,
    "data[bot][auth][refresh_token]": BOT_REFRESH_TOKEN,
    "data[bot][auth][member_id]": MEMBER_ID,
    "data[bot][auth][domain]": DOMAIN,
    "data[bot][auth][application_token]": NESTED_TOKEN,
    "data[message][id]": "789",
    "data[message][chatId]": "1777",
    "data[message][authorId]": "27",
    "data[message][text]": TEXT,
    "data[chat][id]": "1777",
    "data[chat][dialogId]": "chat1777",
    "data[chat][type]": "chat",
    "data[chat][entityType]": "CRM",
    "data[chat][entityId]": "DEAL|1663",
    "data[user][id]": "27",
    "data[user][type]": "employee",
    "data[language]": "en",
    "ts": "1772093963",
    "auth[access_token]": ACCESS_TOKEN,
    "auth[user_id]": "27",
    "auth[domain]": DOMAIN,
    "auth[client_endpoint]": f"https://{DOMAIN}/rest/",
    "auth[member_id]": MEMBER_ID,
    "auth[application_token]": TOKEN,
}


def body_of(changes: Changes | None = None) -> bytes:
    """The event's form with changes; None removes a field, `\\udcff` is the byte FF."""
    fields = {name: value for name, value in {**EVENT, **(changes or {})}.items() if value is not None}
    return urlencode(fields, errors="surrogateescape").encode()


FORGERIES: Mapping[str, tuple[Changes, str]] = {
    "wrong": ({"auth[application_token]": "f" * 32}, "wrong_token"),
    "its hash": ({"auth[application_token]": hashed(TOKEN)}, "wrong_token"),
    "in other letters": ({"auth[application_token]": TOKEN.upper()}, "wrong_token"),
    "missing": ({"auth[application_token]": None}, "missing_token"),
    "empty": ({"auth[application_token]": ""}, "missing_token"),
    "a map": ({"auth[application_token]": None, "auth[application_token][0]": TOKEN}, "missing_token"),
    "nested only": (
        {"auth[application_token]": None, "data[bot][auth][application_token]": TOKEN},
        "missing_token",
    ),
    "nested, with a wrong one": (
        {"auth[application_token]": "f" * 32, "data[bot][auth][application_token]": TOKEN},
        "wrong_token",
    ),
    "no auth at all": (dict.fromkeys(name for name in EVENT if name.startswith("auth")), "missing_token"),
    "another portal's name": ({"auth[member_id]": "f" * 32}, "unknown_portal"),
}
"""What a forger without the valid token changes, and the reason of the refusal."""


# --- answers of AWS, without a connection -----------------------------------------------------------------------------

Outcome = tuple[int, object] | Exception
"""A status with a body, parsed or as bytes, or the exception of a failed request."""


class _Raw(BytesIO):
    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()


class Wire:
    """Replaces the connection of a client: every request gets `outcome`; `sent` lists the requests."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.sent: list[AWSPreparedRequest] = []

    def __call__(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        self.sent.append(request)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        status, body = self.outcome
        headers = HTTPHeaders()
        if isinstance(body, dict) and "__type" in body:
            headers["x-amzn-errortype"] = body["__type"]
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return AWSResponse(request.url, status, headers, cast("Any", _Raw(content)))

    @property
    def bodies(self) -> list[Any]:
        """The bodies of the sent requests, parsed."""
        return [json.loads(cast("bytes", request.body)) for request in self.sent]


def sqs_on(wire: Wire) -> "SQSClient":
    return cast("SQSClient", _client("sqs", wire))


def lambda_on(wire: Wire) -> "LambdaClient":
    return cast("LambdaClient", _client("lambda", wire))


def _client(service: str, wire: Wire) -> Any:
    client = new_client(
        service,
        region_name="us-east-1",
        aws_access_key_id="unit",
        aws_secret_access_key="unit",
        config=Config(retries={"total_max_attempts": 1}),
    )
    client.meta.events.register(f"before-send.{service}", wire)  # what a handler returns is the answer
    return client


@contextmanager
def reads_of(dynamodb: Any) -> Iterator[list[str]]:
    """Yields the partition keys that are read inside."""
    keys: list[str] = []
    get_item = dynamodb.get_item

    def noted(**request: Any) -> Any:
        keys.append(request["Key"]["pk"]["S"])
        return get_item(**request)

    with mock.patch.object(dynamodb, "get_item", noted):
        yield keys
