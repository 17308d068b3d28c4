"""The portal's two limits: requests a second, and seconds of work in ten minutes (bitrix24.md 6)."""

from dataclasses import dataclass

_BUCKET_S = 60.0
_WINDOW_S = 600.0


@dataclass(frozen=True, slots=True)
class Plan:
    """The limits of a tariff; the default is every plan but Enterprise.

    `rate`: requests a second that leak out of the bucket. `burst`: requests that it holds. `operating_limit`: seconds
    of work of one method in ten minutes, None for no limit (480 is the documents' example). `operating_cost_ms`: what
    one call is billed; it is not spent in real time, so that a day's work can be tried in a second.
    """

    rate: float = 2.0
    burst: float = 50.0
    operating_limit: float | None = 480.0
    operating_cost_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class LeakyBucket:
    """How full the bucket was at a moment (Unix time)."""

    level: float = 0.0
    at: float = 0.0

    def pour(self, now: float, plan: Plan) -> "LeakyBucket | None":
        """The bucket after one more request, or None if it would run over.

        A refused request adds nothing: otherwise a client that keeps asking would never be admitted again.
        """
        leaked = max(0.0, now - self.at) * plan.rate
        level = max(0.0, self.level - leaked) + 1.0
        return LeakyBucket(level, max(now, self.at)) if level <= plan.burst else None


@dataclass(frozen=True, slots=True)
class OperatingTime:
    """Work of one method for one webhook or application: (start of the minute, milliseconds), oldest first.

    Counted in milliseconds, so that many small costs add up without the rounding of fractions.
    """

    minutes: tuple[tuple[float, float], ...] = ()

    def charge(self, now: float, cost_ms: float) -> "OperatingTime":
        """With one more call; a minute begins with its first call."""
        live = self._live(now)
        if live and now - live[-1][0] < _BUCKET_S:
            start, spent = live[-1]
            return OperatingTime((*live[:-1], (start, spent + cost_ms)))
        return OperatingTime((*live, (now, cost_ms)))

    def spent_ms(self, now: float) -> float:
        return sum(spent for _, spent in self._live(now))

    def reset_at(self, now: float) -> float:
        """When the oldest minute that still counts is dropped (Unix time)."""
        live = self._live(now)
        return (live[0][0] if live else now) + _WINDOW_S

    def _live(self, now: float) -> tuple[tuple[float, float], ...]:
        return tuple(minute for minute in self.minutes if minute[0] + _WINDOW_S > now)
