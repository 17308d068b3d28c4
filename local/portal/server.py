"""The local portal as a whole: its addresses, its authority, its start and stop."""

import secrets
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from local.demo_credentials import DemoGrant
from local.net.admission import LOOPBACK, Admission, Run
from local.net.certificates import LOCAL_NAMES, Authority
from local.net.http_server import ConnectionCut, HttpServer
from local.portal.content.content import Content
from local.portal.content.demo import ADMIN, demo_content
from local.portal.control.applications import ApplicationControl
from local.portal.control.conversation import ConversationControl
from local.portal.control.crm import CrmControl
from local.portal.control.deletion import DeletionControl
from local.portal.control.deliveries import SendingControl
from local.portal.control.overview import Overview
from local.portal.control.portal import PortalControl
from local.portal.control.routes import Control, MovableClock
from local.portal.events.caused import Caused
from local.portal.events.conversation import Conversation
from local.portal.events.courier import Courier
from local.portal.events.http_delivery import Delivery
from local.portal.events.installer import Installer
from local.portal.events.outbox import Outbox
from local.portal.oauth.applications import Applications
from local.portal.oauth.identity import Identity
from local.portal.oauth.webhook import Webhook
from local.portal.pages.frames import Frames
from local.portal.pages.site import SCRIPT, Site
from local.portal.protocol import php, rest_wire
from local.portal.rest.authorisation_server import AUTHORISING, ISSUING, Authorisation, is_app_info
from local.portal.rest.dispatcher import Rest
from local.portal.state import State
from local.program import listening

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

_WEBHOOK_SCOPES = frozenset({"crm", "im", "imbot", "imopenlines", "task"})
_REACHABLE = ("127.0.0.1", "localhost")  # this machine's names in every network; the portal may be renamed to either


@dataclass(frozen=True, slots=True)
class Passed:
    """One request to the portal or its authorisation server. `path` has the secret of a webhook in it; `status` is None
    where the connection was cut, `error` the code of a refusal; `ms` has the delay of a fault in it."""

    verb: str
    path: str
    status: int | None
    error: str | None
    ms: float


