"""Serves the playground beside the API, and connects it with the portal's control (design 13).

The page is for people at this machine. Its own script sends a token that is in the page only: another page cannot read
it, and so cannot use the control, even where a browser would send the request.
"""

import json
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import parse_qs

import urllib3

from local.playground.feed import Feed

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_FOLDER: Final = Path(__file__).parent
_FILES: Final[Mapping[str, tuple[str, str]]] = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/playground.css": ("playground.css", "text/css; charset=utf-8"),
    "/playground.js": ("playground.js", "text/javascript; charset=utf-8"),
}
_BEHIND: Final = "/_play/"
_CONTROL: Final = "control/"
_PLACEHOLDER: Final = "{{token}}"
_NUMBER: Final = re.compile(r"[0-9]{1,15}")
_LARGEST_BODY: Final = 64 * 1024
_LONGEST_WAIT_S: Final = 30.0
_HEADERS: Final = (
    ("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
     "img-src 'self' data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-store"),
)  # fmt: skip


class Facts(NamedTuple):
    """What the page has to know of the run. `control_url` is None where the portal is not the local one."""

    run_file: str
    api_key: str
    portal_url: str
    member_id: str
    control_url: str | None


class _Answer(NamedTuple):
    status: HTTPStatus
    content_type: str
    body: bytes


@dataclass(slots=True)
class Playground:
    """Answers the paths of the page. `token` is what its script sends as `X-Play-Token`."""

    facts: Facts
    feed: Feed
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    _http: urllib3.PoolManager = field(
        default_factory=lambda: urllib3.PoolManager(retries=False, timeout=_LONGEST_WAIT_S)
    )

    def serves(self, path: str) -> bool:
        return path in _FILES or path.startswith(_BEHIND)

    def answer(self, environ: "WSGIEnvironment") -> _Answer:
        path, verb = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        if path in _FILES:
            return self._file(path) if verb in ("GET", "HEAD") else _refusal(HTTPStatus.METHOD_NOT_ALLOWED, "use GET")
        if not secrets.compare_digest(environ.get("HTTP_X_PLAY_TOKEN", "").encode(), self.token.encode()):
            return _refusal(HTTPStatus.FORBIDDEN, "only the page itself may call this; load it again")
        return self._behind(path.removeprefix(_BEHIND), verb, environ)

    def _file(self, path: str) -> _Answer:
        name, content_type = _FILES[path]
        text = (_FOLDER / name).read_text("utf-8")
        return _Answer(HTTPStatus.OK, content_type, text.replace(_PLACEHOLDER, self.token).encode())

    def _behind(self, path: str, verb: str, environ: "WSGIEnvironment") -> _Answer:
        if path.startswith(_CONTROL):
            return self._control(path.removeprefix(_CONTROL), verb, environ)
        if path == "feed" and verb == "GET":
            after = parse_qs(environ["QUERY_STRING"]).get("after", ["0"])[0]
            if not _NUMBER.fullmatch(after):
                return _refusal(HTTPStatus.BAD_REQUEST, "after must be a whole number")
            return _json(self.feed.after(int(after)))
        if path == "run" and verb == "GET":
            shown = {name: value for name, value in self.facts._asdict().items() if name != "control_url"}
            return _json({**shown, "local_portal": self.facts.control_url is not None})
        return _refusal(HTTPStatus.NOT_FOUND, "there are GET run, GET feed, and the portal's control below control/")

    def _control(self, path: str, verb: str, environ: "WSGIEnvironment") -> _Answer:
        if self.facts.control_url is None:
            return _refusal(HTTPStatus.CONFLICT, "this run has no portal of its own, so nothing of it can be changed")
        if verb not in ("GET", "POST"):
            return _refusal(HTTPStatus.METHOD_NOT_ALLOWED, "use GET or POST")
        body = environ["wsgi.input"].read(_LARGEST_BODY + 1)
        if len(body) > _LARGEST_BODY:
            return _refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body has more than {_LARGEST_BODY} bytes")
        query = f"?{environ['QUERY_STRING']}" if environ["QUERY_STRING"] else ""
        try:
            answer = self._http.request(verb, f"{self.facts.control_url}/{path}{query}", body=body or None)
        except urllib3.exceptions.HTTPError:
            return _refusal(HTTPStatus.BAD_GATEWAY, "the portal's control does not answer")
        return _Answer(HTTPStatus(answer.status), "application/json", answer.data)


@dataclass(slots=True)
class Site:
    """WSGI: the API, and the playground once there is one."""

    api: "WSGIApplication"
    playground: Playground | None = None

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if self.playground is None or not self.playground.serves(environ["PATH_INFO"]):
            return self.api(environ, start_response)
        answer = self.playground.answer(environ)
        start_response(
            f"{answer.status.value} {answer.status.phrase}", [("Content-Type", answer.content_type), *_HEADERS]
        )
        return [answer.body]


def _json(content: object) -> _Answer:
    return _Answer(HTTPStatus.OK, "application/json", json.dumps(content, ensure_ascii=False).encode())


def _refusal(status: HTTPStatus, error: str) -> _Answer:
    return _Answer(status, "application/json", json.dumps({"error": error}).encode())
