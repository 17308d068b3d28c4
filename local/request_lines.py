"""`make run` shows what passes: a line for each request, each event and each invocation by name (design 13).

A line has, in this order: time, verb, path, status, source, milliseconds, and the number of calls to the portal. Where
there is no source, `-` is in its place. No secret is in it: a path keeps its words, of a query only the values of
parameters that are known to be harmless, and nothing of a body.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qsl, quote

from local.aws.lambda_runtime import Invocation

_OPEN_PARAMETERS: Final = frozenset(
    ("entity_type", "entity_id", "method", "bot_id", "fresh", "expand", "url", "relatives", "closed")
)
_KEY_IN_PATH: Final = re.compile(r"^(/rest/[0-9]+/)[^/]+")
_MASK: Final = "***"
_LONGEST: Final = 300
_NOTHING: Final = "-"
_quoted: Final = partial(quote, errors="replace")
"""JSON can contain half a character, which cannot be encoded."""


class RequestLines:
    """Formats invocations, and gives the lines to `show`. Where that fails because nothing reads the output any more,
    no further line is shown."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._ended = False

    def __call__(self, invocation: Invocation) -> None:
        for line in lines(invocation):
            if self._ended:
                return
            try:
                self._show(line)
            except OSError:
                self._ended = True


def lines(invocation: Invocation) -> Iterator[str]:
    """The lines of one invocation: of the worker one for each event, of any other function one."""
    logged = [line for line in invocation.printed if "level" in line]
    calls = sum(int(sum(line["PortalCalls"])) for line in invocation.printed if "PortalCalls" in line)
    at = time.strftime("%H:%M:%S", time.localtime(invocation.began))
    if events := [line for line in logged if line.get("message") == "event"]:
        for event in events:
            # The worker calls in the name of a whole batch: its calls are shown with the first event.
            yield _line(at, "EVENT", str(event.get("event")), _of_event(event), event, invocation.ms, calls)
            calls = 0
        return
    verb, path = _request(invocation.event) or ("INVOKE", _command(invocation))
    yield _line(at, verb, path, _status(invocation), logged[-1] if logged else {}, invocation.ms, calls)


def _line(at: str, verb: str, path: str, status: str, log: Mapping[str, Any], ms: float, calls: int) -> str:
    source = log.get("source") or _NOTHING
    line = f"{at} {verb} {path[:_LONGEST]} {status} {source} {ms:.0f} ms, {calls} portal call{'s' * (calls != 1)}"
    # A verb and an event have the name that a caller or a portal gives them.
    return "".join(each if each.isprintable() else " " for each in line)


def _request(event: object) -> tuple[str, str] | None:
    """Verb and path of an HTTP request; None of any other event, which an invocation by name may have."""
    context = event.get("requestContext") if isinstance(event, dict) and "routeKey" in event else None
    http = context.get("http") if isinstance(context, dict) else None
    if not isinstance(event, dict) or not isinstance(http, dict):
        return None
    path = _KEY_IN_PATH.sub(rf"\g<1>{_MASK}", _quoted(str(event.get("rawPath")), safe="/|%*"))
    query = _shown(parse_qsl(str(event.get("rawQueryString") or ""), keep_blank_values=True))
    return str(http.get("method")), path + (f"?{query}" if query else "")


def _shown(query: Sequence[tuple[str, str]]) -> str:
    return "&".join(
        f"{_quoted(name, safe='[]')}={_quoted(value, safe='') if name.lower() in _OPEN_PARAMETERS else _MASK}"
        for name, value in query
    )


def _command(invocation: Invocation) -> str:
    """The function's name, and an operator's command."""
    command = invocation.event.get("command") if isinstance(invocation.event, dict) else None
    return f"{invocation.function}:{_quoted(command)}" if isinstance(command, str) else invocation.function


def _status(invocation: Invocation) -> str:
    """The status of an HTTP response; of any other answer `ok`, or the name of the error that was raised."""
    if invocation.error:
        return invocation.error
    answer = invocation.answer
    return str(answer["statusCode"]) if isinstance(answer, dict) and "statusCode" in answer else "ok"


def _of_event(event: Mapping[str, Any]) -> str:
    """What became of an event: the bot's answer, if it asked for one, or why it failed."""
    return str(event.get("answer") or event.get("problem") or "ok")
