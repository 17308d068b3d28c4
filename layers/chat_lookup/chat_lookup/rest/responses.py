"""Responses in the platform's format: envelope, `time` and errors (bitrix24.md 2.5)."""

import json
from collections.abc import Mapping
from typing import Final, NamedTuple

from chat_lookup.bitrix24.responses import OperatingTime
from chat_lookup.clock import iso_time
from chat_lookup.http.responses import NOT_STORED, Response, retry_header
from chat_lookup.rest.errors import Refusal

_CONTENT_TYPE: Final = "application/json; charset=utf-8"
_ANY_ORIGIN: Final = {"access-control-allow-origin": "*", "access-control-expose-headers": "retry-after"}
"""As a portal's: pages of any origin may call. Not with credentials: keys are no cookies (docs/decisions/023)."""
_PREFLIGHT_SECONDS: Final = 7_200
"""For which browsers may remember a preflight: as long as Chrome does at most."""
_NO_PAGES: Final[Mapping[str, object]] = {}


class Result(NamedTuple):
    """A method's result: its value for JSON, the `time` it took, and a list's `next` and `total`."""

    value: object
    time: Mapping[str, object]
    pages: Mapping[str, object] = _NO_PAGES


RestOutcome = Result | Refusal


def time_of(start: float, finish: float, reported: OperatingTime | None = None) -> dict[str, object]:
    """The `time` of a response, from Unix times; `reported` is the method's operating time in the portal's last reply.

    Fields that it lacks are left out, as those of methods of imbot.v2 are.
    """
    seconds = max(0.0, finish - start)
    time: dict[str, object] = {
        "start": start,
        "finish": finish,
        "duration": seconds,
        "processing": seconds,
        "date_start": iso_time(start),
        "date_finish": iso_time(finish),
    }
    if reported is not None and reported.reset_at is not None:
        time["operating_reset_at"] = int(reported.reset_at)
    if reported is not None and reported.operating is not None:
        time["operating"] = reported.operating
    return time


def preflight() -> Response:
    """The response to a browser that asks which requests it may send."""
    admitted = {
        "access-control-allow-methods": "GET, POST",
        # The asterisk admits all but `Authorization`. SDKs add headers of their own.
        "access-control-allow-headers": "authorization, content-type, *",
        "access-control-max-age": str(_PREFLIGHT_SECONDS),
    }
    return {"statusCode": 204, "headers": {**_ANY_ORIGIN, **admitted}, "body": ""}


def response(outcome: RestOutcome) -> Response:
    """The response to one request."""
    if isinstance(outcome, Result):
        return _response(200, {"result": outcome.value, **outcome.pages, "time": outcome.time}, {})
    body = {"error": outcome.code, "error_description": outcome.description}
    return _response(outcome.status, body, retry_header(outcome.retry_after))


def _response(status: int, body: Mapping[str, object], headers: Mapping[str, str]) -> Response:
    return {
        "statusCode": status,
        "headers": {"content-type": _CONTENT_TYPE, **NOT_STORED, **_ANY_ORIGIN, **headers},
        "body": json.dumps(body, separators=(",", ":")),
    }
