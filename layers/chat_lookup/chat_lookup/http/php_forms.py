"""Bodies and queries that a portal sends: PHP's brackets unfolded into maps (bitrix24.md 5.1, 5.2, 5.6).

JSON, which a sample of the documents shows for the same events, is read to the same maps of texts.

A body is read whole or not at all (`decode`), or only the fields that prove it are, and of the others as many as can
be read (`decode_in_part`, docs/decisions/018).
"""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from functools import cache
from typing import Final, NamedTuple, NoReturn, TypeAlias, cast
from urllib.parse import unquote_to_bytes

from chat_lookup.http.php_keys import PhpArray, key_between

FormValue: TypeAlias = "str | Form"
Form: TypeAlias = dict[str, "FormValue"]
"""Lists and maps alike: PHP has one array for both, and maps by id must not become lists (bitrix24.md 5.2)."""

_OFTEN_ESCAPED: Final = (("%5B", "["), ("%5D", "]"), ("%2F", "/"), ("%3A", ":"), ("%2C", ","), ("%7C", "|"))
"""What PHP escapes in names, addresses and ids. None of it separates fields or begins an escape."""
_ESCAPES: Final = re.compile(r"%[0-9A-Fa-f]{2}(?:%[0-9A-Fa-f]{2})*")
"""It begins with a character, for which a text is searched much faster than for a group."""
_LONGEST_ESCAPE: Final = 12
"""Of one character: four bytes of UTF-8."""
_BEFORE_VALUES: Final = (",", "[", "{")
_TO_A_VALUE: Final = 8
"""Commas and brackets for each value of a JSON body, with those in texts."""
_HALVES: Final = ("\\ud", "\\uD")
"""Half of a pair begins so in JSON; it is the only way in which a body of UTF-8 can hold one."""
_HALF: Final = re.compile("[\ud800-\udfff]")
_REPLACEMENT: Final = "\ufffd"
"""What Unicode has for bytes that are no text."""


class Limits(NamedTuple):
    """Bounds of a body: `size` in bytes; `fields` with a value; `maps` that lead to them, without those that an
    earlier name led to; `depth` of nesting; `key_length` in characters; `escapes` in all names together, without those
    that PHP writes often; `values` in JSON, fewer than fields: of a form these cost bytes, there next to nothing
    (docs/decisions/012); `faults` of a form read in part, after which no more of it is read: to find one costs more
    than to read a field.
    """

    size: int = 1024 * 1024
    fields: int = 1000
    maps: int = 800
    depth: int = 8
    key_length: int = 200
    escapes: int = 1000
    values: int = 400
    faults: int = 100


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


class PartialForm(NamedTuple):
    """A form in which every field that could be read is. `refused` is a fault of the fields that had to be whole, None
    if there is none; `dropped` counts the other fields that are left out."""

    form: Form
    refused: FormBound | None
    dropped: int


def decode_in_part(
    body: bytes, content_type: str = "", *, whole: frozenset[str], limits: Limits = LIMITS
) -> PartialForm:
    """The same, but a fault in a field is no refusal of the others.

    The variables in `whole` are read by the rules of `decode`, within bounds of their own. Of all others, a field that
    breaks a bound is dropped, bytes that are no UTF-8 become U+FFFD, and where a name has both a value and a map the
    last one counts, as in PHP. Raises `FormRefused` where no field can be read: too many bytes, or no object of JSON.
    """
    if len(body) > limits.size:
        raise FormRefused(FormBound.SIZE)
    # A byte that is no UTF-8 becomes half of a surrogate pair, which no text holds.
    text = body.decode(errors="surrogateescape")
    if _is_json(content_type):
        return _json_in_part(text, whole, limits, damaged=not _is_text(text))
    return _form_in_part(text, whole, limits, damaged=not _is_text(text))


def decode_query(query: str, *, limits: Limits = LIMITS) -> Form:
    """A raw query string, read as a form. Raises `FormRefused`."""
    if not _is_text(query):
        raise FormRefused(FormBound.ENCODING)
    return decode(query.encode(), limits=limits)


class _Map(PhpArray[FormValue]):
    """A form, or a map in it."""


