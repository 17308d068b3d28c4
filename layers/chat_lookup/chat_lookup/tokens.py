"""The secret that opens a portal, in Secrets Manager: which version is true stands in the portal's record.

Secrets Manager is only eventually consistent, so a secret is read by the version that the record names, and asked
again while that is not there yet (design 5, Tokens).
"""

import json
import uuid
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from chat_lookup.bitrix24.client import Endpoint
from chat_lookup.clock import Clock, Deadline
from chat_lookup.errors import PortalMisconfigured, PortalUnavailable
from chat_lookup.memory import Memory
from chat_lookup.records import Portal
from chat_lookup.redaction import Redactor

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

_NOT_THERE_YET: Final = 0.2
_A_DAY: Final = 24 * 3600.0


class Grant:
    """What opens a portal: its inbound webhook, and the token of our bot there if it has one."""

    __slots__ = ("bot_token", "endpoint")

    def __init__(self, endpoint: Endpoint, bot_token: str | None) -> None:
        self.endpoint = endpoint
        self.bot_token = bot_token

    def __repr__(self) -> str:
        return f"Grant({self.endpoint.host})"


class Tokens:
    """Grants by portal. A version of a secret never changes, so it is remembered by its version."""

    def __init__(self, secrets: "SecretsManagerClient", prefix: str, clock: Clock, redactor: Redactor) -> None:
        self._secrets = secrets
        self._prefix = prefix
        self._clock = clock
        self._redactor = redactor
        self._memory: Memory[tuple[str, str], Grant] = Memory(clock, seconds=_A_DAY, limit=500)

    def grant(self, portal: Portal, deadline: Deadline) -> Grant:
        """What opens this portal. Raises `PortalMisconfigured`, or `PortalUnavailable` while it cannot be read."""
        key = (portal.secret_arn, portal.token_version)
        grant = self._memory.get(key)
        if grant is None:
            grant = self._read(portal, deadline)
            self._memory.put(key, grant)
        return grant

    def create(self, webhook_url: str, bot_token: str | None) -> tuple[str, str]:
        """Keep a webhook in a secret of its own, named with an installation id. Answers its ARN and version."""
        name = f"{self._prefix}/portal/{uuid.uuid4().hex}"
        version = str(uuid.uuid4())
        answer = self._secrets.create_secret(
            Name=name, SecretString=_to_text(webhook_url, bot_token), ClientRequestToken=version
        )
        return answer["ARN"], answer["VersionId"]

    def replace(self, secret_arn: str, webhook_url: str, bot_token: str | None) -> str:
        """Put a new version of a portal's secret. Answers the version, which the record must name next."""
        answer = self._secrets.put_secret_value(
            SecretId=secret_arn, SecretString=_to_text(webhook_url, bot_token), ClientRequestToken=str(uuid.uuid4())
        )
        return answer["VersionId"]

    def _read(self, portal: Portal, deadline: Deadline) -> Grant:
        while True:
            try:
                answer = self._secrets.get_secret_value(SecretId=portal.secret_arn, VersionId=portal.token_version)
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") != "ResourceNotFoundException":
                    raise
                if deadline.left() <= _NOT_THERE_YET:
                    raise PortalUnavailable("The portal's secret is not readable yet", retry_after=5) from None
                self._clock.sleep(_NOT_THERE_YET)
            else:
                return self._from_text(answer["SecretString"])

    def _from_text(self, secret: str) -> Grant:
        self._redactor.register(secret)
        try:
            fields = json.loads(secret)
            url, bot_token = fields["webhook_url"], fields.get("bot_token")
            endpoint = Endpoint.from_webhook(url)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise PortalMisconfigured("The portal's secret does not hold a webhook URL") from None
        register_webhook(self._redactor, url)
        if isinstance(bot_token, str):
            self._redactor.register(bot_token)
        return Grant(endpoint, bot_token if isinstance(bot_token, str) else None)


def register_webhook(redactor: Redactor, url: str) -> None:
    """Let neither a webhook's URL nor its code, the last part of the path, be written anywhere."""
    redactor.register(url)
    redactor.register(url.rstrip("/").rpartition("/")[2])


def _to_text(webhook_url: str, bot_token: str | None) -> str:
    fields = {"webhook_url": webhook_url}
    if bot_token:
        fields["bot_token"] = bot_token
    return json.dumps(fields)
