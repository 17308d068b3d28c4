"""Rows of many pairs at once: read in DynamoDB's pages of a hundred, written side by side (design 5, Many)."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from chat_lookup.cache.chat_cache import Cache
from chat_lookup.cache.rows import CHAT, Kept, Row, cache_key, from_item
from chat_lookup.clock import TO_ANSWER, Clock, Deadline
from chat_lookup.dynamodb import Table, read_text, text
from chat_lookup.entity import EntityRef

if TYPE_CHECKING:
    from chat_lookup.dynamodb import Values

Done = TypeVar("Done")

PAGE: Final = 100
"""Keys that one BatchGetItem may name."""
AT_ONCE: Final = 8
"""Requests to DynamoDB at a time: its client keeps ten connections."""
_READS: Final = 5
"""How often a page is asked for what DynamoDB left unprocessed of it."""
_FIRST_PAUSE: Final = 0.05
"""Seconds, at the most, before it is asked again; twice as long each time."""


class CachePages:
    """The cache, for many pairs of one portal. Its threads end with it; safe to share between threads."""

    def __init__(self, cache: Cache, table: Table, clock: Clock, random: Random) -> None:
        self._cache = cache
        self._table = table
        self._clock = clock
        self._random = random
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="cache-pages")

    def read(
        self, member_id: str, generation: int, refs: Sequence[EntityRef], deadline: Deadline, *, kind: str = CHAT
    ) -> tuple[dict[EntityRef, Row], int]:
        """The rows that there are, and how many pairs could not be read: of those nothing is known.

        Eventually consistent, as every first read of the cache. No pair may be in `refs` twice.
        """

        pages = [refs[start : start + PAGE] for start in range(0, len(refs), PAGE)]
        # With the context of the caller: its deadline binds the calls of these threads, too.
        read = partial(self._page, member_id, generation, kind=kind)
        reading = [self._pool.submit(copy_context().run, read, page) for page in pages]
        known: dict[EntityRef, Row] = {}
        unread = len(refs)
        for rows, keys in _results(reading, deadline):
            known |= rows
            unread -= keys
        return known, unread

    def put(
        self, member_id: str, generation: int, ref: EntityRef, chat_id: int | None, *, method: str, asked_at: float
    ) -> Future[Kept]:
        """Begin to store a reply of the portal, as `Cache.put` does; `finish` waits for it."""
        put = partial(self._cache.put, member_id, generation, ref, chat_id, method=method, asked_at=asked_at)
        return self._pool.submit(copy_context().run, put)

    def keep(self, member_id: str, generation: int, row: Row) -> Future[Kept]:
        """The same with a row, as `Cache.keep`."""
        return self._pool.submit(copy_context().run, partial(self._cache.keep, member_id, generation, row))

    def finish(self, puts: Sequence[Future[Kept]], deadline: Deadline) -> list[Kept]:
        """Wait until all are stored, or until the deadline. Those that were not are left out: they are asked again."""
        return _results(puts, deadline)

    def _page(
        self, member_id: str, generation: int, refs: Sequence[EntityRef], *, kind: str
    ) -> tuple[dict[EntityRef, Row], int]:
        """The rows of one page, and how many of its keys were read: DynamoDB may leave some to the end."""
        by_key = {cache_key(member_id, generation, ref, kind): ref for ref in refs}
        keys: Sequence[Values] = [{"pk": text(key)} for key in by_key]
        rows: dict[EntityRef, Row] = {}
        for attempt in range(_READS):
            items, keys = self._table.batch_get(keys)
            for item in items:
                ref = by_key[read_text(item, "pk") or ""]
                row = from_item(item, ref, self._clock.now())
                if row is not None:
                    rows[ref] = row
            if not keys:
                break
            self._clock.sleep(self._random.uniform(0, _FIRST_PAUSE * 2.0**attempt))
        return rows, len(refs) - len(keys)


def _results(begun: Sequence[Future[Done]], deadline: Deadline) -> list[Done]:
    """The results of what was done in time and did not fail because of the store."""
    done, late = wait(begun, timeout=max(0.0, deadline.left() - TO_ANSWER))
    for each in late:
        each.cancel()
    results: list[Done] = []
    for each in done:
        with suppress(ClientError, BotoCoreError):
            results.append(each.result())
    return results
