"""The network between functions and AWS on a bad day: answers that are lost after the commit, requests refused.

It stands where a client's connection is, so that everything above it, the SDK's own repeating too, is as it is.
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
_REFUSAL: Final = json.dumps({"__type": "InternalFailure", "message": "the service is not well"}).encode()


@dataclass(frozen=True, slots=True)
class Weather:
    """Shares of what goes wrong. `lost`: of all calls, whose first answer never comes. `refused_sends` and
    `refused_invocations`: of messages to the queue and of invocations of the worker, however often they are tried.
    `refused_entries`: of all events, which the bus takes at no time while this weather lasts.
    """

    lost: float = 0.0
    refused_sends: float = 0.0
    refused_invocations: float = 0.0
    refused_entries: float = 0.0

    def shuns(self, event_id: str) -> bool:
        """Whether the bus refuses this event."""
        return zlib.crc32(event_id.encode()) % 1000 < 1000 * self.refused_entries


FAIR: Final = Weather()


class Network:
    """`dynamodb_url` is where the tables are; every other service is where the functions look for AWS."""

    def __init__(self, weather: Weather, dynamodb_url: str, seed: str) -> None:
        self._weather = weather
        self._dynamodb_url = dynamodb_url.encode()
        # A row of chances for each, so that what is refused does not hang on how often something else is asked.
        self._losing, self._sending, self._invoking = (Random(f"{seed} {what}") for what in ("lost", "sent", "invoked"))  # noqa: S311 - repeatable
        self._refused: set[str] = set()

    def between(self) -> AbstractContextManager[None]:
        """Inside, this process reaches AWS by this network and no other way."""
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
            return any(map(weather.shuns, _EVENT_ID.findall(text(request))))
        return False


class _Body(BytesIO):
    """What a response is read from."""

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()


def _invocation(request: AWSPreparedRequest) -> str:
    """What all tries of one call have in common."""
    return header(request, "amz-sdk-invocation-id")


@contextmanager
def sending_by(send: Callable[[Callable[[], AWSResponse], AWSPreparedRequest], AWSResponse]) -> Iterator[None]:
    """Have `send` carry each request of botocore's; it is given what would have sent it, and the request."""
    real = URLLib3Session.send

    def carried(session: URLLib3Session, request: AWSPreparedRequest) -> AWSResponse:
        return send(lambda: real(session, request), request)

    with mock.patch.object(URLLib3Session, "send", carried):
        yield


def header(request: AWSPreparedRequest, name: str) -> str:
    """A header of a call; empty if it has none of that name."""
    value = request.headers.get(name, "")
    return value.decode() if isinstance(value, bytes) else str(value)


def text(request: AWSPreparedRequest) -> str:
    """The body of a call."""
    body = request.body
    return body.decode() if isinstance(body, bytes) else str(body or "")
