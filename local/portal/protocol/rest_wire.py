"""The portal's REST format: how a request is read, and how an answer is written (bitrix24.md 2)."""

import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from html import escape
from http import HTTPStatus
from typing import TYPE_CHECKING

from werkzeug.formparser import parse_form_data

from local.portal.protocol import json_text, php

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

JSON_TYPE = "application/json; charset=utf-8"
HTML_TYPE = "text/html; charset=utf-8"
XML_TYPE = "text/xml; charset=utf-8"
_JSON = "application/json"
_XML = ".xml"
_NOTHING: Mapping[str, object] = {}

# /rest/[api/][<user>/<code>/]<method>[.json|.xml]; `api` is the address of REST 3. Several slashes count as one:
# b24jssdk 2.2.0 writes two behind the documented endpoint, b24phpsdk behind an address that ends in one.
_PATH = re.compile(
    r"/rest/+(?P<v3>api/+)?(?:(?P<user>[0-9]{1,19})/+(?P<code>[^/]+)/+)?(?P<method>[A-Za-z0-9_.]{1,100})/?"
)


@dataclass(frozen=True, slots=True)
class RestRequest:
    """`method` as sent, without suffix; `user` and `code` are those of a webhook's address, else empty.
    `malformed`: a body that REST 3 does not read. `xml`: the answer is to be XML. `host` is the Host header, `uri` path
    and query as they were sent."""

    method: str
    user: str = ""
    code: str = field(default="", repr=False)
    v3: bool = False
    params: Mapping[str, object] = field(default_factory=dict, repr=False)
    malformed: bool = False
    xml: bool = False
    host: str = ""
    uri: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """`error` is the code for the list of calls. `delay_s`: real seconds before it is sent. `drop`: the connection is
    cut instead. `truncate`: only so many bytes of the body are sent."""

    status: int
    body: bytes
    content_type: str = JSON_TYPE
    headers: tuple[tuple[str, str], ...] = ()
    error: str | None = None
    delay_s: float = 0.0
    drop: bool = False
    truncate: int | None = None


def read(environ: "WSGIEnvironment") -> RestRequest | None:
    """The REST request, or None if the address is not a REST address."""
    found = _PATH.fullmatch(environ["PATH_INFO"])
    if not found:
        return None
    v3, name = bool(found["v3"]), found["method"]
    params = _json_parameters(environ) if v3 else parameters(environ)
    xml = not v3 and name.lower().endswith(_XML)
    return RestRequest(
        method=name[: -len(_XML)] if xml else method_name(name),
        user=found["user"] or "",
        code=found["code"] or "",
        v3=v3,
        params=params or {},
        malformed=params is None,
        xml=xml,
        host=environ.get("HTTP_HOST", ""),
        uri=environ["RAW_URI"],
    )


def parameters(environ: "WSGIEnvironment") -> dict[str, object]:
    """The parameters in the query and the body; this reads the body, whose values replace those of the query."""
    return {**php.decode_query(environ.get("QUERY_STRING", "")), **_body(environ)}


def method_name(text: str) -> str:
    """A method's name without the suffix that asks for JSON."""
    return text[: -len(".json")] if text.lower().endswith(".json") else text


def success(result: object, time: Mapping[str, object], more: Mapping[str, object] = _NOTHING) -> Reply:
    """The body of an answer; `more` is what a list has between its result and its time (bitrix24.md 2.5)."""
    return Reply(200, encode({"result": result, **more, "time": time}))


def failure(status: int, code: str, description: str, *, v3: bool = False, field: str = "") -> Reply:
    """The error body; REST 3 has an object where the classic one has a code (bitrix24.md 2.7), and in it the `field`
    that is wrong."""
    if v3:
        validation = [{"message": f"Required field `{field}` is not specified", "field": field}]
        error = {"code": code, "message": description, **({"validation": validation} if field else {})}
        return Reply(status, encode({"error": error}), error=code)
    return Reply(status, encode({"error": code, "error_description": description}), error=code)


def as_xml(reply: Reply) -> Reply:
    """The same answer as XML: an element for each key, `item` for each number, values as PHP casts them. Its shape is
    documented nowhere but for the name of the suffix (bitrix24.md 2.1)."""
    if reply.content_type != JSON_TYPE or reply.truncate is not None:
        return reply
    try:
        elements = _elements(json.loads(reply.body))
    except ValueError:
        return reply
    body = f'<?xml version="1.0" encoding="UTF-8"?><response>{elements}</response>'
    return replace(reply, body=body.encode(), content_type=XML_TYPE)


def _elements(value: object) -> str:
    if not isinstance(value, (Mapping, list)):
        return escape(php.text(value))
    named = (("item" if php.whole(key) is not None else key, item) for key, item in php.entries(value).items())
    return "".join(f"<{name}>{_elements(item)}</{name}>" for name, item in named)


def from_any_origin(reply: Reply) -> Reply:
    """The reply with the header by which a browser passes it on to a page of another origin, as applications' are."""
    return replace(reply, headers=(*reply.headers, ("Access-Control-Allow-Origin", "*")))


def preflight() -> Reply:
    """The reply to a browser that asks if a page may send JSON; without it, pages could send forms only."""
    return Reply(200, b"", HTML_TYPE, headers=(("Access-Control-Allow-Headers", "origin, content-type, accept"),))


def status_line(status: int) -> str:
    """The status as WSGI expects it; a fault may name one that HTTP does not define."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"{status} Unknown"


def encode(value: object) -> bytes:
    """JSON without spaces and with escaped non-ASCII letters, as PHP writes it."""
    return json.dumps(value, separators=(",", ":")).encode()


def page(status: int, text: str = "") -> Reply:
    """A page for people, with the meaning of the status unless another text is given."""
    heading = text or status_line(status)
    html = f"<html><head><title>{heading}</title></head><body><h1>{heading}</h1></body></html>"
    return Reply(status, html.encode(), HTML_TYPE)


def not_allowed(*verbs: str) -> Reply:
    """The page for a verb that is not among these."""
    return replace(page(405), headers=(("Allow", ", ".join(verbs)),))


def redirect(location: str) -> Reply:
    return Reply(302, b"", HTML_TYPE, headers=(("Location", location),))


def _content_type(environ: "WSGIEnvironment") -> str:
    text: str = environ.get("CONTENT_TYPE", "")
    return text.partition(";")[0].strip().lower()


def _json_parameters(environ: "WSGIEnvironment") -> dict[str, object] | None:
    """The parameters as REST 3 reads them: of a JSON body only, and never of the query; None if it is no JSON."""
    content: bytes = environ["wsgi.input"].read()
    if not content:
        return {}
    if _content_type(environ) != _JSON:
        return None
    try:
        return php.entries(json_text.read(content))
    except ValueError:
        return None


def _body(environ: "WSGIEnvironment") -> Mapping[str, object]:
    kind = _content_type(environ)
    content: bytes = environ["wsgi.input"].read()
    if kind == _JSON:
        return json_object(content)
    if kind == "multipart/form-data":
        form = parse_form_data({**environ, "wsgi.input": io.BytesIO(content)})[1]
        return php.decode_pairs(form.items(multi=True))
    return php.decode_query(content.decode(errors="replace")) if content else {}


def json_object(content: bytes | str) -> dict[str, object]:
    """The parameters in a JSON body; PHP reads none from a body that is not JSON."""
    try:
        return php.entries(json_text.read(content))
    except ValueError:
        return {}
