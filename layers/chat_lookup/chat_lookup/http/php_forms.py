"""Bodies and queries that a portal sends: PHP's brackets unfolded into maps (bitrix24.md 5.1, 5.2, 5.6).

JSON, which a sample of the documents shows for the same events, is read to the same maps of texts.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NoReturn, TypeAlias

FormValue: TypeAlias = "str | Form"
Form: TypeAlias = dict[str, "FormValue"]
"""Lists and maps alike: PHP has one array for both, and maps by id must not become lists (bitrix24.md 5.2)."""

_NAME: Final = re.compile(r"[^\[\]]+(?:\[[^\[\]]*\])*")
_OFTEN_ESCAPED: Final = (("%5B", "["), ("%5D", "]"), ("%2F", "/"), ("%3A", ":"), ("%2C", ","), ("%7C", "|"))
"""What PHP escapes in names, addresses and ids. None of it separates fields or begins an escape."""
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
    return _from_json(text, limits) if _is_json(content_type) else _from_form(text, limits)


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

    def at(self, way: Iterable[str]) -> "_Map":
        """The array at the end of a way through arrays, made where it is missing."""
        array = self
        for written in way:
            found = array.get(written)
            if found is None:
                found = array[array.key(written)] = _Map()
            if not isinstance(found, _Map):
                raise FormRefused(Bound.CONFLICT)
            array = found
        return array

    def put(self, key: str, value: str) -> None:
        if isinstance(self.get(key), _Map):
            raise FormRefused(Bound.CONFLICT)
        self[key] = value


def _from_form(text: str, limits: Limits) -> Form:
    if text.count("&") >= limits.fields:
        raise FormRefused(Bound.FIELDS)
    # All at once these cost a tenth of what they cost one by one.
    for escaped, plain in _OFTEN_ESCAPED:
        text = text.replace(escaped, plain)
    form = _Map()
    arrays: dict[str, _Map] = {}
    for part in text.split("&"):
        name, _, value = part.partition("=")
        if not name:
            continue
        if "%" in part or "+" in part:
            name, value = _unquoted(name), _unquoted(value)
        # Most names have a neighbour that was read before; only their last key is new.
        above, _, last = name.rpartition("[")
        array, key = arrays.get(above), last[:-1]
        if array is None or last != f"{key}]" or not key.isidentifier() or len(key) > limits.key_length:
            array, key = _place(name, form, arrays, limits)
        array.put(key, value)
    return form


def _place(name: str, form: _Map, arrays: dict[str, _Map], limits: Limits) -> tuple[_Map, str]:
    """The array that a name leads to, and the key there; kept for the names that follow."""
    *way, last = _way(name, limits)
    array = form.at(way)
    # Empty brackets name another array each time.
    if way and "" not in way:
        arrays[name.rpartition("[")[0]] = array
    return array, array.key(last)


def _way(name: str, limits: Limits) -> list[str]:
    """`a[b][]` is `["a", "b", ""]`. PHP repairs names (`a.b`, `a[b`); here they stay, or are refused."""
    if name.count("[") >= limits.depth:
        raise FormRefused(Bound.DEPTH)
    if not _NAME.fullmatch(name):
        raise FormRefused(Bound.NAME)
    return _bounded(name.replace("]", "").split("["), limits)


def _bounded(way: list[str], limits: Limits) -> list[str]:
    if max(map(len, way)) > limits.key_length:
        raise FormRefused(Bound.KEY_LENGTH)
    return way


def _from_json(text: str, limits: Limits) -> Form:
    parsed = _parsed(text)
    if not isinstance(parsed, dict):
        raise FormRefused(Bound.JSON)
    form = _Map()
    for count, (way, value) in enumerate(_leaves(parsed, [], limits)):
        if count >= limits.fields:
            raise FormRefused(Bound.FIELDS)
        if not all(map(_is_text, (*way, value))):
            raise FormRefused(Bound.ENCODING)
        *above, last = _bounded(way, limits)
        array = form.at(above)
        array.put(array.key(last), value)
    return form


def _leaves(value: object, way: list[str], limits: Limits) -> Iterator[tuple[list[str], str]]:
    """Each value with its way."""
    if isinstance(value, list):
        value = {str(position): item for position, item in enumerate(value)}
    if not isinstance(value, dict):
        yield way, _CASTS.get(value, str(value))
        return
    if value and len(way) >= limits.depth:
        raise FormRefused(Bound.DEPTH)
    for key, item in value.items():
        yield from _leaves(item, [*way, key], limits)


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
