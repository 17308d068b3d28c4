"""The services of AWS that the functions use, behind one address: moto's, another engine's, local ones."""

import re
import threading
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, cast

import urllib3

from local.aws.event_bus import EventBus
from local.aws.one_at_a_time import OneAtATime, Queues

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

PUBLISHED: Final = "/_published"
"""Where the entries of the event bus are shown; no service of AWS has such a path."""
_INVOCATIONS: Final = re.compile(r"/2015-03-31/functions/[^/]+/invocations")
_PASSED_ON: Final[Mapping[str, str]] = {
    "CONTENT_TYPE": "Content-Type",
    "HTTP_AUTHORIZATION": "Authorization",
    "HTTP_X_AMZ_DATE": "X-Amz-Date",
    "HTTP_X_AMZ_TARGET": "X-Amz-Target",
}
_HOP_BY_HOP: Final = frozenset({"connection", "content-length", "date", "server", "transfer-encoding"})


class Services:
    """WSGI: hands each request to the service that it names, and refuses all others.

    moto has many more, some of which run containers or serve files: the address may be open to a network
    (BIND=0.0.0.0), so nothing is served that the functions do not use. `invocations` is Lambda, once there are
    functions.
    """

    def __init__(self, dynamodb: "str | WSGIApplication | None") -> None:
        lock = threading.Condition()  # one for both: a rule of the bus may send its events to a queue
        self.queues = Queues(_Moto("sqs"), lock)
        self.bus = EventBus(OneAtATime(_Moto("events"), lock))
        self.invocations: WSGIApplication | None = None
        # By the first part of the header X-Amz-Target.
        self._by_target: Mapping[str, WSGIApplication] = {
            "DynamoDB_20120810": _engine(dynamodb),
            "secretsmanager": _Moto("secretsmanager"),
            "AmazonSQS": self.queues,
            "AWSEvents": self.bus,
        }

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        return (self._meant(environ) or _refused)(environ, start_response)

    def _meant(self, environ: "WSGIEnvironment") -> "WSGIApplication | None":
        if (target := environ.get("HTTP_X_AMZ_TARGET")) is not None:
            return self._by_target.get(str(target).partition(".")[0])
        if environ["PATH_INFO"] == PUBLISHED and environ["REQUEST_METHOD"] == "GET":
            return self.bus.show
        # Every SDK signs. A page in a browser cannot send that header without a preflight, which is refused: no page
        # may invoke the functions of operators.
        signed = str(environ.get("HTTP_AUTHORIZATION", "")).startswith("AWS4-HMAC-SHA256 ")
        return self.invocations if signed and _INVOCATIONS.fullmatch(environ["PATH_INFO"]) else None


def _engine(dynamodb: "str | WSGIApplication | None") -> "WSGIApplication":
    """moto's tables, or another engine: at a URL, or in this process."""
    if dynamodb is None:
        return OneAtATime(_Moto("dynamodb"), threading.Lock())
    return _Elsewhere(dynamodb) if isinstance(dynamodb, str) else dynamodb


def _refused(_: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    # A browser's preflight ends here, too: no page may read the secrets (moto's own servers would let it).
    start_response("400 Bad Request", [("Content-Type", "application/x-amz-json-1.1")])
    return [b'{"__type":"UnknownOperationException"}']


class _Moto:
    """WSGI: one of moto's services, created at its first request. moto's own dispatcher would serve them all."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._app: WSGIApplication | None = None
        self._making = threading.Lock()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        with self._making:
            if self._app is None:
                from moto.moto_server.werkzeug_app import create_backend_app  # noqa: PLC0415 - the import is slow

                app = create_backend_app(self._service)  # type: ignore[arg-type]  # a Literal of all services
                self._app = cast("WSGIApplication", app)
        return self._app(environ, start_response)


class _Elsewhere:
    """WSGI: passes a request unchanged to another engine, and returns its answer."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool = urllib3.PoolManager(maxsize=16, retries=False)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        sent = {name: str(environ[key]) for key, name in _PASSED_ON.items() if key in environ}
        answer = self._pool.request("POST", self._url, body=environ["wsgi.input"].read(), headers=sent)
        headers = [(name, value) for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP]
        start_response(f"{answer.status} {answer.reason}", headers)
        return [answer.data]
