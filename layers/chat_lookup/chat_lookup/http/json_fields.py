"""Reads the fields of a direct invocation's event by name and type, and refuses unknown fields."""

import math
import re
from collections.abc import Mapping
from typing import Final

from chat_lookup.errors import InvalidRequest
from chat_lookup.http.requests import as_named
from chat_lookup.observability.redaction import SHORTEST_SECRET

_DIGITS: Final = "[0-9]{1,15}"


class Fields:
    """The fields of one event. Each field read is recorded; `nothing_else` names a field that was not read.

    A field that is missing, null or empty counts as not given; if `strict`, null and empty ones are refused, as the
    contract's schemas do. All faults raise `InvalidRequest` naming the field.
    """

    def __init__(self, event: object, *, strict: bool = False) -> None:
        if not isinstance(event, Mapping):
            raise InvalidRequest("The event must be a JSON object")
        self._event: Mapping[str, object] = event
        self._strict = strict
        self._read: set[str] = set()

    def any(self, *names: str) -> object:
        """The value of the one of `names` that is given, as it is; None if none is.

        Raises `InvalidRequest` if two spellings of one field are given.
        """
        self._read.update(names)
        present = [name for name in names if name in self._event]
        given = [name for name in present if self._event[name] not in (None, "")]
        if self._strict and len(given) < len(present):
            raise self.not_given(*names)
        if len(given) > 1:
            raise InvalidRequest(f"{' and '.join(given)} are the same field, give one of them")
        return self._event[given[0]] if given else None

    def not_given(self, *names: str) -> InvalidRequest:
        """The error for a required field; its text differs for one that is missing, null or empty."""
        empty = [name for name in names if name in self._event and self._event[name] in (None, "")]
        if not empty:
            return InvalidRequest(f"{names[0]} is missing")
        return InvalidRequest(f"{empty[0]} is {'null' if self._event[empty[0]] is None else 'empty'}")

    def text(self, *names: str) -> str:
        value = self.optional_text(*names)
        if value is None:
            raise self.not_given(*names)
        return value

    def optional_text(self, *names: str) -> str | None:
        value = self.any(*names)
        if value is not None and not isinstance(value, str):
            raise InvalidRequest(f"{names[0]} must be text")
        return value

    def secret(self, name: str) -> str:
        """A text that is long enough to be a secret, and so to be masked in log lines."""
        return checked_secret(name, self.text(name))

    def optional_secret(self, name: str) -> str | None:
        text = self.optional_text(name)
        return text and checked_secret(name, text)

    def optional_texts(self, *names: str) -> list[str] | None:
        value = self.any(*names)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise InvalidRequest(f"{names[0]} must be a list of texts")
        return value

    def optional_number(self, *names: str, least: float = -math.inf, most: float = math.inf) -> float | None:
        value = self.any(*names)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise InvalidRequest(f"{names[0]} must be a number from {least:g} to {most:g}")
        return value

    def optional_whole(self, *names: str, least: int = 1, most: int | None = None, as_text: bool = True) -> int | None:
        """A whole number, positive unless `least` is 0; also as text, unless a contract admits none."""
        value = self.any(*names)
        if isinstance(value, str) and not as_text:
            raise InvalidRequest(f"{names[0]} must be a whole number, and no text")
        number = None if value is None else whole(names[0], value, least=least)
        if number is not None and most is not None and number > most:
            raise InvalidRequest(f"{names[0]} must be a whole number from {least} to {most}")
        return number

    def optional_flag(self, *names: str, otherwise: bool = False) -> bool:
        """`otherwise` if it is missing. Null and empty are neither true nor false."""
        value = self.any(*names)
        if value is None and self._event.keys().isdisjoint(names):
            return otherwise
        if not isinstance(value, bool):
            raise InvalidRequest(f"{names[0]} must be true or false")
        return value

    def nothing_else(self, instead: str = "") -> None:
        """Raises `InvalidRequest` for a field that was not read: a mistyped name is never ignored. `instead` are words
        about the fields that there are."""
        left = [name for name in self._event if name not in self._read]
        if left:
            raise InvalidRequest(f"{as_named(str(left[0]))} is an unknown field{instead}")


def checked_secret(name: str, secret: str) -> str:
    """The same text. Raises `InvalidRequest`, which does not quote it, if it is too short (docs/decisions/021)."""
    if len(secret) < SHORTEST_SECRET:
        raise InvalidRequest(f"{name} has {len(secret)} characters, a secret has at least {SHORTEST_SECRET}")
    return secret


def whole(name: str, value: object, *, least: int = 1) -> int:
    """A whole number of at most 15 digits, positive unless `least` is 0, also from text.

    Raises `InvalidRequest` that names it.
    """
    digits = digits_of(value)
    if isinstance(digits, str) and re.fullmatch(_DIGITS, digits) and int(digits) >= least:
        return int(digits)
    raise InvalidRequest(f"{name} must be a {'positive ' if least else ''}whole number")


def digits_of(value: object) -> object:
    """A whole number as text, anything else as it is. In JSON 133.0 is a whole number, too."""
    if isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1:
        return str(int(value))
    return value
