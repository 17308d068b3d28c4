"""The use case for many pairs at once: each is called once, in as few requests as possible (design 5, Many)."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Final, TypeAlias

from chat_lookup.bitrix24.batch import MOST_COMMANDS
from chat_lookup.cache.bulk_cache import CachePages
from chat_lookup.cache.leases import CacheQuery
from chat_lookup.cache.rows import EVENT, PORTAL, Kept, Row
from chat_lookup.calls.bulk_allowance import Allowance
from chat_lookup.calls.gcra import Share
from chat_lookup.calls.portal_calls import PortalCalls
from chat_lookup.clock import SKEW, Clock, Deadline
from chat_lookup.entity import EntityRef, hint
from chat_lookup.errors import ChatLookupError, ChatNotFound
from chat_lookup.lookup.batch_runner import Ended, Rounds
from chat_lookup.lookup.model import ChatReply, Found, Options
from chat_lookup.lookup.plan import Finding, Inquiries, Inquiry, Rights, asks_anew, is_final, method_of, most_calls
from chat_lookup.lookup.single_flight import STALE_FOR
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.portal import Portal
from chat_lookup.portals.store import Portals

FEW: Final = 3 * MOST_COMMANDS
"""Up to so many missing pairs are interactive work; more is bulk work, which leaves room for other callers."""
_DETAILS: Final = 1
"""Calls for a chat's details: further ones are made only where the first is refused."""
LookupOutcome: TypeAlias = Found | ChatLookupError


