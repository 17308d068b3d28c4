"""The vendor's Python SDK, unmodified, configured for the portal or for the service as users do it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import pytest
from b24pysdk import BitrixWebhook  # type: ignore[import-untyped]  # it has annotations, but no py.typed
from b24pysdk.errors import BitrixSDKException  # type: ignore[import-untyped]  # as above

Sdk: TypeAlias = Any  # a BitrixWebhook, which is untyped
Outcome: TypeAlias = tuple[str, object]


def of_webhook(webhook_url: str) -> Sdk:
    """Return the SDK for a portal's inbound webhook."""
    parts = urlsplit(webhook_url)
    return BitrixWebhook(domain=parts.netloc, webhook_token=parts.path.removeprefix("/rest/"))


def of_service(api_https_url: str, key: str) -> Sdk:
    """Return the SDK for the service: another host, and the key instead of the webhook's code."""
    return of_webhook(f"{api_https_url}/rest/1/{key}/")


@contextmanager
def trusting(ca_file: str) -> Iterator[None]:
    """Within the context, the SDK's HTTP library trusts this authority, by its own environment variable."""
    with pytest.MonkeyPatch.context() as environ:
        environ.setenv("REQUESTS_CA_BUNDLE", ca_file)
        yield


def outcome(call: Callable[[Sdk], object], sdk: Sdk) -> Outcome:
    """Return what a user of the SDK gets: the result, or the class of the exception."""
    try:
        return "result", call(sdk)
    except BitrixSDKException as error:
        return "raised", type(error)
