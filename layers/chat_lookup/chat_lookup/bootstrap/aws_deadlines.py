"""Every call to AWS ends by the deadline that is in force where it is made (docs/decisions/015).

botocore's own time-outs bound one attempt to connect and one read of the socket, and its pauses know no deadline. Here
the client's events `before-send` and `needs-retry` give each attempt the time that is left, and the connections'
sockets shrink every read and write to it: an answer that arrives in small pieces is cut off, too.
"""

import math
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
from urllib3.exceptions import ConnectTimeoutError as UrllibConnectTimeout
from urllib3.exceptions import NameResolutionError, NewConnectionError
from urllib3.util.connection import allowed_gai_family, create_connection

from chat_lookup.clock import bound
from chat_lookup.observability.aws_failures import OutOfTime

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

SILENCE: Final = 10.0
"""Seconds for which a service is given little time after it let a call run into its time-out."""
_LEAST_FOR_A_TRY: Final = 0.1
"""Seconds without which a call is not repeated."""
_LEAST_FOR_A_HANDSHAKE: Final = 0.01
_MOST_ASKED_FOR: Final = 5.0
"""Seconds that botocore adds to a pause at the most where AWS asks for it (x-amz-retry-after)."""


class Hooks:
    """What one client does before each attempt of a call and after it.

    An attempt may read for `read` seconds, and for `read_in_silence` while the service is silent. `first_pause` is the
    longest that the client waits before its second attempt; it doubles with each further one.
    """

    def __init__(self, read: float, read_in_silence: float, first_pause: float) -> None:
        self._read = read
        self._read_in_silence = read_in_silence
        self._first_pause = first_pause
        self._silent_until = 0.0

    def before_send(self, request: Any, **_: object) -> None:
        """Give the attempt its time. Raises `OutOfTime` where none is left."""
        limit = bound()
        if limit is None:
            return
        left = limit.left()
        if left <= 0:
            raise OutOfTime
        now = limit.deadline.clock.now()
        silent = now < self._silent_until
        # botocore reads for as long as the request's context has it (httpsession.py, _get_request_timeout).
        request.context["read_timeout"] = min(self._read_in_silence if silent else self._read, left)
        limit.to_connect = self._read_in_silence if silent else math.inf
        request.context["sent_at"] = now
        request.context.setdefault("into_silence", silent)

    def needs_retry(
        self,
        attempts: int,
        response: tuple[Any, Mapping[str, Any]] | None,
        caught_exception: Exception | None,
        request_dict: Mapping[str, Any],
        **_: object,
    ) -> bool | None:
        """False where the call must end with this attempt; None leaves it to the client's own policy.

        The first silence of a service may be that of one connection, which died while the function was frozen: that
        call is tried once more. No other is, so that a look-up can go on without its cache.
        """
        limit = bound()
        context = request_dict["context"]
        if limit is None or "sent_at" not in context:
            return None
        now = limit.deadline.clock.now()
        limit.in_aws += now - context.pop("sent_at")
        if isinstance(caught_exception, (ReadTimeoutError, ConnectTimeoutError)):
            self._silent_until = now + SILENCE
            if context["into_silence"] or attempts > 1:
                return False
        pause = self._first_pause * 2.0 ** (attempts - 1)
        if response is not None and "x-amz-retry-after" in response[0].headers:
            pause += _MOST_ASKED_FOR
        return None if pause + _LEAST_FOR_A_TRY <= limit.left() else False


def bind(client: Any, *, read: float, read_in_silence: float, first_pause: float) -> None:
    """Have every call of this client end by the deadline that is in force where it is made."""
    hooks = Hooks(read, read_in_silence, first_pause)
    service = client.meta.service_model.service_id.hyphenize()
    client.meta.events.register_first(f"before-send.{service}", hooks.before_send)
    # The client's own policy is registered under the same name, and the first answer that is not None counts.
    client.meta.events.register_first(f"needs-retry.{service}", hooks.needs_retry)
    # botocore has no public way to a client's connections. A test with sockets that hang holds this (test_aws_hangs).
    pools = client._endpoint.http_session._manager
    pools.connection_pool_kw["ssl_context"].sslsocket_class = _TlsSocket
    pools.pool_classes_by_scheme = {
        scheme: type(pool.__name__, (pool,), {"ConnectionCls": _bounded(pool.ConnectionCls)})
        for scheme, pool in pools.pool_classes_by_scheme.items()
    }


def _bounded(connection: type) -> type:
    """The connection's class with `_new_conn` of ours, urllib3's hook for other ways to connect."""
    return type(connection.__name__, (connection,), {"_new_conn": _connected})


def _connected(connection: Any) -> socket.socket:
    """A socket to the first address that answers. All of them share the time for connecting, and what is left."""
    usual, limit = float(connection.timeout), bound()
    until = time.monotonic() + (usual if limit is None else min(usual, limit.left(), limit.to_connect))
    host, port = connection._dns_host, connection.port
    try:
        found = socket.getaddrinfo(host, port, allowed_gai_family(), socket.SOCK_STREAM)
        return _first_reached([each[4][:2] for each in found], until, connection.socket_options)
    except socket.gaierror as error:
        raise NameResolutionError(connection.host, connection, error) from error
    except TimeoutError as error:
        raise UrllibConnectTimeout(connection, "no connection in time") from error
    except OSError as error:
        raise NewConnectionError(connection, f"no connection: {error}") from error


def _first_reached(addresses: Sequence[Any], until: float, options: Any) -> socket.socket:
    failure = OSError("no address")
    for tried, address in enumerate(addresses):
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        try:
            # A dead address leaves time for the next one.
            plain = create_connection(address, left / (len(addresses) - tried), None, options)
        except OSError as error:
            failure = error
            continue
        reached = _PlainSocket(plain.family, plain.type, plain.proto, fileno=plain.detach())
        reached.settimeout(max(_LEAST_FOR_A_HANDSHAKE, until - time.monotonic()))
        return reached
    raise failure


class _Shrinking(socket.socket):
    """Reads and writes that end by the deadline in force, also where urllib3 gave them longer."""

    def _shrink(self) -> None:
        limit = bound()
        if limit is None:
            return
        left, timeout = limit.left(), self.gettimeout()
        if left <= 0:
            raise TimeoutError
        if timeout is None or left < timeout:
            self.settimeout(left)


class _PlainSocket(_Shrinking):
    def recv_into(self, buffer: "WriteableBuffer", nbytes: int = 0, flags: int = 0) -> int:
        self._shrink()
        return super().recv_into(buffer, nbytes, flags)

    def sendall(self, data: "ReadableBuffer", flags: int = 0) -> None:
        self._shrink()
        super().sendall(data, flags)


class _TlsSocket(ssl.SSLSocket, _Shrinking):
    def recv_into(self, buffer: "WriteableBuffer", nbytes: int | None = None, flags: int = 0) -> int:
        self._shrink()
        return super().recv_into(buffer, nbytes, flags)

    def send(self, data: "ReadableBuffer", flags: int = 0) -> int:
        self._shrink()
        return super().send(data, flags)
