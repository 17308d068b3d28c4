"""The envelope of every answer: result, error, and what the call cost (bitrix24.md 2.5, 7.0 and 7.2)."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol
from urllib.parse import urlsplit

from chat_lookup.bitrix24.errors import BitrixError

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_TOO_MANY_REQUESTS: Final = 429
_NOT_JSON: Final = object()
_PAGES: Final = frozenset({"next", "total"})


@dataclass(frozen=True, slots=True)
class OperatingTime:
    """What a call cost: seconds billed to the method, the Unix time at which some are freed, seconds it took."""

    operating: float | None = None
    reset_at: float | None = None
    duration: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer: the method's `result` as JSON says it (null included), and `elapsed` seconds for us.

    `pages` is what a list's answer tells besides: `next`, `total` (bitrix24.md 2.5).
    """

    result: object
    time: OperatingTime
    elapsed: float
    pages: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came over the wire: HTTP's status, the body, and where a redirect points to.

    A portal may quote our secret in the latter two: `repr` leaves them out.
    """

    status: int
    body: bytes = field(repr=False)
    location: str = field(default="", repr=False)


class Asked(Protocol):
    """Who was asked, as far as errors go: an `Endpoint`, for one."""

    @property
    def is_webhook(self) -> bool: ...

    def redacted(self, text: str) -> str:
        """`text` without the secrets that were sent."""
        ...


def read_reply(reply: Reply, asked: Asked, method: str, elapsed: float) -> Answer | BitrixError:
    """The answer in a reply, or the error that it is, in the order of bitrix24.md 7.2.

    Errors are returned: whoever raises them has none of the reply among his local variables.
    """
    if reply.status in _REDIRECTS:
        # Never followed: the webhook's code would go to a host that nobody proved (bitrix24.md 9, row 20).
        return _error("PORTAL_RENAMED", reply.status, asked, method, description=_new_host(reply.location))
    body = read_object(reply, asked, method)
    if isinstance(body, BitrixError):
        return body
    if "result" not in body:
        return _error("PROTOCOL", reply.status, asked, method)
    pages = {name: value for name, value in body.items() if name in _PAGES}
    return Answer(body["result"], operating_time(body.get("time")), elapsed, pages)


def read_object(reply: Reply, asked: Asked, method: str) -> dict[str, object] | BitrixError:
    """The JSON object that came under a status of success and names no error, or the error that the reply is."""
    body = _decoded(reply.body)
    if isinstance(body, dict):
        error = error_in(body, reply.status, asked, method)
        if error is not None:
            return error
        if reply.status < 300:  # noqa: PLR2004 - HTTP's classes of statuses
            return body
    return _error(_codeless(reply.status, is_json=body is not _NOT_JSON), reply.status, asked, method)


def error_in(body: Mapping[str, object], status: int, asked: Asked, method: str) -> BitrixError | None:
    """The error that a decoded body carries under any status, or one command's within a batch; None without one.

    `error` may be text, a number, empty, or REST 3's object (bitrix24.md 7.0).
    """
    error = body.get("error")
    if error is None or error is False:
        return None
    said = error if isinstance(error, Mapping) else {"code": error, "message": body.get("error_description")}
    code, message = said.get("code"), said.get("message")
    return _error(
        str(code).strip() if isinstance(code, str | int | float) else "",
        status,
        asked,
        method,
        description=message if isinstance(message, str) else "",
        reset_at=operating_time(body.get("time")).reset_at,
    )


def operating_time(time: object) -> OperatingTime:
    """The envelope's `time`, every field of which is optional; portals differ in which they send."""
    if not isinstance(time, dict):
        return OperatingTime()
    return OperatingTime(
        operating=_seconds(time.get("operating")),
        reset_at=_seconds(time.get("operating_reset_at")),
        duration=_seconds(time.get("duration")),
    )


def _error(
    code: str, status: int, asked: Asked, method: str, *, description: str = "", reset_at: float | None = None
) -> BitrixError:
    return BitrixError(
        asked.redacted(code),
        status,
        method=method,
        description=asked.redacted(description),
        reset_at=reset_at,
        webhook=asked.is_webhook,
    )


def _codeless(status: int, *, is_json: bool) -> str:
    """Our name for an answer without result and code (bitrix24.md 7.2, points 3, 5 and 7)."""
    if status >= 500:  # noqa: PLR2004 - HTTP's classes of statuses
        return "HTTP_5XX"
    if status >= 400 and (is_json or status == _TOO_MANY_REQUESTS):  # noqa: PLR2004
        return "HTTP_4XX"
    return "PROTOCOL" if is_json else "NOT_JSON"


def _decoded(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return _NOT_JSON


def _seconds(value: object) -> float | None:
    """A finite, non-negative number, also as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _new_host(location: str) -> str:
    try:
        host = urlsplit(location).hostname
    except ValueError:
        host = None
    return f"moved to {host}" if host else "moved"
