"""The envelope of every answer: result, error, and what the call cost (bitrix24.md 2.5, 7.0 and 7.2)."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol
from urllib.parse import SplitResult, urlsplit

from chat_lookup.bitrix24.error_table import HTTP_4XX, HTTP_5XX, NOT_JSON, PORTAL_RENAMED, PROTOCOL
from chat_lookup.bitrix24.errors import BitrixError

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_TOO_MANY_REQUESTS: Final = 429
_NOT_JSON: Final = object()
_PAGES: Final = frozenset({"next", "total"})
_NO_PAGES: Final[Mapping[str, object]] = {}
_USUAL_PORTS: Final = frozenset({80, 443})


class OperatingTime(NamedTuple):
    """What a call cost: seconds billed to the method, the Unix time at which some are freed, seconds it took; and the
    Unix time at which it ended, by the portal's clock."""

    operating: float | None = None
    reset_at: float | None = None
    duration: float | None = None
    finished_at: float | None = None


class Answer(NamedTuple):
    """A successful answer: the method's `result` as decoded from JSON (null included), and the `elapsed` seconds here.

    `pages` are the other fields of a list's answer: `next`, `total` (bitrix24.md 2.5).
    """

    result: object
    time: OperatingTime
    elapsed: float
    pages: Mapping[str, object] = _NO_PAGES


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply as received: HTTP's status, the body, where a redirect points to, and what `Retry-After` names.

    A portal may quote our secret in the body and in the redirect: `repr` leaves them out. `retry_at` is Unix time.
    """

    status: int
    body: bytes = field(repr=False)
    location: str = field(default="", repr=False)
    retry_at: float | None = field(default=None, repr=False)


class CallTarget(Protocol):
    """The target of a request, as far as errors need it: for example an `Endpoint`."""

    @property
    def is_webhook(self) -> bool: ...

    def redacted(self, text: str) -> str:
        """`text` without the secrets that were sent."""
        ...


class PortalTarget(CallTarget, Protocol):
    """A portal that was called at `base_url` followed by the method's name."""

    @property
    def base_url(self) -> str: ...


def read_reply(reply: Reply, asked: PortalTarget, method: str, elapsed: float) -> Answer | BitrixError:
    """The answer in a reply, or the error that it is, in the order of bitrix24.md 7.2.

    Errors are returned, so that the frame that raises them has nothing of the reply among its variables.
    """
    if reply.status in _REDIRECTS:
        # Never followed: the webhook's code would be sent to an unproved host (bitrix24.md 9, row 20).
        new_host = _new_host(reply.location, asked.base_url + method)
        if new_host is None:
            return _error(NOT_JSON, reply.status, asked, method, description="a redirect to another page")
        return _error(PORTAL_RENAMED, reply.status, asked, method, description=f"moved to {new_host}")
    body = read_object(reply, asked, method)
    if isinstance(body, BitrixError):
        return body
    if "result" not in body:
        return _error(PROTOCOL, reply.status, asked, method, retry_at=reply.retry_at)
    pages = {name: value for name, value in body.items() if name in _PAGES}
    return Answer(body["result"], operating_time(body.get("time")), elapsed, pages)


def read_object(reply: Reply, asked: CallTarget, method: str) -> dict[str, object] | BitrixError:
    """The JSON object of a reply with a status of success and without an error; else the error."""
    body = _decoded(reply.body)
    if isinstance(body, dict):
        error = error_in(body, reply.status, asked, method, retry_at=reply.retry_at)
        if error is not None:
            return error
        if reply.status < 300:  # noqa: PLR2004 - HTTP's classes of statuses
            return body
    code = _codeless(reply.status, is_json=body is not _NOT_JSON)
    return _error(code, reply.status, asked, method, retry_at=reply.retry_at)


def error_in(
    body: Mapping[str, object], status: int, asked: CallTarget, method: str, *, retry_at: float | None = None
) -> BitrixError | None:
    """The error in a decoded body under any status, or of one command in a batch; None without one.

    `error` may be text, a number, empty, or REST 3's object (bitrix24.md 7.0).
    """
    error = body.get("error")
    if error is None or error is False:
        return None
    parts = error if isinstance(error, Mapping) else {"code": error, "message": body.get("error_description")}
    code, message = parts.get("code"), parts.get("message")
    return _error(
        str(code).strip() if isinstance(code, str | int | float) else "",
        status,
        asked,
        method,
        description=message if isinstance(message, str) else "",
        reset_at=operating_time(body.get("time")).reset_at,
        retry_at=retry_at,
    )


def operating_time(time: object) -> OperatingTime:
    """The envelope's `time`, every field of which is optional; portals differ in which they send."""
    if not isinstance(time, dict):
        return OperatingTime()
    return OperatingTime(
        operating=_seconds(time.get("operating")),
        reset_at=_seconds(time.get("operating_reset_at")),
        duration=_seconds(time.get("duration")),
        finished_at=_seconds(time.get("finish")),
    )


def _error(
    code: str,
    status: int,
    asked: CallTarget,
    method: str,
    *,
    description: str = "",
    reset_at: float | None = None,
    retry_at: float | None = None,
) -> BitrixError:
    return BitrixError(
        asked.redacted(code),
        status,
        method=method,
        description=asked.redacted(description),
        reset_at=reset_at,
        webhook=asked.is_webhook,
        retry_at=retry_at,
    )


def _codeless(status: int, *, is_json: bool) -> str:
    """Our name for an answer without result and code (bitrix24.md 7.2, points 3, 5 and 7)."""
    if status >= 500:  # noqa: PLR2004 - HTTP's classes of statuses
        return HTTP_5XX
    if status >= 400 and (is_json or status == _TOO_MANY_REQUESTS):  # noqa: PLR2004
        return HTTP_4XX
    return PROTOCOL if is_json else NOT_JSON


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


def _new_host(location: str, url: str) -> str | None:
    """The host that a renamed portal has now: the redirect leads to another one, and to the same path there.

    None for any other redirect: a login, a maintenance page or a cookie check in front of the portal (bitrix24.md 2.4).
    """
    try:
        moved, asked = urlsplit(location), urlsplit(url)
        other_host = _host_and_port(moved) != _host_and_port(asked)
    except ValueError:
        return None
    return moved.hostname if other_host and moved.path == asked.path else None


def _host_and_port(url: SplitResult) -> tuple[str | None, int | None]:
    """The port only where it is not a usual one. Raises `ValueError` for an invalid port."""
    return url.hostname, None if url.port in _USUAL_PORTS else url.port
