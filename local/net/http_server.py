"""A small threaded HTTP server for WSGI applications, with or without TLS."""

import contextlib
import io
import json
import logging
import re
import socket
import ssl
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from itertools import chain
from socketserver import TCPServer, ThreadingMixIn
from types import TracebackType
from typing import IO, TYPE_CHECKING, cast
from urllib.parse import unquote_to_bytes, urlsplit

from werkzeug.serving import DechunkedInput

from local.net.admission import Admission, Run

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication, WSGIEnvironment

_log = logging.getLogger(__name__)

_LARGEST_BODY = 16 * 1024 * 1024
_HANDSHAKE_S = 10.0
_HANDSHAKE = b"\x16"  # the first byte of a TLS connection: a record of type "handshake" (RFC 8446, 5.1)
_IDLE_S = 75.0
_STOP_POLL_S = 0.1

_LENGTH = re.compile(r"[0-9]{1,10}")
_HEADER = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
"""What a header may have: with a line break in it the caller of a path would write headers of its own."""

ExcInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]


class ConnectionCut(Exception):
    """Raised by an application to end the connection without an answer, like a crashed server."""


class HttpServer:
    """Serves `app` in threads of its own, keeping connections alive (HTTP/1.1); port 0 takes a free one.

    werkzeug's and wsgiref's servers close the connection after each answer; here a client's pool works as it does
    against the real portal. Nothing is logged about a request: its path carries the webhook's code.

    The port is bound at once (OSError if it is taken), so that `port` and `url()` hold before `start()`. `admission`
    decides whose requests are answered; without one only loopback's names are admitted, and no page of another server.
    With `plain` requests without TLS reach the application beside those with it, by another `wsgi.url_scheme`.
    """

    def __init__(
        self,
        app: "WSGIApplication",
        host: str = "127.0.0.1",
        port: int = 0,
        ssl_context: ssl.SSLContext | None = None,
        admission: Admission | None = None,
        *,
        plain: bool = False,
    ) -> None:
        admission = admission or Admission.of(Run())
        self._server = _Server(app, host, port, ssl_context, admission, plain=plain)
        admission.run.ports.add(self.port)
        self._host = host
        self._scheme = "http" if ssl_context is None else "https"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def url(self, host: str | None = None) -> str:
        """The server's address without a slash at its end, under another name if `host` is given."""
        host = host or {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)  # noqa: S104 - compared only
        return f"{self._scheme}://[{host}]:{self.port}" if ":" in host else f"{self._scheme}://{host}:{self.port}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Takes no more connections and cuts those that are open; may be called twice, or without `start`."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self._server.cut_connections()

    def _serve(self) -> None:
        """An interruption of `start` may come before its thread does: `stop` has then closed the socket already."""
        try:
            self._server.serve_forever(_STOP_POLL_S)
        except (OSError, ValueError):
            if self._server.fileno() >= 0:
                raise


