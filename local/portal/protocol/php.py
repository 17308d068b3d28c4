"""How PHP, in which the portal is written, reads parameters and writes arrays."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TypeAlias
from urllib.parse import quote_plus, unquote_plus

# An array of PHP is one ordered map, whether its keys are names or numbers.
PhpValue: TypeAlias = "str | PhpArray"
PhpArray: TypeAlias = dict[str, "PhpValue"]

# php.ini's own limits: what exceeds them is left out without an error.
_MOST_VARIABLES = 1000
_DEEPEST_NESTING = 64

_KEY = re.compile(r"\[([^\]]*)\]")
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,17}")  # a key of more digits is a name, as all other texts are
_DIGITS = re.compile(r"[0-9]+")
_LARGEST: Final = 2**63 - 1
_EXACT: Final = 10**15
ID: Final = r"[1-9][0-9]{0,18}"
"""The pattern of an id in a text: no id is longer, since integers have 64 bits."""


def decode_query(text: str) -> PhpArray:
    """A query string or form body as PHP's `parse_str` reads it: `a[b][]=c` is `{"a": {"b": {"0": "c"}}}`."""
    pairs = (part.partition("=") for part in text.split("&", _MOST_VARIABLES) if part)
    return decode_pairs((_unquote(name), _unquote(value)) for name, _, value in pairs)


def decode_pairs(pairs: Iterable[tuple[str, str]]) -> PhpArray:
    """Decoded names and values, brackets in the names unfolded; later ones replace earlier ones."""
    variables: PhpArray = {}
    for count, (name, value) in enumerate(pairs):
        if count == _MOST_VARIABLES:
            break
        keys = _keys(name)
        if keys and len(keys) <= _DEEPEST_NESTING:
            _put(variables, keys, value)
    return variables


def as_json(array: Mapping[str, object]) -> dict[str, object] | list[object]:
    """What `json_encode` makes of an array: a list if its keys are 0, 1, 2, … in order, else an object.

    Hence an empty map is `[]`, and results under the keys 0 and 2 are an object (bitrix24.md 2.6).
    """
    in_order = all(key == str(position) for position, key in enumerate(array))
    return list(array.values()) if in_order else dict(array)


def text(value: object) -> str:
    """A value of JSON as PHP casts it to a string; arrays and null become an empty one."""
    if isinstance(value, bool):
        return "1" if value else ""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < _EXACT else str(value).upper()
    return str(value) if isinstance(value, (str, int)) else ""


def whole(value: str) -> int | None:
    """The number that a text of digits is, None for any other text. As PHP's it ends with 64 bits, while Python reads
    other scripts' digits as well, and refuses texts of more than 4,300."""
    if not _DIGITS.fullmatch(value):
        return None
    return min(int(value.lstrip("0")[:20] or "0"), _LARGEST)


def is_empty(value: str) -> bool:
    """PHP's `empty()`: the string "0" is empty, too."""
    return value in ("", "0")


def is_true(value: object) -> bool:
    """A flag as the methods read it: true, "Y" and "1" (bitrix24.md 1.10)."""
    return text(value).upper() in ("1", "Y", "TRUE")


def encode(pairs: Iterable[tuple[str, str]]) -> str:
    """Names and values as PHP's `http_build_query` writes them: brackets encoded, blanks as `+`."""
    return "&".join(f"{_quote(name)}={_quote(value)}" for name, value in pairs)


def flat(array: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    """An array as `http_build_query` takes it apart: `a[b]` and its value, without nulls and empty arrays."""
    for key, value in array.items():
        name = f"{prefix}[{key}]" if prefix else key
        if isinstance(value, (Mapping, list)):
            yield from flat(entries(value), name)
        elif value is not None:
            yield name, "0" if value is False else text(value)


def entries(value: object) -> dict[str, object]:
    """An array that came as JSON's object or list, or as a form, by its keys; anything else gives an empty one."""
    if isinstance(value, Mapping):
        return {str(key): item for key, item in value.items()}
    if isinstance(value, list):
        return {str(position): item for position, item in enumerate(value)}
    return {}


def _quote(value: str) -> str:
    return quote_plus(value).replace("~", "%7E")


def _unquote(value: str) -> str:
    return unquote_plus(value, errors="replace")


def _keys(name: str) -> list[str]:
    """The path into the array: `a[b][]` is `["a", "b", ""]`. A bracket that is never closed is not a bracket."""
    name = name.lstrip(" ")
    start = name.find("[", 1)
    if start < 0 or "]" not in name[start:]:
        return [_variable(name)] if name else []
    keys = [_variable(name[:start])]
    position = start
    while found := _KEY.match(name, position):
        keys.append(found.group(1))
        position = found.end()
    return keys


def _variable(name: str) -> str:
    """The first part as a name: early PHP made variables of them, and a variable's name has no such characters."""
    return re.sub(r"[ .\[]", "_", name)


def _put(array: PhpArray, keys: list[str], value: str) -> None:
    *way, last = keys
    for key in way:
        key = key or _next_index(array)  # noqa: PLW2901 - an empty key is a number yet to be found
        inner = array.get(key)
        if not isinstance(inner, dict):
            inner = array[key] = {}
        array = inner
    array[last or _next_index(array)] = value


def _next_index(array: PhpArray) -> str:
    return str(max((int(key) for key in array if _INTEGER.fullmatch(key)), default=-1) + 1)