class LocalPortal:
    """A Bitrix24 portal on this machine, with its authorisation server beside it on the same port: HTTPS with a
    certificate of its own authority, chats of the documents' samples.

    `state_dir` stores the authority, everything else is in memory. `clock` is shared with all that must have the
    portal's time. It listens on `bind` and `port` (port 0: a free one); `host` is its name in the addresses that it
    gives out. With `demo` it is the portal of the sample events. `run` is what it has in common with other servers.
    `watch` is called with each request after it was decided.

    The control address is plain HTTP, so that curl needs no authority, and so are the pages for people, at `page_port`:
    both are bound to this machine only, and take only requests to loopback's names, whatever `bind` is. In this process
    `control` answers the same without a request.
    """

    def __init__(
        self,
        state_dir: Path,
        clock: MovableClock,
        *,
        bind: str = "127.0.0.1",
        port: int = 0,
        page_port: int = 0,
        host: str = "127.0.0.1",
        demo: DemoGrant | None = None,
        run: Run | None = None,
        watch: Callable[[Passed], None] | None = None,
    ) -> None:
        self._watch = watch
        names = LOCAL_NAMES if host in LOCAL_NAMES else (*LOCAL_NAMES, host)
        self._authority = Authority(state_dir / "authority", names=names)
        run = run or Run.named(bind, host)
        admission = Admission.of(run, names, any_origin="/rest/")
        self._portal = HttpServer(self._serve, bind, port, self._authority.server_context(names), admission, plain=True)
        webhook = Webhook(ADMIN.id, secrets.token_hex(8), _WEBHOOK_SCOPES)
        identity = Identity(demo.member_id if demo else secrets.token_hex(16), host, self._portal.port)
        self._state = State(clock, identity, demo_content(clock), webhook, demo)
        self._delivery = Delivery(self._authority.ca_file)
        courier = Courier(self._state, self._delivery)
        self._outbox = Outbox(self._delivery)
        self._rest = Rest(self._state, Caused(self._state, courier, self._outbox))
        self._authorisation = Authorisation(self._state)
        self.installer = Installer(self._state, courier)
        self.conversation = Conversation(self._state, courier)
        self._stopping = threading.Event()
        routes = (
            *PortalControl(self._state, self._rest, clock, names).routes(),
            *Overview(self._state, clock).routes(),
            *ApplicationControl(self._state).routes(),
            *SendingControl(self.installer, courier).routes(),
            *ConversationControl(self._state, self.conversation).routes(),
            *CrmControl(self._state, clock).routes(),
            *DeletionControl(self._state, self.conversation).routes(),
        )
        self.control = Control(self._state, routes)
        self._control_server = HttpServer(self.control, admission=Admission(run, LOOPBACK))
        self.pages = Site(self._state, Frames(self._state, self.installer))
        with listening("127.0.0.1", page_port, "PORTAL_PAGE_PORT"):
            self._page_server = HttpServer(
                self.pages, port=page_port, admission=Admission(run, LOOPBACK, any_origin=SCRIPT)
            )
        self.pages.url = self._page_server.url()

    @property
    def applications(self) -> Applications:
        """The cards of applications that can be installed."""
        return self._state.applications

    @property
    def member_id(self) -> str:
        return self._state.identity.member_id

    @property
    def domain(self) -> str:
        """The portal's `host:port`."""
        return self._state.identity.domain

    @property
    def server_domain(self) -> str:
        """The authorisation server's `host:port`."""
        return self._state.identity.server_domain

    @property
    def local_hosts(self) -> frozenset[str]:
        """Every `host:port` under which this portal and its authorisation server can be reached, renamed or not."""
        identity = self._state.identity
        return frozenset({identity.server_domain, *map(identity.under, _REACHABLE)})

    @property
    def portal_url(self) -> str:
        """The portal's address, without a slash at its end."""
        return self._state.identity.portal_url

    @property
    def webhook_url(self) -> str:
        """The address of the administrator's inbound webhook; a secret, as a real one is."""
        return f"{self.portal_url}/rest/{self._state.webhook.user_id}/{self._state.webhook.code}/"

    @property
    def control_url(self) -> str:
        return self._control_server.url()

    @property
    def page_url(self) -> str:
        """The address of the pages for people, without a slash at its end."""
        return self.pages.url

    @property
    def script_url(self) -> str:
        """The stand-in for the script that pages of applications load from the vendor."""
        return self.pages.url + SCRIPT

    @property
    def ca_file(self) -> Path:
        """The certificate that a client must trust."""
        return self._authority.ca_file

    @property
    def ca_pem(self) -> str:
        return self._authority.ca_pem

    def start(self) -> None:
        self._outbox.start()
        self._portal.start()
        self._control_server.start()
        self._page_server.start()

    def content(self) -> Content:
        """A copy of users, bots, chats and objects as they are now."""
        with self._state.lock:
            return self._state.content.copy()

    def put_back(self, content: Content) -> None:
        """Makes users, bots, chats and objects what they were when the copy was taken."""
        with self._state.lock:
            self._state.content = content.copy()

    def settle(self) -> None:
        """Waits until the events that methods caused have been sent, and answered."""
        self._outbox.settle()

    def stop(self) -> None:
        """Ends both servers; a delayed reply is not sent any more."""
        self._stopping.set()
        self._outbox.stop()
        self._portal.stop()
        self._control_server.stop()
        self._page_server.stop()
        self._delivery.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _serve(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        began = time.monotonic()
        reply = self._reply(environ)
        # Real time: a caller's timeout does not move with the clock.
        stopped = reply.delay_s > 0 and self._stopping.wait(reply.delay_s)
        if self._watch:
            status, ms = None if reply.drop else reply.status, (time.monotonic() - began) * 1000
            self._watch(Passed(environ["REQUEST_METHOD"], environ["PATH_INFO"], status, reply.error, ms))
        if reply.drop or stopped:
            raise ConnectionCut
        length = ("Content-Length", str(len(reply.body)))
        start_response(
            rest_wire.status_line(reply.status), [("Content-Type", reply.content_type), length, *reply.headers]
        )
        return [reply.body[: reply.truncate]]

    def _reply(self, environ: "WSGIEnvironment") -> rest_wire.Reply:
        if environ["wsgi.url_scheme"] == "http":
            return self._without_tls(environ)
        path = environ["PATH_INFO"].strip("/")
        if path == ISSUING:
            return self._authorisation.token(environ["REQUEST_METHOD"], rest_wire.parameters(environ))
        if path == AUTHORISING:
            return self._authorisation.authorize(php.decode_query(environ.get("QUERY_STRING", "")))
        request = rest_wire.read(environ)
        if request is None:
            return self._page_elsewhere(environ)
        if environ["REQUEST_METHOD"] == "OPTIONS":
            return rest_wire.from_any_origin(rest_wire.preflight())
        return self._answer(request)

    def _page_elsewhere(self, environ: "WSGIEnvironment") -> rest_wire.Reply:
        """A link of an application to a page of the portal leads to where that is for browsers."""
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD") or not self.pages.serves(environ["PATH_INFO"]):
            return rest_wire.page(404)
        return replace(rest_wire.page(302), headers=(("Location", self.pages.address(environ)),))

    def _without_tls(self, environ: "WSGIEnvironment") -> rest_wire.Reply:
        """REST has a code for it (bitrix24.md 2.3); whatever else is asked gets the page of a web server."""
        request = rest_wire.read(environ)
        return self._rest.without_tls(request) if request else rest_wire.page(400, "HTTPS required")

    def _answer(self, request: rest_wire.RestRequest) -> rest_wire.Reply:
        if is_app_info(request):
            return self._authorisation.app_info(request.params)
        reply = self._rest.answer(request)
        return rest_wire.from_any_origin(rest_wire.as_xml(reply) if request.xml else reply)
