"""The use case for many pairs at once: each is called once, in as few requests as possible (design 5, Many)."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import Final, TypeAlias

from chat_lookup.bitrix24.batch import MOST_COMMANDS
from chat_lookup.cache.bulk_cache import CachePages
from chat_lookup.cache.rows import EVENT, PORTAL, Row
from chat_lookup.calls.bulk_allowance import Allowance
from chat_lookup.calls.gcra import Share
from chat_lookup.calls.portal_calls import PortalCalls
from chat_lookup.clock import Clock, Deadline
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
        rights = Rights(portal, self._portals)
        outcomes: dict[EntityRef, LookupOutcome] = {}
        sources: Counter[str] = Counter()
        for ref, outcome, source in self._settled(rights, pairs, options, deadline):
            outcomes[ref] = outcome
            sources[source] += 1
            self._telemetry.count("Lookups", source=source)
            self._telemetry.count("LookupLatency", (self._clock.now() - started) * 1000, source=source)
        if options.expand:
            outcomes |= self._expanded(rights, outcomes, options, deadline)
        problems = Counter(each.code for each in outcomes.values() if isinstance(each, ChatLookupError))
        took = round((self._clock.now() - started) * 1000, 1)
        self._telemetry.note(sources=dict(sources), problems=dict(problems), duration_ms=took)
        return [outcomes[ref] if isinstance(ref, EntityRef) else ref for ref in refs]

    def _settled(
        self, rights: Rights, pairs: Sequence[EntityRef], options: Options, deadline: Deadline
    ) -> Iterator[tuple[EntityRef, LookupOutcome, str]]:
        """Each pair with its outcome and its source, in the order in which they arrive."""
        rows = {} if asks_anew(options, rights.portal) else self._known(rights.portal, pairs, deadline)
        chosen = method_of(options)
        rows = {ref: row for ref, row in rows.items() if chosen in (None, row.method)}
        now = self._clock.now()
        missing = []
        for ref in pairs:
            row = rows.get(ref)
            if row is not None and row.fresh(now):
                source = EVENT if row.source == EVENT else "cache"
                yield ref, self._outcome(ref, row.chat_id, row.method, source, row.asked_at), source
            else:
                missing.append(ref)
        for ended in self._asked(rights, missing, options, deadline):
            ref, row = ended.key, rows.get(ended.key)
            if isinstance(ended.finding, ChatReply):
                reply = ended.finding
                yield ref, self._outcome(ref, reply.chat_id, reply.method, PORTAL, ended.asked_at), PORTAL
            elif isinstance(ended.finding, STALE_FOR) and row is not None and row.usable(self._clock.now()):
                yield ref, self._outcome(ref, row.chat_id, row.method, "stale", row.asked_at), "stale"
            else:
                yield ref, ended.finding, "none"

    def _known(self, portal: Portal, pairs: Sequence[EntityRef], deadline: Deadline) -> Mapping[EntityRef, Row]:
        rows, failures = self._pages.read(portal.member_id, portal.generation, pairs, deadline)
        if failures:
            self._telemetry.note(level=logging.WARNING, cache_read_failures=failures)
        return rows

    def _asked(
        self, rights: Rights, pairs: Sequence[EntityRef], options: Options, deadline: Deadline
    ) -> Iterator[Ended[EntityRef, ChatReply]]:
        """Call the portal, pairs that may need several requests first; write its replies while other calls run."""
        keep = partial(self._pages.put, rights.portal.member_id, rights.portal.generation)
        kept: list[Future[Row]] = []
        inquiries = {ref: self._inquiries.chat(rights, ref, options.method, options.bot_id) for ref in pairs}
        for ended in self._rounds(rights, inquiries, deadline, lambda ref: most_calls(ref, options.method)):
            reply = ended.finding
            # A stored null of one method would be returned to callers of `auto`, which tries others, too.
            if isinstance(reply, ChatReply) and (reply.chat_id is not None or is_final(ended.key, options.method)):
                kept.append(keep(ended.key, reply.chat_id, method=reply.method, asked_at=ended.asked_at))
            yield ended
        failures = self._pages.finish(kept, deadline)
        if failures:
            self._telemetry.note(level=logging.WARNING, cache_write_failures=failures)

    def _expanded(
        self, rights: Rights, outcomes: Mapping[EntityRef, LookupOutcome], options: Options, deadline: Deadline
    ) -> Mapping[EntityRef, Found]:
        """The chats found, with details, or with null where the portal refuses them: that fails no look-up."""
        found = {ref: each for ref, each in outcomes.items() if isinstance(each, Found)}
        inquiries = {ref: self._inquiries.details(rights, each.chat_id, options.bot_id) for ref, each in found.items()}
        return {
            ended.key: replace(
                found[ended.key],
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

    def _outcome(self, ref: EntityRef, chat_id: int | None, method: str, source: str, asked_at: float) -> LookupOutcome:
        if chat_id is None:
            return ChatNotFound(hint=hint(ref))
        return Found(ref, chat_id, source, method, max(0, int(self._clock.now() - asked_at)))
