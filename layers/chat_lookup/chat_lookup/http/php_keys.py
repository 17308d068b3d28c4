"""Keys of PHP's one kind of array: which text is an integer, and which integer an empty pair of brackets means.

Both parsers of forms use it. The cost of a key does not depend on the number or length of keys in the array.
"""

import re
from typing import Final, TypeVar

Value = TypeVar("Value")

_NO_KEY: Final = frozenset({"", *" \t\n\v\f\r"})

_INTEGER: Final = re.compile(r"0|-?[1-9][0-9]{0,18}", re.ASCII)
_SMALLEST: Final = -(2**63)
_LARGEST: Final = 2**63 - 1


def key_between(brackets: str) -> str:
    """The key between brackets: empty for nothing, or for one blank."""
    return "" if brackets in _NO_KEY else brackets


class PhpArray(dict[str, Value]):
    """An ordered map that knows its next index: one more than the largest integer among its keys, at first 0.

    Integers are stored as texts: PHP has one spelling for each, so that no two keys collide.
    """

    # No `__init__`: most arrays have names for keys, and do not need it.
    numbered = False
    """Whether a next index was requested. Only from then on keys are counted as they are set."""
    _next: int | None = None

    def key(self, written: str) -> str | None:
        """The key to set: the written one, or the next index where none is. None if no next index is left."""
        if not self.numbered:
            if written or not self:
                return written or "0"
            self.numbered = True
            for key in self:
                self._count(key)
        if written:
            self._count(written)
            return written
        index = self._next or 0
        if index > _LARGEST:
            return None
        self._next = index + 1
        return str(index)

    def _count(self, key: str) -> None:
        number = int(key) if _INTEGER.fullmatch(key) else None
        if number is None or not _SMALLEST <= number <= _LARGEST:
            return
        if self._next is None or number >= self._next:
            self._next = number + 1
