"""The use case: an object in, all its chats out. From the cache or the portal, or stale when the portal fails."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from chat_lookup.cache.leases import CacheQuery
from chat_lookup.cache.rows import Row
from chat_lookup.clock import Clock, Deadline
from chat_lookup.errors import ChatLookupError, DeadlineReached, PortalBusy
from chat_lookup.lookup.plan import Rights
from chat_lookup.lookup.single_flight import Misses, Turn
from chat_lookup.objects.asking import ListAsking
from chat_lookup.objects.gathering import Gathering, ListRequest, incomplete
from chat_lookup.objects.lists import Lists, held
from chat_lookup.objects.merging import merged
from chat_lookup.objects.model import Held, ObjectChats, ObjectOptions, ObjectOutcome
from chat_lookup.objects.portal_objects import PortalObject
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.portal import Portal
from chat_lookup.portals.store import Portals


@dataclass(slots=True)
class _Single:
    """One caller's question about one object, and the lists that it asked for itself: they answer it without a read."""

    asked: PortalObject
    request: ListRequest
    query: CacheQuery
    stored: Row | None
    incomplete: Held | None = None
    """The object's own list, where it is not stored."""
    relatives: dict[PortalObject, Held] = field(default_factory=dict)


class Objects:
    """Lists the chats of objects, for one portal at a time."""

    def __init__(
        self, asking: ListAsking, lists: Lists, misses: Misses, portals: Portals, telemetry: Telemetry, clock: Clock
    ) -> None:
        self._asking = asking
        self._lists = lists
        self._gathering = Gathering(asking, lists, clock)
        self._misses = misses
        self._portals = portals
        self._telemetry = telemetry
        self._clock = clock

    def find(self, portal: Portal, asked: PortalObject, options: ObjectOptions, deadline: Deadline) -> ObjectChats:
        """The object's chats. One caller asks, in two requests, and the others wait for its lists.

        Raises `ObjectNotFound`, and where no part of the answer is known the portal's errors of design 6.
        """
        self._telemetry.note(portal=portal.member_id)
        self._telemetry.note_entity(asked.ref)
        source = "none"
        try:
            answer = self._found(portal, asked, options, deadline)
            source = answer.source
            return answer
        finally:
            self._telemetry.count("ObjectLookups", source=source)
            self._telemetry.note(source=source)

    def find_many(
        self,
        portal: Portal,
        objects: Sequence[PortalObject | ChatLookupError],
        options: ObjectOptions,
        deadline: Deadline,
    ) -> list[ObjectOutcome]:
        """One outcome for each of `objects`, in order; an error among them is returned in its place.

        What finds no time before the deadline is the problem of its part, or of its object.
        """
        asked = list(dict.fromkeys(each for each in objects if isinstance(each, PortalObject)))
        self._telemetry.note(portal=portal.member_id, lookups=len(objects), objects=len(asked))
        request = ListRequest.of(Rights(portal, self._portals), options, deadline, self._clock)
        own = self._gathering.own(request, asked)
        lists = own | self._gathering.relatives(request, own.values(), own)
        outcomes = {each: self._outcome(each, lists, options) for each in asked}
        for outcome in outcomes.values():
            source = outcome.source if isinstance(outcome, ObjectChats) else "none"
            self._telemetry.count("ObjectLookups", source=source)
        return [outcomes[each] if isinstance(each, PortalObject) else each for each in objects]

    def _outcome(self, asked: PortalObject, lists: dict[PortalObject, Held], options: ObjectOptions) -> ObjectOutcome:
        try:
            return merged(asked, lists, options, self._clock.now())
        except ChatLookupError as error:
            return error

    def _found(self, portal: Portal, asked: PortalObject, options: ObjectOptions, deadline: Deadline) -> ObjectChats:
        request = ListRequest.of(Rights(portal, self._portals), options, deadline, self._clock)
        query = self._lists.query(portal, asked, options, request.since)
        row = None if options.fresh else self._lists.get(portal, asked)
        single = _Single(asked, request, query, row)
        if row is not None and query.is_satisfied_by(row, self._clock.now()):
            own = held(row, "cache")
        else:
            row, source = self._misses.settle(query, row, lambda turn: self._ask(single, turn), deadline)
            own = single.incomplete or held(row, source)
        lists = {asked: own, **single.relatives}
        lists |= self._gathering.relatives(request, [own], lists)
        return merged(asked, lists, options, self._clock.now())

    def _ask(self, single: _Single, turn: Turn) -> Row:
        """Ask for the object's list, then for those of its relatives: callers that wait for the first find them all."""
        asked, request, query = single.asked, single.request, single.query
        readings = dict(self._asking.read(request.rights, {asked: True}, request.deadline, on_slot=turn.on_slot))
        reading = readings[asked]._replace(asked_at=turn.asked_at)
        own, now = incomplete(reading), self._clock.now()
        failure = _of_one(reading.failure)
        if failure is not None and (not own.answered or query.allows_stale(single.stored, now)):
            raise failure
        single.relatives.update(self._gathering.relatives(request, [own], {asked: own}, turn.on_slot))
        if own.refusal is not None and not any(each.answered for each in (own, *single.relatives.values())):
            raise own.refusal
        # Not fresh beyond its relatives' lists: then one caller asks for all of them again, and not each.
        stored = [each.fresh_until for each in single.relatives.values() if each.fresh_until > now]
        row = self._lists.row(asked, reading, whole=request.options.relatives, fresh_until=min(stored, default=None))
        if not reading.complete:
            single.incomplete = own
            turn.kept = False
            return row.for_this_caller_only()
        kept = self._lists.keep(request.rights.portal, row)
        turn.kept = kept is not None and not kept.lost
        return row if kept is None else query.answer_in(kept, self._clock.now())


def _of_one(failure: ChatLookupError | None) -> ChatLookupError | None:
    """The failure of a single question: where no slot was free in time, it is the portal's limit."""
    if isinstance(failure, DeadlineReached):
        return PortalBusy(
            "The portal's rate limit has no free slot before the deadline", retry_after=failure.retry_after
        )
    return failure
