"""Secrets in Secrets Manager, by version. A version never changes, so what was read once is cached.

Secrets Manager is only eventually consistent: a version just written may not be readable yet, and "not there" and
"not there yet" look alike. DynamoDB holds the valid version (design 4, 5).
"""

import json
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple, TypedDict

from botocore.exceptions import BotoCoreError, ClientError

from chat_lookup.clock import DAY, TO_ANSWER, Clock, Deadline, bound_by
from chat_lookup.errors import ServiceMisconfigured, StoreUnavailable
from chat_lookup.observability.aws_failures import FAILED, code_of, translated
from chat_lookup.observability.redaction import Redactor
from chat_lookup.ttl_cache import Memory

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_secretsmanager.type_defs import GetSecretValueResponseTypeDef

SecretFields = Mapping[str, str]
"""A secret's content: a JSON object of texts."""

_STEP: Final = 0.2
_LEAST_TO_SAVE: Final = 2.0
"""Seconds that saving may always take: an unsaved refresh token means a re-installation (design 5)."""
RESERVED: Final = "chat-lookup-reserved"
"""The stage of the version that proves a secret to be writable: AWSCURRENT stays with the newest pair."""
_QUOTA: Final = "LimitExceededException"
"""A hundred versions within a day: repeating the write, or more versions, would only keep the quota reached."""
_TRIED_AGAIN_AFTER: Final = 5.0
_QUOTA_TRIED_AGAIN_AFTER: Final = 600.0
"""Seconds: Secrets Manager asks for no more than one write in ten minutes there."""
_MOST_UNSAVED: Final = 500
_PUBLIC: Final = frozenset(
    {"expires_at", "client_endpoint", "server", "user_id", "client_id", "member_id", "scopes", "status", "kind"}
)

_GONE: Final = frozenset({"ResourceNotFoundException", "InvalidRequestException"})
"""Secrets Manager's codes for a secret that does not exist, and for one that is being deleted."""
_DENIED: Final = "The service may not use its secrets in Secrets Manager"


class _Key(TypedDict, total=False):
    """An argument that may be missing, but not empty."""

    KmsKeyId: str


class OnlyCopy(NamedTuple):
    """A version that this process received and could not save: no other process has its content."""

    arn: str
    version: str
    former: str
    """The version that it succeeds."""
    fields: SecretFields
    try_at: float = 0.0
    """When the process should try to save it next, without being asked for it."""
    over_quota: bool = False

    def is_over_quota(self, now: float) -> bool:
        """Whether Secrets Manager would refuse any write."""
        return self.over_quota and now < self.try_at

    def __repr__(self) -> str:
        return f"OnlyCopy({self.version})"


