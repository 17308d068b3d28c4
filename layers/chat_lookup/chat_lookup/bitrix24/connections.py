"""One pool of TLS connections that connect to checked addresses only and end by their deadline.

urllib3's own time-outs bound each read of the socket: a server that sends single bytes could hold a call for ever. Here
a socket has a deadline, and the time left bounds every read and write.
"""

import logging
import socket
import ssl
from typing import TYPE_CHECKING, Any, Final

from urllib3 import HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.response import HTTPResponse
from urllib3.util.connection import create_connection

from chat_lookup.bitrix24.address_guard import Gate
from chat_lookup.clock import Clock, Deadline

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

_PORTALS_KEPT: Final = 50
_CONNECTIONS_KEPT: Final = 8
_LONGEST_IDLE_SECONDS: Final = 50.0
_PASSING: Final = frozenset({socket.EAI_AGAIN, socket.EAI_FAIL})


def pool_of(gate: Gate, clock: Clock, ca_pem: str = "") -> PoolManager:
    """A pool for https only, without proxies; `ca_pem` is trusted in addition to the system's store.

    Raises `ValueError` if `ca_pem` holds no certificate.
    """
    # Their debug lines hold the path, and with it the webhook's code; one warning (malformed headers) does so, too.
    logging.getLogger("urllib3").setLevel(logging.WARNING)
    logging.getLogger("urllib3.connection").setLevel(logging.ERROR)

    class Connection(_Connection):
        _gate, _clock = gate, clock

    class Pool(HTTPSConnectionPool):
        ConnectionCls = Connection

    pool = PoolManager(num_pools=_PORTALS_KEPT, maxsize=_CONNECTIONS_KEPT, ssl_context=_tls(ca_pem))
    pool.pool_classes_by_scheme = {"https": Pool}
    return pool


def _tls(ca_pem: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.sslsocket_class = _TimedSocket
    if ca_pem.strip():
        try:
            context.load_verify_locations(cadata=ca_pem)
        except (ssl.SSLError, TypeError, ValueError):
            raise ValueError("the CA text holds no certificate in PEM form") from None
    return context


class NameServerSilent(NameResolutionError):
    """The name could not be looked up; whether there is such a host is not known."""


class HostRefuses(NewConnectionError):
    """The host is there, and nothing accepts connections at this port."""


class _TimedSocket(ssl.SSLSocket):
    """A TLS socket whose reads and writes end by `deadline`."""

    deadline: Deadline | None = None

    def recv_into(self, buffer: "WriteableBuffer", nbytes: int | None = None, flags: int = 0) -> int:
        self._shrink()
        return super().recv_into(buffer, nbytes, flags)

    def send(self, data: "ReadableBuffer", flags: int = 0) -> int:
        self._shrink()
        return super().send(data, flags)

    def _shrink(self) -> None:
        if self.deadline is not None:
            self.settimeout(_some(self.deadline))


class _Connection(HTTPSConnection):
    """Connects to an address that the gate accepted, while TLS checks the host's name as usual.

    urllib3 sets `timeout` twice for each request: to the time for connecting and sending, then to the time for reading.
    """

    _gate: Gate
    _clock: Clock
    _opening: Deadline | None = None
    _stale_after: Deadline | None = None

    @property
    def is_connected(self) -> bool:
        """Whether the connection may be used again.

        A function is frozen between invocations, and so are its connections: devices on the way drop them without
        notice, and a request on them would time out.
        """
        fresh = self._stale_after is not None and self._stale_after.left() > 0
        return fresh and super().is_connected

    def connect(self) -> None:
        self._opening = self._by_timeout()
        super().connect()

    def request(self, *args: Any, **options: Any) -> None:
        # Sending on a new connection shares the time-out of connecting: it bounds both together.
        self._set_deadline(self._opening or self._by_timeout())
        self._opening = None
        super().request(*args, **options)

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3's differs from the standard library's
        self._set_deadline(self._by_timeout())
        self._stale_after = Deadline.after(_LONGEST_IDLE_SECONDS, self._clock)
        return super().getresponse()

    def _new_conn(self) -> socket.socket:
        """The hook that urllib3's own SOCKS connections use, too: a plain socket for TLS to be put on."""
        deadline = self._opening or self._by_timeout()
        try:
            addresses = self._gate.admitted(self._dns_host, self.port, deadline.left())
            return self._first_reached(addresses, deadline)
        except socket.gaierror as error:
            kind = NameServerSilent if error.errno in _PASSING else NameResolutionError
            raise kind(self.host, self, error) from None
        except TimeoutError:
            raise ConnectTimeoutError(self, "no connection in time") from None
        except ConnectionRefusedError:
            raise HostRefuses(self, "no connection") from None
        except OSError:
            raise NewConnectionError(self, "no connection") from None

    def _first_reached(self, addresses: list[str], deadline: Deadline) -> socket.socket:
        failure = OSError("no address")
        for tried, address in enumerate(addresses):
            # A dead address leaves time for the next one.
            seconds = _some(deadline) / (len(addresses) - tried)
            try:
                reached = create_connection((address, self.port), seconds, None, self.socket_options)
                reached.settimeout(_some(deadline))
            except OSError as error:
                failure = error
            else:
                return reached
        raise failure

    def _by_timeout(self) -> Deadline:
        return Deadline.after(float(self.timeout or 0), self._clock)

    def _set_deadline(self, deadline: Deadline) -> None:
        if isinstance(self.sock, _TimedSocket):
            self.sock.deadline = deadline


def _some(deadline: Deadline) -> float:
    """Seconds left. Raises `TimeoutError` instead of zero, which would mean "never block" to a socket."""
    left = deadline.left()
    if left <= 0:
        raise TimeoutError
    return left
