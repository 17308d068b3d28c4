"""A faulty network between functions and AWS: answers lost after the commit, requests refused.

It replaces the connection of a client, so that everything above it, the SDK's own retries included, is unchanged.
"""

import json
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from io import BytesIO
from random import Random
from typing import Any, Final, cast
from unittest import mock

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectionClosedError
from botocore.httpsession import URLLib3Session

_DYNAMODB: Final = "DynamoDB_20120810"
_INVOKE: Final = "lambda.Invoke"
_FIRST_TRY: Final = "attempt=1"
_EVENT_ID: Final = re.compile(r'\\"event_id\\":\\"([0-9a-f]{32})')
_REFUSAL: Final = json.dumps({"__type": "InternalFailure", "message": "set by the test"}).encode()


@dataclass(frozen=True, slots=True)
class Weather:
    """Shares of faults. `lost`: of all calls, whose first answer is lost. `refused_sends` and `refused_invocations`: of
    messages to the queue and of invocations of the worker, at every attempt. `refused_entries`: of all events, which
    the bus always refuses under this weather.
    """

    lost: float = 0.0
    refused_sends: float = 0.0
    refused_invocations: float = 0.0
    refused_entries: float = 0.0

    def refuses_entry(self, event_id: str) -> bool:
        """Whether the bus refuses this event."""
        return zlib.crc32(event_id.encode()) % 1000 < 1000 * self.refused_entries


FAIR: Final = Weather()


class Network:
    """Carries requests: to `dynamodb_url` for the tables, to the functions' AWS endpoint for all other services."""

    def __init__(self, weather: Weather, dynamodb_url: str, seed: str) -> None:
        self._weather = weather
        self._dynamodb_url = dynamodb_url.encode()
        # One random sequence each, so that refusals of one kind do not depend on the number of other calls.
        self._losing, self._sending, self._invoking = (Random(f"{seed} {what}") for what in ("lost", "sent", "invoked"))  # noqa: S311 - repeatable
        self._refused: set[str] = set()

    def between(self) -> AbstractContextManager[None]:
        """Inside, this process reaches AWS only through this network."""
        return sending_by(self._send)

    def _send(self, go: Callable[[], AWSResponse], request: AWSPreparedRequest) -> AWSResponse:
        action = header(request, "X-Amz-Target") or _INVOKE
        first = header(request, "amz-sdk-request").startswith(_FIRST_TRY)
        if first and self._refuses(action, request):
            self._refused.add(_invocation(request))
        if _invocation(request) in self._refused:
            return AWSResponse(request.url, 500, HTTPHeaders(), cast(Any, _Body(_REFUSAL)))
        if action.startswith(_DYNAMODB):
            request.url = self._dynamodb_url.decode()
        answer = go()
        if first and self._losing.random() < self._weather.lost:
            raise ConnectionClosedError(endpoint_url=request.url)
        return answer

    def _refuses(self, action: str, request: AWSPreparedRequest) -> bool:
        weather = self._weather
        if action == "AmazonSQS.SendMessage":
            return self._sending.random() < weather.refused_sends
        if action == _INVOKE:
            return self._invoking.random() < weather.refused_invocations
        if action == "AWSEvents.PutEvents":
            return any(map(weather.refuses_entry, _EVENT_ID.findall(text(request))))
        return False


class _Body(BytesIO):
    """The body of a response."""

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()


def _invocation(request: AWSPreparedRequest) -> str:
    """The id that all attempts of one call share."""
    return header(request, "amz-sdk-invocation-id")


@contextmanager
def sending_by(send: Callable[[Callable[[], AWSResponse], AWSPreparedRequest], AWSResponse]) -> Iterator[None]:
    """Have `send` carry each request of botocore; it receives the original send function and the request."""
    real = URLLib3Session.send

    def carried(session: URLLib3Session, request: AWSPreparedRequest) -> AWSResponse:
        return send(lambda: real(session, request), request)

    with mock.patch.object(URLLib3Session, "send", carried):
        yield


def header(request: AWSPreparedRequest, name: str) -> str:
    """A header of a call; empty if it is missing."""
    value = request.headers.get(name, "")
    return value.decode() if isinstance(value, bytes) else str(value)


def text(request: AWSPreparedRequest) -> str:
    """The body of a call."""
    body = request.body
    return body.decode() if isinstance(body, bytes) else str(body or "")
