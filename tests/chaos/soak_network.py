"""A faulty network between functions and their stores in a soak: refused calls, lost answers.

It replaces the connection of a client, so that the SDK's own retries are unchanged.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from enum import StrEnum
from io import BytesIO
from random import Random
from threading import Lock
from typing import Any, Final, cast

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectionClosedError

from tests.chaos.events_network import header, sending_by

DYNAMODB: Final = "DynamoDB_20120810"
SECRETS: Final = "secretsmanager"
_FIRST_TRY: Final = "attempt=1"
_THROTTLED: Final = json.dumps({"__type": "ThrottlingException", "message": "too much"}).encode()
_BAD_REQUEST: Final = 400


class Blow(StrEnum):
    """The fault of one call, at its first attempt or at every attempt. A lost answer is lost after the commit."""

    THROTTLED = "throttled"
    THROTTLED_THROUGHOUT = "throttled throughout"
    LOST = "lost"
    LOST_THROUGHOUT = "lost throughout"


SHARES: Final[Mapping[str, Mapping[Blow, float]]] = {
    DYNAMODB: {
        Blow.THROTTLED: 0.02,
        Blow.THROTTLED_THROUGHOUT: 0.005,
        Blow.LOST: 0.02,
        Blow.LOST_THROUGHOUT: 0.005,
    },
    SECRETS: dict.fromkeys(Blow, 0.05),
}
"""Shares of all calls to a service; a look-up that asks the portal makes about six."""


class FoulNetwork:
    """Carries requests: to `dynamodb_url` for the tables, to the functions' AWS endpoint for secrets."""

    def __init__(self, dynamodb_url: str, seed: str) -> None:
        self.struck: Counter[tuple[str, Blow]] = Counter()
        self._dynamodb_url = dynamodb_url
        self._random = Random(seed)  # noqa: S311 - repeatable
        self._blows: dict[str, Blow] = {}
        self._lock = Lock()

    def between(self) -> AbstractContextManager[None]:
        """Inside, this process reaches its stores only through this network."""
        return sending_by(self._send)

    def _send(self, go: Callable[[], AWSResponse], request: AWSPreparedRequest) -> AWSResponse:
        service = header(request, "X-Amz-Target").partition(".")[0]
        first = header(request, "amz-sdk-request").startswith(_FIRST_TRY)
        blow = self._blow(service, header(request, "amz-sdk-invocation-id"), first=first)
        if blow in (Blow.THROTTLED, Blow.THROTTLED_THROUGHOUT):
            return AWSResponse(request.url, _BAD_REQUEST, HTTPHeaders(), cast(Any, _Body(_THROTTLED)))
        if service == DYNAMODB:
            request.url = self._dynamodb_url
        answer = go()
        if blow is not None:
            raise ConnectionClosedError(endpoint_url=request.url)
        return answer

    def _blow(self, service: str, invocation: str, *, first: bool) -> Blow | None:
        """The fault of this attempt."""
        with self._lock:
            if not first:
                return self._blows.get(invocation)
            shares = SHARES[service]
            chances = [*shares.values(), 1 - sum(shares.values())]
            (blow,) = self._random.choices([*shares, None], chances)
            if blow is not None:
                self.struck[service, blow] += 1
            if blow in (Blow.THROTTLED_THROUGHOUT, Blow.LOST_THROUGHOUT):
                self._blows[invocation] = blow
            return blow


class _Body(BytesIO):
    """The body of a response."""

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()