class Many:
    """Looks many chats up for one portal at a time, without leases: a batch is one request in any case."""

    def __init__(
        self,
        calls: PortalCalls,
        portals: Portals,
        allowance: Allowance,
        pages: CachePages,
        telemetry: Telemetry,
        clock: Clock,
    ) -> None:
        self._calls = calls
        self._portals = portals
        self._allowance = allowance
        self._pages = pages
        self._inquiries = Inquiries(telemetry)
        self._telemetry = telemetry
        self._clock = clock

    def find(
        self, portal: Portal, refs: Sequence[EntityRef | ChatLookupError], options: Options, deadline: Deadline
    ) -> list[LookupOutcome]:
        """One outcome for each of `refs`, in order. An item's failure is its own, and nothing is raised for it.

        An error among `refs` (a pair that could not be read) is returned in its place. A pair that could not be called
        before the deadline is `DeadlineReached`. The options' user token is ignored: no answer is bound to it.
        """
        started = self._clock.now()
        pairs = list(dict.fromkeys(ref for ref in refs if isinstance(ref, EntityRef)))
        self._telemetry.note(portal=portal.member_id, lookups=len(refs), pairs=len(pairs))
        self._telemetry.hide_entities(pairs)
        rights = Rights(portal, self._portals)
        settled = {
            ref: (outcome, source, (self._clock.now() - started) * 1000)
            for ref, outcome, source in self._settled(rights, pairs, options, deadline)
        }
        outcomes = {ref: outcome for ref, (outcome, _, _) in settled.items()}
        for _, source, took in settled.values():
            self._telemetry.count("Lookups", source=source)
            self._telemetry.count("LookupLatency", took, source=source)
        sources = Counter(source for _, source, _ in settled.values())
        if options.expand:
            outcomes |= self._expanded(rights, outcomes, options, deadline)
        problems = Counter(each.code for each in outcomes.values() if isinstance(each, ChatLookupError))
        duration = round((self._clock.now() - started) * 1000, 1)
        self._telemetry.note(sources=dict(sources), problems=dict(problems), duration_ms=duration)
        return [outcomes[ref] if isinstance(ref, EntityRef) else ref for ref in refs]

    def _settled(
        self, rights: Rights, pairs: Sequence[EntityRef], options: Options, deadline: Deadline
    ) -> Iterator[tuple[EntityRef, LookupOutcome, str]]:
        """Each pair with its outcome and its source, in the order in which they arrive.

        A pair comes once more where a later row, another process's or an event's, was stored before the reply was.
        """
        fresh, chosen = asks_anew(options, rights.portal), method_of(options)
        rows = {} if fresh else self._known(rights.portal, pairs, deadline)
        rows = {ref: row for ref, row in rows.items() if chosen in (None, row.method)}
        began = self._clock.now()
        missing = []
        for ref in pairs:
            row = rows.get(ref)
            if row is not None and row.fresh(began):
                yield self._served(row, EVENT if row.source == EVENT else "cache")
            else:
                missing.append(ref)
        writes: list[Future[Kept]] = []
        for ended in self._asked(rights, missing, options, deadline, writes):
            ref, row = ended.key, rows.get(ended.key)
            if isinstance(ended.finding, ChatReply):
                reply = ended.finding
                yield ref, self._outcome(ref, reply.chat_id, reply.method, PORTAL, ended.asked_at), PORTAL
            elif isinstance(ended.finding, STALE_FOR) and row is not None and row.usable(self._clock.now()):
                yield self._served(row, "stale")
            else:
                yield ref, ended.finding, "none"
        for row in self._later(rights.portal, writes, chosen, began + SKEW if fresh else None, deadline):
            yield self._served(row, EVENT if row.source == EVENT else PORTAL)

    def _known(self, portal: Portal, pairs: Sequence[EntityRef], deadline: Deadline) -> Mapping[EntityRef, Row]:
        rows, failures = self._pages.read(portal.member_id, portal.generation, pairs, deadline)
        if failures:
            self._telemetry.note(level=logging.WARNING, cache_read_failures=failures)
        return rows

    def _asked(
        self,
        rights: Rights,
        pairs: Sequence[EntityRef],
        options: Options,
        deadline: Deadline,
        writes: list[Future[Kept]],
    ) -> Iterator[Ended[EntityRef, ChatReply]]:
        """Call the portal, pairs that may need several requests first; begin to write its replies, as `writes`."""
        keep = partial(self._pages.put, rights.portal.member_id, rights.portal.generation)
        inquiries = {ref: self._inquiries.chat(rights, ref, options.method, options.bot_id) for ref in pairs}
        for ended in self._rounds(rights, inquiries, deadline, lambda ref: most_calls(ref, options.method)):
            reply = ended.finding
            # A stored null of one method would be returned to callers of `auto`, which tries others, too.
            if isinstance(reply, ChatReply) and (reply.chat_id is not None or is_final(ended.key, options.method)):
                writes.append(keep(ended.key, reply.chat_id, method=reply.method, asked_at=ended.asked_at))
            yield ended

    def _later(
        self,
        portal: Portal,
        writes: Sequence[Future[Kept]],
        method: str | None,
        since: float | None,
        deadline: Deadline,
    ) -> Iterator[Row]:
        """Finish the writes; the rows that answer in the place of replies that came too late to be stored."""
        done = self._pages.finish(writes, deadline)
        if len(done) < len(writes):
            self._telemetry.note(level=logging.WARNING, cache_write_failures=len(writes) - len(done))
        now = self._clock.now()
        for kept in done:
            wanted = CacheQuery(portal.member_id, portal.generation, kept.row.ref, since=since, method=method)
            later = kept.stored if kept.lost else None
            if later is not None and wanted.is_satisfied_by(later, now):
                yield later

    def _expanded(
        self, rights: Rights, outcomes: Mapping[EntityRef, LookupOutcome], options: Options, deadline: Deadline
    ) -> Mapping[EntityRef, Found]:
        """The chats found, with details, or with null where the portal refuses them: that fails no look-up."""
        found = {ref: each for ref, each in outcomes.items() if isinstance(each, Found)}
        inquiries = {ref: self._inquiries.details(rights, each.chat_id, options.bot_id) for ref, each in found.items()}
        return {
            ended.key: found[ended.key]._replace(
                chat=None if isinstance(ended.finding, ChatLookupError) else ended.finding[0],
                expanded=True,
            )
            for ended in self._rounds(rights, inquiries, deadline, lambda _: _DETAILS)
        }

    def _rounds(
        self,
        rights: Rights,
        inquiries: Mapping[EntityRef, Inquiry[Finding]],
        deadline: Deadline,
        most_calls: Callable[[EntityRef], int],
    ) -> Iterator[Ended[EntityRef, Finding]]:
        share = Share.BULK if len(inquiries) > FEW else Share.INTERACTIVE
        rounds = Rounds[EntityRef, Finding](self._calls, self._allowance, self._clock, rights, share, deadline)
        return rounds.run(inquiries, most_calls)

    def _served(self, row: Row, source: str) -> tuple[EntityRef, LookupOutcome, str]:
        """The outcome of a pair whose row is stored, with its source."""
        return row.ref, self._outcome(row.ref, row.chat_id, row.method, source, row.asked_at), source

    def _outcome(self, ref: EntityRef, chat_id: int | None, method: str, source: str, asked_at: float) -> LookupOutcome:
        if chat_id is None:
            return ChatNotFound(hint=hint(ref))
        return Found(ref, chat_id, source, method, max(0, int(self._clock.now() - asked_at)))
