"""Bodies and queries that a portal sends: PHP's brackets unfolded into maps (bitrix24.md 5.1, 5.2, 5.6).

JSON, which a sample of the documents shows for the same events, is read to the same maps of texts.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final, NoReturn, TypeAlias

FormValue: TypeAlias = "str | Form"
Form: TypeAlias = dict[str, "FormValue"]
"""Lists and maps alike: PHP has one array for both, and maps by id must not become lists (bitrix24.md 5.2)."""

_Field: TypeAlias = tuple[tuple[str, ...], str]
"""The way to a value, and the value."""

_NAME: Final = re.compile(r"[^\[\]]+(?:\[[^\[\]]*\])*")
_OFTEN_ESCAPED: Final = (("%5B", "["), ("%5D", "]"), ("%2F", "/"), ("%3A", ":"), ("%2C", ","), ("%7C", "|"))
"""What PHP escapes in names, addresses and ids. None of it separates fields or begins an escape."""
_WAYS_KEPT: Final = 1000
"""Names that are known from the event before: it had nearly the same."""
_ESCAPES: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds: `size` in bytes, `fields` with a value, `depth` of nesting, `key_length` in characters."""

    size: int = 1024 * 1024
    fields: int = 1000
    depth: int = 8
    key_length: int = 200


LIMITS: Final = Limits()
"""Far above any event: version 1 takes 60 to 110 fields in 3 to 6 KB (bitrix24.md 5.1)."""


class Bound(StrEnum):
    """What a body may break."""

    SIZE = "too many bytes"
    FIELDS = "too many fields"
    DEPTH = "nested too deep"
    KEY_LENGTH = "a name is too long"
    ENCODING = "not UTF-8"
    NAME = "brackets in a name do not match"
    CONFLICT = "a name stands for a value and for a map"
    JSON = "not an object of JSON"


class FormRefused(ValueError):
    """A body or query that is not read. `bound` says why; nothing of it is quoted."""

    def __init__(self, bound: Bound) -> None:
        super().__init__(bound.value)
        self.bound = bound


def decode(body: bytes, content_type: str = "", *, limits: Limits = LIMITS) -> Form:
    """A form as PHP reads it, `a[b][]=c` to `{"a": {"b": {"0": "c"}}}`; JSON where the content type says so.

    Of names that repeat the last one counts. In JSON numbers stay as they are written, true is "1", false "0", null
    "", and empty lists and maps vanish: as if PHP had sent it as a form. Raises `FormRefused`.
    """
    if len(body) > limits.size:
        raise FormRefused(Bound.SIZE)
    text = _text(body)
    fields = _json_fields(text, limits) if _is_json(content_type) else _form_fields(text, limits)
    return _unfolded(fields, limits)


def decode_query(query: str, *, limits: Limits = LIMITS) -> Form:
    """A raw query string, read as a form. Raises `FormRefused`."""
    if not _is_text(query):
        raise FormRefused(Bound.ENCODING)
    return decode(query.encode(), limits=limits)


class _Map(dict[str, FormValue]):
    """An array of PHP: it knows the number that an empty pair of brackets stands for."""

    __slots__ = ("_next",)

    def __init__(self) -> None:
        super().__init__()
        self._next = 0

    def key(self, written: str) -> str:
        key = written or str(self._next)
        if key[0].isdecimal() and _INDEX.fullmatch(key):
            self._next = max(self._next, int(key) + 1)
        return key

    def inner(self, written: str) -> "_Map":
        found = self.get(written)
        if found is None:
            found = self[self.key(written)] = _Map()
        if not isinstance(found, _Map):
            raise FormRefused(Bound.CONFLICT)
        return found

    def put(self, written: str, value: str) -> None:
        key = self.key(written)
        if isinstance(self.get(key), _Map):
            raise FormRefused(Bound.CONFLICT)
        self[key] = value


