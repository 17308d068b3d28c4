"""Serves the portal's pages on plain http, on this machine only: browsers do not trust the portal's own authority.

A user is named in the address (`?user=2`), and remembered for addresses that name none.
"""

import json
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from local.portal.content.content import User
from local.portal.content.crm import CrmKey, type_number
from local.portal.oauth.applications import Impossible
from local.portal.pages import views
from local.portal.pages.frames import Frame, Frames
from local.portal.pages.views import Viewer
from local.portal.state import State

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

SCRIPT: Final = "/api/v1/"
"""Where the stand-in for the vendor's script is: at the path of the original, for pages of every origin."""
_FOLDER: Final = Path(__file__).parent
_FILES: Final[Mapping[str, tuple[str, str]]] = {
    SCRIPT: ("bx24.js", "text/javascript; charset=utf-8"),
    "/portal.js": ("portal.js", "text/javascript; charset=utf-8"),
    "/portal.css": ("portal.css", "text/css; charset=utf-8"),
}
_APPLICATION: Final = re.compile(r"/marketplace/app/([A-Za-z0-9._-]{1,100})/?")
_OBJECT: Final = re.compile(r"/crm/(lead|deal|contact|company)/details/([1-9][0-9]{0,14})/?")
_FRAME: Final = re.compile(r"/frames/([A-Za-z0-9]{1,64})")
_COOKIE: Final = "portal_user"
_FIRST_USER: Final = 1
_SWITCHED_TO: Final = frozenset({"employee", "extranet", "collaber"})
_LARGEST_BODY: Final = 128 * 1024
_OWN: Final = frozenset({"none", "same-origin"})
"""`Sec-Fetch-Site` of navigations from the address line and from these pages; programs do not send it."""
_IN_QUERY: Final = "!$&'()*+,;=:@/?%-._~"
"""What a query may have without another encoding (RFC 3986, 3.4), and the sign of what is encoded already."""


class _Answer(NamedTuple):
    status: HTTPStatus
    body: str
    content_type: str = "text/html; charset=utf-8"
    application: str = ""
    """The origin of what the page frames, which its policy admits."""
    user_id: int = 0
    headers: tuple[tuple[str, str], ...] = ()


class _NotThere(Exception):
    """Nothing is at an address, or nothing that this user may see."""


