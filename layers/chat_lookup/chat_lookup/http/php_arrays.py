"""Parameters and arrays as PHP has them, in which the platform is written (bitrix24.md 2.3, 2.6).

`php_forms` refuses what is odd, since it reads what has to be proved. Here everything is taken, as the platform takes
it: a client may depend on that. Bounds are PHP's own, and what goes beyond them is left out without a word.
"""

import json
import re
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Final, NoReturn
from urllib.parse import unquote_plus

Array = dict[str, object]
"""PHP's one kind of array: an ordered map, whether its keys are names or numbers."""

_MOST_VARIABLES: Final = 1000
_DEEPEST: Final = 64
_BRACKETED: Final = re.compile(r"(.[^\[]*)((?:\[[^\]]*\])+)", re.DOTALL)
_KEY: Final = re.compile(r"\[([^\]]*)\]")
_NOT_IN_NAMES: Final = re.compile(r"[ .\[]")
"""Once, variables were made of parameters; PHP still puts an underscore in the place of these."""


def decode_query(text: str) -> Array:
    """A query, or a form's body: `a[b][]=c` is `{"a": {"b": {"0": "c"}}}`."""
    parts = (part.partition("=") for part in text.split("&") if part)
    return decode_pairs((_unquoted(name), _unquoted(value)) for name, _, value in parts)


def decode_pairs(pairs: Iterable[tuple[str, str]]) -> Array:
    """Names and values, brackets in the names unfolded; of names that repeat the last one counts."""
    array: Array = {}
    for name, value in islice(pairs, _MOST_VARIABLES):
        way = _way(name.lstrip(" "))
        if len(way) <= _DEEPEST:
            _put(array, way, value)
    return array


def decode_json(body: bytes) -> Array:
    """The array in a JSON body, an object's or a list's; an empty one for what is neither."""
    try:
        return entries(json.loads(body, parse_constant=_refuse))
    except (ValueError, RecursionError):
        return {}


def entries(value: object) -> Array:
    """An array by its keys, wherever it came from; what is none has no entries."""
    if isinstance(value, list):
        return {str(position): item for position, item in enumerate(value)}
    return dict(value) if isinstance(value, Mapping) else {}


def folded(array: Mapping[str, object]) -> Array:
    """The same with its keys in lower case; of those that differ in case only the last one counts."""
    return {name.lower(): value for name, value in array.items()}


def text(value: object) -> str:
    """A value as PHP casts it to a string; nothing for null, false and arrays."""
    if isinstance(value, bool):
        return "1" if value else ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if isinstance(value, str | int | float) else ""


def is_empty(value: str) -> bool:
    """PHP's `empty()`, to which the string "0" is nothing, too."""
    return value in ("", "0")


def as_json(array: Mapping[str, object]) -> Mapping[str, object] | list[object]:
    """An array as `json_encode` writes it: a list if its keys are 0, 1, 2 and so on, as an empty one's are."""
    in_order = all(key == str(position) for position, key in enumerate(array))
    return list(array.values()) if in_order else array


def _refuse(constant: str) -> NoReturn:
    """NaN and Infinity are not JSON."""
    raise ValueError(constant)


def _unquoted(written: str) -> str:
    return unquote_plus(written, errors="replace")


def _way(name: str) -> list[str]:
    """`a[b][]` is `["a", "b", ""]`; a bracket that nobody closes is none."""
    found = _BRACKETED.match(name)
    if found is None:
        return [_NOT_IN_NAMES.sub("_", name)] if name else []
    return [_NOT_IN_NAMES.sub("_", found[1]), *_KEY.findall(found[2])]


def _put(array: Array, way: list[str], value: str) -> None:
    for position, written in enumerate(way, start=1):
        key = written or _next_index(array)
        if position == len(way):
            array[key] = value
            return
        inner = array.get(key)
        if not isinstance(inner, dict):
            inner = array[key] = {}
        array = inner


def _next_index(array: Array) -> str:
    """The number that an empty pair of brackets stands for: one more than the largest."""
    numbers = (int(key) for key in array if key.isascii() and key.isdecimal() and str(int(key)) == key)
    return str(max(numbers, default=-1) + 1)
