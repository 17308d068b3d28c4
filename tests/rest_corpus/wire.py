"""One request in the platform's own wire format, and the two doors it can be sent to: a webhook's, and the service's.

The requests are written by hand, down to their bytes: what an HTTP library would put right must arrive as it is.
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
class Ask:
    """A request without what opens the door. `method` and `query` stand in the address as they are.

    `user` is the number before the key; None has the key travel as `auth` (bitrix24.md 2.1), which a webhook's door
    does not know: that one is always opened by its path.
    """

    method: str
    verb: str = "POST"
    query: str = ""
    body: bytes = b""
    content_type: str | None = None
    user: int | None = 1

    def with_auth(self, key: str) -> "Ask":
        """The key among the parameters: in the body, if it can be put there, else in the query (bitrix24.md 2.2)."""
        if self.content_type == _FORM and self.body:
            return replace(self, body=b"auth=" + key.encode() + b"&" + self.body)
        if self.content_type == "application/json" and self.body.startswith(b'{"') and self.body.endswith(b"}"):
            return replace(self, body=b'{"auth":' + json.dumps(key).encode() + b"," + self.body[1:])
        return replace(self, query=f"auth={key}&{self.query}" if self.query else f"auth={key}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, to the byte."""

    status: int
    content_type: str | None
    body: bytes

    def less_time(self) -> "Answer":
        """The same with each `time` reduced to its fields' names; a time that runs backwards fails."""
        return replace(self, body=_TIME.sub(lambda found: _names(found[0]), self.body))


@dataclass
class Door:
    """Where requests go, over one connection that stays. `prefix` opens a webhook; `key` opens the service."""

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

    def ask(self, ask: Ask) -> Answer:
        """The answer; a redirect is one."""
        if self.key and ask.user is None:
            sent, path = ask.with_auth(self.key), f"/rest/{ask.method}"
        else:
            sent, path = ask, f"/rest/{self.prefix or f'{ask.user}/{self.key}/'}{ask.method}"
        headers = {} if sent.content_type is None else {"Content-Type": sent.content_type}
        target = f"{path}?{sent.query}" if sent.query else path
        self._connection.request(sent.verb, target, sent.body or None, headers)
        response = self._connection.getresponse()
        return Answer(response.status, response.getheader("Content-Type"), response.read())

    def close(self) -> None:
        self._connection.close()


def webhook(webhook_url: str, ca_file: Path) -> Door:
    """The portal's own door, by an inbound webhook."""
    base_url, _, prefix = webhook_url.partition("/rest/")
    return Door(base_url, prefix=prefix, ca_file=ca_file)


def service(api_url: str, key: str, ca_file: Path | None = None) -> Door:
    """The service's door."""
    return Door(api_url, key=key, ca_file=ca_file)


def _names(time: bytes) -> bytes:
    told = json.loads(time)
    assert told["start"] <= told["finish"], told
    return json.dumps(list(told)).encode()
