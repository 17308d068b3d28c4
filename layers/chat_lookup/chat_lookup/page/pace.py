"""The page's share of a portal's pace: users who click take no slot from the look-ups of programs (design 12)."""

from typing import TYPE_CHECKING, Final

from chat_lookup.errors import PortalBusy, TooManyAttempts
from chat_lookup.install.attempt_limiter import AttemptLimiter, Pool

if TYPE_CHECKING:
    from chat_lookup.calls.executor import Slots
    from chat_lookup.calls.gcra import Pace, Share
    from chat_lookup.calls.requests import OnSlot
    from chat_lookup.clock import Deadline

SHARE: Final = 0.25
_ONE_VIEW: Final = 4.0
"""Requests of the largest view: the object's, its relatives', the viewer's own, and the profile at the opening."""


class PagePace:
    """The portal's slots, of which the page takes what is left in a pool of its own, `LIMIT#<member_id>#page`."""

    def __init__(self, slots: "Slots", pools: AttemptLimiter) -> None:
        self._slots = slots
        self._pools = pools
        self.refused = slots.refused
        self.closed = slots.closed

    def wait(
        self, member_id: str, pace: "Pace", share: "Share", deadline: "Deadline", *, on_slot: "OnSlot | None" = None
    ) -> float:
        """As the portal's; raises `PortalBusy` at once, too, where the page has used up its share."""
        pool = Pool(f"{member_id}#page", pace.rate * SHARE, max(_ONE_VIEW, pace.burst * SHARE), price=1)
        try:
            self._pools.admit((pool,))
        except TooManyAttempts as error:
            raise PortalBusy(
                "The page has used up its part of the portal's pace", retry_after=error.retry_after
            ) from None
        return self._slots.wait(member_id, pace, share, deadline, on_slot=on_slot)
