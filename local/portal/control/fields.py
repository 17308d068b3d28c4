"""Reads the JSON body of a control request field by field; an error names the field."""

import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from local.portal.protocol import json_text

_MOST: Final = 2**53
"""The largest whole number that every reader of JSON has exactly."""
_LONGEST_HEADER: Final = 8_000
_HEADER: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


class ControlError(Exception):
    """An invalid control request; the message names what is wrong with it."""

    def __init__(self, message: str, status: int = 400, *, allow: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.allow = allow


class Fields:
    """One JSON object. Each reader takes a field out; `finish` refuses those that no reader asked for."""

    def __init__(self, value: object, what: str = "the body") -> None:
        if not isinstance(value, Mapping):
            raise ControlError(f"{what} must be a JSON object")
        self._left = dict(value)
        self._asked: dict[str, None] = {}

    def names(self) -> list[str]:
        return list(self._left)

    def has(self, name: str) -> bool:
        self._asked[name] = None
        return name in self._left

    def text(self, name: str, default: str | None = None, *, shortest: int = 0, longest: int = 100_000) -> str:
        value = self.take(name, default)
        if not isinstance(value, str) or not shortest <= len(value) <= longest:
            raise ControlError(f'"{name}" must be a text of {shortest} to {longest} characters')
        return value

    def header(self, name: str, default: str | None = None) -> str:
        """A text that a header may have: whatever ends a line would begin another header, and clients read no longer
        ones."""
        value = self.text(name, default, longest=_LONGEST_HEADER)
        if not _HEADER.fullmatch(value):
            raise ControlError(f'"{name}" must have the characters of a header only')
        return value

    def address(self, name: str) -> str:
        """An address of http or https, or none."""
        value = self.text(name, "")
        if value and not _is_address(value):
            raise ControlError(f'"{name}" must be an address that begins with http:// or https://')
        return value

    def number(self, name: str, default: float | None = None, *, least: float = 0, most: float = 1e12) -> float:
        value = self.take(name, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
            raise ControlError(f'"{name}" must be a number from {least:g} to {most:g}')
        return value

    def number_or_null(self, name: str, default: float | None) -> float | None:
        """A number, or None for JSON's null."""
        if self._left.get(name, default) is not None:
            return self.number(name, default)
        self.take(name, "null")
        return None

    def _is_null(self, name: str) -> bool:
        return name in self._left and self._left[name] is None and self.take(name) is None

    def whole(self, name: str, default: int | None = None, *, least: int = 0, most: int = _MOST) -> int:
        value = self.number(name, default, least=least, most=most)
        if not isinstance(value, int):
            raise ControlError(f'"{name}" must be a whole number')
        return value

    def whole_or_null(self, name: str, default: int | None, *, least: int = 0) -> int | None:
        """A whole number, or None for JSON's null."""
        if not self.has(name):
            return default
        return None if self._is_null(name) else self.whole(name, least=least)

    def flag(self, name: str, *, default: bool) -> bool:
        value = self.take(name, default)
        if not isinstance(value, bool):
            raise ControlError(f'"{name}" must be true or false')
        return value

    def one_of(self, name: str, choices: Sequence[str]) -> str:
        value = self.text(name)
        if value not in choices:
            raise ControlError(f'"{name}" must be one of {", ".join(choices)}')
        return value

    def text_or_null(self, name: str) -> str | None:
        """A text, or None for JSON's null."""
        return None if self._is_null(name) else self.text(name)

    def wholes_or_null(self, name: str) -> list[int] | None:
        """A list of whole numbers, or None for JSON's null."""
        return None if self._is_null(name) else self.wholes(name)

    def wholes(self, name: str, default: Sequence[int] | None = None) -> list[int]:
        value = self.take(name, default if default is None else list(default))
        if not isinstance(value, list) or not all(type(item) is int and 0 < item <= _MOST for item in value):
            raise ControlError(f'"{name}" must be a list of whole numbers above 0')
        return value

    def texts(self, name: str, choices: Sequence[str]) -> list[str]:
        value = self.take(name, None)
        if not isinstance(value, list) or not all(item in choices for item in value):
            raise ControlError(f'"{name}" must be a list of these: {", ".join(choices)}')
        return value

    def take(self, name: str, default: object = None) -> object:
        """A field of any kind. Raises ControlError if it is missing and there is no default."""
        self._asked[name] = None
        if name not in self._left and default is None:
            raise ControlError(f'"{name}" is missing')
        return self._left.pop(name, default)

    def finish(self) -> None:
        if self._left:
            unknown = ", ".join(f'"{name}"' for name in self._left)
            raise ControlError(f"unknown: {unknown}; known here: {', '.join(self._asked)}")


def _is_address(value: str) -> bool:
    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def read_json(content: bytes) -> object:
    """The body as JSON; an empty one is an empty object."""
    try:
        return json_text.read(content or b"{}")
    except ValueError:
        raise ControlError("the body is not JSON") from None
