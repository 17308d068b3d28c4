"""Reads the fields of a decoded form. A field that is missing, empty or null counts as not given (bitrix24.md 5.2)."""

import re
from collections.abc import Mapping
from typing import Final

from chat_lookup.http.php_forms import Form

_WHOLE: Final = re.compile(r"0|[1-9][0-9]{0,14}", re.ASCII)
_FLAGS: Final[Mapping[str, bool]] = {"Y": True, "1": True, "TRUE": True, "N": False, "0": False, "FALSE": False}
"""Version 1 writes letters, version 2 digits (5.6)."""


def inner(form: Form, *path: str) -> Form:
    """The map at the end of a path through maps; an empty one where there is none."""
    for name in path:
        found = form.get(name)
        form = found if isinstance(found, dict) else {}
    return form


def maps(form: Form) -> list[Form]:
    """The maps among the values of a map, in their order."""
    return [value for value in form.values() if isinstance(value, dict)]


def text(form: Form, *names: str) -> str:
    """The first of the named fields that is not empty; empty if all are."""
    return next((value for name in names if isinstance(value := form.get(name), str) and value), "")


def number(form: Form, *names: str, least: int = 1) -> int | None:
    """The first of the named fields that holds a whole number from `least` on, of at most 15 digits."""
    numbers = (whole(text(form, name)) for name in names)
    return next((value for value in numbers if value is not None and value >= least), None)


def whole(written: str) -> int | None:
    """A whole number of at most 15 digits, as the platform writes ids; None for any other text."""
    return int(written) if _WHOLE.fullmatch(written) else None


def flag(form: Form, name: str) -> bool | None:
    """A flag in either spelling; None if it is not given."""
    return _FLAGS.get(text(form, name).upper())
