"""The functions of the template as Lambda runs them: loaded by path, invoked with an event and a context."""

import importlib.util
import json
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from chat_lookup.clock import Clock
from local.aws.function_output import FunctionOutput
from local.template.functions import LATEST, function_arn
from local.template.reader import Function, Template


@dataclass(frozen=True, slots=True)
class LambdaContext:
    """A handler's information about its invocation; the attributes that Powertools and the handlers read."""

    function: Function
    aws_request_id: str
    # By the machine's time, which the clock of portal and service does not move.
    _ends_at: float
    function_version: str = LATEST
    log_stream_name: str = "local"
    client_context: None = None
    identity: None = None

    @property
    def function_name(self) -> str:
        return self.function.logical_id

    @property
    def memory_limit_in_mb(self) -> int:
        return self.function.memory_size

    @property
    def invoked_function_arn(self) -> str:
        return function_arn(self.function_name, self.function.alias)

    @property
    def log_group_name(self) -> str:
        return f"/aws/lambda/{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._ends_at - time.monotonic()) * 1000))


Handler = Callable[[object, LambdaContext], object]


class Invocation(NamedTuple):
    """One that has ended. `began` is Unix time of this machine; `printed` are the lines that are JSON objects; `error`
    is the class of what the handler raised."""

    function: str
    event: object
    answer: object
    error: str
    began: float
    ms: float
    printed: Sequence[Mapping[str, Any]]


@dataclass(slots=True)
class Functions:
    """Loads each handler at its first invocation, as a cold start does. What it prints goes to `output`.

    Events and answers pass through JSON, as in the cloud. A function is not killed at its timeout, since threads cannot
    be: the handlers check their deadline themselves.
    """

    template: Template
    output: FunctionOutput
    watchers: list[Callable[[Invocation], None]] = field(default_factory=list)
    """Each receives each invocation when it has ended, in its own thread."""
    _handlers: dict[str, Handler] = field(default_factory=dict)
    _loading: threading.Lock = field(default_factory=threading.Lock)

    def invoke(self, logical_id: str, event: object) -> object:
        """Invokes a function; raises what its handler raises, after it logs the traceback as Lambda does."""
        function = self.template.functions[logical_id]
        request_id = str(uuid.uuid4())
        began, start, answer, failed = time.time(), time.monotonic(), None, ""
        with self.output.capturing() as printed:
            try:
                context = LambdaContext(function, request_id, start + function.timeout)
                answer = json.loads(json.dumps(self._handler(function)(json.loads(json.dumps(event)), context)))
            except Exception as error:
                failed = type(error).__name__
                self._log(request_id, error)
                raise
            finally:
                if self.watchers:
                    ms = (time.monotonic() - start) * 1000
                    ended = Invocation(logical_id, event, answer, failed, began, ms, _objects(printed))
                    for watch in self.watchers:
                        watch(ended)
        return answer

    def _handler(self, function: Function) -> Handler:
        with self._loading:
            if function.logical_id not in self._handlers:
                self._handlers[function.logical_id] = _load(function)
            return self._handlers[function.logical_id]

    def _log(self, request_id: str, error: Exception) -> None:
        line = {"level": "ERROR", "requestId": request_id, **failure(error)}
        self.output.write(json.dumps(line, ensure_ascii=False) + "\n")


def _objects(printed: Sequence[str]) -> list[dict[str, Any]]:
    found = []
    for text in printed:
        with suppress(ValueError):
            found += [line for line in [json.loads(text)] if isinstance(line, dict)]
    return found


def failure(error: Exception) -> dict[str, object]:
    """Lambda's report of an exception that a handler raised: frames from the handler on, and no causes (awslambdaric,
    `bootstrap.handle_event_request`)."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [number for number, frame in enumerate(frames, 1) if frame.filename == __file__]
    return {
        "errorType": type(error).__name__,
        "errorMessage": str(error),
        "stackTrace": traceback.format_list(frames[max(ours, default=0) :]),
    }


def _load(function: Function) -> Handler:
    """Imports a handler under a name of its own: every function's module is named `app`."""
    module_name, _, attribute = function.handler.rpartition(".")
    path = (function.code_uri / module_name.replace(".", "/")).with_suffix(".py")
    spec = importlib.util.spec_from_file_location(f"{module_name}_of_{function.logical_id}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a module")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    handler: Handler = getattr(module, attribute)
    return handler


def put_clock(clock: Clock) -> None:
    """Makes the service use `clock`, and rebuild its objects with it."""
    from chat_lookup.bootstrap import process  # noqa: PLC0415 - it may only be imported in the functions' environment

    process.clock = clock
    forget()


def forget() -> None:
    """Clears the process's memory: the next invocation is a cold start. The logger stays."""
    from chat_lookup.bootstrap import process  # noqa: PLC0415 - as above

    process.built.cache_clear()
    process.receiving.cache_clear()
    process.layer.cache_clear()


def write_stamp(layers: Path, task_root: Path) -> None:
    """Writes the layer's stamp where a built function has it: `layer-stamp` in its own folder (LAMBDA_TASK_ROOT)."""
    spec = importlib.util.spec_from_file_location("layer_stamp", layers / "stamp.py")
    if spec is None or spec.loader is None:
        raise ImportError("layers/stamp.py is missing")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    task_root.mkdir(parents=True, exist_ok=True)
    (task_root / "layer-stamp").write_text(module.stamp(layers) + "\n")
