"""Parameters and arrays as PHP, in which the platform is written, decodes them (bitrix24.md 2.3, 2.6).

`php_forms` refuses odd input, since it reads input that has to be proved. Here everything is accepted, as the platform
accepts it: a client may depend on that. Bounds are PHP's own, and what exceeds them is dropped silently.
"""

import json
import re
from collections.abc import Container, Iterable, Mapping, Sequence
from itertools import islice
from typing import Final, NoReturn
from urllib.parse import unquote_plus

from chat_lookup.http.php_keys import PhpArray, key_between

Array = dict[str, object]
"""PHP's one kind of array: an ordered map, whether its keys are names or numbers."""

MOST_VARIABLES: Final = 1000
DEEPEST: Final = 64
_POSITION: Final = re.compile("0|[1-9][0-9]{0,17}")
_FORBIDDEN: Final = ("__Host-", "__Secure-")
"""Prefixes that no name may get by its underscores: they have a meaning in cookies."""


def decode_query(text: str) -> Array:
    """A query, or a form's body: `a[b][]=c` is `{"a": {"b": {"0": "c"}}}`."""
    pairs = (part.partition("=") for part in variables(text))
    return decode_pairs((_unquoted(name), _unquoted(value)) for name, _, value in pairs)


def variables(text: str) -> Iterable[str]:
    """The variables of a query as they are written, as many as PHP reads."""
    return islice(filter(None, text.split("&")), MOST_VARIABLES)


def decode_pairs(pairs: Iterable[tuple[str, str]]) -> Array:
    """Names and values, brackets in the names unfolded; of names that repeat the last one counts."""
    array: PhpArray[object] = PhpArray()
    for name, value in islice(pairs, MOST_VARIABLES):
        root, keys = _way(name)
        if root:
            _put(array, (root, *keys), value, _not_below(name))
    return array


def variable(name: str) -> str:
    """The variable that PHP makes of a name, brackets aside: ` a` and `a\0b` are `a`. Empty where it makes none."""
    return _way(name)[0]


def is_read_as(name: str, value: object, variables: Container[str]) -> bool:
    """Whether PHP reads a parameter as one of these variables, in lower case here and in any case there.

    Of a name with an open bracket that depends on the value: sent in a query, `a[` with an array is `a[[0]`, thus `a`.
    """
    flat = f"{name}[]" if isinstance(value, Mapping | list) else name
    return variable(flat).lower() in variables


def decode_json(body: bytes) -> Array:
    """The array in a JSON body, from an object or a list; an empty one for anything else."""
    try:
        return entries(json.loads(body, parse_constant=_refuse))
    except (ValueError, RecursionError):
        return {}


def entries(value: object) -> Array:
    """The entries of an array by key, from a list or a map; none for any other value."""
    if isinstance(value, list):
        return {str(position): item for position, item in enumerate(value)}
    return dict(value) if isinstance(value, Mapping) else {}


def entry(value: object, key: str) -> object:
    """One of the `entries` of a value, whose others are not looked at; None if it has none of this key."""
    if isinstance(value, list):
        position = int(key) if _POSITION.fullmatch(key) else len(value)
        return value[position] if position < len(value) else None
    return value.get(key) if isinstance(value, Mapping) else None


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
    """PHP's `empty()`, which also counts the string "0" as empty."""
    return value in ("", "0")


def as_json(array: Mapping[str, object]) -> Mapping[str, object] | list[object]:
    """An array as `json_encode` writes it: a list if its keys are 0, 1, 2 and so on, as an empty one's are."""
    in_order = all(key == str(position) for position, key in enumerate(array))
    return list(array.values()) if in_order else array


def _refuse(constant: str) -> NoReturn:
    """NaN and Infinity are not JSON."""
    raise ValueError(constant)


def _unquoted(text: str) -> str:
    return unquote_plus(text, errors="replace")


def _way(name: str) -> tuple[str, Sequence[str]]:
    """The variable and the keys below: `a[b][]` is `a` and `["b", ""]`, as PHP reads names that are well formed or not.

    A name ends at a NUL, and what follows the last bracket that is closed is left out. More than PHP's 64 keys are not
    read to the end.
    """
    name = name.partition("\0")[0].lstrip(" ")
    root, bracket, _ = name.partition("[")
    if not root:
        return "", ()
    forbidden = _not_below(name)
    keys = _keys(name, len(root) + 1, forbidden) if bracket else []
    variable = _mangled(root if keys or not bracket else name)
    return ("", ()) if variable.startswith(forbidden) else (variable, keys)


def _not_below(name: str) -> tuple[str, ...]:
    """What no variable or key of this name may begin with."""
    name = name.lstrip(" ")
    return tuple(beginning for beginning in _FORBIDDEN if not name.startswith(beginning))


def _mangled(name: str) -> str:
    """The variable's name: PHP replaces these characters by underscores, since parameters used to become variables."""
    return name.replace(" ", "_").replace(".", "_").replace("[", "_")


def _keys(name: str, start: int, forbidden: tuple[str, ...]) -> list[str]:
    """What is between brackets, of which the first opens before `start`: none if that one is not closed.

    A forbidden key is the last one.
    """
    keys: list[str] = []
    while start and len(keys) <= DEEPEST:
        end = name.find("]", start)
        if end < 0:
            # One too many counts, closed or not.
            return [*keys, ""] if len(keys) == DEEPEST else keys
        keys.append(key_between(name[start:end]))
        start = end + 2 if name.startswith("[", end + 1) and not keys[-1].startswith(forbidden) else 0
    return keys


def _put(array: PhpArray[object], way: Sequence[str], value: str, forbidden: tuple[str, ...]) -> None:
    """Set a value; does nothing where a key is forbidden, or an array on the path has no next index left."""
    inner = array
    for name in way[: min(len(way) - 1, DEEPEST)]:
        found = _inner(inner, name, forbidden)
        if found is None:
            return
        inner = found
    if len(way) - 1 > DEEPEST:
        # Not the deep value alone: PHP drops the whole variable, whatever it holds.
        del array[way[0]]
        return
    key = None if way[-1].startswith(forbidden) else inner.key(way[-1])
    if key is not None:
        inner[key] = value


def _inner(array: PhpArray[object], name: str, forbidden: tuple[str, ...]) -> PhpArray[object] | None:
    """The array under a key of another, created if missing; None where there can be none."""
    key = None if name.startswith(forbidden) else array.key(name)
    if key is None:
        return None
    found = array.get(key)
    if not isinstance(found, PhpArray):
        found = array[key] = PhpArray()
    return found
