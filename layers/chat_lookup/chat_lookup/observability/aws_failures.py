"""The one table from botocore's exceptions to the errors that callers receive (design 6)."""

from typing import Final

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from chat_lookup.clock import bound
from chat_lookup.errors import ChatLookupError, DeadlineReached, ServiceMisconfigured, StoreUnavailable

FAILED: Final = (ClientError, BotoCoreError)
"""All that a call to AWS raises."""

_DENIED: Final = frozenset(
    {
        "accessdenied", "unrecognizedclient", "invalidclienttokenid", "missingauthenticationtoken", "notauthorized",
        "kmsaccessdenied", "kmsdisabled", "kmsinvalidstate", "kmsnotfound", "kmsoptinrequired",
        "encryptionfailure", "decryptionfailure", "inaccessibleencryptioncredentials",
    }
)  # fmt: skip
"""Codes that only an operator can resolve: the role, its credentials, the KMS key. Folded, without "exception".

DynamoDB, Secrets Manager and SQS each spell the key's codes in a way of their own: `KMSAccessDeniedException`,
`KMS.AccessDeniedException`, `KmsAccessDenied` (their API references, common errors)."""


class OutOfTime(BotoCoreError):
    """A call to AWS that was not begun, or not retried, because its deadline had passed."""

    fmt = "no time is left for a call to AWS"


def translated(error: Exception, denied: str = "The service may not use its stores in AWS") -> ChatLookupError:
    """The error that a caller gets for one of `FAILED`; `denied` is the detail where AWS refuses the service itself."""
    if isinstance(error, OutOfTime):
        return no_time_left()
    if isinstance(error, NoCredentialsError) or _folded(code_of(error)) in _DENIED:
        return ServiceMisconfigured(denied)
    return StoreUnavailable(retry_after=1)


def no_time_left() -> ChatLookupError:
    """The error for a caller whose time is up before the portal was asked: AWS took the time, or there was none."""
    spent = bound()
    if spent is not None and spent.went_to_aws():
        return StoreUnavailable(retry_after=1)
    return DeadlineReached(retry_after=1)


def code_of(error: Exception) -> str:
    """The code to log: AWS's code, or the exception's name. The exception's text may quote what was sent."""
    code = error.response.get("Error", {}).get("Code") if isinstance(error, ClientError) else None
    return str(code or type(error).__name__)


def _folded(code: str) -> str:
    return code.lower().replace(".", "").removesuffix("exception").replace("kmskms", "kms")
