"""A faulty proxy between processes and AWS: late reads, lost answers, failures."""

import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, cast

import urllib3

from chat_lookup.clock import Clock
from local.net.http_server import ConnectionCut, HttpServer
from tests.support.stores.tables import client_of

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_secretsmanager import SecretsManagerClient

_WRITES: Final = frozenset(
    {"UpdateItem", "PutItem", "DeleteItem", "TransactWriteItems", "CreateSecret", "PutSecretValue", "DeleteSecret"}
)
_SAVES: Final = frozenset({"CreateSecret", "PutSecretValue"})
_PASSED_ON: Final[Mapping[str, str]] = {
    "CONTENT_TYPE": "Content-Type",
    "HTTP_AUTHORIZATION": "Authorization",
    "HTTP_X_AMZ_DATE": "X-Amz-Date",
    "HTTP_X_AMZ_TARGET": "X-Amz-Target",
}
_PASSED_BACK: Final = frozenset({"content-type", "x-amz-crc32", "x-amzn-requestid"})
_JSON: Final = [("Content-Type", "application/x-amz-json-1.1")]
_OK: Final = 200


@dataclass(frozen=True, slots=True)
class Day:
    """How long, in seconds of the clock, a version of a secret stays unreadable after it was written, and whether the
    first answer to every write is lost after the commit."""

    lag: float = 0.0
    answers_lost: bool = False


class UnreliableAws:
    """One address in front of DynamoDB and Secrets Manager; it passes everything on until a test sets faults.

    `day` sets delays and lost answers. Actions named in `down` fail without effect.
    """

    def __init__(self, dynamodb_url: str, secrets_url: str, clock: Clock) -> None:
        self.day = Day()
        self.down: set[str] = set()
        self._urls = {"DynamoDB_20120810": dynamodb_url, "secretsmanager": secrets_url}
        self._clock = clock
        self._readable_at: dict[str, float] = {}
        self.keeps_pairs = True
        """Whether a pair can be written; what is written before it, to prove that one can be, always is."""
        self._failing: dict[str, int] = {}
        self._failed: set[str] = set()
        self._lock = threading.Lock()
        self._pool = urllib3.PoolManager(maxsize=64, retries=False)
        self._server = HttpServer(self._serve)
        self.url = self._server.url()

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()

    def dynamodb(self) -> "DynamoDBClient":
        return cast("DynamoDBClient", client_of("dynamodb", self.url))

    def secrets(self) -> "SecretsManagerClient":
        return cast("SecretsManagerClient", client_of("secretsmanager", self.url))

    def fail(self, action: str, times: int) -> None:
        """Make this many calls of an action fail, each with all the retries that the client makes by itself."""
        self._failing[action] = times

    def _serve(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        service, _, action = str(environ["HTTP_X_AMZ_TARGET"]).partition(".")
        body = environ["wsgi.input"].read()
        lost = action == "PutSecretValue" and not self.keeps_pairs and b"refresh_token" in body
        if lost or self._fails(action, str(environ["HTTP_AMZ_SDK_INVOCATION_ID"])):
            start_response("500 Internal Server Error", _JSON)
            return [b'{"__type":"InternalServiceError"}']
        if action == "GetSecretValue" and not self._readable(body):
            start_response("400 Bad Request", _JSON)
            return [b'{"__type":"ResourceNotFoundException","message":"there is no such version"}']
        sent = {name: str(environ[key]) for key, name in _PASSED_ON.items() if key in environ}
        answer = self._pool.request("POST", self._urls[service], body=body, headers=sent)
        if action in _SAVES and answer.status == _OK:
            self._saved(body)
        if self.day.answers_lost and action in _WRITES and str(environ["HTTP_AMZ_SDK_REQUEST"]).startswith("attempt=1"):
            raise ConnectionCut
        headers = [(name, value) for name, value in answer.headers.items() if name.lower() in _PASSED_BACK]
        start_response(f"{answer.status} {answer.reason}", headers)
        return [answer.data]

    def _fails(self, action: str, invocation: str) -> bool:
        with self._lock:
            if self._failing.get(action) and invocation not in self._failed:
                self._failing[action] -= 1
                self._failed.add(invocation)
        return action in self.down or invocation in self._failed

    def _readable(self, body: bytes) -> bool:
        return self._readable_at.get(str(json.loads(body).get("VersionId")), 0.0) <= self._clock.now()

    def _saved(self, body: bytes) -> None:
        self._readable_at.setdefault(str(json.loads(body)["ClientRequestToken"]), self._clock.now() + self.day.lag)
