"""Faults of AWS, between the service's clients and stores in memory, on the test's clock: a call that hangs takes its
time-out."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from io import BytesIO
from types import SimpleNamespace
from typing import Any, Final, cast
from unittest import mock

from botocore import endpoint
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ReadTimeoutError
from botocore.httpsession import URLLib3Session
from moto.core.botocore_stubber import BotocoreStubber

from tests.support.fakes import ManualClock, Stores
from tests.support.stores.dynamodb_engine import answered


class Fault(StrEnum):
    """What happens to every attempt of a call."""

    HANGING = "hanging"
    THROTTLED = "throttled"
    DENIED = "denied"
    KEY_DENIED = "the KMS key is denied"
    FAILING = "500"


_JSON: Final[Mapping[Fault, tuple[int, str]]] = {
    Fault.DENIED: (400, "AccessDeniedException"),
    Fault.FAILING: (500, "InternalServerError"),
}
_BY_SERVICE: Final[Mapping[tuple[str, Fault], tuple[int, str]]] = {
    ("dynamodb", Fault.THROTTLED): (400, "ProvisionedThroughputExceededException"),
    ("secretsmanager", Fault.THROTTLED): (400, "ThrottlingException"),
    ("sqs", Fault.THROTTLED): (400, "RequestThrottled"),
    ("lambda", Fault.THROTTLED): (429, "TooManyRequestsException"),
    ("events", Fault.THROTTLED): (400, "ThrottlingException"),
    ("dynamodb", Fault.KEY_DENIED): (400, "KMSAccessDeniedException"),
    ("secretsmanager", Fault.KEY_DENIED): (400, "DecryptionFailure"),
    ("sqs", Fault.KEY_DENIED): (400, "KMS.AccessDeniedException"),
    ("lambda", Fault.KEY_DENIED): (502, "KMSAccessDeniedException"),
    ("events", Fault.KEY_DENIED): (400, "KMSAccessDeniedException"),
}
_SERVICES: Final = {"DynamoDB_20120810": "dynamodb", "secretsmanager": "secretsmanager", "AWSEvents": "events"}
_TAKEN: Final[Mapping[str, tuple[int, object]]] = {
    "sqs": (200, {"MessageId": "m-1"}),
    "lambda": (202, {}),
    "events": (200, {"FailedEntryCount": 0, "Entries": [{"EventId": "e-1"}]}),
}
"""Answers of the services that keep nothing."""


@dataclass(frozen=True, slots=True)
class Call:
    """One kind of call: `what` is the table with the kind of item, from its key; or the secret's kind, or the queue."""

    service: str
    action: str
    what: str

    @property
    def on_the_cache(self) -> bool:
        """Whether it is about an item of CacheTable."""
        return self.service == "dynamodb" and self.what.partition(" ")[0] == "CacheTable"

    def __str__(self) -> str:
        return f"{self.service} {self.action} {self.what}"


@dataclass(slots=True)
class FaultyAws:
    """Carries the requests of every client of the process. `seen` lists the calls in order, each attempt separately."""

    clock: ManualClock
    stores: Stores
    seen: list[Call] = field(default_factory=list)
    strikes: Callable[[Call], bool] = lambda _: False
    fault: Fault = Fault.FAILING

    @contextmanager
    def between(self) -> Iterator[None]:
        """Inside, requests come here in place of a socket, and botocore's pauses pass on the test's clock."""
        with (
            # moto, if another test of this process has begun it, would answer before.
            mock.patch.object(BotocoreStubber, "__call__", return_value=None),
            mock.patch.object(URLLib3Session, "send", lambda _, request: self._send(request)),
            mock.patch.object(endpoint, "time", SimpleNamespace(sleep=self.clock.sleep)),
        ):
            yield

    @contextmanager
    def failing(self, fault: Fault, strikes: Callable[[Call], bool]) -> Iterator[None]:
        self.fault, self.strikes = fault, strikes
        try:
            yield
        finally:
            self.strikes = lambda _: False

    def _send(self, request: AWSPreparedRequest) -> AWSResponse:
        call = _call_of(request)
        self.seen.append(call)
        if self.strikes(call):
            return self._struck(call, request)
        if call.service in _TAKEN:
            return _response(request, *_TAKEN[call.service])
        return self._stored(call, request)

    def _stored(self, call: Call, request: AWSPreparedRequest) -> AWSResponse:
        """The answer of a store, whose client in memory takes what is in the request."""
        client = self.stores.dynamodb if call.service == "dynamodb" else self.stores.secrets
        return _response(request, *answered(client, call.action, _content(request)))

    def _struck(self, call: Call, request: AWSPreparedRequest) -> AWSResponse:
        if self.fault is Fault.HANGING:
            # A call without a time-out of its own hangs for botocore's default.
            self.clock.advance(cast("Any", request).context.get("read_timeout", 60.0))
            raise ReadTimeoutError(endpoint_url=request.url)
        status, code = _BY_SERVICE.get((call.service, self.fault)) or _JSON[self.fault]
        return _response(request, status, {"__type": code, "message": "set by the test"}, code)


class _Raw(BytesIO):
    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()


def _response(request: AWSPreparedRequest, status: int, body: object, code: str = "") -> AWSResponse:
    headers = HTTPHeaders()
    if code:
        headers["x-amzn-errortype"] = code
    return AWSResponse(request.url, status, headers, cast("Any", _Raw(json.dumps(body).encode())))


def _content(request: AWSPreparedRequest) -> dict[str, Any]:
    return json.loads(request.body) if request.body else {}  # type: ignore[arg-type]  # JSON in every protocol here


def _call_of(request: AWSPreparedRequest) -> Call:
    target = request.headers.get("X-Amz-Target", b"")
    name, _, action = (target.decode() if isinstance(target, bytes) else str(target)).partition(".")
    body = _content(request)
    if name == "AmazonSQS":
        return Call("sqs", action, "queue")
    if not name:
        return Call("lambda", "Invoke", "worker")
    service = _SERVICES[name]
    return Call(service, action, {"dynamodb": _item, "secretsmanager": _secret}.get(service, lambda _: "bus")(body))


def _secret(body: Mapping[str, Any]) -> str:
    named = body.get("SecretId") or body.get("Name", "")
    return "application" if "/application/" in named else "portal"


def _item(body: Mapping[str, Any]) -> str:
    """`CacheTable CHAT`: the table without the test's suffix and the first part of the first item's key."""
    if "TransactItems" in body:
        ((_, body),) = body["TransactItems"][0].items()
    if "RequestItems" in body:
        ((table, page),) = body["RequestItems"].items()
        body = {"TableName": table, "Key": page["Keys"][0]}
    key = body.get("Key") or body.get("Item") or {}
    kind = str(key.get("pk", {}).get("S", body.get("IndexName", "all"))).partition("#")[0]
    return f"{str(body['TableName']).partition('-')[0]} {kind} {key.get('sk', {}).get('S', '')[:4]}".strip()
