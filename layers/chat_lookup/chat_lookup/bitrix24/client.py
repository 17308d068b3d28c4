"""One call to a portal's REST API: JSON in, result or `BitrixError` out, inside the deadline (bitrix24.md 2)."""

import json
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Final

from urllib3 import BaseHTTPResponse, PoolManager, Timeout
from urllib3.exceptions import HTTPError, NameResolutionError, NewConnectionError, SSLError
from urllib3.exceptions import TimeoutError as TimeOut

from chat_lookup.bitrix24.address import AddressRefused, Gate
from chat_lookup.bitrix24.answer import Answer, OperatingTime, Reply, read_reply
from chat_lookup.bitrix24.endpoint import Endpoint
from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.bitrix24.transport import pool_of
from chat_lookup.clock import Clock, Deadline

__all__ = ["USER_AGENT", "Answer", "Bitrix24Client", "Endpoint", "OperatingTime"]

USER_AGENT: Final = "bitrix24-chat-lookup/0.1.0"

_CONNECT_SECONDS: Final = 3.0
_READ_SECONDS: Final = 10.0
_LARGEST_BODY: Final = 1024 * 1024

_METHOD: Final = re.compile(r"\w+(\.\w+)*", re.ASCII)

_Failure = tuple[str, str]
"""Our code, and a description that quotes nothing."""

_LATE: Final[_Failure] = ("TIMEOUT", "no answer in time")

_FAILURES: Final[tuple[tuple[type[Exception], _Failure], ...]] = (
    (AddressRefused, ("ADDRESS_REFUSED", "no public address")),
    (NameResolutionError, ("TRANSPORT", "dns")),
    (NewConnectionError, ("TRANSPORT", "connect")),
    (TimeOut, _LATE),
    (SSLError, ("TRANSPORT", "tls")),
    (HTTPError, ("TRANSPORT", "connection broken")),
)
"""What can go wrong on the way; a kind stands before those that it is a kind of."""


class Bitrix24Client:
    """Calls methods of portals over one pool of connections, which are kept alive between calls.

    `local_hosts` are the exact `host:port` that may have a private address; `ca_pem` is trusted beside the system's
    authorities. Proxies named by the environment are not used. Safe to share between threads.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        local_hosts: frozenset[str] = frozenset(),
        ca_pem: str = "",
        user_agent: str = USER_AGENT,
    ) -> None:
        self._clock = clock
        self._gate = Gate(local_hosts)
        self._ca_pem = ca_pem
        self._headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "User-Agent": user_agent,
        }

    def call(
        self,
        endpoint: Endpoint,
        method: str,
        params: Mapping[str, object],
        deadline: Deadline,
        *,
        read_seconds: float = _READ_SECONDS,
    ) -> Answer:
        """Call a method once; nothing is repeated and no redirect is followed.

        The answer comes within the deadline and, once connected, within `read_seconds` (a batch may need 25: its
        commands run one after the other). Raises `BitrixError` for whatever is not a result, and `ValueError` for
        what is no method's name.
        """
        if not _METHOD.fullmatch(method):
            raise ValueError("not the name of a method")
        started = self._clock.now()
        reply = self._exchange(endpoint, method, params, deadline.left(), read_seconds)
        elapsed = self._clock.now() - started
        outcome = read_reply(reply, endpoint, method, elapsed) if isinstance(reply, Reply) else reply
        if isinstance(outcome, BitrixError):
            # Raised here and not where it was found: nothing that quotes the URL is near, nor hangs on as its context.
            raise outcome
        return outcome

    def _exchange(
        self, endpoint: Endpoint, method: str, params: Mapping[str, object], seconds: float, read_seconds: float
    ) -> Reply | BitrixError:
        """The portal's reply, or what kept it from coming."""
        if seconds <= 0:
            return _failed(_LATE, method)
        if endpoint.auth is not None:
            # In the body it stays out of access logs (bitrix24.md 2.2).
            params = {**params, "auth": endpoint.auth}
        try:
            response = self._pool.urlopen(
                "POST",
                endpoint.base_url + method,
                redirect=False,
                retries=False,
                headers=self._headers,
                body=json.dumps(params, separators=(",", ":")).encode(),
                timeout=Timeout(total=seconds, connect=_CONNECT_SECONDS, read=read_seconds),
                preload_content=False,
            )
            return Reply(response.status, _body_of(response), response.headers.get("Location", ""))
        except (HTTPError, AddressRefused) as error:
            return _failed(next(failure for kind, failure in _FAILURES if isinstance(error, kind)), method)

    @cached_property
    def _pool(self) -> PoolManager:
        """Made for the first call: reading the system's authorities takes a while, and a cached answer needs none."""
        return pool_of(self._gate, self._clock, self._ca_pem)


def _failed(failure: _Failure, method: str) -> BitrixError:
    code, description = failure
    return BitrixError(code, method=method, description=description)


def _body_of(response: BaseHTTPResponse) -> bytes:
    """The body; nothing if it is too long, so that it counts as not readable."""
    body = response.read(_LARGEST_BODY + 1)
    if len(body) > _LARGEST_BODY:
        response.close()
        body = b""
    response.release_conn()
    return body
