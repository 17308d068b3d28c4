"""The REST function as a client of Bitrix24's own format calls it through the gateway."""

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from functions.rest import app
from tests.support.fakes import lambda_context

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
DEAL = {"ENTITY_TYPE": "CRM", "ENTITY_ID": "DEAL|1663"}


def event(
    proxy: str,
    query: str = "",
    *,
    verb: str = "POST",
    body: str | bytes | None = None,
    content_type: str = "",
    as_base64: bool = False,
    headers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The gateway's event for `/rest/<proxy>`."""
    sent = body.encode() if isinstance(body, str) else body or b""
    return {
        "version": "2.0",
        "routeKey": f"{verb} /rest/{{proxy+}}",
        "rawPath": f"/rest/{proxy}",
        "rawQueryString": query,
        "headers": {**({"Content-Type": content_type} if content_type else {}), **(headers or {})},
        "pathParameters": {"proxy": proxy},
        "requestContext": {"requestId": "request-1", "http": {"method": verb, "path": f"/rest/{proxy}"}},
        "body": base64.b64encode(sent).decode() if as_base64 else sent.decode(),
        "isBase64Encoded": as_base64,
    }


def answered(event: Mapping[str, Any], seconds: float = 29) -> tuple[int, dict[str, Any]]:
    """Invoke the function with an event; return the status and the body."""
    response = app.handler(event, lambda_context(seconds))
    assert response["headers"]["content-type"] == "application/json; charset=utf-8"
    body: dict[str, Any] = json.loads(response["body"])
    return response["statusCode"], body


def asked(key: str, method: str, params: Mapping[str, object] | None = None) -> tuple[int, dict[str, Any]]:
    """Call a method with parameters in JSON, by an inbound webhook's address; return the status and the body."""
    return answered(event(f"1/{key}/{method}", body=json.dumps(params or {}), content_type=JSON))


def result(key: str, method: str, params: Mapping[str, object] | None = None) -> Any:
    """The result of a method, which must succeed."""
    status, body = asked(key, method, params)
    assert (status, list(body)) == (200, ["result", "time"]), body
    return body["result"]


def refused(key: str, method: str, params: Mapping[str, object] | None = None) -> tuple[int, str]:
    """Status and code of a method, which must fail."""
    status, body = asked(key, method, params)
    assert body.keys() == {"error", "error_description"}, body
    return status, body["error"]


def command(method: str, **params: str) -> str:
    """A command of a batch."""
    return f"{method}?{urlencode(params)}"


def spellings_of(variable: str) -> list[str]:
    """Names that PHP, or the platform, reads as this variable: in any case, with blanks before it, with other
    characters in the place of an underscore, with a NUL or an index after it, and all of these."""
    cased = [variable, variable.upper(), variable.title(), variable.swapcase()]
    underscored = [each.replace("_", other) for each in cased for other in ("_", ".", " ")]
    led = [blanks + each for each in underscored for blanks in ("", " ", "   ")]
    ends = ("", "\0", "\0x", "\0[", "[]", "[x]", "[ ]", "[x]y", "[x][", "[-1][]", f"[{'9' * 19}]")
    return list(dict.fromkeys(each + end for each in led for end in ends))
