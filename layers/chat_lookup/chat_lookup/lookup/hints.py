"""Asks the portal, in the background, for the pairs that events name, and stores its replies (docs/decisions/020).

A hint is never worth waiting for: it takes a slot that is free at once, or is left out, and none of its failures is
raised. Then a look-up asks.
"""

import logging
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from chat_lookup.bitrix24.errors import BitrixError, ErrorClass
from chat_lookup.cache.chat_cache import Cache
from chat_lookup.cache.leases import LEASE, CacheQuery, Leases
from chat_lookup.cache.rows import PORTAL, Hint, Row
from chat_lookup.clock import SKEW, Clock, Deadline
from chat_lookup.entity import EntityRef
from chat_lookup.errors import ChatLookupError, PortalBusy
from chat_lookup.lookup.model import Method
from chat_lookup.lookup.plan import is_final
from chat_lookup.lookup.plan_runner import Asking
from chat_lookup.observability.aws_failures import FAILED, code_of
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.failures import refusal
from chat_lookup.portals.portal import Portal
from chat_lookup.ttl_cache import Memory

PATIENCE: Final = 5.0
"""Seconds for the call: other events wait behind this one, and no user waits for the result."""
REFUSED_FOR: Final = 600.0
"""Seconds for which a process does not ask a portal again that grants us no method for it."""


class HintOutcome(StrEnum):
    """What became of a hint."""

    KNOWN = "known"
    """The portal's own reply is stored already: of the same chat, or from after the event."""
    ASKED = "asked"
    """The portal replied, and the reply is stored."""
    UNDECIDED = "undecided"
    """The portal replied with a null that is not final: a look-up has more methods to try."""
    ELSEWHERE = "elsewhere"
    """Another process is asking the portal, for a look-up or because of a hint."""
    SKIPPED = "skipped"
    """No slot was free at once, or the portal is closed, or grants no method."""
    FAILED = "failed"


_STORED: Final = frozenset({HintOutcome.KNOWN, HintOutcome.ASKED})


class Hints:
    """Follows hints for one portal at a time. Safe to share between threads."""

    def __init__(
        self,
        asking: Asking,
        cache: Cache,
        leases: Leases,
        telemetry: Telemetry,
        clock: Clock,
        overtaken: Callable[[Portal, EntityRef], None],
    ) -> None:
        self._asking = asking
        self._cache = cache
        self._leases = leases
        self._telemetry = telemetry
        self._clock = clock
        self._overtaken = overtaken
        self._refused: Memory[str, bool] = Memory(clock, seconds=REFUSED_FOR)

    def ask(self, portal: Portal, hint: Hint, deadline: Deadline) -> None:
        """Ask the portal for the hint's pair, unless its reply is stored already.

        Where that is not possible now, a "not found" from before the event serves no longer: the next look-up asks.
        """
        hint = hint._replace(at=min(hint.at, self._clock.now()))
        try:
            outcome = self._outcome(portal, hint, deadline.no_later_than(PATIENCE))
            if outcome not in _STORED:
                # By any process's clock.
                self._cache.distrust_null(portal.member_id, portal.generation, hint.ref, hint.at + SKEW)
        except FAILED as error:
            outcome = HintOutcome.FAILED
            self._telemetry.note(level=logging.WARNING, cache_error=code_of(error))
        if outcome is not HintOutcome.KNOWN:
            self.overtaken(portal, hint.ref)
        self._telemetry.count("Hints", outcome=outcome)
        self._telemetry.note(hint=outcome.value)

    def overtaken(self, portal: Portal, ref: EntityRef) -> None:
        """Drop what this process remembers of a pair: something later is stored, or may be found."""
        self._overtaken(portal, ref)

    def _outcome(self, portal: Portal, hint: Hint, deadline: Deadline) -> HintOutcome:
        now = self._clock.now()
        if _settled(self._cache.get(portal.member_id, portal.generation, hint.ref), hint, now):
            return HintOutcome.KNOWN
        closed = refusal(portal.state, portal.state_code, portal.retry_at, now) is not None
        if closed or self._refused.get(portal.member_id):
            return HintOutcome.SKIPPED
        wanted = CacheQuery(portal.member_id, portal.generation, hint.ref, since=hint.at + SKEW)
        claim = self._leases.claim_for_hint(wanted)
        if not claim.held:
            return HintOutcome.KNOWN if _settled(claim.row, hint, now) else HintOutcome.ELSEWHERE
        return self._asked(portal, hint.ref, deadline)

    def _asked(self, portal: Portal, ref: EntityRef, deadline: Deadline) -> HintOutcome:
        asked_at = self._clock.now()
        try:
            reply = self._asking.in_background(portal, ref, deadline)
        except PortalBusy:
            return HintOutcome.SKIPPED
        except BitrixError as error:
            if error.error_class is ErrorClass.CONFIG:
                self._refused.put(portal.member_id, True)
            self._telemetry.note(hint_error=error.metric_code)
            return HintOutcome.FAILED
        except ChatLookupError as error:
            self._telemetry.note(hint_error=error.code)
            return HintOutcome.FAILED
        if reply.chat_id is None and not is_final(ref, Method.IM):
            return HintOutcome.UNDECIDED
        row = self._cache.answered(ref, reply.chat_id, method=reply.method, asked_at=asked_at)
        # The claim lasts: a chat that is not the portal's choice has events, too, and each would lead to a call.
        self._cache.keep(portal.member_id, portal.generation, row, hint_until=asked_at + LEASE)
        return HintOutcome.ASKED


def _settled(row: Row | None, hint: Hint, now: float) -> bool:
    """Whether the portal's own reply is stored that the hint could lead to, and may be served."""
    if row is None or row.source != PORTAL or not row.fresh(now):
        return False
    return row.chat_id == hint.chat_id or row.asked_at >= hint.at + SKEW
