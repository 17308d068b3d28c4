"""The local portal as a whole: its addresses, its authority, and starting and stopping."""

import secrets
import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from local.http import ConnectionCut, HttpServer
from local.portal import wire
from local.portal.control import Control, MovableClock
from local.portal.demo import ADMIN, demo_content
from local.portal.rest import Rest, Webhook
from local.tls import LOCAL_NAMES, Authority

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

_WEBHOOK_SCOPES = frozenset({"im", "imbot", "imopenlines", "task"})


class LocalPortal:
    """A Bitrix24 portal on this machine: HTTPS with a certificate of its own making, chats of the documents' samples.

    `state_dir` keeps the authority, everything else is in memory. `clock` is shared with whoever shall see the time
    that the portal sees. `bind` and `port` say where it listens (port 0: a free one), `host` by which name it is
    called in the addresses given out. The control address is plain HTTP, so that curl needs no authority, and is bound
    to this machine only, whatever `bind` is.
    """

    def __init__(
        self,
        state_dir: Path,
        clock: MovableClock,
        *,
        bind: str = "127.0.0.1",
        port: int = 0,
        host: str = "127.0.0.1",
    ) -> None:
        self.member_id = secrets.token_hex(16)
        self._host = host
        self._authority = Authority(state_dir / "authority")
        self._rest = Rest(clock, demo_content(clock), Webhook(ADMIN.id, secrets.token_hex(8), _WEBHOOK_SCOPES))
        self._stopping = threading.Event()
        names = LOCAL_NAMES if host in LOCAL_NAMES else (*LOCAL_NAMES, host)
        self._portal = HttpServer(self._serve, bind, port, self._authority.server_context(names))
        self._control = HttpServer(Control(self._rest, clock))

    @property
    def portal_url(self) -> str:
        """The portal's address, without a slash at its end."""
        return self._portal.url(self._host)

    @property
    def webhook_url(self) -> str:
        """The address of the administrator's inbound webhook; a secret, as a real one is."""
        return f"{self.portal_url}/rest/{self._rest.webhook.user_id}/{self._rest.webhook.code}/"

    @property
    def control_url(self) -> str:
        return self._control.url()

    @property
    def ca_file(self) -> Path:
        """The certificate that a client must trust."""
        return self._authority.ca_file

    @property
    def ca_pem(self) -> str:
        return self._authority.ca_pem

    def start(self) -> None:
        self._portal.start()
        self._control.start()

    def stop(self) -> None:
        """Ends both servers; a reply that is being held back is not sent any more."""
        self._stopping.set()
        self._portal.stop()
        self._control.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _serve(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        request = wire.read(environ)
        if request is None:
            start_response("404 Not Found", [("Content-Type", "text/html; charset=utf-8")])
            return [b"<html><body><h1>404 Not Found</h1></body></html>"]
        reply = self._rest.answer(request)
        # Real time: the caller's patience is not moved with the clock.
        stopped = reply.delay_s > 0 and self._stopping.wait(reply.delay_s)
        if reply.drop or stopped:
            raise ConnectionCut
        length = ("Content-Length", str(len(reply.body)))
        start_response(wire.status_line(reply.status), [("Content-Type", reply.content_type), length, *reply.headers])
        return [reply.body[: reply.truncate]]
