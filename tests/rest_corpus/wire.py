"""A request in the platform's own wire format, and the client that sends it to a webhook or to the service.

The requests are written byte by byte: an HTTP library would correct what must be sent unchanged.
"""

import http.client
import json
import re
import ssl
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

_TIME: Final = re.compile(rb'\{"start":[^{}]*\}')
_FORM: Final = "application/x-www-form-urlencoded"
_LONGEST_WAIT_S: Final = 40.0


@dataclass(frozen=True, slots=True)
class WireRequest:
    """A request without credentials. `method` and `query` are put into the address unchanged.

    `user` is the number before the key; None sends the key as `auth` (bitrix24.md 2.1), which a webhook does not
    accept: its code is always in the path.
    """

    method: str
    verb: str = "POST"
    query: str = ""
    body: bytes = b""
    content_type: str | None = None
    user: int | None = 1

    def with_auth(self, key: str) -> "WireRequest":
        """Return the request with the key as a parameter: in the body if possible, else the query (bitrix24.md 2.2)."""
        if self.content_type == _FORM and self.body:
            return replace(self, body=b"auth=" + key.encode() + b"&" + self.body)
        if self.content_type == "application/json" and self.body.startswith(b'{"') and self.body.endswith(b"}"):
            return replace(self, body=b'{"auth":' + json.dumps(key).encode() + b"," + self.body[1:])
        return replace(self, query=f"auth={key}&{self.query}" if self.query else f"auth={key}")


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer, to the byte."""

    status: int
    content_type: str | None
    body: bytes

    def without_times(self) -> "Answer":
        """Return the answer with each `time` reduced to the names of its fields; fails for a negative time."""
        return replace(self, body=_TIME.sub(lambda found: _names(found[0]), self.body))


@dataclass
class WireClient:
    """Sends requests over one persistent connection. `prefix` is the path of a webhook; `key` is for the service."""

    base_url: str
    prefix: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    ca_file: Path | None = None

    def __post_init__(self) -> None:
        parts = urlsplit(self.base_url)
        where = (parts.hostname or "", parts.port)
        self._connection = http.client.HTTPConnection(*where, timeout=_LONGEST_WAIT_S)
        if parts.scheme == "https":
            context = ssl.create_default_context(cafile=self.ca_file)
            self._connection = http.client.HTTPSConnection(*where, timeout=_LONGEST_WAIT_S, context=context)

    def send(self, request: WireRequest) -> Answer:
        """Return the answer; redirects are not followed."""
        if self.key and request.user is None:
            sent, path = request.with_auth(self.key), f"/rest/{request.method}"
        else:
            sent, path = request, f"/rest/{self.prefix or f'{request.user}/{self.key}/'}{request.method}"
        headers = {} if sent.content_type is None else {"Content-Type": sent.content_type}
        target = f"{path}?{sent.query}" if sent.query else path
        self._connection.request(sent.verb, target, sent.body or None, headers)
        response = self._connection.getresponse()
        return Answer(response.status, response.getheader("Content-Type"), response.read())

    def close(self) -> None:
        self._connection.close()


def webhook(webhook_url: str, ca_file: Path) -> WireClient:
    """Return a client for the portal, by an inbound webhook."""
    base_url, _, prefix = webhook_url.partition("/rest/")
    return WireClient(base_url, prefix=prefix, ca_file=ca_file)


def service(api_url: str, key: str, ca_file: Path | None = None) -> WireClient:
    """Return a client for the service."""
    return WireClient(api_url, key=key, ca_file=ca_file)


def _names(time: bytes) -> bytes:
    fields = json.loads(time)
    assert fields["start"] <= fields["finish"], fields
    return json.dumps(list(fields)).encode()
