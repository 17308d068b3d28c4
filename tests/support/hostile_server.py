"""A hostile server on loopback that confirms any forgery, and a record of every address that is connected to.

The listener uses TLS with a certificate that the functions trust, and answers as an authorisation server and as a
portal whose every user is an administrator. A function that asks it accepts the forgery; so no request proves that
none was accepted.
"""

import contextlib
import json
import socket
import ssl
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from local.net.host_names import resolving

MEMBER_ID: Final = "0bad0bad0bad0bad0bad0bad0bad0bad"
"""The member_id that the listener returns."""

HOSTILE_NAMES: Final[Mapping[str, str]] = {
    "metadata.attacker.example": "169.254.169.254",
    "intranet.attacker.example": "10.0.0.7",
    "loopback.attacker.example": "127.0.0.1",
    "ipv6.attacker.example": "fd00:ec2::254",
    "mapped.attacker.example": "::ffff:169.254.169.254",
    "nat64.attacker.example": "64:ff9b::a9fe:a9fe",
    "127.0.0.1.attacker.example": "127.0.0.1",
}
"""Ordinary names that resolve to private addresses, each to its own."""

_HERE: Final = ("127.0.0.1", "::1")
_PATIENCE_S: Final = 20.0


class Listener:
    """Listens on one port of 127.0.0.1 and, where available, of ::1.

    `requests` has an entry for every connection from its start: the request, or an empty text if none was sent.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self.requests: list[str] = []
        self._context = context
        self._sockets = _bound_to_one_port()
        self.port: int = self._sockets[0].getsockname()[1]
        for each in self._sockets:
            threading.Thread(target=self._accept, args=(each,), daemon=True).start()

    @property
    def host(self) -> str:
        """`host:port`, as local hosts are named."""
        return f"127.0.0.1:{self.port}"

    def stop(self) -> None:
        for each in self._sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                plain, _ = listening.accept()
                place = len(self.requests)
                self.requests.append("")
                threading.Thread(target=self._serve, args=(plain, place), daemon=True).start()

    def _serve(self, plain: socket.socket, place: int) -> None:
        plain.settimeout(_PATIENCE_S)
        with contextlib.suppress(OSError), plain, self._context.wrap_socket(plain, server_side=True) as connection:
            head, body = _received(connection)
            self.requests[place] = f"{head} {body}"
            connection.sendall(_answer(self._what_fits(head)))

    def _what_fits(self, head: str) -> Mapping[str, object]:
        if "/oauth/token" in head:
            return {
                "access_token": "a" * 70,
                "refresh_token": "r" * 70,
                "expires_in": 3600,
                "scope": "im,imbot",
                "status": "L",
                "member_id": MEMBER_ID,
                "user_id": 1,
                "server_endpoint": f"https://{self.host}/rest/",
                "client_endpoint": f"https://{self.host}/rest/",
            }
        return {"result": {"ID": "1", "ADMIN": True}}


@contextlib.contextmanager
def listening(context: ssl.SSLContext) -> Iterator[Listener]:
    listener = Listener(context)
    try:
        yield listener
    finally:
        listener.stop()


@contextlib.contextmanager
def hostile_names() -> Iterator[None]:
    """Inside, the attacker's names resolve."""
    with contextlib.ExitStack() as resolved:
        for name, address in HOSTILE_NAMES.items():
            resolved.enter_context(resolving(name, address))
        yield


@dataclass(slots=True)
class Reached:
    """Names that this process resolved and addresses that it connected to, as the interpreter itself reports them."""

    names: set[str] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)

    def beyond(self, ports: Sequence[int]) -> set[str]:
        """Names and addresses other than those of this machine at these ports."""
        own = {f"{host}:{port}" for host in (*_HERE, "localhost") for port in ports}
        return (self.addresses - own) | (self.names - own)


@contextlib.contextmanager
def watching() -> Iterator[Reached]:
    """Inside, each name and address that any thread of this process tries is recorded, reachable or not."""
    _hook_once()
    reached = Reached()
    _watches.append(reached)
    try:
        yield reached
    finally:
        _watches.remove(reached)


_watches: list[Reached] = []
_hooked: list[bool] = []


def _hook_once() -> None:
    # An audit hook cannot be removed, so there is one; it costs next to nothing while no watch is active.
    if not _hooked:
        _hooked.append(True)
        sys.addaudithook(_record)


def _record(event: str, facts: tuple[object, ...]) -> None:
    if not _watches:
        return
    if event == "socket.connect" and isinstance(facts[1], tuple):
        for reached in _watches:
            reached.addresses.add(f"{facts[1][0]}:{facts[1][1]}")
    elif event == "socket.getaddrinfo":
        host = facts[0].decode() if isinstance(facts[0], bytes) else facts[0]
        for reached in _watches:
            reached.names.add(f"{host}:{facts[1]}")


def _bound_to_one_port() -> list[socket.socket]:
    first = socket.create_server((_HERE[0], 0))
    with contextlib.suppress(OSError):  # a machine without IPv6 has no ::1
        return [first, socket.create_server((_HERE[1], first.getsockname()[1]), family=socket.AF_INET6)]
    return [first]


def _received(connection: ssl.SSLSocket) -> tuple[str, str]:
    """The request's head and body, as far as they were received."""
    received = b""
    while b"\r\n\r\n" not in received and (more := connection.recv(65536)):
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    lines = head.decode(errors="replace").lower().split("\r\n")
    length = next((int(line.partition(":")[2]) for line in lines if line.startswith("content-length:")), 0)
    while len(body) < length and (more := connection.recv(65536)):
        body += more
    return head.decode(errors="replace"), body.decode(errors="replace")


def _answer(body: Mapping[str, object]) -> bytes:
    content = json.dumps(body).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n"
    return f"{head}Connection: close\r\n\r\n".encode() + content
