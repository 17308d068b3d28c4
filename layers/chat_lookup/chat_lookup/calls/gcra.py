"""The arithmetic of a portal's pace: who may call when, and what a refusal changes (design 5, Pace). Pure functions.

GCRA: a row holds a theoretical arrival time `tat`. With interval T = 1/rate and a usable burst of B, a caller who moves
`tat` on by T holds the slot `tat - (B-1)*T` of the `tat` he found: he sleeps until then and calls.
"""

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from chat_lookup.clock import CLOCKS_APART, SKEW

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
LONGEST_PAUSE: Final = 600.0
"""Seconds for which a portal may ask not to be called (`Retry-After`)."""
QUIET: Final = 60.0
"""Seconds without an interactive caller after which bulk work may use the whole burst (design 14)."""


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
        """How far `tat` may lie ahead of a slot, in seconds: the burst that this class may use, less one.

        Bulk work leaves a part to interactive callers; while there are none it reserves in the reach of theirs.
        """
        usable = max(1, math.floor(self.burst - max(self.burst * MARGIN, self.rate * SKEW)))
        if share is Share.BULK:
            usable = max(1, math.floor(usable * BULK_SHARE))
        return (usable - 1) / self.rate

    def horizon(
        self, share: Share, now: float, latest: float, *, quiet: bool = False, blocked_until: float = 0.0
    ) -> float:
        """The latest `tat` that a caller may find and still hold a slot no later than `latest`.

        `quiet` says that no interactive caller was seen for a while; until `blocked_until` all who wait do.
        """
        queued = max(now, blocked_until) + MOST_WAITERS * self.interval
        patient = now + BULK_PATIENCE if share is Share.BULK else queued
        return min(latest, patient) + self._reach(share, quiet=quiet)

    def slot(self, share: Share, now: float, tat: float, full_at: float = 0.0, *, quiet: bool = False) -> float:
        """When the caller who found this `tat` may call: now, or later. All of the burst was left at `full_at`."""
        slot = max(now, tat - self._reach(share, quiet=quiet))
        spread = full_at + (tat - full_at) * BULK_SPREAD
        return max(slot, min(spread, now + BULK_PATIENCE)) if share is Share.BULK else slot

    def absurd(self, now: float) -> float:
        """What no `tat` comes to by reservations alone: as many callers as may wait, at the least pace there is.

        A slot further ahead was reserved by a clock that ran wrong, and counts as none.
        """
        waiting = MOST_WAITERS / (self.rate * LEAST)
        return now + self.reach(Share.INTERACTIVE) + max(CLOCKS_APART, waiting)

    def _reach(self, share: Share, *, quiet: bool) -> float:
        return self.reach(Share.INTERACTIVE if quiet else share)


@dataclass(frozen=True, slots=True)
class Standing:
    """A portal's row: how far ahead is reserved, and what the portal's last refusal left behind.

    `tat` is None where nothing is reserved; it was reckoned with `rate` and `burst`, 0 where a process of a former
    version wrote the row, which keeps neither. All of the burst was left at `full_at`. No process calls before
    `blocked_until`; of the pace `factor` was left at `lowered_at`, when the refusal was written. `unavailable` says
    that the portal asked for the pause because it is out of service, not because of the number of requests. `asked_at`
    is when an interactive caller last reserved. All moments are Unix time.
    """

    tat: float | None = None
    blocked_until: float = 0.0
    factor: float = 1.0
    lowered_at: float = 0.0
    full_at: float = 0.0
    rate: float = 0.0
    burst: int = 0
    asked_at: float = 0.0
    unavailable: bool = False

    def credible(self, pace: Pace, now: float) -> "Standing":
        """The same without what only a clock that ran wrong can have written, and reckoned in the pace of today."""
        told = self.repaced(pace, now)
        if self.lowered_at > now + CLOCKS_APART or self.blocked_until > self.lowered_at + LONGEST_PAUSE + 1:
            told = replace(told, blocked_until=0.0, factor=1.0, lowered_at=0.0, unavailable=False)
        if told.asked_at > now + CLOCKS_APART:
            told = replace(told, asked_at=0.0)
        absurd = told.tat is not None and told.tat > pace.absurd(max(now, told.blocked_until))
        return replace(told, tat=None) if absurd else told

    def repaced(self, pace: Pace, now: float) -> "Standing":
        """The same where the portal's pace was another when it was written (`portal.set`).

        What is used of the burst is a number of requests, which the portal counts: not the seconds in which they would
        have come back at the former pace. Nor does a bucket hold more than its burst: of those who were let in. The
        others wait for their slots, and are to come. During a pause nothing comes back.
        """
        if self.tat is None or self.tat <= now or self.rate in (0.0, pace.rate):
            return replace(self, rate=pace.rate, burst=pace.burst)
        base, former = max(now, self.blocked_until), Pace(self.rate, self.burst or pace.burst)
        used = max(0.0, self.tat - base) * self.rate
        waiting = max(0.0, used - former.reach(Share.INTERACTIVE) * self.rate - 1)
        tat = base + min(used, pace.burst + waiting) / pace.rate
        full_at = tat - max(0.0, self.tat - self.full_at) * self.rate / pace.rate
        return replace(self, tat=tat, full_at=full_at, rate=pace.rate, burst=pace.burst)

    def quiet(self, now: float) -> bool:
        """Whether bulk work may use all of the burst: no interactive caller for a while, and no recent refusal, which
        would mean that other applications use the portal's burst, too."""
        return self.asked_at <= now - QUIET and self.factor_at(now) >= 1

    def blocked(self, moment: float) -> bool:
        return moment < self.blocked_until

    def factor_at(self, now: float) -> float:
        """What is left of the pace: as it was lowered, then more with time."""
        restored = min(1.0, max(0.0, (now - self.lowered_at - HOLD) / RESTORE))
        return self.factor + (1 - self.factor) * restored

    def lowered(self, pace: Pace, now: float, retry_at: float | None) -> "Standing":
        """After one more refusal for too many requests: half of the pace that is left, and a pause before any slot.

        The pause lasts until `retry_at` where the portal named that, within bounds; else it grows as the pace shrinks.
        """
        factor = self.factor if self.blocked(now) else max(LEAST, self.factor_at(now) / 2)
        until = max(now + max(_PAUSE, 1 / pace.rate) / factor, retry_at or 0.0)
        return self._paused(pace, now, until, factor)

    def closed(self, pace: Pace, now: float, retry_at: float) -> "Standing":
        """After the portal said that it is out of service until `retry_at`: a pause, and the pace as it was."""
        return replace(self._paused(pace, now, retry_at, self.factor_at(now)), unavailable=True)

    def _paused(self, pace: Pace, now: float, until: float, factor: float) -> "Standing":
        until = min(until, now + LONGEST_PAUSE)
        # The portal's bucket is full, so ours is: nothing of the burst is left at the end of the pause.
        full = until + pace.reach(Share.INTERACTIVE)
        tat = full if self.tat is None else max(self.tat, full)
        return replace(
            self,
            tat=tat,
            blocked_until=until,
            factor=factor,
            lowered_at=now,
            rate=pace.rate,
            burst=pace.burst,
            unavailable=False,
        )
