"""Lambda's own API: invokes functions by name, as an SDK does, synchronously or asynchronously."""

import json
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from chat_lookup.clock import Clock
from local.aws.lambda_runtime import Functions, failure
from local.template.functions import LATEST, function_arn

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

PAUSES_S: Final = (60.0, 120.0)
"""Before the second and the third try of an asynchronous invocation; by the machine's own time."""
AT_A_TIME: Final = 8
_ENDS_WITHIN_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Invocation:
    """An asynchronous invocation."""

    function: str
    payload: object
    request_id: str


class Invocations:
    """WSGI: Lambda's Invoke, `/2015-03-31/functions/NAME/invocations`.

    `RequestResponse` answers what the function answers. `Event` answers 202 at once; a failed function is retried as
    often as the template defines, and then `deliver` sends a record of it to the queue that the template names.
    """

    def __init__(
        self,
        functions: Functions,
        deliver: Callable[[str, str], object],
        clock: Clock,
        pauses_s: Sequence[float] = PAUSES_S,
    ) -> None:
        self._functions = functions
        self._by_name = {
            called: name for name, each in functions.template.functions.items() for called in each.called()
        }
        self._deliver = deliver
        self._clock = clock
        self._pauses_s = pauses_s
        self._free = threading.BoundedSemaphore(AT_A_TIME)
        self._threads: list[threading.Thread] = []
        self._starting = threading.Lock()
        self._ending = threading.Event()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        request_id = str(uuid.uuid4())
        status, headers, body = self._answer(environ, request_id)
        sent = {"Content-Type": "application/json", "x-amzn-RequestId": request_id, **headers}
        start_response(status, list(sent.items()))
        return [body]

    def stop(self) -> None:
        """Ends all retries, and waits a while for running invocations."""
        self._ending.set()
        with self._starting:  # none of them is about to start, and cannot be joined yet
            threads = self._threads
        for thread in threads:
            thread.join(_ENDS_WITHIN_S)

    def _answer(self, environ: "WSGIEnvironment", request_id: str) -> tuple[str, Mapping[str, str], bytes]:
        called = environ["PATH_INFO"].split("/")[-2]
        name = self._by_name.get(called)
        if name is None:
            return _refusal("404 Not Found", "ResourceNotFoundException", f"Function not found: {function_arn(called)}")
        try:
            payload = json.loads(environ["wsgi.input"].read() or b"{}")
        except ValueError:
            return _refusal("400 Bad Request", "InvalidRequestContentException", "Could not parse request body")
        if environ.get("HTTP_X_AMZ_INVOCATION_TYPE", "RequestResponse") == "Event":
            self._start(Invocation(name, payload, request_id))
            return "202 Accepted", {}, b""
        try:
            return "200 OK", {}, json.dumps(self._functions.invoke(name, payload)).encode()
        except Exception as error:  # noqa: BLE001 - any exception of a function is its answer
            return "200 OK", {"X-Amz-Function-Error": "Unhandled"}, json.dumps(failure(error)).encode()

    def _start(self, invocation: Invocation) -> None:
        name = f"invocation of {invocation.function}"
        thread = threading.Thread(target=self._run, args=(invocation,), name=name, daemon=True)
        with self._starting:
            self._threads = [*filter(threading.Thread.is_alive, self._threads), thread]
            thread.start()

    def _run(self, invocation: Invocation) -> None:
        """All attempts of one invocation; Lambda stores it in a queue of its own, here it is a thread."""
        function = self._functions.template.functions[invocation.function]
        settings = function.asynchronous
        failed: dict[str, object] = {}
        for pause_s in (0.0, *self._pauses_s[: settings.retries]):
            if self._ending.wait(pause_s):
                return
            try:
                with self._free:
                    self._functions.invoke(invocation.function, invocation.payload)
            except Exception as error:  # noqa: BLE001 - any exception of a function causes a retry
                failed = failure(error)
            else:
                return
        if settings.on_failure is not None and not self._ending.is_set():
            arn = function_arn(function.logical_id, function.alias or LATEST)
            record = self._record(invocation, arn, settings.retries + 1, failed)
            self._deliver(settings.on_failure, json.dumps(record))

    def _record(
        self, invocation: Invocation, arn: str, tries: int, failed: Mapping[str, object]
    ) -> Mapping[str, object]:
        """What a destination receives (docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html)."""
        now = datetime.fromtimestamp(self._clock.now(), UTC)
        return {
            "version": "1.0",
            "timestamp": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "requestContext": {
                "requestId": invocation.request_id,
                "functionArn": arn,
                "condition": "RetriesExhausted",
                "approximateInvokeCount": tries,
            },
            "requestPayload": invocation.payload,
            "responseContext": {"statusCode": 200, "executedVersion": LATEST, "functionError": "Unhandled"},
            "responsePayload": failed,
        }


def _refusal(status: str, kind: str, message: str) -> tuple[str, Mapping[str, str], bytes]:
    """Lambda's answer to a request that invokes no function."""
    return status, {"x-amzn-ErrorType": kind}, json.dumps({"Type": "User", "Message": message}).encode()
