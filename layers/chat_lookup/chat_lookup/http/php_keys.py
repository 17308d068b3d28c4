"""Keys of PHP's one kind of array: which text is an integer, and which integer an empty pair of brackets means.

Both parsers of forms keep to it. Each key costs the same however many an array has, and however long one is.
"""

import re
from typing import Final, TypeVar

Value = TypeVar("Value")

_NO_KEY: Final = frozenset({"", *" \t\n\v\f\r"})

_INTEGER: Final = re.compile(r"0|-?[1-9][0-9]{0,18}", re.ASCII)
_SMALLEST: Final = -(2**63)
_LARGEST: Final = 2**63 - 1


def key_between(brackets: str) -> str:
    """The key that is written between brackets: none where nothing is, or one blank."""
    return "" if brackets in _NO_KEY else brackets


class PhpArray(dict[str, Value]):
    """An ordered map that knows its next index: one more than the largest integer among its keys, at first 0.

    Integers are kept as texts: PHP has one spelling for each, so none is another key's.
    """

    # No `__init__`: most arrays have names for keys, and would pay for it in vain.
    numbered = False
    """Whether a next index was asked for. Only from then on keys are looked at as they come."""
    _next: int | None = None

    def key(self, written: str) -> str | None:
        """The key that is written, to be set next: the next index where none is. None if no next index is left."""
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
