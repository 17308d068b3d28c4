"""The arithmetic of the rate limiter: the slot of each caller, the effect of a refusal (design 5, Pace). Pure.

GCRA: a row holds a theoretical arrival time `tat`. With interval T = 1/rate and a usable burst of B, a caller that
moves `tat` on by T holds the slot `tat - (B-1)*T` of the former `tat`: it sleeps until then and calls.
"""

import math
from enum import StrEnum
from typing import Final, NamedTuple

from chat_lookup.clock import CLOCKS_APART, SKEW

MARGIN: Final = 0.10
"""Share of the burst never used: eight processes passed the level by 4 of 50 through jitter alone (design 5)."""
BULK_SHARE: Final = 0.8
BULK_PATIENCE: Final = 1.0
"""Seconds ahead that bulk work may reserve: so that it never delays a waiting interactive caller."""
BULK_SPREAD: Final = 0.05
"""Share of the slot interval that lies between the slots that bulk work takes of a burst: else all processes have
called before the first of them learns that another application had used up the portal's burst."""
MOST_WAITERS: Final = 40
"""Callers of one portal that wait at a time: each holds a function, and the account has only so many (design 5)."""
LEAST: Final = 0.25
"""Share of its pace that a portal keeps, however often it refuses."""
HOLD: Final = 60.0
RESTORE: Final = 240.0
"""Seconds without a refusal for which a lowered pace stays as it is, and in which it is then restored gradually.

Each call in this time was a success, so nothing is written for them.
"""
_PAUSE: Final = 2.0
LONGEST_PAUSE: Final = 600.0
"""Seconds for which a portal may ask not to be called (`Retry-After`)."""
QUIET: Final = 60.0
"""Seconds without an interactive caller after which bulk work may use the whole burst (design 14)."""


class Share(StrEnum):
    """The classes of callers; they differ only in how far ahead they may reserve.

    `BACKGROUND` takes what bulk work may take, but only at once: what it asks may be left out.
    """

    INTERACTIVE = "interactive"
    BULK = "bulk"
    BACKGROUND = "background"


