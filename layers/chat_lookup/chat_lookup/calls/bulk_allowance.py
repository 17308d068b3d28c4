"""How many calls operating time allows in the next request of bulk work (design 5, Many; bitrix24.md 6.2)."""

from collections.abc import Iterable
from typing import NamedTuple

from chat_lookup.bitrix24.batch import BATCH
from chat_lookup.calls.operating_budget import Budget
from chat_lookup.calls.operating_time import Operating
from chat_lookup.clock import Clock
from chat_lookup.observability.aws_failures import FAILED


class BulkRoom(NamedTuple):
    """Room for `calls` calls; if there is none, the caller may retry after `wait` seconds."""

    calls: int
    wait: float = 0.0


class Allowance:
    """Reads the operating time left to the methods, and to the method `batch`, which some portals bill instead."""

    def __init__(self, operating: Operating, clock: Clock) -> None:
        self._operating = operating
        self._clock = clock

    def room(self, member_id: str, methods: Iterable[str], most: int) -> BulkRoom:
        """Room for at most `most` calls of these methods; for all of them while the store does not answer."""
        try:
            budgets = [each for each in (self._budget(member_id, method) for method in set(methods)) if each]
            whole = self._budget(member_id, BATCH)
        except FAILED:
            return BulkRoom(most)
        spent = [each for each in (*budgets, whole) if each and not each.calls(1)]
        if spent:
            return BulkRoom(0, max(each.resets_at for each in spent) - self._clock.now())
        return BulkRoom(min((each.calls(most) for each in budgets), default=most))

    def _budget(self, member_id: str, method: str) -> Budget | None:
        """The budget of a method; None while it is stopped: its calls are answered without a request then, so that
        another method may serve as fallback."""
        budget = self._operating.budget(member_id, method)
        stopped = budget.left <= 0 and self._operating.stopped_until(member_id, method) is not None
        return None if stopped else budget
