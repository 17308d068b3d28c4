"""A cache in the process, with a time to live, so that a busy portal costs no read per request."""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

from chat_lookup.clock import Clock

Key = TypeVar("Key")
Value = TypeVar("Value")

SECONDS = 30.0
"""A revoked key, an uninstalled portal, a purge, a DELETE are seen everywhere within this time (design 3.1)."""


class Memory(Generic[Key, Value]):
    """A bounded map whose entries expire; the least recently used is evicted first. Safe for threads."""

    def __init__(self, clock: Clock, *, seconds: float = SECONDS, limit: int = 2_000) -> None:
        self._clock = clock
        self._seconds = seconds
        self._limit = limit
        self._entries: OrderedDict[Key, tuple[float, Value]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Key) -> Value | None:
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            until, value = entry
            # The second bound is for a clock that was set back: no entry may live longer because of that.
            if not 0 < until - self._clock.now() <= self._seconds:
                del self._entries[key]
                return None
            self._entries.move_to_end(key)
            return value

    def recall(self, key: Key, read: Callable[[], Value | None]) -> Value | None:
        """The stored value, else what `read` returns, which is stored unless it is None."""
        value = self.get(key)
        if value is None:
            value = read()
            if value is not None:
                self.put(key, value)
        return value

    def put(self, key: Key, value: Value) -> None:
        with self._lock:
            self._entries[key] = (self._clock.now() + self._seconds, value)
            self._entries.move_to_end(key)
            while len(self._entries) > self._limit:
                self._entries.popitem(last=False)

    def forget(self, key: Key) -> None:
        with self._lock:
            self._entries.pop(key, None)
