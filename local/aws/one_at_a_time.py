"""moto's services, one request at a time: it checks and writes in two steps, and what comes between is lost."""

import io
import json
import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from local.net.http_server import Response

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_LONGEST_WAIT_S: Final = 20.0  # as SQS has it
_LOOK_AGAIN_S: Final = 1.0  # a message whose visibility time-out ends tells nobody


class OneAtATime:
    """WSGI: each request is answered before the next one begins; applications may share a turn."""

    def __init__(self, app: "WSGIApplication", turn: "AbstractContextManager[object]") -> None:
        self._app = app
        self._turn = turn

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        with self._turn:
            return list(self._app(environ, start_response))


class Queues:
    """WSGI: SQS, one request at a time. Whoever waits for messages gives up the turn meanwhile; moto would keep it.

    Messages become visible again by the machine's own time, which is moto's: the clock of a run does not move it.
    """

    def __init__(self, app: "WSGIApplication", turn: threading.Condition) -> None:
        self._app = app
        self._turn = turn
        self._ending = False

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        body, wait_s = environ["wsgi.input"].read(), 0.0
        if environ["HTTP_X_AMZ_TARGET"] == "AmazonSQS.ReceiveMessage":
            body, wait_s = _without_wait(body)
        with self._turn:
            answer = self._answer(environ, body, time.monotonic() + wait_s)
            self._turn.notify_all()
        start_response(answer.status, answer.headers)
        return [answer.body]

    def end_waiting(self) -> None:
        """Whoever waits for messages is told at once that there are none, from now on."""
        with self._turn:
            self._ending = True
            self._turn.notify_all()

    def _answer(self, environ: "WSGIEnvironment", body: bytes, until: float) -> Response:
        sent = {**environ, "CONTENT_LENGTH": str(len(body))}
        while True:
            answer = Response.of(self._app, {**sent, "wsgi.input": io.BytesIO(body)})
            left = until - time.monotonic()
            if left <= 0 or self._ending or answer.body != b"{}":
                return answer
            self._turn.wait(min(left, _LOOK_AGAIN_S))


def _without_wait(body: bytes) -> tuple[bytes, float]:
    """A ReceiveMessage that is answered at once, and for how many seconds it would have waited."""
    try:
        request = json.loads(body)
        wait_s = float(request.get("WaitTimeSeconds") or 0)
    except (ValueError, TypeError, AttributeError):
        return body, 0.0  # moto says what is wrong with it
    if not 0 <= wait_s <= _LONGEST_WAIT_S:
        return body, 0.0  # as above
    return json.dumps({**request, "WaitTimeSeconds": 0}).encode(), wait_s
