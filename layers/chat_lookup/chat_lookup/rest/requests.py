"""Requests in the platform's format: a key, a method, its parameters (design 3.2)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from chat_lookup.errors import BodyTooLarge
from chat_lookup.http import php_arrays
from chat_lookup.http.requests import Event, bearer_of, body_of, headers_of
from chat_lookup.rest import key_search, multipart
from chat_lookup.rest.errors import NO_REST_3, NO_XML, UNREADABLE_BODY, Refusal

LARGEST_BODY: Final = 1024 * 1024
_WAY: Final = re.compile(r"/*+(?P<api>api/++)?(?:[0-9]{1,19}/++(?P<key>[^/]++)/++)?(?P<method>[^/]++)/*+")
"""`{method}` with `auth`, or `{user}/{KEY}/{method}` as an inbound webhook's address has it; `api/` before either is
REST 3 (bitrix24.md 2.1).

Some SDKs put slashes around the method of an address that ends in one.
"""
_METHOD: Final = re.compile(r"[A-Za-z0-9_.]{1,100}")
_JSON: Final = "application/json"
_PARTS: Final = "multipart/form-data"
_READ: Final = frozenset({"", _JSON, _PARTS, "application/x-www-form-urlencoded", "text/plain"})
"""Media types of bodies that are read; all but two as a form, as which PHP reads what names no type."""
_MARKUP: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*+<")


@dataclass(frozen=True, slots=True)
class RestCall:
    """One method as written, empty for an invalid name, and its parameters without keys and tokens."""

    method: str
    params: Mapping[str, object] = field(repr=False)

    @property
    def folded(self) -> str:
        """The method's name, compared in any case (bitrix24.md 2.3)."""
        return self.method.lower()


@dataclass(frozen=True, slots=True)
class RestRequest:
    """A call, or the refusal of a form of requests that is not served; and the key."""

    key: str | None = field(repr=False)
    call: RestCall | Refusal


def is_preflight(event: Event) -> bool:
    """Whether a browser asks if it may send a request; it asks without a key."""
    http = (event.get("requestContext") or {}).get("http") or {}
    return str(http.get("method") or "").upper() == "OPTIONS"


def key_of(event: Event) -> str | None:
    """The key in a request, to be checked before the request is read. Raises as `read`.

    The body is not searched where address or header contain a key. Otherwise it is, at a cost bounded by its bytes
    (docs/decisions/012). Which key counts is known when the whole request is read.
    """
    return _key_before_parameters(event) or _key_in_body(event) or key_search.in_form(_query(event))


def read(event: Event) -> RestRequest:
    """The request in an event of the gateway's, whole. Raises `InvalidRequest` and `BodyTooLarge`.

    Of parameters in both query and body, the body's count. Of several keys the first of these counts: in the path, in
    `Authorization: Bearer`, among the parameters (docs/decisions/023).
    """
    unserved = _unserved(event)
    if unserved is not None:
        return RestRequest(key_of(event), unserved)
    found = _found(event)
    params = php_arrays.decode_query(_query(event)) | _body_params(event)
    key = _key_before_parameters(event) or key_search.among(params)
    return RestRequest(key, call_of(found["method"] if found else "", params))


def call_of(written: str, params: Mapping[str, object]) -> RestCall:
    """A call of a method as an address or a batch's command names it; `.json` is dropped, responses are always JSON."""
    method = written[: -len(".json")] if written.lower().endswith(".json") else written
    # Our key must not reach the portal, and no other token may replace the portal's own, under any name that PHP reads
    # as such a parameter's.
    admitted = {name: value for name, value in params.items() if not key_search.opens(name, value)}
    return RestCall(method if _METHOD.fullmatch(method) else "", admitted)


def _found(event: Event) -> re.Match[str] | None:
    return _WAY.fullmatch(str((event.get("pathParameters") or {}).get("proxy") or ""))


def _key_before_parameters(event: Event) -> str | None:
    """The key in the address or in the header: proxies of a client's network may add a header of their own."""
    found = _found(event)
    return (found and found["key"]) or bearer_of(headers_of(event)) or None


def _unserved(event: Event) -> Refusal | None:
    """The refusal of a form of requests that is not served, which would end in an empty result if it was ignored."""
    found = _found(event)
    if found is not None and found["api"]:
        return NO_REST_3
    if found is not None and found["method"].lower().endswith(".xml"):
        return NO_XML
    return None if _is_readable(event) else UNREADABLE_BODY


def _is_readable(event: Event) -> bool:
    """Whether the body, if there is one, is in a format that is read, valid or not (bitrix24.md 2.3)."""
    kind, body, _ = _body(event)
    if not body:
        return True
    if kind not in _READ or headers_of(event).get("content-encoding", "identity").lower() != "identity":
        return False
    if kind == _JSON and not _is_utf_8(body):
        return False
    return kind == _PARTS or not _MARKUP.match(body)


def _is_utf_8(body: bytes) -> bool:
    """Whether a body of JSON is in UTF-8, in which no JSON contains a NUL; in UTF-16 and UTF-32 all JSON does."""
    try:
        return b"\0" not in body and bool(body.decode())
    except UnicodeDecodeError:
        return False


def _query(event: Event) -> str:
    return str(event.get("rawQueryString") or "")


def _body(event: Event) -> tuple[str, bytes, str]:
    """The body's media type, its bytes, and the full content type. Raises `BodyTooLarge`."""
    body = body_of(event)
    if len(body) > LARGEST_BODY:
        raise BodyTooLarge
    content_type = headers_of(event).get("content-type", "")
    return content_type.partition(";")[0].strip().lower(), body, content_type


def _key_in_body(event: Event) -> str | None:
    kind, body, content_type = _body(event)
    if kind.endswith("json"):
        return key_search.in_json(body)
    if kind == _PARTS:
        return key_search.in_parts(content_type, body)
    return key_search.in_form(body.decode("latin-1"))


def _body_params(event: Event) -> php_arrays.Array:
    kind, body, content_type = _body(event)
    if kind == _JSON:
        return php_arrays.decode_json(body)
    if kind == _PARTS:
        texts = multipart.texts(content_type, body)
        return php_arrays.decode_pairs((name, text.decode(errors="replace")) for name, text in texts)
    return php_arrays.decode_query(body.decode(errors="replace"))
