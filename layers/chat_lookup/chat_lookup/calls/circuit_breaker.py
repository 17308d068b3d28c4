"""Whether a portal may be called at all: while it admits nothing, one call at a time finds out if that is over.

The item `CIRCUIT#<member_id>` of CacheTable, shared by all processes (design 5, Pace). The transitions are pure
functions in `circuit_state`; here is the store. Claiming a probe moves the next one on: a process that dies on the way,
or fails, need not write anything.
"""

import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from chat_lookup.bitrix24.errors import BitrixError, NoConnection
from chat_lookup.calls.circuit_state import (
    IN_A_ROW,
    State,
    answered,
    failed,
    probed,
)
from chat_lookup.clock import Clock
from chat_lookup.dynamodb import (
    Table,
    absent,
    any_of,
    at_most,
    equals,
    greater,
    number,
    read_number,
    read_text,
    read_whole,
    text,
)
from chat_lookup.observability.aws_failures import FAILED
from chat_lookup.portals.failures import for_caller
from chat_lookup.ttl_cache import Memory

if TYPE_CHECKING:
    from chat_lookup.dynamodb import Item, Values

SIGN_FOR: Final = 15.0
"""Seconds for which the right to ask for a second sign is one process's: a call, and then a pause."""
REMEMBERED_FOR: Final = 5.0
"""Seconds in which a process may not know yet what another one found out."""
_KEPT: Final = 24 * 3600
_TRIES: Final = 2 * IN_A_ROW
"""A write that loses so often to others that failed, too, finds the circuit open: no failure of the moment is lost."""
_CLOSED: Final = State()


class _Stored(NamedTuple):
    """A state with the name of the write that made it; without one nothing is stored."""

    state: State = _CLOSED
    revision: str = ""


class Circuit:
    """The circuits of all portals. While the store does not answer, every one of them counts as closed."""

    def __init__(self, table: Table, clock: Clock) -> None:
        self._table = table
        self._clock = clock
        self._memory: Memory[str, _Stored] = Memory(clock, seconds=REMEMBERED_FOR)

    def check(self, member_id: str) -> None:
        """Raise the callers' error while the portal is not called: `PortalBlocked`, or `PortalUnavailable`."""
        _refuse_if_held_back(self._seen(member_id).state, self._clock.now())

    def enter(self, member_id: str) -> State:
        """Just before a call: the state in which it is let through, for `learn`. Raises as `check`.

        Of all callers that come when a probe is due, in all processes, it lets one through.
        """
        now = self._clock.now()
        seen = self._seen(member_id)
        _refuse_if_held_back(seen.state, now)
        if not seen.state.code:
            return seen.state
        claimed = probed(seen.state, now)
        stored = self._swap(member_id, seen, claimed)
        if stored is None:
            return claimed
        _refuse_if_held_back(stored.state, now)
        return stored.state

    def is_open(self, member_id: str) -> bool:
        """Whether the portal is called by probes only, one of which may be due."""
        return bool(self._seen(member_id).state.code)

    def state_of(self, member_id: str) -> State:
        """The state as it is stored now, for a report. Raises botocore's exceptions."""
        return _from_item(self._table.get(_key(member_id), consistent=True)).state

    def claim_sign(self, member_id: str) -> bool:
        """Whether this process may ask the portal for a second sign: of all that saw a first one, one may, and none
        again for a while. None may while the store does not answer: nothing is closed on one sign.
        """
        now, owner = self._clock.now(), text(uuid.uuid4().hex)
        item = {
            "pk": text(f"SIGN#{member_id}"),
            "owner": owner,
            "until": number(now + SIGN_FOR),
            "expires_at": number(int(now) + _KEPT),
        }
        # The third is for a clock that ran ahead; the last is our own success, whose response was lost.
        claimable = any_of(
            absent("pk"),
            at_most("until", number(now)),
            greater("until", number(now + 2 * SIGN_FOR)),
            equals("owner", owner),
        )
        try:
            return self._table.put(item, claimable).held
        except FAILED:
            return False

    def learn(self, member_id: str, entered: State, error: BitrixError | None) -> bool:
        """Learn how a call ended: in an error that `shuts`, or None if the portal answered. Writes only what is new.

        Returns whether the portal, which was not called until now, is called again.
        """
        now = self._clock.now()
        if error is not None:
            self._change(member_id, lambda state: failed(state, error, now))
            return False
        if entered == State():
            return False
        return self._change(member_id, lambda state: answered(state, entered)) and entered.code != ""

    def _change(self, member_id: str, transition: Callable[[State], State]) -> bool:
        """Whether the state was written."""
        seen: _Stored | None = self._seen(member_id)
        for _ in range(_TRIES):
            if seen is None or transition(seen.state) == seen.state:
                break
            seen = self._swap(member_id, seen, transition(seen.state))
        return seen is None

    def _seen(self, member_id: str) -> _Stored:
        return self._memory.recall(member_id, lambda: self._read(member_id)) or _Stored()

    def _read(self, member_id: str) -> _Stored | None:
        try:
            return _from_item(self._table.get(_key(member_id), consistent=True))
        except FAILED:
            # Remembered like an answer: a store that hangs is not waited for again before each step of a call.
            return _Stored()

    def _swap(self, member_id: str, seen: _Stored, state: State) -> _Stored | None:
        """Write a state in the place of the one that was seen. None if it was written, or if that is not known; else
        what is stored there."""
        made = _Stored(state, uuid.uuid4().hex)
        item = {**_key(member_id), **_to_item(made), "expires_at": number(int(self._clock.now()) + _KEPT)}
        stored: _Stored | None = None
        # Our own name is admitted, too: a response may be lost after the commit (design 4).
        unchanged = any_of(
            absent("pk"),
            equals("revision", text(seen.revision or "-")),
            equals("revision", text(made.revision)),
        )
        with suppress(*FAILED):
            written = self._table.put(item, unchanged)
            if not written.held:
                stored = _from_item(written.item)
        self._memory.put(member_id, stored or made)
        return stored


def _refuse_if_held_back(state: State, now: float) -> None:
    if state.holds_back(now):
        connection = NoConnection(state.connection) if state.connection in tuple(NoConnection) else None
        opened_by = BitrixError(
            state.code, state.status, reset_at=state.probe_at, host=state.host, connection=connection
        )
        raise for_caller(opened_by, now)


def _key(member_id: str) -> "Values":
    return {"pk": text(f"CIRCUIT#{member_id}")}


def _to_item(stored: _Stored) -> "Values":
    state = stored.state
    return {
        "revision": text(stored.revision),
        "code": text(state.code or "-"),
        "status": number(state.status),
        "probe_at": number(state.probe_at),
        "probes": number(state.probes),
        "failures": number(state.failures),
        "since": number(state.since),
        "host": text(state.host or "-"),
        "connection": text(state.connection or "-"),
    }


def _from_item(item: "Item") -> _Stored:
    state = State(
        code=(read_text(item, "code") or "").removeprefix("-"),
        status=read_whole(item, "status") or 0,
        probe_at=read_number(item, "probe_at") or 0.0,
        probes=read_whole(item, "probes") or 0,
        failures=read_whole(item, "failures") or 0,
        since=read_number(item, "since") or 0.0,
        host=(read_text(item, "host") or "").removeprefix("-"),
        connection=(read_text(item, "connection") or "").removeprefix("-"),
    )
    return _Stored(state, read_text(item, "revision") or "")
