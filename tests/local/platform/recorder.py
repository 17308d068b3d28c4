"""Parameters that record which of them a method reads."""

from collections.abc import Mapping
from typing import Any


class RecordedName(str):
    """A parameter's name that records each look-up by it.

    A look-up in a dict ends in a comparison with the name that is stored there, whatever the method made of that
    before: lower or upper case, another dict. So this sees what is read, and no search in the source is needed.
    """

    __slots__ = ("_path", "_read")

    _path: str
    _read: set[str]

    def __new__(cls, name: str, path: str, read: set[str]) -> "RecordedName":
        self = super().__new__(cls, name)
        self._path, self._read = path, read
        return self

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, str) or str.__ne__(self, other):
            return False
        if not isinstance(other, RecordedName):
            self._read.add(self._path)
        return True

    __hash__ = str.__hash__

    def __str__(self) -> str:
        return self

    def lower(self) -> str:
        return RecordedName(str.lower(self), self._path, self._read)

    def upper(self) -> str:
        return RecordedName(str.upper(self), self._path, self._read)


def recorded(value: Any, read: set[str], above: str = "") -> Any:
    """The same parameters, which add the path of each that is read to `read`: `fields.code`, in lower case; members
    of a list have the path of the list."""
    if isinstance(value, Mapping):
        return {
            RecordedName(name, path, read): recorded(item, read, path + ".")
            for name, item in value.items()
            for path in (above + name.lower(),)
        }
    if isinstance(value, list):
        return [recorded(item, read, above) for item in value]
    return value
