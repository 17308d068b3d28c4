"""Lists of chats in CacheTable, by object: fresh for a minute, and for a day where the portal fails.

They are rows like those of pairs, with leases of their own (`cache`), but no process remembers them: what an event
forgets is asked for anew at once, by every process.
"""

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from random import Random
from typing import Final

from chat_lookup.cache.bulk_cache import CachePages
from chat_lookup.cache.chat_cache import Cache
from chat_lookup.cache.leases import CacheQuery
from chat_lookup.cache.rows import LIST, PORTAL, SPREAD, Kept, Row
from chat_lookup.clock import DAY, Deadline
from chat_lookup.objects.model import ChatList, Held, ObjectOptions, Reading
from chat_lookup.objects.portal_objects import PortalObject
from chat_lookup.observability.aws_failures import FAILED, code_of
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.portal import Portal

FRESH_LIST: Final = 60.0
USABLE_LIST: Final = DAY
WHOLE: Final = "whole"
"""How a list was asked for that an answer with relatives can begin with: those were asked for, too."""
ALONE: Final = "alone"


class Lists:
    """The rows of CacheTable that hold lists."""

    def __init__(self, cache: Cache, pages: CachePages, telemetry: Telemetry, random: Random) -> None:
        self._cache = cache
        self._pages = pages
        self._telemetry = telemetry
        self._random = random

    def query(self, portal: Portal, asked: PortalObject, options: ObjectOptions, since: float | None) -> CacheQuery:
        """What an answer for the object begins with."""
        return CacheQuery(
            portal.member_id,
            portal.generation,
            asked.ref,
            how=f"list {options.relatives}",
            since=since,
            method=WHOLE if options.relatives else None,
            kind=LIST,
        )

    def get(self, portal: Portal, asked: PortalObject) -> Row | None:
        """The stored row; None, too, where the cache cannot be read."""
        try:
            return self._cache.get(portal.member_id, portal.generation, asked.ref, kind=LIST)
        except FAILED as error:
            self._telemetry.note(level=logging.WARNING, cache_read_failures=1, cache_error=code_of(error))
            return None

    def read(self, portal: Portal, objects: Sequence[PortalObject], deadline: Deadline) -> Mapping[PortalObject, Row]:
        """The stored rows of many objects, each named once."""
        by_ref = {each.ref: each for each in objects}
        if not by_ref:
            return {}
        rows, failures = self._pages.read(portal.member_id, portal.generation, list(by_ref), deadline, kind=LIST)
        if failures:
            self._telemetry.note(level=logging.WARNING, cache_read_failures=failures)
        return {by_ref[ref]: row for ref, row in rows.items()}

    def row(self, asked: PortalObject, reading: Reading, *, whole: bool, fresh_until: float | None = None) -> Row:
        """The row of a list that was read, not stored; fresh no longer than `fresh_until`."""
        spread = 1 + self._random.uniform(-SPREAD, SPREAD)
        fresh = reading.asked_at + FRESH_LIST * spread
        # A missing object is no answer to serve when the portal fails.
        usable = fresh if reading.list.missing else reading.asked_at + USABLE_LIST * spread
        return Row(
            asked.ref,
            None,
            WHOLE if whole else ALONE,
            PORTAL,
            reading.asked_at,
            fresh if fresh_until is None else min(fresh, fresh_until),
            usable,
            reading.list.to_json(),
        )

    def keep(self, portal: Portal, row: Row) -> Kept | None:
        """Store a row; None where that fails."""
        try:
            return self._cache.keep(portal.member_id, portal.generation, row)
        except FAILED as error:
            self._telemetry.note(level=logging.WARNING, cache_write_failures=1, cache_error=code_of(error))
            return None

    def begin_to_keep(self, portal: Portal, row: Row) -> Future[Kept]:
        return self._pages.keep(portal.member_id, portal.generation, row)

    def finish(self, writes: Sequence[Future[Kept]], deadline: Deadline) -> None:
        failures = len(writes) - len(self._pages.finish(writes, deadline))
        if failures:
            self._telemetry.note(level=logging.WARNING, cache_write_failures=failures)


def held(row: Row, source: str) -> Held:
    """The list in a row."""
    return Held(ChatList.from_json(row.content), source, row.asked_at, row.fresh_until)
