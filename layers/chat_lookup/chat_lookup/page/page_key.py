"""The key that signs the page's sessions: one secret of the stack, made with it and read by this room only."""

from typing import Final

from chat_lookup.clock import Clock
from chat_lookup.credentials.secret_store import Vault
from chat_lookup.errors import ServiceMisconfigured
from chat_lookup.ttl_cache import Memory

_KEPT: Final = 300.0
"""Seconds after which a process reads the secret again: a key that an operator replaces is in use that soon."""
_SHORTEST: Final = 32


class PageKey:
    """Reads the field `key` of the secret `name`."""

    def __init__(self, vault: Vault, name: str, clock: Clock) -> None:
        self._vault = vault
        self._name = name
        self._memory: Memory[str, bytes] = Memory(clock, seconds=_KEPT)

    def read(self) -> bytes:
        """The key. Raises `StoreUnavailable`, or `ServiceMisconfigured` where there is none."""
        key = self._memory.get(self._name)
        if key is None:
            key = self._read()
            self._memory.put(self._name, key)
        return key

    def _read(self) -> bytes:
        newest = self._vault.newest(self._name)
        key = newest[1].get("key", "") if newest else ""
        if len(key) < _SHORTEST:
            raise ServiceMisconfigured(f"The secret {self._name} holds no key for the page's sessions")
        return key.encode()
