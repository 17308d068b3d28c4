"""Secrets in Secrets Manager, by version. A version never changes, so what was read once is remembered.

Secrets Manager is only eventually consistent: a version just written may not be readable yet, and "not there" and
"not there yet" look alike. Which version is true stands in DynamoDB (design 4, 5).
"""

import json
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, TypedDict

from botocore.exceptions import BotoCoreError, ClientError

from chat_lookup.clock import Clock, Deadline
from chat_lookup.errors import ServiceMisconfigured, StoreUnavailable
from chat_lookup.observability.redaction import Redactor
from chat_lookup.ttl_cache import Memory

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_secretsmanager.type_defs import GetSecretValueResponseTypeDef

Fields = Mapping[str, str]
"""A secret's content: a JSON object of texts."""

_STEP: Final = 0.2
_A_DAY: Final = 24 * 3600.0
_LEAST_TO_SAVE: Final = 2.0
"""Seconds that saving may always take: an unsaved refresh token means a re-installation (design 5)."""
_PUBLIC: Final = frozenset(
    {"expires_at", "client_endpoint", "server", "user_id", "client_id", "member_id", "scopes", "status", "kind"}
)


class _Key(TypedDict, total=False):
    """An argument that may be missing, but not empty."""

    KmsKeyId: str


class Vault:
    """Reads, writes and removes secrets named `<prefix>/<kind>/<id>`.

    New ones are put under the KMS key `key_arn`; empty, under the one that Secrets Manager keeps.
    """

    def __init__(
        self, secrets: "SecretsManagerClient", prefix: str, clock: Clock, redactor: Redactor, key_arn: str = ""
    ) -> None:
        self._secrets = secrets
        self._prefix = prefix
        self._key: _Key = {"KmsKeyId": key_arn} if key_arn else {}
        self._clock = clock
        self._redactor = redactor
        self._memory: Memory[tuple[str, str], Fields] = Memory(clock, seconds=_A_DAY, limit=500)
        self._unsaved: Memory[tuple[str, str], Fields] = Memory(clock, seconds=_A_DAY, limit=500)

    def read(self, arn: str, version: str) -> Fields | None:
        """A version of a secret, or None while there is none of that name. Raises `StoreUnavailable`.

        One that this process could not save before is saved first: who reads a version may point to it.
        """
        unsaved = self._unsaved.get((arn, version))
        if unsaved is not None:
            self.save(arn, version, unsaved, Deadline.after(_LEAST_TO_SAVE, self._clock))
        fields = self._memory.get((arn, version))
        if fields is not None:
            return fields
        answer = self._answer(lambda: self._secrets.get_secret_value(SecretId=arn, VersionId=version))
        return None if answer is None else self._heard(arn, answer)[1]

    def newest(self, arn: str) -> tuple[str, Fields] | None:
        """The version that was saved last, and what it holds; None for a secret that is gone.

        Raises `StoreUnavailable`.
        """
        answer = self._answer(lambda: self._secrets.get_secret_value(SecretId=arn))
        return None if answer is None else self._heard(arn, answer)

    def read_soon(self, arn: str, version: str, deadline: Deadline) -> Fields:
        """A version that must exist, waited for until it is readable. Raises `StoreUnavailable`."""
        while True:
            fields = self.read(arn, version)
            if fields is not None:
                return fields
            if deadline.left() <= _STEP:
                raise StoreUnavailable
            self._clock.sleep(_STEP)

    def create(self, kind: str, fields: Fields) -> tuple[str, str]:
        """Keep a new secret under a name of its own: a deleted name stays taken for days (design 4).

        Answers its ARN and version. Raises `StoreUnavailable`.
        """
        version = str(uuid.uuid4())
        try:
            answer = self._secrets.create_secret(
                Name=f"{self._prefix}/{kind}/{uuid.uuid4().hex}",
                SecretString=json.dumps(dict(fields)),
                ClientRequestToken=version,
                **self._key,
            )
        except ClientError as error:
            raise _failed(error) from None
        except BotoCoreError:
            raise StoreUnavailable from None
        self._remember(answer["ARN"], version, fields)
        return answer["ARN"], version

    def save(self, arn: str, version: str, fields: Fields, deadline: Deadline) -> None:
        """Write a version under our own name for it, so that repeating is harmless; tried to the deadline.

        Raises `StoreUnavailable` when it could not be written; this process keeps it then, for the next `read`.
        """
        last = max(deadline.at, self._clock.now() + _LEAST_TO_SAVE)
        while True:
            try:
                self._secrets.put_secret_value(
                    SecretId=arn, SecretString=json.dumps(dict(fields)), ClientRequestToken=version
                )
            except (ClientError, BotoCoreError):
                if self._clock.now() + _STEP >= last:
                    self._register(fields)
                    self._unsaved.put((arn, version), dict(fields))
                    raise StoreUnavailable from None
                self._clock.sleep(_STEP)
            else:
                self._unsaved.forget((arn, version))
                self._remember(arn, version, fields)
                return

    def unsaved(self, arn: str, version: str) -> bool:
        """Whether this process has the only copy of a version: it could not be saved yet."""
        return self._unsaved.get((arn, version)) is not None

    def wipe(self, arn: str) -> None:
        """Overwrite a secret, then delete it; one that is gone already is fine. Raises `StoreUnavailable`."""
        try:
            self._secrets.put_secret_value(SecretId=arn, SecretString=json.dumps({"wiped": "yes"}))
            self._secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
        except ClientError as error:
            if _code(error) not in ("ResourceNotFoundException", "InvalidRequestException"):
                raise _failed(error) from None
        except BotoCoreError:
            raise StoreUnavailable from None

    def _answer(self, ask: "Callable[[], GetSecretValueResponseTypeDef]") -> "GetSecretValueResponseTypeDef | None":
        try:
            return ask()
        except ClientError as error:
            # Of a secret that is being deleted Secrets Manager says InvalidRequestException.
            if _code(error) in ("ResourceNotFoundException", "InvalidRequestException"):
                return None
            raise _failed(error) from None
        except BotoCoreError:
            raise StoreUnavailable from None

    def _heard(self, arn: str, answer: "GetSecretValueResponseTypeDef") -> tuple[str, Fields]:
        fields = self._parsed(answer["SecretString"])
        self._memory.put((arn, answer["VersionId"]), fields)
        return answer["VersionId"], fields

    def _remember(self, arn: str, version: str, fields: Fields) -> None:
        self._register(fields)
        self._memory.put((arn, version), dict(fields))

    def _register(self, fields: Fields) -> None:
        for name, value in fields.items():
            if name == "webhook_url":
                register_webhook(self._redactor, value)
            elif name not in _PUBLIC:
                self._redactor.register(value)

    def _parsed(self, secret: str) -> Fields:
        self._redactor.register(secret)
        try:
            fields = json.loads(secret)
        except ValueError:
            fields = None
        if not isinstance(fields, dict) or not all(isinstance(value, str) for value in fields.values()):
            raise ServiceMisconfigured("A secret of the service does not hold a JSON object of texts")
        self._register(fields)
        return fields


def register_webhook(redactor: Redactor, url: str) -> None:
    """Let neither a webhook's URL nor its code, the last part of the path, be written anywhere."""
    redactor.register(url)
    redactor.register(url.rstrip("/").rpartition("/")[2])


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _failed(error: ClientError) -> StoreUnavailable | ServiceMisconfigured:
    if _code(error) in ("AccessDeniedException", "UnrecognizedClientException"):
        return ServiceMisconfigured("The service may not use its secrets in Secrets Manager")
    return StoreUnavailable()
