"""moto's services, one request at a time: moto checks and writes in two steps, and a write between them is lost."""

import io
import json
import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from local.net.http_server import Response
from local.template.reader import ACCOUNT

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from moto.sqs.models import SQSBackend

_LONGEST_WAIT_S: Final = 20.0  # as in SQS
_CHECK_AGAIN_S: Final = 1.0  # the end of a visibility time-out notifies no thread


class OneAtATime:
    """WSGI: answers each request before the next one begins; applications may share a lock."""

    def __init__(self, app: "WSGIApplication", lock: "AbstractContextManager[object]") -> None:
        self._app = app
        self._lock = lock

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        with self._lock:
            return list(self._app(environ, start_response))


class Queues:
    """WSGI: SQS, one request at a time. A request that waits for messages releases the lock; moto would hold it.

    Messages become visible again by the machine's own time, which is moto's: the clock of a run does not move it.
    """

    def __init__(self, app: "WSGIApplication", lock: threading.Condition) -> None:
        self._app = app
        self._lock = lock
        self._ending = False
        self._receivers = 0

    @property
    def receivers(self) -> int:
        """How many requests wait for a message. A receiver that is not among them has messages, or asks for them."""
        with self._lock:
            return self._receivers

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        body, wait_s = environ["wsgi.input"].read(), 0.0
        if environ["HTTP_X_AMZ_TARGET"] == "AmazonSQS.ReceiveMessage":
            body, wait_s = _without_wait(body)
        with self._lock:
            answer = self._answer(environ, body, time.monotonic() + wait_s)
            self._lock.notify_all()
        start_response(answer.status, answer.headers)
        return [answer.body]

    def end_waiting(self) -> None:
        """Ends waiting and later requests for messages at once, from now on."""
        with self._lock:
            self._ending = True
            self._lock.notify_all()

    def purge(self, region: str, name: str) -> None:
        """Deletes every message of a queue, without a request."""
        with self._lock:
            _queues(region).purge_queue(name)

    def left(self, region: str, name: str) -> int:
        """The number of messages in a queue: visible, received, or delayed; without a request."""
        with self._lock:
            return len(_queues(region).get_queue(name)._messages)

    def _answer(self, environ: "WSGIEnvironment", body: bytes, until: float) -> Response:
        sent = {**environ, "CONTENT_LENGTH": str(len(body))}
        while True:
            answer = Response.of(self._app, {**sent, "wsgi.input": io.BytesIO(body)})
            left = until - time.monotonic()
            if left <= 0 or self._ending or answer.body != b"{}":
                return answer
            self._receivers += 1
            try:
                self._lock.wait(min(left, _CHECK_AGAIN_S))
            finally:
                self._receivers -= 1


def _queues(region: str) -> "SQSBackend":
    from moto.sqs.models import sqs_backends  # noqa: PLC0415 - the import is slow

    return sqs_backends[ACCOUNT][region]


def _without_wait(body: bytes) -> tuple[bytes, float]:
    """A ReceiveMessage that is answered at once, and for how many seconds it would have waited."""
    try:
        request = json.loads(body)
        wait_s = float(request.get("WaitTimeSeconds") or 0)
    except (ValueError, TypeError, AttributeError):
        return body, 0.0  # moto refuses it
    if not 0 <= wait_s <= _LONGEST_WAIT_S:
        return body, 0.0  # as above
    return json.dumps({**request, "WaitTimeSeconds": 0}).encode(), wait_s