class _Unfolding:
    """The maps that the names of one form unfold to, within bounds.

    The variables in `whole`, if any, are in the strict one of two such forms, and all others in the lenient one.
    `damaged` is whether the form may hold what is no text.
    """

    def __init__(
        self, limits: Limits, *, whole: frozenset[str] = frozenset(), lenient: bool = False, damaged: bool = False
    ) -> None:
        self.form = _Map()
        self._limits = limits
        self._whole = whole
        self._lenient = lenient
        self._damaged = damaged
        self._fields_left = limits.fields
        self._faults_left = limits.faults
        self._maps_left = limits.maps
        self._escapes_left = limits.escapes
        self._longest = limits.depth * (limits.key_length * _LONGEST_ESCAPE + len("[]"))
        self._known: dict[str, _Map] = {}
        """Maps by their names as written, without parsing their keys."""

    def fault_of(self, part: str) -> FormBound | None:
        """Set a field, if it can be read; else its fault: `FIELDS` where no further one is read."""
        if self._fields_left <= 0:
            return FormBound.FIELDS
        try:
            self.add(part)
        except FormRefused as error:
            self._faults_left -= 1
            if self._faults_left < 0:
                self._fields_left = 0
            return error.bound
        return None

    def add(self, part: str) -> None:
        """Set a field as it is written, `name=value`. One without a name is none, as in PHP."""
        name, _, value = part.partition("=")
        if not name:
            return
        self._fields_left -= 1
        if self._fields_left < 0:
            raise FormRefused(FormBound.FIELDS)
        if self._damaged or "%" in part or "+" in part:
            name, value = self._name(name), value and self._plain(value)
        self._put(name, value)

    def _put(self, name: str, value: str) -> None:
        """Set a field. Its map is looked up by the whole name above the last key, as added by an earlier field."""
        above, bracket, last = name.rpartition("[")
        if bracket:
            key = "" if last == "]" else self._between(last)  # for a list's field the call is an eighth of the cost
            array = self._known.get(above)
            if array is None:
                array = self._map(above)
            if not key or array.numbered:
                key = _key(array, key)
        else:
            array, key = self.form, self._root(name)
        if isinstance(array.get(key), _Map):
            self._replace()
            self._known.clear()  # of these, some lead to what is replaced
        array[key] = value

    def _replace(self) -> None:
        """Of a value and a map under one name the last one counts, as in PHP; or the form is refused."""
        if not self._lenient:
            raise FormRefused(FormBound.CONFLICT)

    def _name(self, name: str) -> str:
        """A name without escapes."""
        escapes = name.count("%")
        if escapes > self._escapes_left:
            raise FormRefused(FormBound.ESCAPES)
        if len(name) > self._longest:
            raise FormRefused(FormBound.KEY_LENGTH)
        self._escapes_left -= escapes
        return self._plain(name)

    def _plain(self, text: str) -> str:
        if self._lenient:
            return _repaired(text)
        plain = _unquoted(text)
        if self._damaged:
            _check(plain)
        return plain

    def _root(self, name: str) -> str:
        """The variable before brackets. PHP repairs names (`a.b`, `a[b`); here they stay unchanged, or are refused."""
        if not name or "]" in name or (self._whole and (name in self._whole) is self._lenient):
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
        if self._maps_left <= 0:
            raise FormRefused(FormBound.MAPS)
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
            self._replace()
            found = array[key] = _Map()
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
    unfolding = _Unfolding(limits)
    for part in _parts(text):
        unfolding.add(part)
    return unfolding.form


def _form_in_part(text: str, whole: frozenset[str], limits: Limits, *, damaged: bool) -> PartialForm:
    strict = _Unfolding(limits, whole=whole, damaged=damaged)
    lenient = _Unfolding(limits, whole=whole, lenient=True, damaged=damaged)
    belongs_to_whole = _beginning_of(whole).match
    parts = filter(None, _parts(text))
    parts_of_whole: list[str] = []
    refused, dropped = None, 0
    for part in parts:
        if belongs_to_whole(part):
            parts_of_whole.append(part)
        elif fault := lenient.fault_of(part):
            dropped += 1
            if fault is FormBound.FIELDS:
                break
    # There may be thousands left then, of which only those that prove the body are read.
    left = list(parts)
    further = list(filter(belongs_to_whole, left))
    dropped += len(left) - len(further)
    parts_of_whole += further
    for part in parts_of_whole:
        refused = strict.fault_of(part) or refused
    form = lenient.form | strict.form
    if refused is not None and len(parts_of_whole) <= limits.faults:
        form = _read_by_php(parts_of_whole, form)
    return PartialForm(form, refused, dropped)


def _read_by_php(parts: list[str], form: Form) -> Form:
    """The form, with what PHP reads of damaged fields: a closed bracket before other characters, for example."""
    from chat_lookup.http import php_arrays  # noqa: PLC0415 - of a thousand events none is damaged

    written = _HALF.sub(_REPLACEMENT, "&".join(parts))
    for name, value in cast("Form", php_arrays.decode_query(written)).items():
        own = form.setdefault(name, value)
        if isinstance(value, dict):
            form[name] = value | own if isinstance(own, dict) else value
    return form


@cache
def _beginning_of(variables: frozenset[str]) -> re.Pattern[str]:
    """Matches fields that PHP takes for parts of these variables, however their names are written.

    PHP leaves out blanks before a name, and what follows a NUL; a bracket that is not closed is part of another name.
    Linear: each character is looked at once.
    """
    escaped = ["".join(f"(?:{letter}|%{ord(letter):02x}|%{ord(letter):02X})" for letter in name) for name in variables]
    closed = r"(?:\[|%5[Bb])(?:(?!%00)[^=\0])*?(?:\]|%5[Dd])"
    return re.compile(rf"(?:[+ ]|%20)*+(?:{'|'.join(sorted(escaped))})(?:[=\0]|%00|\Z|{closed})")


