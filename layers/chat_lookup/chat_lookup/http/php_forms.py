"""Bodies and queries that a portal sends: PHP's brackets unfolded into maps (bitrix24.md 5.1, 5.2, 5.6).

JSON, which a sample of the documents shows for the same events, is read to the same maps of texts.
"""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NoReturn, TypeAlias

from chat_lookup.http.php_keys import PhpArray, key_between

FormValue: TypeAlias = "str | Form"
Form: TypeAlias = dict[str, "FormValue"]
"""Lists and maps alike: PHP has one array for both, and maps by id must not become lists (bitrix24.md 5.2)."""

_OFTEN_ESCAPED: Final = (("%5B", "["), ("%5D", "]"), ("%2F", "/"), ("%3A", ":"), ("%2C", ","), ("%7C", "|"))
"""What PHP escapes in names, addresses and ids. None of it separates fields or begins an escape."""
_ESCAPES: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_LONGEST_ESCAPE: Final = 12
"""Of one character: four bytes of UTF-8."""
_BEFORE_VALUES: Final = (",", "[", "{")
_TO_A_VALUE: Final = 8
"""Commas and brackets for each value of a JSON body, with those in texts."""
_HALVES: Final = ("\\ud", "\\uD")
"""Half of a pair begins so in JSON; it is the only way in which a body of UTF-8 can hold one."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a body: `size` in bytes; `fields` with a value; `maps` that lead to them, without those that an
    earlier name led to; `depth` of nesting; `key_length` in characters; `escapes` in all names together, without those
    that PHP writes often; `values` in JSON, fewer than fields: of a form these cost bytes, there next to nothing
    (docs/decisions/012).
    """

    size: int = 1024 * 1024
    fields: int = 1000
    maps: int = 800
    depth: int = 8
    key_length: int = 200
    escapes: int = 1000
    values: int = 400


LIMITS: Final = Limits()
"""Far above any event: version 1 takes 60 to 110 fields in 3 to 6 KB (bitrix24.md 5.1)."""


class FormBound(StrEnum):
    """The bounds that a body may exceed, and other faults of it."""

    SIZE = "too many bytes"
    FIELDS = "too many fields"
    MAPS = "too many maps of fields"
    DEPTH = "nested too deep"
    KEY_LENGTH = "a name is too long"
    ESCAPES = "too many escapes in names"
    ENCODING = "not UTF-8"
    NAME = "brackets in a name do not match"
    CONFLICT = "a name has both a value and a map"
    INDEX = "an array has no next index"
    JSON = "not an object of JSON"


class FormRefused(ValueError):
    """A body or query that is refused. `bound` is the reason; nothing of the body is quoted."""

    def __init__(self, bound: FormBound) -> None:
        super().__init__(bound.value)
        self.bound = bound


def decode(body: bytes, content_type: str = "", *, limits: Limits = LIMITS) -> Form:
    """A form as PHP reads it, `a[b][]=c` to `{"a": {"b": {"0": "c"}}}`; JSON if that is the content type.

    Of names that repeat the last one counts. In JSON numbers stay as they are written, true is "1", false "0", null
    "", and empty lists and maps are dropped: as if PHP had sent it as a form. Raises `FormRefused`.
    """
    if len(body) > limits.size:
        raise FormRefused(FormBound.SIZE)
    text = _text(body)
    return _from_json(text, limits) if _is_json(content_type) else _from_form(text, limits)


def decode_query(query: str, *, limits: Limits = LIMITS) -> Form:
    """A raw query string, read as a form. Raises `FormRefused`."""
    if not _is_text(query):
        raise FormRefused(FormBound.ENCODING)
    return decode(query.encode(), limits=limits)


class _Map(PhpArray[FormValue]):
    """A form, or a map in it."""


class _Unfolding:
    """The maps that the names of one form unfold to, within bounds."""

    def __init__(self, limits: Limits) -> None:
        self.form = _Map()
        self._limits = limits
        self._maps_left = limits.maps
        self._escapes_left = limits.escapes
        self._longest = limits.depth * (limits.key_length * _LONGEST_ESCAPE + len("[]"))
        self._known: dict[str, _Map] = {}
        """Maps by their names as written, without parsing their keys."""

    def put(self, name: str, value: str) -> None:
        """Set a field. Its map is looked up by the whole name above the last key, as added by an earlier field."""
        above, bracket, last = name.rpartition("[")
        if bracket:
            array = self._known.get(above)
            if array is None:
                array = self._map(above)
            key = self._between(last)
            if not key or array.numbered:
                key = _key(array, key)
        else:
            array, key = self.form, self._root(name)
        if isinstance(array.get(key), _Map):
            raise FormRefused(FormBound.CONFLICT)
        array[key] = value

    def unquoted(self, name: str) -> str:
        """A name without escapes."""
        self._escapes_left -= name.count("%")
        if self._escapes_left < 0:
            raise FormRefused(FormBound.ESCAPES)
        if len(name) > self._longest:
            raise FormRefused(FormBound.KEY_LENGTH)
        return _unquoted(name)

    def _root(self, name: str) -> str:
        """The variable before brackets. PHP repairs names (`a.b`, `a[b`); here they stay unchanged, or are refused."""
        if not name or "]" in name:
            raise FormRefused(FormBound.NAME)
        if len(name) > self._limits.key_length:
            raise FormRefused(FormBound.KEY_LENGTH)
        return name

    def _between(self, rest: str) -> str:
        """The key before the closing bracket at the end."""
        key = rest[:-1]
        if not rest.endswith("]") or "]" in key:
            raise FormRefused(FormBound.NAME)
        if len(key) > self._limits.key_length:
            raise FormRefused(FormBound.KEY_LENGTH)
        return key_between(key)

    def _map(self, name: str) -> _Map:
        """The map that a name leads to, created if missing, and remembered by its name."""
        if name.count("[") + 1 >= self._limits.depth:
            raise FormRefused(FormBound.DEPTH)
        above, _, last = name.rpartition("[")
        array = self._known.get(above)
        if array is not None:
            return self._inner(array, self._between(last), name)
        root, *rest = name.split("[")
        keys = [self._root(root), *map(self._between, rest)]
        array, last_key = self.form, keys.pop()
        for key in keys:
            array = self._inner(array, key)
        if above and "" not in keys:
            self._known[above] = array
        return self._inner(array, last_key, "" if "" in keys else name)

    def _inner(self, array: _Map, key: str, name: str = "") -> _Map:
        """The map under a key of another, created if missing, and remembered if it has a name."""
        self._maps_left -= 1
        if self._maps_left < 0:
            raise FormRefused(FormBound.MAPS)
        found = array.get(key) if key else None
        if found is None:
            if not key or array.numbered:
                # Another map each time, which has no name.
                key, name = _key(array, key), name if key else ""
            found = array[key] = _Map()
        elif not isinstance(found, _Map):
            raise FormRefused(FormBound.CONFLICT)
        if name:
            self._known[name] = found
        return found


