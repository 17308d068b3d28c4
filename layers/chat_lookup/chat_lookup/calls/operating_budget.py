"""The operating time left for bulk work, computed from a portal's replies (bitrix24.md 6.2). Pure functions.

The portal sums a method's seconds in ten buckets of a minute. Each reply contains the sum, which all users of our grant
share, and when the oldest bucket expires. The limit of the sum is not documented: 480 s are assumed.
"""

from typing import Final, NamedTuple

WINDOW: Final = 600.0
BUCKET: Final = 60.0
ASSUMED_LIMIT: Final = 480.0
MARGIN: Final = 20.0
"""Seconds left to others, and for error: eight bulk requests in flight, and what is not stored yet."""
AT_ONCE: Final = 2.0
"""Seconds of work in one bulk request at most, and the least change of a sum that is stored."""


class Budget(NamedTuple):
    """What bulk work may still use of a method: `left` seconds, until more is freed at `resets_at` (Unix time).

    `cost` is what one call was measured to take, in seconds; 0 if nothing was.
    """

    left: float
    resets_at: float
    cost: float = 0.0

    def calls(self, most: int) -> int:
        """How many calls the next request may contain: 0 if it has to wait until `resets_at`."""
        if self.left <= 0:
            return 0
        fitting = int(min(self.left, AT_ONCE) / self.cost) if self.cost > 0 else most
        return max(1, min(most, fitting))


class Spent(NamedTuple):
    """The row: `operating` seconds used, as replied at `noted_at`, some of which are freed at `reset_at`.

    0 means unknown; `stopped_until` is 0 where nothing was refused. Moments are Unix time.
    """

    operating: float = 0.0
    reset_at: float = 0.0
    noted_at: float = 0.0
    cost: float = 0.0
    stopped_until: float = 0.0

    @property
    def resets_at(self) -> float:
        """When to read the sum anew. The portal names whole seconds; where it names nothing, a bucket later."""
        if not self.reset_at:
            return self.noted_at + BUCKET
        return min(max(self.reset_at, self.noted_at), self.noted_at + WINDOW) + 1

    def stopped(self, now: float) -> bool:
        """Whether the method is stopped. A stop further ahead than any portal names was written by a wrong clock."""
        return now < self.stopped_until <= now + 2 * WINDOW

    def used(self, now: float) -> float:
        """Seconds used, as far as known: none counts after ten minutes."""
        return self.operating if now < self.noted_at + WINDOW else 0.0

    def budget(self, now: float) -> Budget:
        if self.stopped(now):
            return Budget(0.0, self.stopped_until, self.cost)
        left = ASSUMED_LIMIT - MARGIN - self.used(now)
        if now >= self.resets_at or self.stopped_until:
            # An unknown part was freed: the reply to one small request contains the new sum.
            left = max(left, AT_ONCE)
        return Budget(left, self.resets_at, self.cost)

    def next_try(self, now: float, reset_at: float | None) -> float:
        """When a refused method may be retried: as named, else at the last known reset, else in a minute."""
        named = (moment + 1 for moment in (reset_at, self.reset_at) if moment and now < moment + 1 <= now + WINDOW + 1)
        return next(named, now + BUCKET)

    def worth_writing(self, now: float, operating: float) -> bool:
        """Whether to store the sum for others: it changed by much, or the time at which they need it has come."""
        known = self.used(now)
        return abs(operating - known) >= AT_ONCE or (known >= AT_ONCE and now >= self.resets_at)