class Vault:
    """Reads, writes and removes secrets named `<prefix>/<kind>/<id>`.

    New ones are encrypted with the KMS key `key_arn`; empty, with the one that Secrets Manager manages.
    """

    def __init__(
        self, secrets: "SecretsManagerClient", prefix: str, clock: Clock, redactor: Redactor, key_arn: str = ""
    ) -> None:
        self._secrets = secrets
        self._prefix = prefix
        self._key: _Key = {"KmsKeyId": key_arn} if key_arn else {}
        self._clock = clock
        self._redactor = redactor
        self._memory: Memory[tuple[str, str], SecretFields] = Memory(clock, seconds=DAY, limit=500)
        self._unsaved: dict[tuple[str, str], OnlyCopy] = {}

    def read(self, arn: str, version: str) -> SecretFields | None:
        """A version of a secret, or None while there is none of that name. Raises `StoreUnavailable`.

        One that this process could not save before is saved first: the caller may point to a version that it reads.
        """
        unsaved = self._unsaved.get((arn, version))
        if unsaved is not None and (unsaved.is_over_quota(self._clock.now()) or self._put(unsaved) is not None):
            raise StoreUnavailable
        fields = self._memory.get((arn, version))
        if fields is not None:
            return fields
        answer = self._answer(lambda: self._secrets.get_secret_value(SecretId=arn, VersionId=version))
        return None if answer is None else self._cache(arn, answer)[1]

    def newest(self, arn: str) -> tuple[str, SecretFields] | None:
        """The version that was saved last, and what it holds; None for a secret that is gone.

        Raises `StoreUnavailable`.
        """
        answer = self._answer(lambda: self._secrets.get_secret_value(SecretId=arn))
        return None if answer is None else self._cache(arn, answer)

    def read_soon(self, arn: str, version: str, deadline: Deadline) -> SecretFields:
        """A version that must exist; waits until it is readable. Raises `StoreUnavailable`."""
        while True:
            fields = self.read(arn, version)
            if fields is not None:
                return fields
            # The cause is Secrets Manager, not the time left, which would not suffice for another read.
            if deadline.left() <= _STEP + TO_ANSWER:
                raise StoreUnavailable
            self._clock.sleep(_STEP)

    def create(self, kind: str, fields: SecretFields) -> tuple[str, str]:
        """Store a new secret under a new name: a deleted name stays taken for days (design 4).

        Returns its ARN and version. Raises `StoreUnavailable`.
        """
        version = str(uuid.uuid4())
        try:
            answer = self._secrets.create_secret(
                Name=f"{self._prefix}/{kind}/{uuid.uuid4().hex}",
                SecretString=json.dumps(dict(fields)),
                ClientRequestToken=version,
                **self._key,
            )
        except FAILED as error:
            raise translated(error, _DENIED) from None
        self._remember(answer["ARN"], version, fields)
        return answer["ARN"], version

    def reserve(self, arn: str, former: str, deadline: Deadline) -> None:
        """Prove that a successor of version `former` can be written, before anything is spent for it.

        One version for each `former`, however often this is repeated: Secrets Manager keeps no second one of the same
        name and content, and so no outage makes versions. Raises `StoreUnavailable` or `ServiceMisconfigured`.
        """
        version = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{arn} {former}"))
        while True:
            try:
                self._secrets.put_secret_value(
                    SecretId=arn,
                    SecretString=json.dumps({"reserved": former}),
                    ClientRequestToken=version,
                    VersionStages=[RESERVED],
                )
            except FAILED as error:
                failure = translated(error, _DENIED)
                if isinstance(failure, ServiceMisconfigured) or _is_quota(error) or deadline.left() <= _STEP:
                    raise failure from None
                self._clock.sleep(_STEP)
            else:
                return

    def save(self, arn: str, version: str, fields: SecretFields, deadline: Deadline, *, former: str = "") -> None:
        """Write a version under our own name for it, so that repeating is harmless; retries until the deadline.

        `former` is the version that it succeeds, if any.
        Raises `StoreUnavailable` when it could not be written; this process then keeps it for the next `read` and for
        `only_copies`.
        """
        last = max(deadline.at, self._clock.now() + _LEAST_TO_SAVE)
        copy = OnlyCopy(arn, version, former, dict(fields))
        # With a deadline of its own, not the caller's (design 10).
        with bound_by(Deadline(last + TO_ANSWER, self._clock)):
            while (error := self._put(copy)) is not None:
                if self._clock.now() + _STEP >= last or _is_quota(error):
                    raise StoreUnavailable from None
                self._clock.sleep(_STEP)

    def _put(self, copy: OnlyCopy) -> Exception | None:
        """Write a version once. If that fails, keep it and return the error."""
        key = copy.arn, copy.version
        try:
            self._secrets.put_secret_value(
                SecretId=copy.arn, SecretString=json.dumps(dict(copy.fields)), ClientRequestToken=copy.version
            )
        except FAILED as error:
            self._register(copy.arn, copy.fields)
            self.keep(copy, over_quota=_is_quota(error))
            return error
        self._unsaved.pop(key, None)
        self._remember(copy.arn, copy.version, copy.fields)
        return None

    def unsaved(self, arn: str, version: str) -> bool:
        """Whether this process has the only copy of a version: it could not be saved yet."""
        return (arn, version) in self._unsaved

    def only_copies(self) -> list[OnlyCopy]:
        """The versions that this process could not save yet and should try to save now."""
        now = self._clock.now()
        return [copy for copy in list(self._unsaved.values()) if copy.try_at <= now]

    def keep(self, copy: OnlyCopy, *, over_quota: bool = False) -> None:
        """Add a version to the `only_copies` again, after a pause."""
        pause = _QUOTA_TRIED_AGAIN_AFTER if over_quota else _TRIED_AGAIN_AFTER
        self._unsaved[copy.arn, copy.version] = copy._replace(try_at=self._clock.now() + pause, over_quota=over_quota)
        while len(self._unsaved) > _MOST_UNSAVED:
            del self._unsaved[next(iter(self._unsaved))]

    def drop(self, arn: str, version: str) -> None:
        """Discard an only copy that is no longer needed."""
        self._unsaved.pop((arn, version), None)

    def wipe(self, arn: str) -> None:
        """Overwrite a secret, then delete it; one that is gone already is fine. Raises `StoreUnavailable`."""
        try:
            self._secrets.put_secret_value(SecretId=arn, SecretString=json.dumps({"wiped": "yes"}))
            self._secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
        except ClientError as error:
            if code_of(error) not in _GONE:
                raise translated(error, _DENIED) from None
        except BotoCoreError as error:
            raise translated(error) from None

    def _answer(self, ask: "Callable[[], GetSecretValueResponseTypeDef]") -> "GetSecretValueResponseTypeDef | None":
        try:
            return ask()
        except ClientError as error:
            if code_of(error) in _GONE:
                return None
            raise translated(error, _DENIED) from None
        except BotoCoreError as error:
            raise translated(error) from None

    def _cache(self, arn: str, answer: "GetSecretValueResponseTypeDef") -> tuple[str, SecretFields]:
        fields = self._parsed(arn, answer["SecretString"])
        self._memory.put((arn, answer["VersionId"]), fields)
        return answer["VersionId"], fields

    def _remember(self, arn: str, version: str, fields: SecretFields) -> None:
        self._register(arn, fields)
        self._memory.put((arn, version), dict(fields))

    def _register(self, arn: str, fields: SecretFields) -> None:
        for name, value in fields.items():
            if name == "webhook_url":
                self._redactor.register(code_of_webhook(value), owner=arn)
            elif name not in _PUBLIC:
                self._redactor.register(value, owner=arn)

    def _parsed(self, arn: str, secret: str) -> SecretFields:
        try:
            fields = json.loads(secret)
        except ValueError:
            fields = None
        if not isinstance(fields, dict) or not all(isinstance(value, str) for value in fields.values()):
            self._redactor.register(secret, owner=arn)
            raise ServiceMisconfigured("A secret of the service does not hold a JSON object of texts")
        self._register(arn, fields)
        return fields


def code_of_webhook(url: str) -> str:
    """The secret in the address of a webhook: the last part of the path."""
    return url.strip().rstrip("/").rpartition("/")[2]


def _is_quota(error: BaseException | None) -> bool:
    return isinstance(error, ClientError) and code_of(error) == _QUOTA
