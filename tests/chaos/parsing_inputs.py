"""Hostile bodies: brackets, digits, depth, escapes and blanks, in each format that is parsed before a proof."""

import json
import math
from collections.abc import Iterator
from random import Random
from typing import Final

SMALLEST: Final = 20
USUAL: Final = 64 * 1024
LARGEST: Final = 1024 * 1024

_BEGINNINGS: Final = ("", "", "event=ONX&", "event=ONIMBOTMESSAGEADD&", "auth=abcdefghijklmnopqrst&", "AUTH_ID=a&")
_NAMES: Final = (
    "a", "data", "auth", "%61uth", "access_token", "data[BOT]", "a%5Bb%5D", "data[message][params]", "data[%D0%B9]",
    "+a", "%20%20auth", "a%00b", "x" * 40, "%41" * 20, "%41b" * 20, ".a ", "token", "data[x_token]",
)  # fmt: skip
_KEYS: Final = (
    "", "", "[]", "[0]", "[{n}]", "[a{n}]", "[{n}][]", "[{n}][a]", "[-{n}]", "[ ]", "[{digits}]", "[][]", "[a",
    "[%41b{n}]", "[a]" * 7, "[{n}]" + "[a]" * 21, "[a]" * 20 + "[{n}][x]", "[a]" * 19 + "[{n}][b][x]", "[]" * 22,
    "[a]" * 70, "[x{n}_token]", "[{n}_TO_KEN]", "[%5B", "]", "[a]b", "%00",
)  # fmt: skip
_ENDS: Final = (
    "=1", "=", "", "=a+b%20c", "=abcdefghijklmnopqrstuvwxyz", "={digits}", "=%D0%B9%FF", "=%41a%42b", "==", "=;",
)  # fmt: skip
_RUNS: Final = (
    "[", "]", "[]", "a", "9", "%", "%4", "%41", "%41a", "%5B", "%5B%5D", "+", " ", "=", "&", "a&", "&=", "a=&", ".",
    "\0", "%00", "й", "\u00ff", "\\", '"', ",", "{", "}", ":", '"auth"', '"auth":', '"auth":1,', '"a",', "\r\n",
    "\r\n--x", "\r\n--x\r\n", "\r\n--x\r\n\r\n", '\r\nContent-Disposition: form-data; name="auth"', ';name="', "/",
    "1/", "a/", "-", "_", "auth", "auth[", "access_token", "+auth", "%20",
)  # fmt: skip
_ELEMENTS: Final = (
    "1", "{digits}", "1e5", "0.{digits}", '""', '"a{n}"', "[]", "{{}}", "[[]]", '{{"a":1}}', "null", "true",
    '{{"auth":"abcdefghijklmnopqrst"}}', r'"\u0041\ud83d"', r'"\\\""', '{{"a{n}":{{"b":[]}}}}', '" , , , "',
)  # fmt: skip
_PART_NAMES: Final = ("auth", "a", "a[b]", "a[]", "auth[x]", "%61uth", "access_token", 'a"; filename="b', "." * 50, "")


def bodies(rnd: Random, count: int, largest: int = USUAL, smallest: int = SMALLEST) -> Iterator[bytes]:
    """`count` bodies with log-uniform sizes: as many of 20 to 200 bytes as of 2,000 to 20,000."""
    shapes = (_fields, _fields, _fields, _run, _deep_name, _numbered, _json_list, _json_object, _json_deep, _parts)
    for _ in range(count):
        size = int(math.exp(rnd.uniform(math.log(smallest), math.log(largest))))
        yield rnd.choice(shapes)(rnd, size).encode()[:size]


def _digits(rnd: Random) -> str:
    return rnd.choice("19") * rnd.choice((1, 18, 19, 20, 300, 4299, 4301))


def _written(rnd: Random, pattern: str, position: int) -> str:
    return pattern.format(n=position, digits=_digits(rnd))


def _fields(rnd: Random, size: int) -> str:
    """Fields of a few shapes, repeated up to the size."""
    shapes = [rnd.choice(_NAMES) + rnd.choice(_KEYS) + rnd.choice(_ENDS) for _ in range(rnd.choice((1, 1, 2, 5)))]
    return rnd.choice(_BEGINNINGS) + _repeated(rnd, shapes, "&", size)


def _repeated(rnd: Random, shapes: list[str], between: str, size: int) -> str:
    written: list[str] = []
    left = size
    while left > 0:
        written.append(_written(rnd, shapes[len(written) % len(shapes)], len(written)))
        left -= len(written[-1]) + len(between)
    return between.join(written)


def _run(rnd: Random, size: int) -> str:
    unit = "".join(rnd.choice(_RUNS) for _ in range(rnd.choice((1, 1, 2, 3))))
    return rnd.choice(("", "", "event=ONX&data[x]=", "a=", "auth=", '{"a":"', '{"a":')) + unit * (size // len(unit) + 1)


def _deep_name(rnd: Random, size: int) -> str:
    key = rnd.choice(("[]", "[a]", "[0]", "[ ]", "[[", "[%41]", "%5Ba%5D", "[", "]["))
    return "data" + key * (size // len(key)) + rnd.choice(("", "=1", "]=1"))


def _numbered(rnd: Random, size: int) -> str:
    """One key of many digits, followed by implicit indexes."""
    return f"a[{_digits(rnd)}]=1&" + rnd.choice(("a[]=1&", "a[]&", "a[][]=&", "a[9][]=1&")) * (size // 4)


def _json_list(rnd: Random, size: int) -> str:
    shapes = [rnd.choice(_ELEMENTS) for _ in range(rnd.choice((1, 1, 3)))]
    return '{"event":"ONX","data":[' + _repeated(rnd, shapes, ",", max(1, size - 30)) + "]}"


def _json_object(rnd: Random, size: int) -> str:
    shapes = [f'"{{n}}{rnd.choice(("", "a", "_token"))}":{rnd.choice(_ELEMENTS)}' for _ in range(rnd.choice((1, 1, 3)))]
    name = rnd.choice(('"a":1', '"auth":"abcdefghijklmnopqrst"', '"event":"ONX"', '"AUTH":{"a":1}'))
    return "{" + name + ',"data":{' + _repeated(rnd, shapes, ",", max(1, size - 60)) + "}}"


def _json_deep(rnd: Random, size: int) -> str:
    opening, closing = rnd.choice((("[", "]"), ('{"a":', "}"), ('[{"a":', "}]"), ("[[],", "]")))
    depth = min(rnd.choice((5, 20, 100, 900, LARGEST)), size // len(opening) + 1)
    inner = opening * depth + json.dumps(_digits(rnd)) + closing * depth
    return '{"event":"ONX","data":' + ",".join([inner] * (size // len(inner) + 1)) + "}"


def _parts(rnd: Random, size: int) -> str:
    name = rnd.choice(_PART_NAMES)
    head = rnd.choice((f'\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n', "\r\n\r\n", "\r\n", ""))
    content = rnd.choice(("", "1", "abcdefghijklmnopqrst", "\r\n" * 20, "-" * 500))
    part = f"--x{head}{content}\r\n"
    return part * (size // len(part) + 1)