def _unfolded(fields: Iterable[_Field], limits: Limits) -> Form:
    form = array = _Map()
    last: tuple[str, ...] = ()
    for count, (way, value) in enumerate(fields):
        if count >= limits.fields:
            raise FormRefused(Bound.FIELDS)
        above = way[:-1]
        # Neighbours mostly stand in the same array. Empty brackets name another one each time.
        if above != last or "" in above:
            array, last = form, above
            for key in above:
                array = array.inner(key)
        array.put(way[-1], value)
    return form


def _form_fields(text: str, limits: Limits) -> Iterator[_Field]:
    if text.count("&") >= limits.fields:
        raise FormRefused(Bound.FIELDS)
    # All at once these cost a tenth of what they cost one by one.
    for escaped, plain in _OFTEN_ESCAPED:
        text = text.replace(escaped, plain)
    for part in text.split("&"):
        name, _, value = part.partition("=")
        if name:
            yield _way(_unquoted(name), limits), _unquoted(value)


@lru_cache(_WAYS_KEPT)
def _way(name: str, limits: Limits) -> tuple[str, ...]:
    """`a[b][]` is `("a", "b", "")`. PHP repairs names (`a.b`, `a[b`); here they stay, or are refused."""
    if name.count("[") >= limits.depth:
        raise FormRefused(Bound.DEPTH)
    if not _NAME.fullmatch(name):
        raise FormRefused(Bound.NAME)
    return _bounded(tuple(name.replace("]", "").split("[")), limits)


def _bounded(way: tuple[str, ...], limits: Limits) -> tuple[str, ...]:
    if max(map(len, way)) > limits.key_length:
        raise FormRefused(Bound.KEY_LENGTH)
    return way


def _json_fields(text: str, limits: Limits) -> Iterator[_Field]:
    parsed = _parsed(text)
    if not isinstance(parsed, dict):
        raise FormRefused(Bound.JSON)
    return _leaves(parsed, (), limits)


def _leaves(value: object, way: tuple[str, ...], limits: Limits) -> Iterator[_Field]:
    if isinstance(value, list):
        value = {str(position): item for position, item in enumerate(value)}
    if not isinstance(value, dict):
        text = _CASTS.get(value, str(value))
        if not all(map(_is_text, (*way, text))):
            raise FormRefused(Bound.ENCODING)
        yield _bounded(way, limits), text
        return
    if value and len(way) >= limits.depth:
        raise FormRefused(Bound.DEPTH)
    for key, item in value.items():
        yield from _leaves(item, (*way, key), limits)


_CASTS: Final[Mapping[object, str]] = {True: "1", False: "0", None: ""}
"""As events write them (bitrix24.md 5.6). Numbers are texts from the start."""


# Each of the following raises outside of the `except`: the foreign exception would hang on to ours as its context,
# and it holds the whole text with the tokens in it.


def _parsed(text: str) -> object:
    with suppress(ValueError, RecursionError):
        return json.loads(text, parse_int=str, parse_float=str, parse_constant=_refuse)
    raise FormRefused(Bound.JSON)


def _refuse(constant: str) -> NoReturn:
    """NaN and Infinity are not JSON."""
    raise ValueError(constant)


def _text(body: bytes) -> str:
    with suppress(UnicodeDecodeError):
        return body.decode()
    raise FormRefused(Bound.ENCODING)


def _unquoted(text: str) -> str:
    """The same as `unquote_plus`, a run of escapes at a time."""
    text = text.replace("+", " ")
    if "%" not in text:
        return text
    with suppress(UnicodeDecodeError):
        return _ESCAPES.sub(_unescaped, text)
    raise FormRefused(Bound.ENCODING)


def _unescaped(run: re.Match[str]) -> str:
    return bytes.fromhex(run[0].replace("%", "")).decode()


def _is_text(text: str) -> bool:
    """Whether UTF-8 can express it: half of a surrogate pair, which JSON can escape, is no text."""
    with suppress(UnicodeEncodeError):
        text.encode()
        return True
    return False


def _is_json(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower().endswith(("/json", "+json"))
