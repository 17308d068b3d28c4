"""The page's share of a portal's pace: users who click take no slot from the look-ups of programs (design 12)."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from chat_lookup.calls.gcra import Pace
from chat_lookup.errors import PortalBusy, TooManyAttempts
from chat_lookup.install.attempt_limiter import AttemptLimiter, Pool

if TYPE_CHECKING:
    from chat_lookup.calls.executor import Slots
    from chat_lookup.calls.gcra import Share
    from chat_lookup.calls.requests import OnSlot
    from chat_lookup.clock import Deadline
    from chat_lookup.portals.portal import Portal

SHARE: Final = 0.25
_ONE_VIEW: Final = 4.0
"""Requests of the largest view: the object's, its relatives', the viewer's own, and the profile at the opening."""


@dataclass
class _Taken:
    """What a view may still use of what it took beforehand."""

    left: int


_taken: ContextVar[_Taken | None] = ContextVar("taken", default=None)


class PagePace:
    """The portal's slots, of which the page takes what is left in a pool of its own, `LIMIT#<member_id>#page`."""

    def __init__(self, slots: "Slots", pools: AttemptLimiter) -> None:
        self._slots = slots
        self._pools = pools
        self.refused = slots.refused
        self.closed = slots.closed

    def wait(
        self, member_id: str, pace: Pace, share: "Share", deadline: "Deadline", *, on_slot: "OnSlot | None" = None
    ) -> float:
        """As the portal's; raises `PortalBusy` at once, too, where the page has used up its share."""
        taken = _taken.get()
        if taken is not None and taken.left:
            taken.left -= 1
        else:
            self._admit(_pool(member_id, pace, 1))
        return self._slots.wait(member_id, pace, share, deadline, on_slot=on_slot)

    @contextmanager
    def of_a_view(self, portal: "Portal", requests: int) -> Iterator[None]:
        """Take so many requests now, and give back at the end what was not used. Raises `PortalBusy`.

        Views that took one request after the other would, if many came at once, all begin and none of them end.
        """
        pool, taken = _pool(portal.member_id, Pace(portal.rate, portal.burst), requests), _Taken(requests)
        self._admit(pool)
        before = _taken.set(taken)
        try:
            yield
        finally:
            _taken.reset(before)
            self._pools.give_back(pool, taken.left)

    def _admit(self, pool: Pool) -> None:
        try:
            self._pools.admit((pool,))
        except TooManyAttempts as error:
            raise PortalBusy(
                "The page has used up its part of the portal's pace", retry_after=error.retry_after
            ) from None


def _pool(member_id: str, pace: Pace, requests: int) -> Pool:
    return Pool(f"{member_id}#page", pace.rate * SHARE, max(_ONE_VIEW, pace.burst * SHARE), price=requests)
