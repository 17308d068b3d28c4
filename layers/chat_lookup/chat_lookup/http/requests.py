"""API Gateway's event read as a request (HTTP API, payload 2.0), with bounds."""

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import unquote_plus

from chat_lookup.errors import InvalidRequest

Event = Mapping[str, Any]

_LONGEST_QUERY: Final = 16_384
_MOST_PARAMETERS: Final = 50
_LONGEST_PARAMETER: Final = 64
"""Characters of a parameter's encoded name: no known name is half as long, and escapes take time to decode."""
_NAME: Final = r"[A-Za-z_]{1,30}"


class Request(NamedTuple):
    """One HTTP request. Header names are folded; every query parameter keeps all its values."""

    route: str
    path: str
    verb: str
    query: Mapping[str, Sequence[str]]
    path_parameters: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    request_id: str
    source: str = ""
    """The caller's address, as the gateway saw it."""
    domain_name: str = ""
    """The host that the gateway answered under: our own."""

    @property
    def key(self) -> str | None:
        """The API key: `Authorization: Bearer KEY` or `X-Api-Key: KEY` (design 3.1)."""
        bearer = bearer_of(self.headers)
        return self.headers.get("x-api-key") if bearer is None else bearer

    @property
    def user_token(self) -> str | None:
        """The access token of a portal's user, if one was sent: for the key's portal only, and never stored."""
        return self.headers.get("x-bitrix24-token")

    def only(self, *admitted: str) -> None:
        """Raises `InvalidRequest` that names a parameter which is unknown here or given twice."""
        for name, values in self.query.items():
            if name not in admitted:
                known = f"known are {', '.join(filter(str.islower, admitted))}" if admitted else "none is known"
                raise InvalidRequest(f"{as_named(name)} is an unknown parameter; {known}")
            if len(values) > 1:
                raise InvalidRequest(f"{name} is given {len(values)} times; expected once")

    def required(self, *names: str) -> str:
        """The value of the one of `names` that is given. Raises `InvalidRequest` that names it if it is missing."""
        value = self.optional(*names)
        if value is None:
            raise InvalidRequest(f"{names[0]} is missing")
        return value

    def optional(self, *names: str) -> str | None:
        """Raises `InvalidRequest` if two spellings of one parameter are given."""
        given = [name for name in names if name in self.query]
        if len(given) > 1:
            raise InvalidRequest(f"{' and '.join(given)} are the same parameter, give one of them")
        return self.query[given[0]][0] if given else None


def request_from(event: Event) -> Request:
    """Read an event. Raises `InvalidRequest` for a query or a body that cannot be read."""
    context = event.get("requestContext") or {}
    http = context.get("http") or {}
    return Request(
        # `routeKey` is the gateway's own decision; rawPath arrives decoded and decides nothing (design 3.1).
        route=str(event.get("routeKey") or "$default"),
        path=str(event.get("rawPath") or "/"),
        verb=str(http.get("method") or "GET").upper(),
        query=_query(str(event.get("rawQueryString") or "")),
        path_parameters=event.get("pathParameters") or {},
        headers=headers_of(event),
        body=body_of(event),
        request_id=request_id_of(event),
        source=str(http.get("sourceIp") or ""),
        domain_name=str(context.get("domainName") or ""),
    )


def headers_of(event: Event) -> dict[str, str]:
    """Headers with names in lower case, as in the cloud but not from `sam local` (design 3.1)."""
    return {name.lower(): str(value) for name, value in (event.get("headers") or {}).items()}


def bearer_of(headers: Mapping[str, str]) -> str | None:
    """The credentials in `Authorization: Bearer`, maybe empty; None for another scheme, or none."""
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else None


def body_of(event: Event) -> bytes:
    """The body, decoded from base64 or text. Raises `InvalidRequest` for any other."""
    body = event.get("body") or ""
    is_base64 = bool(event.get("isBase64Encoded"))
    try:
        return base64.b64decode(body, validate=True) if is_base64 else str(body).encode()
    except ValueError:
        raise InvalidRequest(f"The body is not valid {'base64' if is_base64 else 'text'}") from None


def request_id_of(event: Event) -> str:
    """The gateway's name for a request; empty for an event of another kind."""
    context = event.get("requestContext") if isinstance(event, Mapping) else None
    return str(context.get("requestId") or "") if isinstance(context, Mapping) else ""


def as_named(name: str) -> str:
    """A caller's name for something, for use in a message; a secret in the wrong place is not repeated."""
    return name if re.fullmatch(_NAME, name) else "What was sent"


def _query(raw: str) -> dict[str, list[str]]:
    """Read the raw query: `queryStringParameters` joins repeated keys with commas, which makes them ambiguous."""
    if len(raw) > _LONGEST_QUERY:
        raise InvalidRequest(f"The query has more than {_LONGEST_QUERY} characters")
    pairs = [part for part in raw.split("&") if part]
    if len(pairs) > _MOST_PARAMETERS:
        raise InvalidRequest(f"The query has more than {_MOST_PARAMETERS} parameters")
    query: dict[str, list[str]] = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        if len(name) > _LONGEST_PARAMETER:
            raise InvalidRequest(f"The query holds a name of more than {_LONGEST_PARAMETER} characters")
        query.setdefault(_decoded(name), []).append(_decoded(value))
    return query


def _decoded(text: str) -> str:
    try:
        return unquote_plus(text, errors="strict")
    except UnicodeDecodeError:
        raise InvalidRequest("The query holds bytes that are not UTF-8") from None
