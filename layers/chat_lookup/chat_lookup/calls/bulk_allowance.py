"""How much bulk work may ask in its next request, for the sake of operating time (design 5, Many; bitrix24.md 6.2)."""

from collections.abc import Iterable
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from chat_lookup.bitrix24.batch import BATCH
from chat_lookup.calls.operating_budget import Budget
from chat_lookup.calls.operating_time import Operating
from chat_lookup.clock import Clock


@dataclass(frozen=True, slots=True)
class Room:
    """So many `calls`; if there is room for none, it may be asked again after `wait` seconds."""

    calls: int
    wait: float = 0.0


class Allowance:
    """Reads what is left of the methods' operating time, and of the method `batch`, which some portals bill instead."""

    def __init__(self, operating: Operating, clock: Clock) -> None:
        self._operating = operating
        self._clock = clock

    def room(self, member_id: str, methods: Iterable[str], most: int) -> Room:
        """Room for at most `most` calls of these methods; for all of them while the store does not answer."""
        try:
            budgets = [each for each in (self._budget(member_id, method) for method in set(methods)) if each]
            whole = self._budget(member_id, BATCH)
        except (ClientError, BotoCoreError):
            return Room(most)
        spent = [each for each in (*budgets, whole) if each and not each.calls(1)]
        if spent:
            return Room(0, max(each.resets_at for each in spent) - self._clock.now())
        return Room(min((each.calls(most) for each in budgets), default=most))

    def _budget(self, member_id: str, method: str) -> Budget | None:
        """What is left of a method; None while it is stopped: its calls are answered without being asked then, so that
        another method may stand in."""
        budget = self._operating.budget(member_id, method)
        stopped = budget.left <= 0 and self._operating.stopped_until(member_id, method) is not None
        return None if stopped else budget