class Site:
    """WSGI: the pages. `url` is their own address, set once their server has a port.

    `plainly` are origins whose pages are opened over http where their cards have https: a service of the same run, with
    a certificate that no browser trusts.
    """

    def __init__(self, state: State, frames: Frames) -> None:
        self._state = state
        self._frames = frames
        self.url = ""
        self.plainly: set[str] = set()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        try:
            answer = self._answer(environ)
        except _NotThere as error:
            answer = _Answer(HTTPStatus.NOT_FOUND, str(error), "text/plain; charset=utf-8")
        except Impossible as error:
            answer = _Answer(HTTPStatus.CONFLICT, str(error), "text/plain; charset=utf-8")
        headers = [("Content-Type", answer.content_type), *answer.headers, *_headers(answer)]
        start_response(f"{answer.status.value} {answer.status.phrase}", headers)
        return [answer.body.encode()]

    def serves(self, path: str) -> bool:
        """Whether there is a page at a path, for those that ask the portal's other address for it."""
        return path in ("/", "/online/", "/online") or bool(_APPLICATION.fullmatch(path) or _OBJECT.fullmatch(path))

    def _answer(self, environ: "WSGIEnvironment") -> _Answer:
        path, verb = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        if verb == "POST" and (of_frame := _FRAME.fullmatch(path)):
            return self._receive(of_frame[1], environ)
        if verb not in ("GET", "HEAD"):
            return _Answer(HTTPStatus.METHOD_NOT_ALLOWED, "use GET", "text/plain; charset=utf-8")
        if path in _FILES:
            name, content_type = _FILES[path]
            return _Answer(HTTPStatus.OK, (_FOLDER / name).read_text("utf-8"), content_type)
        if environ.get("HTTP_HOST") != urlsplit(self.url).netloc:
            # A frame's messages are for one origin: that of its name.
            return _Answer(HTTPStatus.FOUND, "", headers=(("Location", self.address(environ)),))
        query = dict(parse_qsl(environ["QUERY_STRING"]))
        viewer = self._viewer(path, query, environ.get("HTTP_COOKIE", ""))
        page = self._page(path, query, viewer, own=environ.get("HTTP_SEC_FETCH_SITE", "none") in _OWN)
        return page._replace(user_id=viewer.user.id)

    def address(self, environ: "WSGIEnvironment") -> str:
        """Where a request's page is at the pages' own address. Its path begins here, whatever was sent, and it has no
        character that a header or an address cannot have."""
        path = quote(environ["PATH_INFO"].lstrip("/").encode("latin-1"))
        query = quote(environ.get("QUERY_STRING", "").encode("latin-1"), safe=_IN_QUERY)
        return f"{self.url}/{path}?{query}".rstrip("?")

    def _page(self, path: str, query: Mapping[str, str], viewer: Viewer, *, own: bool) -> _Answer:
        if application := _APPLICATION.fullmatch(path):
            if not own and not self._frames.is_installed(application[1]):
                # A page of another origin can lead a browser here: what it installs waits for a click on this page.
                return _Answer(HTTPStatus.OK, views.page("Application", viewer, views.to_open(viewer)))
            return self._application(application[1], query.get("lang", ""), viewer)
        if found := _OBJECT.fullmatch(path):
            return self._object(found[1].upper(), int(found[2]), viewer)
        if path.rstrip("/") == "/online":
            return self._chat(query.get("IM_DIALOG", ""), viewer)
        if path == "/":
            return self._home(viewer)
        raise _NotThere("there is no such page: / has links to all")

    def _viewer(self, path: str, query: Mapping[str, str], cookie: str) -> Viewer:
        """Raises _NotThere for a user that is not there, or cannot open the portal."""
        given = query.get("user") or _remembered(cookie)
        with self._state.lock:
            everyone = self._state.content.users.values()
            users = [each for each in everyone if each.active and each.kind in _SWITCHED_TO]
        user = next((each for each in users if str(each.id) == given), None)
        if user is None and "user" in query:
            raise _NotThere(f"users of these pages are {', '.join(str(each.id) for each in users)}")
        first: User = next((each for each in users if each.id == _FIRST_USER), users[0])
        kept = {name: value for name, value in query.items() if name not in ("user", "install_finished")}
        return Viewer(user or first, users, f"{path}?{urlencode(kept)}" if kept else path)

    def _home(self, viewer: Viewer) -> _Answer:
        with self._state.lock:
            content = self._state.content
            chats = [chat for chat in content.chats.values() if viewer.user.id in chat.members]
            objects = [each for each in content.crm if each.readable]
            finished = {each.client_id for each in self._state.installations.all() if each.finished}
            cards = [each for each in self._state.applications.all() if each.interface]
        states = [(card.client_id, "installed" if card.client_id in finished else "not installed") for card in cards]
        return _Answer(HTTPStatus.OK, views.page("Portal", viewer, views.home(chats, objects, states)))

    def _chat(self, dialog_id: str, viewer: Viewer) -> _Answer:
        with self._state.lock:
            chat = self._state.content.dialog(dialog_id, viewer.user.id)
            members = [self._state.content.users[each] for each in sorted(chat.members)] if chat else []
        if chat is None:
            raise _NotThere("there is no such chat, or this user has no access to it")
        return _Answer(HTTPStatus.OK, views.page(chat.title or "Chat", viewer, views.chat(chat, members)))

    def _object(self, type_name: str, number: int, viewer: Viewer) -> _Answer:
        key = CrmKey(type_number(type_name) or 0, number)
        with self._state.lock:
            found = self._state.content.crm.get(key)
            sessions = self._state.content.lines.bound_to(key)
            bound = self._state.content.all_bound_to("CRM", key.pair)
            lines = [self._state.content.chats.get(session.chat_id or 0) for session in sessions]
        if found is None or not found.readable:
            raise _NotThere("there is no such object, or this user has no access to it")
        chats = {chat.id: chat for chat in (*bound, *lines) if chat and viewer.user.id in chat.members}
        return _Answer(HTTPStatus.OK, views.page(found.title, viewer, views.crm_object(chats.values())))

    def _application(self, client_id: str, language: str, viewer: Viewer) -> _Answer:
        frame = self._frames.open(client_id, viewer.user.id, language)
        url = self.browsed(frame)
        parts, here = urlsplit(url), urlsplit(self.url)
        origin = f"{parts.scheme}://{parts.netloc}"
        # The page around the frame is here; REST, which the fields name, has the portal's own address.
        name = f"{here.netloc}|{int(here.scheme == 'https')}|{frame.app_sid}"
        body = views.framed(frame, url, origin, name)
        return _Answer(HTTPStatus.OK, views.page("Application", viewer, body, script=True), application=origin)

    def browsed(self, frame: Frame) -> str:
        """The address that a browser posts a frame's form to."""
        parts = urlsplit(frame.url)
        plain = f"{parts.scheme}://{parts.netloc}" in self.plainly
        return parts._replace(scheme="http").geturl() if plain else frame.url

    def _receive(self, app_sid: str, environ: "WSGIEnvironment") -> _Answer:
        body = environ["wsgi.input"].read(_LARGEST_BODY + 1)
        try:
            sent = json.loads(body) if len(body) <= _LARGEST_BODY else None
        except ValueError:
            sent = None
        message = sent.get("message") if isinstance(sent, dict) else None
        reaction = self._frames.receive(app_sid, environ.get("HTTP_X_FRAME_KEY", ""), message)
        if reaction is None:
            return _Answer(HTTPStatus.FORBIDDEN, "no frame is open in this page", "text/plain; charset=utf-8")
        return _Answer(HTTPStatus.OK, json.dumps(reaction._asdict(), ensure_ascii=False), "application/json")


def _remembered(cookie: str) -> str:
    try:
        found = SimpleCookie(cookie).get(_COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


def _headers(answer: _Answer) -> list[tuple[str, str]]:
    policy = ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "img-src data:"]
    policy += ["base-uri 'none'", "frame-ancestors 'none'", "form-action " + (answer.application or "'none'")]
    if answer.application:
        policy.append(f"frame-src {answer.application}")
    headers = [
        ("Content-Security-Policy", "; ".join(policy)),
        # A frame's POST has to name the page that it comes from: without a referrer its Origin would be `null`.
        ("Referrer-Policy", "strict-origin"),
        ("X-Content-Type-Options", "nosniff"),
        ("Cache-Control", "no-store"),
    ]
    if answer.user_id:
        headers.append(("Set-Cookie", f"{_COOKIE}={answer.user_id}; Path=/; HttpOnly; SameSite=Lax"))
    return headers
