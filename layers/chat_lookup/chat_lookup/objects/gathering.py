"""Gathers the lists that answers are made of: from the cache, else from the portal, else those that are stale."""

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from typing import NamedTuple

from chat_lookup.cache.rows import PORTAL, Kept, Row
from chat_lookup.calls.requests import OnSlot
from chat_lookup.clock import SKEW, Clock, Deadline
from chat_lookup.lookup.plan import Rights
from chat_lookup.lookup.single_flight import STALE_FOR
from chat_lookup.objects.asking import ListAsking
from chat_lookup.objects.lists import WHOLE, Lists, held
from chat_lookup.objects.merging import STALE
from chat_lookup.objects.model import Held, ObjectOptions, Reading
from chat_lookup.objects.portal_objects import PortalObject


class ListRequest(NamedTuple):
    """What one caller asks for. `since` is the moment before which no list was asked for that serves (Unix seconds)."""

    rights: Rights
    options: ObjectOptions
    deadline: Deadline
    since: float | None

    @classmethod
    def of(cls, rights: Rights, options: ObjectOptions, deadline: Deadline, clock: Clock) -> "ListRequest":
        # With any process's clock: only a call made after this request arrived is fresh for its caller.
        return cls(rights, options, deadline, clock.now() + SKEW if options.fresh else None)


class Gathering:
    """Gathers lists of one portal at a time, without leases: many questions share a request."""

    def __init__(self, asking: ListAsking, lists: Lists, clock: Clock) -> None:
        self._asking = asking
        self._lists = lists
        self._clock = clock

    def own(self, request: ListRequest, objects: Iterable[PortalObject]) -> dict[PortalObject, Held]:
        """The lists of the objects themselves, with what they name."""
        return self._gathered(request, objects, None, itself=True)

    def relatives(
        self,
        request: ListRequest,
        owns: Iterable[Held],
        known: Mapping[PortalObject, Held],
        on_slot: OnSlot | None = None,
    ) -> dict[PortalObject, Held]:
        """The lists of the relatives of all these, besides the `known` ones; empty if the caller does not want them."""
        if not request.options.relatives:
            return {}
        wanted = (each for own in owns for each in own.list.relatives if each not in known)
        return self._gathered(request, wanted, on_slot, itself=False)

    def _gathered(
        self, request: ListRequest, objects: Iterable[PortalObject], on_slot: OnSlot | None, *, itself: bool
    ) -> dict[PortalObject, Held]:
        wanted, portal = list(dict.fromkeys(objects)), request.rights.portal
        rows = dict(self._lists.read(portal, wanted, request.deadline))
        if itself and request.options.relatives:
            rows = {each: row for each, row in rows.items() if row.method == WHOLE}
        now = self._clock.now()
        found = {each: held(row, "cache") for each, row in rows.items() if _serves(row, request.since, now)}
        missing = dict.fromkeys((each for each in wanted if each not in found), itself)
        writes: list[Future[Kept]] = []
        for each, reading in self._asking.read(request.rights, missing, request.deadline, on_slot=on_slot):
            if reading.complete:
                row = self._lists.row(each, reading, whole=itself and request.options.relatives)
                writes.append(self._lists.begin_to_keep(portal, row))
                found[each] = held(row, PORTAL)
            else:
                found[each] = self._stale_or_incomplete(rows.get(each), reading, request.since)
        self._lists.finish(writes, request.deadline)
        return found

    def _stale_or_incomplete(self, row: Row | None, reading: Reading, since: float | None) -> Held:
        usable = row is not None and since is None and row.usable(self._clock.now())
        if row is not None and usable and isinstance(reading.failure, STALE_FOR):
            return held(row, STALE)
        return incomplete(reading)


def incomplete(reading: Reading) -> Held:
    """A list that is not stored: part of it failed, or nothing of it is known."""
    return Held(reading.list, PORTAL, reading.asked_at, 0.0, reading.answered, reading.failure, reading.refusal)


def _serves(row: Row, since: float | None, now: float) -> bool:
    return row.fresh(now) and (since is None or row.asked_at >= since)
