"""Behaviour of Secrets Manager that moto lacks: a deleted secret is refused for days, by name and by ARN."""

from typing import TYPE_CHECKING, Any, Final

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

_ACTIONS: Final = ("CreateSecret", "GetSecretValue", "PutSecretValue", "DeleteSecret", "DescribeSecret")
_REFUSED: Final = 400
_ERROR: Final = {
    "Code": "InvalidRequestException",
    "Message": "You can't perform this operation on the secret because it is scheduled for deletion.",
}


class LingeringSecrets:
    """Refuses requests for deleted secrets, between clients and moto; `gone` lists the ARNs of deleted secrets."""

    def __init__(self) -> None:
        self.gone: list[str] = []

    def attach(self, client: "SecretsManagerClient") -> "SecretsManagerClient":
        """Make this client get the refusals from now on; return it."""
        for action in _ACTIONS:
            client.meta.events.register(f"before-parameter-build.secretsmanager.{action}", self._note)
            client.meta.events.register(f"before-call.secretsmanager.{action}", self._answer)  # type: ignore[arg-type]  # botocore takes what a handler returns for the answer
        return client

    def _note(self, params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
        context["named"] = params.get("SecretId") or params.get("Name")

    def _answer(self, model: Any, context: dict[str, Any], **_: object) -> object:
        named = str(context["named"])
        if any(named in (arn, name_of(arn)) for arn in self.gone):
            metadata = {"HTTPStatusCode": _REFUSED, "HTTPHeaders": {}, "RetryAttempts": 0}
            return AWSResponse("", _REFUSED, HTTPHeaders(), None), {"Error": _ERROR, "ResponseMetadata": metadata}
        if model.name == "DeleteSecret":
            self.gone.append(named)
        return None


def name_of(arn: str) -> str:
    """A secret's name: its ARN ends in it, with six characters of Secrets Manager's own."""
    return arn.rpartition(":secret:")[2].rpartition("-")[0]
