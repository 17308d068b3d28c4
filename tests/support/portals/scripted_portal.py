"""A TLS server on loopback that follows a script byte by byte, also where a correct server never would."""

import contextlib
import json
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from chat_lookup.bitrix24.client import Bitrix24Client, Endpoint
from chat_lookup.clock import Clock, Deadline, SystemClock
from local.net.certificates import LOCAL_NAMES, Authority

CODE = "c4nary0code1"
"""The code of the webhook under which the scripted portals are called."""

_DRIP_SECONDS = 0.02
_FOLDER = tempfile.TemporaryDirectory(prefix="authority-")

Script = Callable[[socket.socket, threading.Event], bool]
"""Answers one request on a connection; the event is set when the test is over. True keeps the connection open."""


@dataclass(frozen=True)
class Request:
    """A received request; header names in lower case."""

    line: str
    headers: dict[str, str]
    body: bytes


def answer(status: int = 200, body: object = None, headers: Sequence[str] = ()) -> Script:
    """A complete response: `body` as given if it is bytes, else as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status} X", f"Content-Length: {len(content)}", *headers))
    return raw(head.encode() + b"\r\n" + content)


def result(value: object) -> Script:
    """A success with this result."""
    return answer(body={"result": value})


def raw(content: bytes, *, keep: bool = True) -> Script:
    """Send exactly these bytes; close the connection unless `keep`."""

    def send(connection: socket.socket, over: threading.Event) -> bool:
        del over
        connection.sendall(content)
        return keep

    return send


def cut(content: bytes = b"") -> Script:
    """Send these bytes, then close the connection."""
    return raw(content, keep=False)


def silence(connection: socket.socket, over: threading.Event) -> bool:
    """Send nothing until the test is over."""
    del connection
    over.wait()
    return False


def drip(head: bytes, drop: bytes) -> Script:
    """Send `head` at once, then one `drop` after the other until the test is over."""

    def send(connection: socket.socket, over: threading.Event) -> bool:
        connection.sendall(head)
        while not over.wait(_DRIP_SECONDS):
            connection.sendall(drop)
        return False

    return send


class ScriptedPortal:
    """Answers each request by the next script; the last script answers all further requests."""

    def __init__(self, scripts: Sequence[Script], context: ssl.SSLContext | None) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self._scripts = list(scripts)
        self._context = context
        self._over = threading.Event()
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def endpoint(self, host: str = "127.0.0.1") -> Endpoint:
        return Endpoint.from_webhook(f"https://{host}:{self.port}/rest/1/{CODE}/")

    def hang_up(self) -> None:
        """Close every open connection, as a server does with connections idle for long."""
        for connection in self._open:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def stop(self) -> None:
        """Accept no more connections and close the open ones; may be called twice."""
        self._over.set()
        with contextlib.suppress(OSError), self._listener:
            self._listener.shutdown(socket.SHUT_RDWR)
        self.hang_up()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        with contextlib.suppress(OSError), plain:
            if self._context is None:
                self._over.wait()  # accepts the connection and sends no TLS handshake
                return
            with self._context.wrap_socket(plain, server_side=True) as connection:
                self._open.append(connection)
                while (request := _received(connection)) is not None:
                    self.requests.append(request)
                    script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
                    if not script(connection, self._over):
                        return


def _received(connection: socket.socket) -> Request | None:
    received = b""
    while b"\r\n\r\n" not in received:
        if not (more := connection.recv(65536)):
            return None
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    line, *fields = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
    while len(body) < int(headers.get("content-length", "0")):
        body += connection.recv(65536)
    return Request(line, headers, body)


@cache
def authority() -> Authority:
    return Authority(Path(_FOLDER.name), names=(*LOCAL_NAMES, "example.bitrix24.com", "oauth.bitrix.info"))


@contextlib.contextmanager
def scripted(*scripts: Script, names: Sequence[str] = LOCAL_NAMES, tls: bool = True) -> Iterator[ScriptedPortal]:
    """A portal that runs inside the `with`; its certificate is for `names`."""
    portal = ScriptedPortal(scripts, authority().server_context(names) if tls else None)
    try:
        yield portal
    finally:
        portal.stop()


def client_of(portal: ScriptedPortal, clock: Clock | None = None) -> Bitrix24Client:
    """A client that may call this portal and trusts its certificate authority."""
    hosts = frozenset(f"{host}:{portal.port}" for host in ("127.0.0.1", "localhost"))
    return Bitrix24Client(clock or SystemClock(), local_hosts=hosts, ca_pem=authority().ca_pem)


def soon(seconds: float = 30) -> Deadline:
    """A deadline that only an endless call reaches."""
    return Deadline.after(seconds, SystemClock())


def no_name_server_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every host name unknown, without a DNS query."""

    def resolve(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
