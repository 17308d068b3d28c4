"""What operating time leaves for bulk work: arithmetic over what a portal's answers tell (bitrix24.md 6.2). Pure.

The seconds that a method ran are summed in ten buckets of a minute. Each answer names the sum, which is everybody's who
shares our grant, and when the oldest bucket goes. How large the sum may grow is not told: 480 s are assumed.
"""

from dataclasses import dataclass
from typing import Final

WINDOW: Final = 600.0
BUCKET: Final = 60.0
ASSUMED_LIMIT: Final = 480.0
MARGIN: Final = 20.0
"""Seconds left to others, and for error: eight requests of bulk work on their way, and what is not written down yet."""
AT_ONCE: Final = 2.0
"""Seconds of work that one request of bulk work asks for at most, and that a sum must change by to be written down."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What bulk work may still ask of a method: `left` seconds until more comes back at `resets_at` (Unix time).

    `cost` is what one call was measured to take, in seconds; 0 if nothing was.
    """

    left: float
    resets_at: float
    cost: float = 0.0

    def calls(self, most: int) -> int:
        """How many calls the next request may hold: 0 if it has to wait until `resets_at`."""
        if self.left <= 0:
            return 0
        fitting = int(min(self.left, AT_ONCE) / self.cost) if self.cost > 0 else most
        return max(1, min(most, fitting))


@dataclass(frozen=True, slots=True)
class Spent:
    """The row: `operating` seconds used up as an answer told at `noted_at`, some of which come back at `reset_at`.

    0 stands for what is not known; `stopped_until` is 0 where nothing was refused. Moments are Unix time.
    """

    operating: float = 0.0
    reset_at: float = 0.0
    noted_at: float = 0.0
    cost: float = 0.0
    stopped_until: float = 0.0

    @property
    def resets_at(self) -> float:
        """When it has to be asked anew. The portal names whole seconds; where it names nothing, a bucket later."""
        if not self.reset_at:
            return self.noted_at + BUCKET
        return min(max(self.reset_at, self.noted_at), self.noted_at + WINDOW) + 1

    def stopped(self, now: float) -> bool:
        """Whether nobody may ask the method. A stop beyond all reason was written by a clock that ran wrong."""
        return now < self.stopped_until <= now + 2 * WINDOW

    def used(self, now: float) -> float:
        """Seconds used up, as far as is known: after ten minutes nothing of them counts."""
        return self.operating if now < self.noted_at + WINDOW else 0.0

    def budget(self, now: float) -> Budget:
        if self.stopped(now):
            return Budget(0.0, self.stopped_until, self.cost)
        left = ASSUMED_LIMIT - MARGIN - self.used(now)
        if now >= self.resets_at or self.stopped_until:
            # Something came back, nobody knows how much: the answer to one small request will tell.
            left = max(left, AT_ONCE)
        return Budget(left, self.resets_at, self.cost)

    def next_try(self, now: float, reset_at: float | None) -> float:
        """When a refused method may be tried again: as named, else at the reset last known, else in a minute."""
        named = (moment + 1 for moment in (reset_at, self.reset_at) if moment and now < moment + 1 <= now + WINDOW + 1)
        return next(named, now + BUCKET)

    def worth_writing(self, now: float, operating: float) -> bool:
        """Whether the others should know: it changed by much, or the time has come at which they ask for it."""
        known = self.used(now)
        return abs(operating - known) >= AT_ONCE or (known >= AT_ONCE and now >= self.resets_at)
