"""Secrets Manager's client on secrets in this process's memory, with versions and stages.

It behaves as Secrets Manager does for all that the package asks (secrets_contract.py compares it with moto). What was
written is readable at once, unlike there.
"""

import copy
import itertools
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from types import SimpleNamespace
from typing import Any, Final

from botocore.exceptions import ClientError

_CURRENT: Final = "AWSCURRENT"
_PREVIOUS: Final = "AWSPREVIOUS"
_counter = itertools.count()


class _ResourceExistsError(ClientError):
    """Another secret has the name, or another content the version."""


class _ResourceNotFoundError(ClientError):
    """There is no such secret, or no such version of it."""


class _InvalidRequestError(ClientError):
    """The secret is to be deleted."""


_ERRORS: Final = {
    "ResourceExistsException": _ResourceExistsError,
    "ResourceNotFoundException": _ResourceNotFoundError,
    "InvalidRequestException": _InvalidRequestError,
}


@dataclass(slots=True)
class _Secret:
    name: str
    key_arn: str
    arn: str
    contents: dict[str, str] = field(default_factory=dict)
    """By version."""
    stages: dict[str, str] = field(default_factory=dict)
    """The version that has each stage."""
    deleted: bool = False

    @property
    def shown(self) -> dict[str, Any]:
        return {"ARN": self.arn, "Name": self.name} | ({"KmsKeyId": self.key_arn} if self.key_arn else {})

    def versions(self) -> Mapping[str, Sequence[str]]:
        """The stages of each version that has one."""
        stages = self.stages
        return {version: [name for name in stages if stages[name] == version] for version in {*stages.values()}}

    def add(self, version: str, content: str, stages: Sequence[str]) -> str:
        if version in self.contents:
            if self.contents[version] != content:
                raise _error("ResourceExistsException", "a version has one content")
            return version
        self.contents[version] = content
        for stage in stages:
            if stage == _CURRENT and _CURRENT in self.stages:
                self.stages[_PREVIOUS] = self.stages[_CURRENT]
            self.stages[stage] = version
        return version


class MemorySecrets:
    """Answers as botocore's client does. Safe to share between threads."""

    def __init__(self) -> None:
        self._secrets: dict[str, _Secret] = {}
        self._lock = Lock()
        self.exceptions = SimpleNamespace(ClientError=ClientError, **_ERRORS)

    def saved(self) -> Mapping[str, _Secret]:
        """A copy of all secrets, to be restored."""
        with self._lock:
            return copy.deepcopy(self._secrets)

    def restore(self, secrets: Mapping[str, _Secret]) -> None:
        with self._lock:
            self._secrets = copy.deepcopy(dict(secrets))

    def create_secret(
        self,
        *,
        Name: str,
        SecretString: str,
        ClientRequestToken: str = "",
        KmsKeyId: str = "",
    ) -> Any:
        with self._lock:
            if any(secret.name == Name for secret in self._secrets.values()):
                raise _error("ResourceExistsException", "the name is taken")
            arn = f"arn:aws:secretsmanager:us-east-1:123456789012:secret:{Name}-{next(_counter):06}"
            secret = self._secrets[arn] = _Secret(Name, KmsKeyId, arn)
            version = secret.add(ClientRequestToken or str(uuid.uuid4()), SecretString, (_CURRENT,))
            return {"ARN": arn, "Name": Name, "VersionId": version}

    def put_secret_value(
        self,
        *,
        SecretId: str,
        SecretString: str,
        ClientRequestToken: str = "",
        VersionStages: Sequence[str] = (_CURRENT,),
    ) -> Any:
        with self._lock:
            secret = self._secret(SecretId)
            version = secret.add(ClientRequestToken or str(uuid.uuid4()), SecretString, VersionStages)
            return {"ARN": secret.arn, "Name": secret.name, "VersionId": version}

    def get_secret_value(self, *, SecretId: str, VersionId: str = "") -> Any:
        with self._lock:
            secret = self._secret(SecretId)
            version = VersionId or secret.stages[_CURRENT]
            if version not in secret.contents:
                raise _error("ResourceNotFoundException", "there is no such version")
            shown = {"ARN": secret.arn, "Name": secret.name, "VersionId": version}
            return {**shown, "SecretString": secret.contents[version]}

    def describe_secret(self, *, SecretId: str) -> Any:
        with self._lock:
            secret = self._secret(SecretId, deleted=True)
            return {**secret.shown, "VersionIdsToStages": secret.versions()}

    def delete_secret(self, *, SecretId: str, ForceDeleteWithoutRecovery: bool = False) -> Any:
        with self._lock:
            if ForceDeleteWithoutRecovery:
                self._secrets.pop(SecretId, None)
            else:
                self._secret(SecretId).deleted = True
            return {"ARN": SecretId}

    def list_secrets(self, *, MaxResults: int = 100) -> Any:
        """All in one page, whatever `MaxResults`, without those to be deleted."""
        del MaxResults
        with self._lock:
            return {"SecretList": [secret.shown for secret in self._secrets.values() if not secret.deleted]}

    def get_paginator(self, operation: str) -> Any:
        def paginate(**request: Any) -> Iterator[Any]:
            yield getattr(self, operation)(**request)

        return SimpleNamespace(paginate=paginate)

    def _secret(self, arn: str, *, deleted: bool = False) -> _Secret:
        """The secret of an ARN or a name; with `deleted` also one that is to be deleted."""
        secret = self._secrets.get(arn) or next((each for each in self._secrets.values() if each.name == arn), None)
        if secret is None:
            raise _error("ResourceNotFoundException", "there is no such secret")
        if secret.deleted and not deleted:
            raise _error("InvalidRequestException", "the secret is marked for deletion")
        return secret


def _error(code: str, message: str) -> ClientError:
    return _ERRORS[code]({"Error": {"Code": code, "Message": message}}, "request")
