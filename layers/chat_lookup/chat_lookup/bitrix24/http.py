"""One request and its reply over a pool of connections: no redirect, no retry, an end by the deadline.

Failures have descriptions of ours, which quote nothing: urllib3's exceptions contain the URL.
"""

import re
import ssl
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from urllib3 import BaseHTTPResponse, PoolManager, Timeout
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError, NewConnectionError, SSLError
from urllib3.exceptions import TimeoutError as TimeOut

from chat_lookup import VERSION
from chat_lookup.bitrix24.address_guard import AddressRefused, Gate
from chat_lookup.bitrix24.connections import HostRefuses, NameServerSilent, pool_of
from chat_lookup.bitrix24.error_table import ADDRESS_REFUSED, TIMEOUT, TRANSPORT
from chat_lookup.bitrix24.errors import BitrixError, NoConnection
from chat_lookup.bitrix24.responses import Reply
from chat_lookup.clock import Clock, Deadline

USER_AGENT: Final = f"bitrix24-chat-lookup/{VERSION}"
READ_SECONDS: Final = 10.0

LONGEST_RETRY_AFTER: Final = 600.0
"""Seconds of a `Retry-After` that are accepted: as long as the circuit breaker's longest pause. One odd reply, of a
proxy in front of the portal, must not close a portal for longer (design 10)."""

_SECONDS: Final = r"(?a)[0-9]{1,12}(?:\.[0-9]{1,6})?"
_CONNECT_SECONDS: Final = 3.0
_LARGEST_BODY: Final = 1024 * 1024


class _Failure(NamedTuple):
    """Our code, a description that quotes nothing, and why there was no connection."""

    code: str
    description: str
    connection: NoConnection | None = None


_LATE: Final = _Failure(TIMEOUT, "no answer in time")

_NO_ADDRESS, _NO_CONNECTION, _NO_TIME = "dns", "connect", "no time left"
_OVER: Final = _Failure(TIMEOUT, _NO_TIME)
_UNREACHED: Final = frozenset({_NO_ADDRESS, _NO_CONNECTION, _NO_TIME})
"""Descriptions of failures before there was a connection."""

_FAILURES: Final[tuple[tuple[type[Exception], _Failure], ...]] = (
    (AddressRefused, _Failure(ADDRESS_REFUSED, "no public address")),
    (NameServerSilent, _Failure(TRANSPORT, _NO_ADDRESS, NoConnection.NO_NAME_SERVER)),
    (NameResolutionError, _Failure(TRANSPORT, _NO_ADDRESS, NoConnection.UNKNOWN_HOST)),
    (HostRefuses, _Failure(TRANSPORT, _NO_CONNECTION, NoConnection.REFUSED)),
    (NewConnectionError, _Failure(TRANSPORT, _NO_CONNECTION, NoConnection.NO_WAY)),
    (ConnectTimeoutError, _Failure(TIMEOUT, _NO_CONNECTION, NoConnection.TIMED_OUT)),
    (TimeOut, _LATE),
    (HTTPError, _Failure(TRANSPORT, "connection broken")),
)
"""Failures of a request; a subclass comes before its base class."""

_BY_VERIFY_CODE: Final[Mapping[int, NoConnection]] = {
    9: NoConnection.NOT_VALID_NOW,
    10: NoConnection.NOT_VALID_NOW,
    62: NoConnection.OTHER_HOST,
    64: NoConnection.OTHER_HOST,
}
"""By OpenSSL's X509_V_ERR_*: not yet valid, expired, hostname mismatch, IP address mismatch."""


