"""Operating time as all processes know it: the row `OPERATING#<member_id>#<method>` in CacheTable.

It holds the figures of the last answer that was worth storing, and until when a method is stopped because the
portal refused it (OPERATION_TIME_LIMIT, bitrix24.md 6.2). Its arithmetic is `operating_budget`'s.
"""

import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from chat_lookup.bitrix24.responses import OperatingTime
from chat_lookup.calls.operating_budget import BUCKET, WINDOW, Budget, Spent
from chat_lookup.clock import Clock
from chat_lookup.dynamodb import Table, any_of, equals, number, read_number, text
from chat_lookup.ttl_cache import Memory

if TYPE_CHECKING:
    from chat_lookup.dynamodb import Item, Values

_REMEMBERED: Final = 3.0
"""Seconds for which a process goes by what it read: so that a stop costs no read per call."""
_GARBAGE_AFTER: Final = 2 * 3600
_LEARNING: Final = 0.2
"""Weight of the newest measurement of what a call takes."""


class Operating:
    """What all processes know of each method's operating time."""

    def __init__(self, table: Table, clock: Clock) -> None:
        self._table = table
        self._clock = clock
        self._seen: Memory[str, Spent] = Memory(clock, seconds=_REMEMBERED)
        self._costs: Memory[str, float] = Memory(clock, seconds=WINDOW)
        self._probes: Memory[str, bool] = Memory(clock, seconds=BUCKET)
        self._reported: Memory[str, OperatingTime] = Memory(clock, seconds=WINDOW)

    def note(
        self,
        member_id: str,
        method: str,
        operating_seconds: float | None,
        reset_at: float | None,
        *,
        duration: float | None = None,
    ) -> None:
        """Learn from an answer's `time`; of several answers in a batch, from the last one of a method.

        `duration` is what the call took. Portals differ in what they report (bitrix24.md 9, row 9): each may be None.
        An answer to the probe of a stopped method lets all callers ask it again.
        """
        key = _key(member_id, method)
        now = self._clock.now()
        if duration:
            known = self._costs.get(key) or duration
            self._costs.put(key, known + (duration - known) * _LEARNING)
        seen = self._spent(key)
        probed = bool(self._probes.get(key))
        if operating_seconds is not None:
            self._reported.put(key, OperatingTime(operating_seconds, reset_at, duration))
        changes: dict[str, float] = {}
        if operating_seconds is not None and seen.worth_writing(now, operating_seconds):
            cost = self._costs.get(key) or seen.cost
            changes = {"operating": operating_seconds, "reset_at": reset_at or 0.0, "noted_at": now, "cost": cost}
        if changes or probed:
            self._update(key, changes, reopen=probed)
            self._probes.forget(key)

    def last_reported(self, member_id: str, method: str) -> OperatingTime | None:
        """The figures of the last answer that this process received, while any of it counts; no read."""
        return self._reported.get(_key(member_id, method))

    def budget(self, member_id: str, method: str) -> Budget:
        """What bulk work may ask for now. One read: what eight processes learn at once must not add up."""
        key = _key(member_id, method)
        spent = self._read(key)
        return spent._replace(cost=self._costs.get(key) or spent.cost).budget(self._clock.now())

    def stop(self, member_id: str, method: str, reset_at: float | None = None) -> float:
        """Learn that the portal refused a call (OPERATION_TIME_LIMIT), and return until when that method is not asked.

        `reset_at` is the moment that the error named, if it did. Writing it twice does no harm.
        """
        key = _key(member_id, method)
        spent = self._read(key)
        self._probes.forget(key)
        until = spent.next_try(self._clock.now(), reset_at)
        self._update(key, {"stopped_until": until})
        return until

    def stopped_until(self, member_id: str, method: str) -> float | None:
        """Until when this method may not be asked; None if this caller may ask it.

        When the time has come, one caller may, the first that asks here: if its call is answered, `note` lets the
        others in, too. If it never reports that, another may a minute later.
        """
        key = _key(member_id, method)
        now = self._clock.now()
        spent = self._spent(key)
        if spent.stopped(now):
            return spent.stopped_until
        return self._claim_probe(key, spent, now + BUCKET) if 0 < spent.stopped_until <= now else None

    def _claim_probe(self, key: str, spent: Spent, until: float) -> float | None:
        me = text(uuid.uuid4().hex)
        claimed = self._table.update(
            {"pk": text(key)},
            {**self._fields({"stopped_until": until}), "prober": me},
            # The second alternative is our own earlier success, whose answer was lost (design 4).
            condition=any_of(equals("stopped_until", number(spent.stopped_until)), equals("prober", me)),
            returning=True,
        )
        stored = _spent(claimed.item)
        self._seen.put(key, stored)
        if not claimed.held:
            return stored.stopped_until or None
        self._probes.put(key, value=True)
        return None

    def _spent(self, key: str) -> Spent:
        return self._seen.recall(key, lambda: self._read(key)) or Spent()

    def _read(self, key: str) -> Spent:
        spent = _spent(self._table.get({"pk": text(key)}, consistent=True))
        self._seen.put(key, spent)
        return spent

    def _update(self, key: str, changes: Mapping[str, float], *, reopen: bool = False) -> None:
        """Write some figures, and with `reopen` that the method is no longer stopped."""
        remove = ("stopped_until",) if reopen else ()
        written = self._table.update({"pk": text(key)}, self._fields(changes), remove=remove, returning=True)
        self._seen.put(key, _spent(written.item))

    def _fields(self, changes: Mapping[str, float]) -> "Values":
        written = {**changes, "expires_at": int(self._clock.now()) + _GARBAGE_AFTER}
        return {name: number(value) for name, value in written.items()}


def _key(member_id: str, method: str) -> str:
    return f"OPERATING#{member_id}#{method}"


def _spent(item: "Item") -> Spent:
    return Spent(*(read_number(item, name) or 0.0 for name in Spent._fields))