class _Server(ThreadingMixIn, TCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 1024  # a burst of connections waits here instead of being refused

    def __init__(
        self,
        app: "WSGIApplication",
        host: str,
        port: int,
        ssl_context: ssl.SSLContext | None,
        admission: Admission,
        *,
        plain: bool = False,
    ) -> None:
        self.app = app
        self.plain = plain
        self.admission = admission
        self.ssl_context = ssl_context
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), _Handler)

    def finish_request(self, request: "socket.socket | tuple[bytes, socket.socket]", client_address: object) -> None:
        """Runs in the connection's own thread, and so does the handshake: a client that connects and sends nothing
        does not block others."""
        if not isinstance(request, socket.socket):
            raise TypeError("this server supports TCP only")
        request.settimeout(_HANDSHAKE_S)
        with contextlib.suppress(OSError), self._secured(request) as connection, self._remembered(connection):
            if isinstance(connection, ssl.SSLSocket):
                connection.do_handshake()  # a failure here is the client's
            _Handler(connection, client_address, self)

    def _secured(self, connection: socket.socket) -> socket.socket:
        if not self.ssl_context or (self.plain and connection.recv(1, socket.MSG_PEEK) not in (b"", _HANDSHAKE)):
            return connection
        return self.ssl_context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - the signature is given
        _log_failure("a connection failed")

    def cut_connections(self) -> None:
        with self._open_lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    # Past SSLSocket.shutdown, which would pull the TLS state from under the thread that reads.
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)

    @contextlib.contextmanager
    def _remembered(self, connection: socket.socket) -> Iterator[None]:
        with self._open_lock:
            self._open.add(connection)
        try:
            yield
        finally:
            with self._open_lock:
                self._open.discard(connection)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "local"
    sys_version = ""
    timeout = _IDLE_S
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave in one packet
    server: _Server

    def answer(self) -> None:
        body = self._read_body()
        if body is None:
            self.close_connection = True
            self.send_error(413)
            return
        environ = self._environ(body)
        refusal = self.server.admission.refusal(environ, int(self.server.server_address[1]))
        if refusal is not None:
            refused = json.dumps({"message": refusal}).encode()
            self._send(Response("403 Forbidden", [("Content-Type", "application/json")], refused))
            return
        try:
            response = Response.of(self.server.app, environ)
        except ConnectionCut:
            self.close_connection = True
            return
        except Exception:  # noqa: BLE001 - an application's error must not stop the server
            _log_failure("the application failed")
            response = Response("500 Internal Server Error", [("Content-Type", "text/plain")], b"Internal Server Error")
        self._send(response)

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Every method, as `do_GET`: the application decides which there are."""
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the signature is given
        """Nothing: the request line carries the webhook's code."""

    def _read_body(self) -> bytes | None:
        """The whole body, or None if it is too large; read before the answer, so that the next request can follow."""
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            body = DechunkedInput(cast(IO[bytes], self.rfile)).read(_LARGEST_BODY + 1) or b""
            return body if len(body) <= _LARGEST_BODY else None
        length = self.headers.get("Content-Length", "0")
        if not _LENGTH.fullmatch(length) or int(length) > _LARGEST_BODY:
            return None
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise ConnectionError("the client went away in the middle of its request")
        return body

    def _environ(self, body: bytes) -> "WSGIEnvironment":
        url = urlsplit(self.path)
        environ: WSGIEnvironment = {
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "https" if isinstance(self.connection, ssl.SSLSocket) else "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.input_terminated": True,
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "SCRIPT_NAME": "",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": unquote_to_bytes(url.path).decode("latin-1"),  # the form that WSGI (PEP 3333) asks for
            "RAW_URI": self.path,
            "QUERY_STRING": url.query,
            "REMOTE_ADDR": str(self.client_address[0]),
            "SERVER_NAME": str(self.server.server_address[0]),
            "SERVER_PORT": str(self.server.server_address[1]),
            "SERVER_PROTOCOL": self.request_version,
            "CONTENT_LENGTH": str(len(body)),
        }
        for name in self.headers:
            if "_" in name:
                continue  # would look like the same name with a hyphen
            key = name.upper().replace("-", "_")
            if key == "CONTENT_TYPE":
                environ[key] = self.headers[name]
            elif key not in ("CONTENT_LENGTH", "TRANSFER_ENCODING"):
                environ[f"HTTP_{key}"] = ",".join(self.headers.get_all(name, []))
        return environ

    def _send(self, response: "Response") -> None:
        status, _, reason = response.status.partition(" ")
        self.send_response(int(status), reason)
        announced = None
        for name, value in response.headers:
            self.send_header(name, value)
            announced = value if name.lower() == "content-length" else announced
        bodiless = self.command == "HEAD" or status in ("204", "304")
        if announced is None and not bodiless:
            self.send_header("Content-Length", str(len(response.body)))
        if announced is not None and not bodiless and announced != str(len(response.body)):
            self.close_connection = True  # an answer that is too short or too long: the next one could not be read
        self.end_headers()
        if not bodiless:
            self.wfile.write(response.body)
        self.wfile.flush()


class Response:
    """The whole answer of a WSGI application."""

    def __init__(self, status: str, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @classmethod
    def of(cls, app: "WSGIApplication", environ: "WSGIEnvironment") -> "Response":
        response = cls("500 Internal Server Error", [], b"")
        written: list[bytes] = []

        def start_response(
            status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None, /
        ) -> Callable[[bytes], object]:
            del exc_info  # nothing has been sent yet, so there is nothing to take back
            response.status, response.headers = status, headers
            return written.append

        parts = app(environ, start_response)
        try:
            response.body = b"".join((*written, *parts))
        finally:
            if close := getattr(parts, "close", None):
                close()
        if not all(_HEADER.fullmatch(each) for each in (response.status, *chain.from_iterable(response.headers))):
            raise ValueError("a header has a character that ends it")
        return response


def _log_failure(what: str) -> None:
    """Logs where the current exception came from, but not its message, which may quote an address with its secret."""
    kind, _, trace = sys.exc_info()
    _log.error("%s: %s\n%s", what, kind.__name__ if kind else "", "".join(traceback.format_tb(trace)))
