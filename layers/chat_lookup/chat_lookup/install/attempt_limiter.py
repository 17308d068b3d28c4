"""The rate limit of unproved requests, checked before any call is made for them (design 5, Trust)."""

from typing import Final

from chat_lookup.calls.gcra import Pace, Share
from chat_lookup.calls.rate_limiter import Limiter
from chat_lookup.clock import Clock, Deadline
from chat_lookup.errors import PortalBusy, TooManyAttempts

_OF_ONE_ADDRESS: Final = Pace(rate=0.5, burst=30)
"""Enough for an administrator; for the vendor's queue, too, which sends events of many portals from few addresses."""
_OF_ALL: Final = Pace(rate=5.0, burst=100)
_AT_ONCE: Final = 0.1
"""Seconds: a request without a free slot now is refused, it does not wait."""


class AttemptLimiter:
    """Limits unproved requests, per address and in total."""

    def __init__(self, limiter: Limiter, clock: Clock) -> None:
        self._limiter = limiter
        self._clock = clock

    def check(self, source: str) -> None:
        """Count one request from this address. Raises `TooManyAttempts`.

        The address comes first: a flood from one address does not use up the limit of all.
        """
        try:
            # No member id has a blank, so these cannot be a portal's.
            self._limiter.wait(f"stranger {source}", _OF_ONE_ADDRESS, Share.INTERACTIVE, self._now())
            self._limiter.wait("stranger anybody", _OF_ALL, Share.INTERACTIVE, self._now())
        except PortalBusy as error:
            raise TooManyAttempts(retry_after=error.retry_after) from None

    def _now(self) -> Deadline:
        return Deadline.after(_AT_ONCE, self._clock)
