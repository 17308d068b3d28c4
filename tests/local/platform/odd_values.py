"""Values that no caller means to send, as they are written in JSON and in a form."""

import json
from typing import Any, Final

_DIGITS: Final = "9" * 5000
"""More than Python reads as a number (`sys.int_info.str_digits_check_threshold` and its limit of 4,300)."""
_DEEP: Final = 600
"""More than PHP reads of JSON, which is 512."""

TEXTS: Final = (
    "", " ", "0", "00", "007", "-1", "+1", "1.5", "1e3", "0x10", " 1", "1 ", "1\n", "NaN", "Infinity", "null", "true",
    "\u00b2", "\u0661\u0664", "\uff11", _DIGITS, "1" + "0" * 4400, str(2**31), str(2**63 - 1), str(2**63), str(2**64),
    "chat", "chat\u00b2", "chat" + _DIGITS, f"sg{_DIGITS}", f"DEAL|{_DIGITS}", "DYNAMIC_" + _DIGITS, "dynamic_\u00b2",
    "a\x00b", "a\r\nb: c", "\ufffd\U0001f600", "%ff%00", "[]", "{}", "[[[", "$result[it][x]", "a[b][c", "x" * 70_000,
    "http://[", "http://a.b:99999/", "http://127.0.0.1\r\nx: y/", "http://\u00b2.example/", "//", "/\u2028",
)  # fmt: skip
"""As values of a form, and as texts in JSON."""

OTHERS: Final = (
    "null", "true", "false", "0", "-0", "-1", "1", "1.5", "1e3", "1e308", "1e999", "-1e999", "NaN", "-Infinity",
    str(2**31), str(2**63 - 1), str(2**63), str(-(2**63) - 1), "1" * 400, _DIGITS,
    r'"\ud800"', r'"a\udfff"', r'["\ud800"]', r'{"\ud800": 1}', '"\x01"', "[]", "{}", "[[]]", "[null]",
    "[{}]", "[1, [2]]", '{"": ""}', '{"\u00b2": "\u00b2"}', '{"0": {"1": []}}', '{"id": 1, "id": []}',
    '{"name": null, "NAME": [1]}',
    json.dumps([_DIGITS]), json.dumps({_DIGITS: _DIGITS}), json.dumps({"a" * 5000: 1}), json.dumps(list(range(3000))),
    json.dumps([1e15, 2**70, True, None]), "[" * _DEEP + "]" * _DEEP, '{"a":' * _DEEP + "1" + "}" * _DEEP,
    "[" * 400 + "]" * 400, '{"a":' * 400 + "1" + "}" * 400, "[" * 100_000 + "]" * 100_000,
)  # fmt: skip
"""As they are in JSON, where they are of another type, or no JSON."""

_PLACE: Final = "the place of an odd value"
IN_JSON: Final = (*map(json.dumps, TEXTS), *OTHERS)


def body_with(params: Any, path: tuple[str, ...], odd: str) -> bytes:
    """A body of JSON with an odd value, which is written as it is, in the place of a parameter."""
    return json.dumps(replaced(params, path, _PLACE)).replace(json.dumps(_PLACE), odd).encode()


def replaced(params: Any, path: tuple[str, ...], value: object) -> Any:
    """Parameters with another value in one place, which is made where there is none."""
    if not path:
        return value
    first, *rest = path
    if isinstance(params, (list, tuple)):
        if not first.isdigit():
            return [replaced(each, path, value) for each in params]
        return [replaced(each, tuple(rest), value) if str(at) == first else each for at, each in enumerate(params)]
    whole = params if isinstance(params, dict) else {}
    return {**whole, first: replaced(whole.get(first), tuple(rest), value)}


def places(params: Any, above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every place in parameters: each, and each member of those that have members."""
    inner = (
        params.items() if isinstance(params, dict) else enumerate(params) if isinstance(params, (list, tuple)) else ()
    )
    own = [above] if above else []
    return own + [place for name, value in inner for place in places(value, (*above, str(name)))]


def spread(cases: int, wanted: int) -> range:
    """The numbers of as many cases as are wanted, at even distances: 0 wants all."""
    return range(0, cases, max(1, cases // wanted if wanted else 1))
