"""How PHP's `json_decode` reads JSON, where Python's reader takes more, or fails."""

import json
import math
from collections.abc import Iterator
from typing import Final, NoReturn

_DEEPEST: Final = 512
_LONGEST: Final = len(str(-(2**63)))


def read(content: bytes | str) -> object:
    """The value of a JSON text. Raises ValueError for all that PHP does not read: no JSON, NaN and Infinity, which are
    words of Python's, half a surrogate pair, and what is nested deeper than 512. A number without an end, `1e999`,
    which PHP reads and cannot write, is refused as well."""
    try:
        value = json.loads(content, parse_constant=_refused, parse_int=_whole, parse_float=_finite)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    for text in _texts(value):
        text.encode()  # half a surrogate pair is no text (UnicodeEncodeError is a ValueError)
    return value


def _texts(value: object) -> Iterator[str]:
    """Every text and name in a value, without recursion: its depth is the caller's."""
    level, depth = [value], 0
    while level:
        if depth >= _DEEPEST and any(isinstance(each, (dict, list)) for each in level):
            raise ValueError("nested too deeply")
        inner: list[object] = []
        for each in level:
            if isinstance(each, str):
                yield each
            elif isinstance(each, dict):
                yield from each
                inner.extend(each.values())
            elif isinstance(each, list):
                inner.extend(each)
        level, depth = inner, depth + 1


def _whole(text: str) -> int | float:
    """What has no place in 64 bits is a float to PHP."""
    if len(text) <= _LONGEST and -(2**63) <= (number := int(text)) < 2**63:
        return number
    return _finite(text)


def _finite(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError("a number without an end")
    return value


def _refused(constant: str) -> NoReturn:
    raise ValueError(constant)
