"""What a client of Bitrix24 asks of us, in the platform's own format: a key, a method, its parameters (design 3.2)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from chat_lookup.errors import BodyTooLarge
from chat_lookup.http import php_arrays
from chat_lookup.http.requests import Event, body_of, headers_of

LARGEST_BODY: Final = 1024 * 1024
_WAY: Final = re.compile(r"/*(?:[0-9]{1,19}/+(?P<key>[^/]+)/+)?(?P<method>[^/]+)/*")
"""`{method}` with `auth`, or `{user}/{KEY}/{method}` as an inbound webhook's address has it (bitrix24.md 2.1).

Some SDKs put slashes around the method of an address that ends in one.
"""
_METHOD: Final = re.compile(r"[A-Za-z0-9_.]{1,100}")
_AUTH: Final = "auth"
_BOUNDARY: Final = re.compile(r'(?i)\bboundary="?([^";]{1,70})')
_NAMED: Final = re.compile(rb'(?i)\r\ncontent-disposition:[^\r\n]*[;\s]name="([^"\r\n]*)"')
_OF_A_FILE: Final = re.compile(rb"(?i)[;\s]filename\*?=")


@dataclass(frozen=True, slots=True)
class RestCall:
    """One method as it was written, empty for what cannot be one, and its parameters, without what opens anything."""

    method: str
    params: Mapping[str, object] = field(repr=False)

    @property
    def folded(self) -> str:
        """The method's name, compared in any case (bitrix24.md 2.3)."""
        return self.method.lower()


@dataclass(frozen=True, slots=True)
class RestRequest:
    """A call and the key that came with it."""

    key: str | None = field(repr=False)
    call: RestCall


def read(event: Event) -> RestRequest:
    """The request in an event of the gateway's. Raises `InvalidRequest` and `BodyTooLarge`.

    Of parameters in both, those of the body count. A key in the address goes before one among the parameters.
    """
    found = _WAY.fullmatch(str((event.get("pathParameters") or {}).get("proxy") or ""))
    params = php_arrays.decode_query(str(event.get("rawQueryString") or "")) | _body_params(event)
    key = (found and found["key"]) or php_arrays.text(php_arrays.folded(params).get(_AUTH)) or None
    return RestRequest(key, call_of(found["method"] if found else "", params))


def call_of(written: str, params: Mapping[str, object]) -> RestCall:
    """A call of a method as an address or a batch's command names it; its answer is JSON, asked for or not."""
    method = written[: -len(".json")] if written.lower().endswith(".json") else written
    # Our key must not reach the portal, nor may another token take the place of the portal's own.
    admitted = {name: value for name, value in params.items() if name.lower() != _AUTH}
    return RestCall(method if _METHOD.fullmatch(method) else "", admitted)


def _body_params(event: Event) -> php_arrays.Array:
    body = body_of(event)
    if len(body) > LARGEST_BODY:
        raise BodyTooLarge
    content_type = headers_of(event).get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        return php_arrays.decode_json(body)
    if kind == "multipart/form-data":
        return _multipart(content_type, body)
    return php_arrays.decode_query(body.decode(errors="replace"))


def _multipart(content_type: str, body: bytes) -> php_arrays.Array:
    """The texts among the parts; files are no parameters of any method here."""
    boundary = _BOUNDARY.search(content_type)
    if boundary is None:
        return {}
    _, *parts = (b"\r\n" + body).split(f"\r\n--{boundary[1]}".encode(errors="replace"))
    return php_arrays.decode_pairs(_texts(parts))


def _texts(parts: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    for part in parts:
        head, _, content = part.partition(b"\r\n\r\n")
        named = _NAMED.search(head)
        if named is not None and not _OF_A_FILE.search(head):
            yield named[1].decode(errors="replace"), content.decode(errors="replace")