def _key(array: _Map, name: str) -> str:
    key = array.key(name)
    if key is None:
        raise FormRefused(FormBound.INDEX)
    return key


def _from_form(text: str, limits: Limits) -> Form:
    if text.count("&") >= limits.fields:
        raise FormRefused(FormBound.FIELDS)
    if "%" in text:
        # Replacing all at once costs a tenth of replacing one by one.
        for escaped, plain in _OFTEN_ESCAPED:
            text = text.replace(escaped, plain)
    unfolding = _Unfolding(limits)
    for part in text.split("&"):
        name, _, value = part.partition("=")
        if not name:
            continue
        if "%" in part or "+" in part:
            name, value = unfolding.unquoted(name), _unquoted(value)
        unfolding.put(name, value)
    return unfolding.form


def _from_json(text: str, limits: Limits) -> Form:
    parsed = _parsed(text, limits)
    if not isinstance(parsed, dict):
        raise FormRefused(FormBound.JSON)
    reading = _JsonReading(limits, may_hold_halves=any(half in text for half in _HALVES))
    return reading.map_of(parsed)


class _JsonReading:
    """The maps of one JSON body, within bounds."""

    def __init__(self, limits: Limits, *, may_hold_halves: bool) -> None:
        self._limits = limits
        self._left = min(limits.fields, limits.values)
        self._may_hold_halves = may_hold_halves

    def map_of(self, value: Mapping[str, object], depth: int = 0) -> _Map:
        """The map of an object or list, `depth` levels down."""
        if value and depth >= self._limits.depth:
            raise FormRefused(FormBound.DEPTH)
        made = _Map()
        for name, each in value.items():
            self._count(name)
            read = self._value(each, depth + 1)
            if read or isinstance(read, str):
                _put(made, name, read)
        return made

    def _value(self, value: object, depth: int) -> FormValue:
        if isinstance(value, list):
            value = {str(position): item for position, item in enumerate(value)}
        return self.map_of(value, depth) if isinstance(value, dict) else self._text(value)

    def _count(self, name: str) -> None:
        self._left -= 1
        if self._left < 0:
            raise FormRefused(FormBound.FIELDS)
        if len(name) > self._limits.key_length:
            raise FormRefused(FormBound.KEY_LENGTH)
        self._check(name)

    def _text(self, value: object) -> str:
        text = value if isinstance(value, str) else _CASTS.get(value, "")
        self._check(text)
        return text

    def _check(self, text: str) -> None:
        if self._may_hold_halves and not _is_text(text):
            raise FormRefused(FormBound.ENCODING)


def _put(array: _Map, name: str, value: FormValue) -> None:
    key = _key(array, name)
    if key in array and (isinstance(value, dict) or isinstance(array[key], dict)):
        raise FormRefused(FormBound.CONFLICT)
    array[key] = value


_CASTS: Final[Mapping[object, str]] = {True: "1", False: "0", None: ""}
"""As events write them (bitrix24.md 5.6). Numbers are texts from the start."""


# Each of the following raises outside of the `except`: the foreign exception would become the context of ours,
# and it contains the whole text with the tokens in it.


def _parsed(text: str, limits: Limits) -> object:
    # There are no more values than these. Commas and brackets in texts count as well: to leave them out takes a parser.
    if sum(map(text.count, _BEFORE_VALUES)) > _TO_A_VALUE * limits.values:
        raise FormRefused(FormBound.FIELDS)
    with suppress(ValueError, RecursionError):
        return json.loads(text, parse_int=str, parse_float=str, parse_constant=_refuse)
    raise FormRefused(FormBound.JSON)


def _refuse(constant: str) -> NoReturn:
    """NaN and Infinity are not JSON."""
    raise ValueError(constant)


def _text(body: bytes) -> str:
    with suppress(UnicodeDecodeError):
        return body.decode()
    raise FormRefused(FormBound.ENCODING)


def _unquoted(text: str) -> str:
    """The same as `unquote_plus`, a run of escapes at a time."""
    text = text.replace("+", " ")
    if "%" not in text:
        return text
    try:
        return _ESCAPES.sub(_unescaped, text)
    except UnicodeDecodeError:
        pass
    raise FormRefused(FormBound.ENCODING)


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
