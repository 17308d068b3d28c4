"""Responses as API Gateway takes them (payload 2.0), and the one table from error to response."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from chat_lookup.errors import ChatLookupError, MethodNotAllowed

Response = dict[str, Any]
PROBLEM_TYPE: Final = "urn:bitrix24-chat-lookup:problem:"
NOT_STORED: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
"""Of every answer: no cache keeps it, and no browser takes a caller's or portal's text in it for another type."""

_ROOM: Final = 2_500_000
"""Bytes of JSON for the answers to many questions. Lambda returns at most 6 MB; in its text each quote and backslash
takes another byte, and the problems in place of answers need room, too."""


class Room:
    """The room for answers in one response. It is full from the first answer on that does not fit."""

    def __init__(self) -> None:
        self._taken = 0
        self._full = False

    def takes(self, body: Mapping[str, object]) -> bool:
        """Whether there is room for one more answer. The first always has it, so that asking for the rest ends."""
        if not self._full:
            before, self._taken = self._taken, self._taken + len(_to_text(body).encode())
            self._full = before > 0 and self._taken > _ROOM
        return not self._full


def json_response(status: int, body: Mapping[str, object]) -> Response:
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json", **NOT_STORED},
        "body": _to_text(body),
    }


def empty_response(status: int, **headers: str) -> Response:
    return {"statusCode": status, "headers": {**NOT_STORED, **headers}, "body": ""}


_NO_QUERY: Final[Mapping[str, Sequence[str]]] = {}


def redirect(status: int, address: str, query: Mapping[str, Sequence[str]] = _NO_QUERY) -> Response:
    """To an address of ours, or one that was checked; 307 and 308 keep verb and body."""
    return empty_response(status, location=f"{address}?{urlencode(query, doseq=True)}" if query else address)


def html_response(status: int, html: str, policy: str, referrer: str = "no-referrer") -> Response:
    """A document that no cache keeps, with the policy of its content."""
    return {
        "statusCode": status,
        "headers": {
            "content-type": "text/html; charset=utf-8",
            "content-security-policy": policy,
            "referrer-policy": referrer,
            **NOT_STORED,
        },
        "body": html,
    }


def retry_header(seconds: float | None) -> dict[str, str]:
    """`retry-after` in whole seconds; nothing where no wait is known."""
    return {} if seconds is None else {"retry-after": str(max(1, math.ceil(seconds)))}


def problem(error: ChatLookupError) -> dict[str, object]:
    """The members of a problem (RFC 9457); in a batch each item contains its own."""
    facts: dict[str, object] = {
        "type": PROBLEM_TYPE + error.code,
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
    }
    if error.portal_error is not None:
        facts["portal_error"] = error.portal_error
    if error.hint is not None:
        facts["hint"] = error.hint
    if error.retry_after is not None:
        facts["retry_after"] = math.ceil(error.retry_after)
    return facts | error.extra


def error_response(error: ChatLookupError, request_id: str) -> Response:
    """The response to an error; every error becomes a response here."""
    headers = {"content-type": "application/problem+json", **NOT_STORED}
    if error.status in (429, 503) and error.retryable:
        headers |= retry_header(error.retry_after or 1)
    if error.status == 401:  # noqa: PLR2004
        headers["www-authenticate"] = "Bearer"
    if isinstance(error, MethodNotAllowed):
        headers["allow"] = error.allow
    return {
        "statusCode": error.status,
        "headers": headers,
        "body": _to_text(problem(error) | {"request_id": request_id}),
    }


def _to_text(body: Mapping[str, object]) -> str:
    """JSON that can be sent: a portal's text may end in half an emoji, which Lambda cannot encode."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(errors="replace").decode()
