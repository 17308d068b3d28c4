"""A service that the local portal sends requests to: it records them and returns scripted pages."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import urllib3

from local.net.http_server import HttpServer
from local.portal.protocol import php
from tests.support.portals.portal_control import controlled
from tests.support.portals.portal_probe import PortalProbe
from tests.support.portals.switches import AS_USUAL

if TYPE_CHECKING:
    import ssl
    from wsgiref.types import StartResponse, WSGIEnvironment

LIBRARY = '<script src="//api.bitrix24.com/api/v1/"></script>'
FINISHING = f"<html>{LIBRARY}<script>BX24.init(function () {{ BX24.installFinish(); }});</script></html>"


@dataclass(frozen=True)
class Received:
    """One request; query and form as PHP reads them."""

    verb: str
    path: str
    query: dict[str, Any]
    form: dict[str, Any]
    body: str
    content_type: str


@dataclass(frozen=True)
class Page:
    """A response of the service."""

    body: str = "ok"
    status: int = 200
    content_type: str = "text/html; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass
class RecordingService:
    """`answer` runs for each request, in the thread of the connection: it may call the portal meanwhile."""

    answer: Callable[[Received], Page] = field(default=lambda _: Page())
    tls: "ssl.SSLContext | None" = None
    received: list[Received] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._server = HttpServer(self._serve, ssl_context=self.tls)
        self.url = self._server.url()

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()

    def events(self) -> list[str]:
        """The names of the received events, in order."""
        return [each.form["event"] for each in self.received if "event" in each.form]

    def _serve(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        body = environ["wsgi.input"].read().decode()
        request = Received(
            verb=environ["REQUEST_METHOD"],
            path=environ["PATH_INFO"],
            query=php.decode_query(environ.get("QUERY_STRING", "")),
            form=php.decode_query(body),
            body=body,
            content_type=environ.get("CONTENT_TYPE", ""),
        )
        self.received.append(request)
        page = self.answer(request)
        start_response(f"{page.status} Scripted", [("Content-Type", page.content_type), *page.headers])
        return [page.body.encode()]


class ApplicationProbe(PortalProbe):
    """A portal with a local application that a recording service serves."""

    def __init__(self, folder: Path, *, interface: bool = False) -> None:
        super().__init__(folder)
        self.service = RecordingService()
        self.application = self.portal.applications.add(service_url=self.service.url, interface=interface)

    def __enter__(self) -> Self:
        super().__enter__()
        self.service.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.service.__exit__(kind, error, trace)
        super().__exit__(kind, error, trace)

    def afresh(self) -> Self:
        """Reset limits, faults, shape, clock and users' activity, and uninstall everything."""
        self.tell("/reset", {})
        self.tell("/shape", AS_USUAL)
        for user_id in (1, 2, 3):
            self.tell("/deactivate", {"user_id": user_id, "active": True})
        for installation in self.ask("/installs"):
            self.tell("/uninstall", {"client_id": installation["client_id"], "send": False})
        for application in self.portal.applications.all():
            self.portal.applications.remove(application.client_id)
        self.portal.applications.put(self.application)
        self.service.received.clear()
        self.service.answer = lambda _: Page()
        return self

    def installed_afresh(self) -> Self:
        """`afresh`, then install the application and remove its former bots."""
        self.afresh().tell("/install", {})
        self.tell("/plan", {"rate": 1000, "burst": 1000})
        token = self.grant()["access_token"]
        for bot in self.ask("/bots"):
            if bot["client_id"]:
                self.result_with(token, "imbot.v2.Bot.unregister", botId=bot["bot_id"])
        self.portal.settle()
        return self

    def another_application(self) -> str:
        """Install another application in the same portal; return an administrator's access token of it."""
        other = self.portal.applications.add(service_url=self.service.url, interface=False)
        self.tell("/install", {"client_id": other.client_id})
        access_token: str = self.grant(client_id=other.client_id)["access_token"]
        return access_token

    def bot(self, bot_id: int) -> dict[str, Any]:
        """A bot as the control shows it."""
        found: dict[str, Any] = next(bot for bot in self.ask("/bots") if bot["bot_id"] == bot_id)
        return found

    def ask(self, path: str) -> Any:
        """GET a path of the portal's control."""
        return controlled(self.portal, "GET", path)

    def refused(self, path: str, body: object) -> str:
        """The reason that the control gives when it refuses a request with 409."""
        response = self.http.request("POST", self.portal.control_url + path, json=body)
        assert response.status == 409, response.data
        reason: str = response.json()["error"]
        return reason

    def keys(self) -> dict[str, str]:
        return {"client_id": self.application.client_id, "client_secret": self.application.client_secret}

    def grant(self, user_id: int = 1, **more: object) -> dict[str, Any]:
        """A user's tokens."""
        granted: dict[str, Any] = self.tell("/grants", {"user_id": user_id, **more})
        return granted

    def call_with(self, access_token: str, method: str, **params: object) -> tuple[int, Any]:
        """Call a method by access token, as JSON; return the status and the decoded body."""
        url = f"{self.portal.portal_url}/rest/{method}"
        response = self.http.request("POST", url, json={**params, "auth": access_token}, redirect=False)
        return response.status, json.loads(response.data or b"null")

    def result_with(self, access_token: str, method: str, **params: object) -> Any:
        """The result of such a call that must succeed."""
        status, body = self.call_with(access_token, method, **params)
        assert status == 200, body
        return body["result"]

    def error_with(self, access_token: str, method: str, **params: object) -> tuple[int, str]:
        """Status and code of such a call that must be refused."""
        status, body = self.call_with(access_token, method, **params)
        assert "result" not in body, body
        return status, body["error"]

    def token(self, verb: str = "POST", **form: str) -> tuple[int, Any]:
        """Send a request to the authorisation server; return the status and the decoded body."""
        url = f"https://{self.portal.server_domain}/oauth/token/"
        kind = {"encode_multipart": False} if verb == "POST" else {}
        response: urllib3.BaseHTTPResponse = self.http.request(verb, url, fields=form, **kind)  # type: ignore[arg-type]
        return response.status, response.json()

    def refresh(self, refresh_token: str, **more: str) -> tuple[int, Any]:
        """A refresh with the application's own keys."""
        return self.token(**{**self.keys(), "grant_type": "refresh_token", "refresh_token": refresh_token, **more})