class Wire:
    """Sends requests over one pool of connections, which are kept alive between them. Safe to share between threads.

    `local_hosts` are the exact `host:port` that may have a private address, and be authorisation servers, too;
    `private_portals` those that may have one and be portals only, `servers` those that may have one and be
    authorisation servers only. `ca_pem` is trusted beside the system's authorities.
    Proxies named by the environment are not used.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        local_hosts: frozenset[str] = frozenset(),
        private_portals: frozenset[str] = frozenset(),
        servers: frozenset[str] = frozenset(),
        ca_pem: str = "",
    ) -> None:
        self.local_hosts = frozenset(each.lower() for each in local_hosts)
        self.portals = self.local_hosts | {each.lower() for each in private_portals}
        self.servers = self.local_hosts | {each.lower() for each in servers}
        self._clock = clock
        self._gate = Gate(self.portals | self.servers)
        self._ca_pem = ca_pem
        self._headers = {"Accept": "application/json", "User-Agent": USER_AGENT}

    def get(
        self, url: str, method: str, deadline: Deadline, *, read_seconds: float = READ_SECONDS
    ) -> Reply | BitrixError:
        """The reply to a GET, or the error that prevented it. `method` names the call in the error."""
        return self._send("GET", url, method, deadline, read_seconds, self._headers, None)

    def post(
        self,
        url: str,
        body: str,
        content_type: str,
        method: str,
        deadline: Deadline,
        *,
        read_seconds: float = READ_SECONDS,
    ) -> Reply | BitrixError:
        """The reply to a POST, or the error that prevented it.

        It comes within the deadline and, once connected, within `read_seconds`. The error is returned, so that the
        frame that raises it has neither the URL nor the body among its variables, and no exception as its context.
        """
        headers = {**self._headers, "Content-Type": content_type}
        return self._send("POST", url, method, deadline, read_seconds, headers, body.encode())

    def _send(
        self,
        verb: str,
        url: str,
        method: str,
        deadline: Deadline,
        read_seconds: float,
        headers: dict[str, str],
        body: bytes | None,
    ) -> Reply | BitrixError:
        seconds = deadline.left()
        host = urlsplit(url).netloc
        if seconds <= 0:
            return _failed(_OVER, method, host)
        try:
            response = self._pool.urlopen(
                verb,
                url,
                redirect=False,
                retries=False,
                headers=headers,
                body=body,
                timeout=Timeout(total=seconds, connect=_CONNECT_SECONDS, read=min(seconds, read_seconds)),
                preload_content=False,
            )
            body, received = _body_of(response), response.headers
            return Reply(response.status, body, received.get("Location", ""), retry_at(received, self._clock.now()))
        except (HTTPError, AddressRefused) as error:
            return _failed(_failure_of(error), method, host)

    @cached_property
    def _pool(self) -> PoolManager:
        """Made for the first request: reading the system's authorities takes a while, a cached answer needs none."""
        return pool_of(self._gate, self._clock, self._ca_pem)


def retry_at(headers: Mapping[str, str], now: float) -> float | None:
    """The moment that a `Retry-After` names (Unix time by our clock): seconds, or any of HTTP's three forms of a date.

    None without one, and for one that cannot be read. At most `LONGEST_RETRY_AFTER` from `now`, and not before it.
    """
    text = headers.get("Retry-After", "").strip()
    if re.fullmatch(_SECONDS, text):
        seconds = float(text)
    else:
        until = _date(text)
        if until is None:
            return None
        # Both dates are the sender's, so that a difference between its clock and ours does not matter.
        sent = _date(headers.get("Date", ""))
        seconds = until - (now if sent is None else sent)
    return now + min(max(0.0, seconds), LONGEST_RETRY_AFTER)


def _date(text: str) -> float | None:
    with suppress(ValueError, TypeError, OverflowError, IndexError):
        moment = parsedate_to_datetime(text)
        # HTTP's dates are all UTC (RFC 9110 5.6.7); one of its forms does not state it.
        return (moment if moment.tzinfo else datetime.combine(moment.date(), moment.time(), UTC)).timestamp()
    return None


def _failure_of(error: Exception) -> _Failure:
    if isinstance(error, SSLError):
        cause = error.args[0] if error.args else None
        if isinstance(cause, ssl.SSLCertVerificationError):
            connection = _BY_VERIFY_CODE.get(cause.verify_code, NoConnection.NOT_TRUSTED)
        else:
            connection = NoConnection.NO_TLS
        return _Failure(TRANSPORT, "tls", connection)
    return next(failure for kind, failure in _FAILURES if isinstance(error, kind))


def _failed(failure: _Failure, method: str, host: str) -> BitrixError:
    code, description, connection = failure
    unreached = description in _UNREACHED
    return BitrixError(
        code, method=method, description=description, unreached=unreached, host=host, connection=connection
    )


def _body_of(response: BaseHTTPResponse) -> bytes:
    """The body; empty if it is too long, so that it counts as unreadable."""
    body = response.read(_LARGEST_BODY + 1)
    if len(body) > _LARGEST_BODY:
        response.close()
        body = b""
    response.release_conn()
    return body