def _parts(text: str) -> list[str]:
    if "%" in text:
        # Replacing all at once costs a tenth of replacing one by one.
        for escaped, plain in _OFTEN_ESCAPED:
            text = text.replace(escaped, plain)
    return text.split("&")


def _from_json(text: str, limits: Limits) -> Form:
    return _JsonReading(limits, damaged=_may_hold_halves(text)).map_of(_json_object(text, limits))


def _json_in_part(text: str, whole: frozenset[str], limits: Limits, *, damaged: bool) -> PartialForm:
    parsed, damaged = _json_object(text, limits), damaged or _may_hold_halves(text)
    of_whole = {name: parsed.pop(name) for name in whole & parsed.keys()}
    lenient = _JsonReading(limits, damaged=damaged, lenient=True)
    form = lenient.map_of(parsed)
    try:
        return PartialForm(form | _JsonReading(limits, damaged=damaged).map_of(of_whole), None, lenient.dropped)
    except FormRefused as error:
        refused = error.bound
    return PartialForm(
        form | _JsonReading(limits, damaged=damaged, lenient=True).map_of(of_whole), refused, lenient.dropped
    )


def _may_hold_halves(text: str) -> bool:
    return any(half in text for half in _HALVES)


class _JsonReading:
    """The maps of one JSON body, within bounds. `damaged` is whether it may hold what is no text."""

    def __init__(self, limits: Limits, *, damaged: bool, lenient: bool = False) -> None:
        self._limits = limits
        self._left = min(limits.fields, limits.values)
        self._damaged = damaged
        self._lenient = lenient
        self.dropped = 0

    def map_of(self, value: Mapping[str, object], depth: int = 0) -> _Map:
        """The map of an object or list, `depth` levels down."""
        if value and depth >= self._limits.depth:
            raise FormRefused(FormBound.DEPTH)
        made = _Map()
        for position, (name, each) in enumerate(value.items()):
            if self._lenient and self._left <= 0:
                self.dropped += len(value) - position
                break
            try:
                self._add(made, name, each, depth + 1)
            except FormRefused:
                if not self._lenient:
                    raise
                self.dropped += 1
        return made

    def _add(self, made: _Map, name: str, value: object, depth: int) -> None:
        self._left -= 1
        if self._left < 0:
            raise FormRefused(FormBound.FIELDS)
        if len(name) > self._limits.key_length:
            raise FormRefused(FormBound.KEY_LENGTH)
        name, read = self._plain(name), self._value(value, depth)
        if not read and not isinstance(read, str):
            return
        key = _key(made, name)
        if key in made and not self._lenient and (isinstance(read, dict) or isinstance(made[key], dict)):
            raise FormRefused(FormBound.CONFLICT)
        made[key] = read

    def _value(self, value: object, depth: int) -> FormValue:
        if isinstance(value, list):
            value = {str(position): item for position, item in enumerate(value)}
        if isinstance(value, dict):
            return self.map_of(value, depth)
        return self._plain(value if isinstance(value, str) else _CASTS.get(value, ""))

    def _plain(self, text: str) -> str:
        if not self._damaged:
            return text
        if self._lenient:
            return _HALF.sub(_REPLACEMENT, text)
        _check(text)
        return text


_CASTS: Final[Mapping[object, str]] = {True: "1", False: "0", None: ""}
"""As events write them (bitrix24.md 5.6). Numbers are texts from the start."""


# Each of the following raises outside of the `except`: the foreign exception would become the context of ours,
# and it contains the whole text with the tokens in it.


def _json_object(text: str, limits: Limits) -> dict[str, object]:
    # There are no more values than these. Commas and brackets in texts count as well: to leave them out takes a parser.
    if sum(map(text.count, _BEFORE_VALUES)) > _TO_A_VALUE * limits.values:
        raise FormRefused(FormBound.FIELDS)
    with suppress(ValueError, RecursionError):
        parsed = json.loads(text, parse_int=str, parse_float=str, parse_constant=_refuse)
        if isinstance(parsed, dict):
            return parsed
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


def _repaired(text: str) -> str:
    """The same; bytes that are no UTF-8, as they are or in escapes, become U+FFFD."""
    plain = text.replace("+", " ")
    try:
        if "%" in plain:
            plain = _ESCAPES.sub(_unescaped, plain)
        if not plain.isascii():
            plain.encode()
    except UnicodeError:
        plain = unquote_to_bytes(text.replace("+", " ").encode(errors="surrogateescape")).decode(errors="replace")
    return plain


def _unescaped(run: re.Match[str]) -> str:
    return bytes.fromhex(run[0].replace("%", "")).decode()


def _check(text: str) -> None:
    if not _is_text(text):
        raise FormRefused(FormBound.ENCODING)


def _is_text(text: str) -> bool:
    """Whether UTF-8 can express it: half of a surrogate pair, which JSON can escape, is no text."""
    with suppress(UnicodeEncodeError):
        text.encode()
        return True
    return False


def _is_json(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower().endswith(("/json", "+json"))
