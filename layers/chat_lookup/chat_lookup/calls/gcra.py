"""The arithmetic of a portal's pace: who may call when, and what a refusal changes (design 5, Pace). Pure functions.

GCRA: a row holds a theoretical arrival time `tat`. With interval T = 1/rate and a usable burst of B, a caller who moves
`tat` on by T holds the slot `tat - (B-1)*T` of the `tat` he found: he sleeps until then and calls.
"""

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from chat_lookup.clock import SKEW

MARGIN: Final = 0.10
"""Share of the burst never used: eight processes passed the level by 4 of 50 through jitter alone (design 5)."""
BULK_SHARE: Final = 0.8
BULK_PATIENCE: Final = 1.0
"""Seconds ahead that bulk work may reserve: so that it never stands in front of somebody who waits."""
BULK_SPREAD: Final = 0.05
"""Of the time in which slots come back so much lies between those that bulk work takes of a burst: else all processes
have called before the first of them hears that somebody else had used the portal's burst up."""
MOST_WAITERS: Final = 40
"""Callers of one portal who wait at a time: each holds a function, and the account has only so many (design 5)."""
LEAST: Final = 0.25
"""Of its pace so much is left to a portal, however often it refuses."""
HOLD: Final = 60.0
RESTORE: Final = 240.0
"""Seconds without a refusal for which a lowered pace stays as it is, and in which it then comes back, little by little.

Each call in this time was a success, so nothing is written for them.
"""
_PAUSE: Final = 2.0
_LONGEST_PAUSE: Final = 60.0
"""Seconds; a full bucket drains within 50 (bitrix24.md 6.1)."""
FAR_AHEAD: Final = 2 * _LONGEST_PAUSE
"""Seconds that no refusal reaches ahead: only a clock that ran wrong writes such a row."""
_ABSURD: Final = 3600.0
"""Seconds that no caller waits: a slot so far ahead was reserved by a clock that ran wrong, and counts as none."""


class Share(StrEnum):
    """The classes of callers; they differ only in how far ahead they may reserve."""

    INTERACTIVE = "interactive"
    BULK = "bulk"


@dataclass(frozen=True, slots=True)
class Pace:
    """A portal's limit: `rate` requests a second, `burst` at once (bitrix24.md 6.1).

    `factor` is what is left of it for a while, after a refusal. Slots are further apart then, and the reach stays the
    same in seconds: so that a change of pace never makes room for more than the portal admits.
    """

    rate: float
    burst: int
    factor: float = 1.0

    @property
    def interval(self) -> float:
        """Seconds between two slots."""
        return 1 / (self.rate * self.factor)

    def reach(self, share: Share) -> float:
        """How far `tat` may lie ahead of a slot, in seconds: the burst that this class may use, less one."""
        usable = max(1, math.floor(self.burst - max(self.burst * MARGIN, self.rate * SKEW)))
        if share is Share.BULK:
            usable = max(1, math.floor(usable * BULK_SHARE))
        return (usable - 1) / self.rate

    def horizon(self, share: Share, now: float, latest: float) -> float:
        """The latest `tat` that a caller may find and still hold a slot no later than `latest`."""
        patience = BULK_PATIENCE if share is Share.BULK else MOST_WAITERS * self.interval
        return min(latest, now + patience) + self.reach(share)

    def slot(self, share: Share, now: float, tat: float, full_at: float = 0.0) -> float:
        """When the caller who found this `tat` may call: now, or later. All of the burst was left at `full_at`."""
        slot = max(now, tat - self.reach(share))
        spread = full_at + (tat - full_at) * BULK_SPREAD
        return max(slot, min(spread, now + BULK_PATIENCE)) if share is Share.BULK else slot

    def absurd(self, now: float) -> float:
        """What no `tat` comes to by reservations alone, however large the burst."""
        return now + self.reach(Share.INTERACTIVE) + _ABSURD


@dataclass(frozen=True, slots=True)
class Standing:
    """A portal's row: how far ahead is reserved, and what its last refusal (QUERY_LIMIT_EXCEEDED) left behind.

    `tat` is None where nothing is reserved; all of the burst was left at `full_at`. Nobody calls before
    `blocked_until`; of the pace `factor` was left at `lowered_at`. All moments are Unix time.
    """

    tat: float | None = None
    blocked_until: float = 0.0
    factor: float = 1.0
    lowered_at: float = 0.0
    full_at: float = 0.0

    def credible(self, pace: Pace, now: float) -> "Standing":
        """The same without what only a clock that ran wrong can have written."""
        refusal = max(self.blocked_until, self.lowered_at) <= now + FAR_AHEAD
        tat = self.tat if self.tat is not None and self.tat <= pace.absurd(now) else None
        return replace(self, tat=tat) if refusal else Standing(tat, full_at=self.full_at)

    def blocked(self, moment: float) -> bool:
        return moment < self.blocked_until

    def factor_at(self, now: float) -> float:
        """What is left of the pace: as it was lowered, then more with time."""
        restored = min(1.0, max(0.0, (now - self.lowered_at - HOLD) / RESTORE))
        return self.factor + (1 - self.factor) * restored

    def lowered(self, pace: Pace, now: float, reset_at: float | None) -> "Standing":
        """After one more refusal: half of the pace that is left, and a pause before anybody gets a slot.

        The pause lasts until `reset_at` where the portal named that, within bounds; else it grows as the pace shrinks.
        """
        factor = max(LEAST, self.factor_at(now) / 2)
        until = now + max(_PAUSE, 1 / pace.rate) / factor
        if reset_at is not None:
            until = max(until, min(reset_at, now + _LONGEST_PAUSE))
        # The portal's bucket is full, so ours is: nothing of the burst is left at the end of the pause.
        full = until + pace.reach(Share.INTERACTIVE)
        return Standing(full if self.tat is None else max(self.tat, full), until, factor, now)
