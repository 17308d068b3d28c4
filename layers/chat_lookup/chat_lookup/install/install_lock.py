"""A lock for the installation of one portal: two at once would make two records of it, or two bots (design 5).

The item `INSTALL#<member_id>` of CacheTable is a lease: a process that dies on the way leaves one that expires.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from chat_lookup.clock import Clock, Deadline
from chat_lookup.dynamodb import Table, absent, any_of, equals, less, number, text
from chat_lookup.errors import InstallationInProgress
from chat_lookup.observability.aws_failures import FAILED

if TYPE_CHECKING:
    from chat_lookup.dynamodb import Values

_STEP: Final = 0.3
_LEAST: Final = 8.0
"""Seconds that an installation is given at the least: a caller with fewer left does not begin."""
_BEYOND: Final = 5.0
"""Seconds by which a lease outlives its holder's deadline."""


class InstallLock:
    """One installation of a portal at a time, over all processes."""

    def __init__(self, table: Table, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    @contextmanager
    def hold(self, member_id: str, deadline: Deadline) -> Iterator[None]:
        """Wait for the lock, and hold it inside. Raises `InstallationInProgress` if it is not free in time."""
        owner = uuid.uuid4().hex
        while not self._taken(member_id, owner, deadline):
            if deadline.left() < _LEAST:
                raise InstallationInProgress(retry_after=deadline.left() + _BEYOND)
            self._clock.sleep(_STEP)
        try:
            yield
        finally:
            self._give_back(member_id, owner)

    def _taken(self, member_id: str, owner: str, deadline: Deadline) -> bool:
        until = deadline.at + _BEYOND
        item = {
            **_key(member_id),
            "owner": text(owner),
            "until": number(until),
            "expires_at": number(int(until)),
        }
        # Our own earlier success is admitted: its response may have been lost (design 4).
        free = any_of(absent("pk"), less("until", number(self._clock.now())), equals("owner", text(owner)))
        return self._table.put(item, free).held

    def _give_back(self, member_id: str, owner: str) -> None:
        # Where this fails, it expired and is another's, or it will: what was installed inside stays installed.
        with suppress(*FAILED):
            self._table.delete(_key(member_id), equals("owner", text(owner)))


def _key(member_id: str) -> "Values":
    return {"pk": text(f"INSTALL#{member_id}")}
