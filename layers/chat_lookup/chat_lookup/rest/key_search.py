"""Searches the parameters of a request for a key before they are read (docs/decisions/012).

The search decodes and stores nothing: a caller without a key can cause no more cost than its bytes. The result is a key
to be checked; which one counts, and for which call, is known when the whole request is read.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import unquote_plus

from chat_lookup.http import php_arrays
from chat_lookup.rest import multipart

_OPENING: Final = ("auth", "access_token")
"""Parameters that hold a key, in any case: the platform's name of a token in a request (design 3.2), and OAuth's.
The first of both counts."""
_LONGEST: Final = 128
"""Of a key in characters (chat_lookup.portals.api_keys)."""
_ESCAPED: Final = 3
"""Most characters of a form for one character of a key."""


def _spelled(name: str) -> str:
    """A pattern of all that PHP reads as a name: plain, escaped, and with characters that become an underscore."""
    letters = (f"(?:{letter}|%{ord(letter):X}|%{ord(letter.upper()):X})" for letter in name.replace("_", " "))
    return "".join("(?:[_. +]|%(?:5F|2E|20))" if letter.startswith("(?: ") else letter for letter in letters)


_PARAMETER: Final = re.compile(
    rf"(?ai)(?:[ +]++|%20)*+({'|'.join(map(_spelled, _OPENING))})"
    r"(?:(?:\0|%00)[^=]*)?(?:=|\Z)",
)
_IN_HEAD: Final = re.compile(rb'(?i)name="[ ]*(?:auth|access[_. ]token)["\0]')
_NAME: Final = re.compile(r"(?i) *(auth|access[_. ]token)(?:\0|\Z)")
_MOST_HEADS: Final = 64
"""Different heads of parts that may name a key; a request has at most two."""
_BEFORE_VALUES: Final = (b",", b"[", b"{")
_FEW_VALUES: Final = 4096
_MEMBER: Final = re.compile(rb'\s*:\s*"([A-Za-z0-9_-]{16,128})"')
_MOST_MEMBERS: Final = 16


def in_form(text: str) -> str | None:
    """The key in a query or a form's body, escaped or not; its bytes may be of any encoding."""
    found: dict[str, str] = {}
    for part in php_arrays.variables(text):
        name = _PARAMETER.match(part)
        if name is not None:
            found[_variable(unquote_plus(name[1]))] = part[name.end() : name.end() + _ESCAPED * _LONGEST + 1]
    return among({variable: unquote_plus(value) for variable, value in found.items()})


def in_parts(content_type: str, body: bytes) -> str | None:
    """The key in a form in parts."""
    found: dict[str, bytes] = {}
    variables: dict[bytes, str | None] = {}
    for head, content in multipart.parts(content_type, body):
        # Reading a name takes longer than checking that none of these is in its head.
        if head not in variables and len(variables) < _MOST_HEADS and _IN_HEAD.search(head):
            variables[head] = _in_head(head)
        variable = variables.get(head)
        if variable is not None:
            found[variable] = content
    return among({variable: content[: _LONGEST + 1].decode("latin-1") for variable, content in found.items()})


def in_json(body: bytes) -> str | None:
    """The key in a JSON body: at its top level, or in a large one at any level."""
    if sum(map(body.count, _BEFORE_VALUES)) > _FEW_VALUES:
        return next(_members(body), None)
    try:
        # Numbers stay texts: parsing one takes the square of the number of its digits.
        parsed = json.loads(body, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return None
    return among(parsed) if isinstance(parsed, dict) else None


def among(params: Mapping[str, object]) -> str | None:
    """The key among parameters that were read; None without one."""
    folded = php_arrays.folded(params)
    return next((key for name in _OPENING if (key := php_arrays.text(folded.get(name)))), None)


def opens(name: str, value: object = "") -> bool:
    """Whether PHP reads a parameter, its name in any spelling, as one that contains a key."""
    return php_arrays.is_read_as(name, value, _OPENING)


def _in_head(head: bytes) -> str | None:
    """The parameter for a key that a part's head names."""
    name = multipart.name_of(head)
    spelled = None if name is None else _NAME.match(name)
    return None if spelled is None else _variable(spelled[1])


def _variable(spelled: str) -> str:
    """PHP's variable for one of these names: `php_arrays.variable` takes as long as all the rest of a part."""
    return spelled.replace(" ", "_").replace(".", "_")


def _members(body: bytes) -> Iterator[str]:
    """The values of members by these names that may be keys, of the first few."""
    folded = body.lower()
    for name in _OPENING:
        written, at = f'"{name}"'.encode(), -1
        for _ in range(_MOST_MEMBERS):
            at = folded.find(written, at + 1)
            if at < 0:
                break
            value = _MEMBER.match(body, at + len(written))
            if value is not None and body[at - 1 : at] != b"\\":
                yield value[1].decode()
