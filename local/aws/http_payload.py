"""API Gateway's payload format 2.0: an HTTP request as a function's event, a function's answer as an HTTP response."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from local.template.reader import ACCOUNT

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

# All other bodies arrive in base64, forms and those without a type included: tried against the real gateway by
# https://github.com/ministackorg/ministack/pull/766, since its documents do not define it.
TEXT_TYPES = frozenset({"application/javascript", "application/json", "application/xml"})
_STATUSES = range(100, 600)


class AnswerError(Exception):
    """The gateway cannot send this answer of a function."""


@dataclass(frozen=True, slots=True)
class Call:
    """What the gateway itself decides about a request."""

    route_key: str
    path_parameters: Mapping[str, str]
    request_id: str
    time: float
    """Unix time in seconds."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def event(environ: "WSGIEnvironment", body: bytes, call: Call) -> dict[str, object]:
    """The event for one request; fields without content are left out, as the gateway does."""
    headers = _headers(environ)
    cookies = [cookie.strip() for cookie in headers.pop("cookie", "").split(";") if cookie.strip()]
    query = str(environ.get("QUERY_STRING", ""))
    whole: dict[str, object] = {
        "version": "2.0",
        "routeKey": call.route_key,
        "rawPath": raw_path(environ),
        "rawQueryString": query,
        "cookies": cookies,
        "headers": headers,
        "queryStringParameters": _joined(query),
        "pathParameters": dict(call.path_parameters),
        "requestContext": _context(environ, headers, call),
        **_body(headers.get("content-type", ""), body),
    }
    optional = ("cookies", "queryStringParameters", "pathParameters")
    return {name: value for name, value in whole.items() if value or name not in optional}


def raw_path(environ: "WSGIEnvironment") -> str:
    """The path, decoded, as the gateway passes it."""
    return str(environ["PATH_INFO"]).encode("latin-1").decode("utf-8", errors="replace")


def answer(result: object) -> Answer:
    """The response for a function's result; without a `statusCode` the whole result is a JSON body.

    Raises AnswerError where the gateway answers 500.
    """
    if not isinstance(result, dict) or "statusCode" not in result:
        text = result if isinstance(result, str) else json.dumps(result)
        return Answer(200, (("content-type", "application/json"),), text.encode())
    status, headers = result["statusCode"], result.get("headers") or {}
    if isinstance(status, bool) or not isinstance(status, int) or status not in _STATUSES:
        raise AnswerError("statusCode is not an HTTP status")
    if not isinstance(headers, dict):
        raise AnswerError("headers is not an object")
    named = {"content-type": "text/plain;charset=utf-8"} | {name.lower(): str(value) for name, value in headers.items()}
    cookies = tuple(("set-cookie", str(cookie)) for cookie in result.get("cookies") or ())
    return Answer(status, (*named.items(), *cookies), _decoded(result))


def _headers(environ: "WSGIEnvironment") -> dict[str, str]:
    """Names in small letters; the server has already joined repeated headers with commas."""
    headers = {
        key.removeprefix("HTTP_").replace("_", "-").lower(): str(value)
        for key, value in environ.items()
        if key.startswith("HTTP_")
    }
    if environ.get("CONTENT_TYPE"):
        headers["content-type"] = str(environ["CONTENT_TYPE"])
    if environ.get("CONTENT_LENGTH") not in (None, "", "0"):
        headers["content-length"] = str(environ["CONTENT_LENGTH"])
    return headers


def _joined(query: str) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        parameters[name] = f"{parameters[name]},{value}" if name in parameters else value
    return parameters


def _context(environ: "WSGIEnvironment", headers: Mapping[str, str], call: Call) -> dict[str, object]:
    domain = headers.get("host", "localhost")
    return {
        "accountId": ACCOUNT,
        "apiId": "local",
        "domainName": domain,
        "domainPrefix": domain.partition(".")[0],
        "http": {
            "method": str(environ["REQUEST_METHOD"]),
            "path": raw_path(environ),
            "protocol": str(environ.get("SERVER_PROTOCOL", "HTTP/1.1")),
            "sourceIp": str(environ.get("REMOTE_ADDR", "127.0.0.1")),
            "userAgent": headers.get("user-agent", ""),
        },
        "requestId": call.request_id,
        "routeKey": call.route_key,
        "stage": "$default",
        "time": datetime.fromtimestamp(call.time, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": int(call.time * 1000),
    }


def _body(content_type: str, body: bytes) -> dict[str, object]:
    if not body:
        return {"isBase64Encoded": False}
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type.startswith("text/") or media_type in TEXT_TYPES:
        return {"body": body.decode("utf-8", errors="replace"), "isBase64Encoded": False}
    return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}


def _decoded(result: Mapping[str, object]) -> bytes:
    body = result.get("body") or ""
    if not isinstance(body, str):
        raise AnswerError("body is not text")
    if not result.get("isBase64Encoded"):
        return body.encode()
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error:
        raise AnswerError("body is not in base64") from None