class Pace(NamedTuple):
    """A portal's limit: `rate` requests a second, `burst` at once (bitrix24.md 6.1).

    `factor` is the share left of it for a while, after a refusal. Slots are further apart then, and the reach stays the
    same in seconds: so that a change of pace never allows more calls than the portal does.
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
        if share is not Share.INTERACTIVE:
            usable = max(1, math.floor(usable * BULK_SHARE))
        return (usable - 1) / self.rate

    def horizon(
        self, share: Share, now: float, latest: float, *, quiet: bool = False, blocked_until: float = 0.0
    ) -> float:
        """The latest `tat` at which a caller still gets a slot no later than `latest`.

        `quiet` means that no interactive caller was seen for a while; all callers wait until `blocked_until`.
        """
        queued = max(now, blocked_until) + MOST_WAITERS * self.interval
        patient = {Share.INTERACTIVE: queued, Share.BULK: now + BULK_PATIENCE, Share.BACKGROUND: now}
        return min(latest, patient[share]) + self._reach(share, quiet=quiet)

    def slot(self, share: Share, now: float, tat: float, full_at: float = 0.0, *, quiet: bool = False) -> float:
        """When the caller that read this `tat` may call: now, or later. All of the burst was left at `full_at`."""
        slot = max(now, tat - self._reach(share, quiet=quiet))
        spread = full_at + (tat - full_at) * BULK_SPREAD
        return max(slot, min(spread, now + BULK_PATIENCE)) if share is Share.BULK else slot

    def absurd(self, now: float) -> float:
        """The largest `tat` that reservations can lead to: as many callers as may wait, at the lowest pace.

        A slot further ahead was reserved by a wrong clock, and is ignored.
        """
        waiting = MOST_WAITERS / (self.rate * LEAST)
        return now + self.reach(Share.INTERACTIVE) + max(CLOCKS_APART, waiting)

    def _reach(self, share: Share, *, quiet: bool) -> float:
        return self.reach(Share.INTERACTIVE if quiet else share)


class RateState(NamedTuple):
    """A portal's row: how far ahead slots are reserved, and the effect of the portal's last refusal.

    `tat` is None where nothing is reserved; it was computed with `rate` and `burst`, 0 where a process of a former
    version wrote the row, which stores neither. All of the burst was left at `full_at`. No process calls before
    `blocked_until`; of the pace `factor` was left at `lowered_at`, when the refusal was written. `unavailable` means
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

    def credible(self, pace: Pace, now: float) -> "RateState":
        """The same without values that only a wrong clock can have written, converted to the current pace."""
        state = self.repaced(pace, now)
        if self.lowered_at > now + CLOCKS_APART or self.blocked_until > self.lowered_at + LONGEST_PAUSE + 1:
            state = state._replace(blocked_until=0.0, factor=1.0, lowered_at=0.0, unavailable=False)
        if state.asked_at > now + CLOCKS_APART:
            state = state._replace(asked_at=0.0)
        absurd = state.tat is not None and state.tat > pace.absurd(max(now, state.blocked_until))
        return state._replace(tat=None) if absurd else state

    def repaced(self, pace: Pace, now: float) -> "RateState":
        """The same, converted if the portal had another pace when the row was written (`portal.set`).

        The used part of the burst is a number of requests, which the portal counts: not the seconds in which it would
        have drained at the former pace. The bucket holds no more than its burst of admitted requests; the others wait
        for their slots, and are added. During a pause nothing drains.
        """
        if self.tat is None or self.tat <= now or self.rate in (0.0, pace.rate):
            return self._replace(rate=pace.rate, burst=pace.burst)
        base, former = max(now, self.blocked_until), Pace(self.rate, self.burst or pace.burst)
        used = max(0.0, self.tat - base) * self.rate
        waiting = max(0.0, used - former.reach(Share.INTERACTIVE) * self.rate - 1)
        tat = base + min(used, pace.burst + waiting) / pace.rate
        full_at = tat - max(0.0, self.tat - self.full_at) * self.rate / pace.rate
        return self._replace(tat=tat, full_at=full_at, rate=pace.rate, burst=pace.burst)

    def quiet(self, now: float) -> bool:
        """Whether bulk work may use all of the burst: no interactive caller for a while, and no recent refusal, which
        would mean that other applications use the portal's burst, too."""
        return self.asked_at <= now - QUIET and self.factor_at(now) >= 1

    def blocked(self, moment: float) -> bool:
        return moment < self.blocked_until

    def factor_at(self, now: float) -> float:
        """The share left of the pace: as it was lowered, then growing with time."""
        restored = min(1.0, max(0.0, (now - self.lowered_at - HOLD) / RESTORE))
        return self.factor + (1 - self.factor) * restored

    def lowered(self, pace: Pace, now: float, retry_at: float | None) -> "RateState":
        """The state after another refusal for too many requests: half of the pace left, and a pause before any slot.

        The pause lasts until `retry_at` where the portal named that, within bounds; else it grows as the pace shrinks.
        """
        factor = self.factor if self.blocked(now) else max(LEAST, self.factor_at(now) / 2)
        until = max(now + max(_PAUSE, 1 / pace.rate) / factor, retry_at or 0.0)
        return self._paused(pace, now, until, factor)

    def closed(self, pace: Pace, now: float, retry_at: float) -> "RateState":
        """The state after the portal reported an outage until `retry_at`: a pause, and an unchanged pace."""
        return self._paused(pace, now, retry_at, self.factor_at(now))._replace(unavailable=True)

    def _paused(self, pace: Pace, now: float, until: float, factor: float) -> "RateState":
        until = min(until, now + LONGEST_PAUSE)
        # The portal's bucket is full, so ours is, too: at the end of the pause nothing is left of the burst.
        full = until + pace.reach(Share.INTERACTIVE)
        tat = full if self.tat is None else max(self.tat, full)
        return self._replace(
            tat=tat,
            blocked_until=until,
            factor=factor,
            lowered_at=now,
            rate=pace.rate,
            burst=pace.burst,
            unavailable=False,
        )
