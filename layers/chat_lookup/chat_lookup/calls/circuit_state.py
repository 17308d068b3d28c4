"""When a portal's circuit opens, how long it stays open, and what closes it: pure transitions."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from chat_lookup.bitrix24.errors import BitrixError, ErrorClass

FIRST_PAUSE: Final = 30.0
LONGEST_PAUSE: Final = 600.0
"""Seconds until the first probe, and at most between two of them; each pause is twice the one before."""
SHORTEST_PAUSE: Final = 10.0
"""Seconds until the first probe of a portal that named a time for it (`Retry-After`), at least."""
IN_A_ROW: Final = 5
WITHIN: Final = 60.0
"""So many calls in a row without an answer, begun within so many seconds, and the portal counts as down."""
_SHUTTING: Final[Mapping[ErrorClass, frozenset[str]]] = {
    ErrorClass.PORTAL: frozenset({"OVERLOAD_LIMIT", "PORTAL_DELETED"}),
    ErrorClass.RETRY: frozenset({"TRANSPORT", "TIMEOUT", "HTTP_5XX", "NOT_JSON"}),
}
"""What shuts everybody out (other codes of that class speak of one method, or of whose grant it is); and names of ours
for what comes where no portal answers, or something else in its place."""
_PLAN: Final = "ACCESS_DENIED"
_OPEN_TO_ALL: Final = frozenset({"im.chat.get", "imbot.chat.get", "batch", "scope", "profile", "method.get"})
"""REST is part of commercial plans only, says the code then (bitrix24.md 7.1)."""
_DOUBLED: Final = 10


@dataclass(frozen=True, slots=True)
class State:
    """`code` opened the circuit, with HTTP's `status`; it is closed without one.

    Open: the next probe is due at `probe_at` (Unix time), after `probes` of them. Closed: `failures` calls in a row
    had no answer, the first of them at `since`.
    """

    code: str = ""
    status: int = 0
    probe_at: float = 0.0
    probes: int = 0
    failures: int = 0
    since: float = 0.0

    def holds_back(self, now: float) -> bool:
        """Whether nobody may call: open, and no probe due. A moment far beyond any pause is a wrong clock's."""
        return bool(self.code) and now < self.probe_at <= now + 2 * LONGEST_PAUSE


def shuts(method: str, error: BitrixError) -> bool:
    """Whether what a method ended in speaks of the portal as a whole. All else is an answer, and shows it to be open.

    ACCESS_DENIED does if no user is denied the method itself: else one who is could shut the portal to everybody.
    """
    plan = error.metric_code == _PLAN and error.error_class is ErrorClass.PORTAL and method in _OPEN_TO_ALL
    return error.metric_code in _SHUTTING.get(error.error_class, ()) or plan


def _opened(error: BitrixError, now: float) -> State:
    return State(code=error.code, status=error.status, probe_at=_first_probe(error, now))


def _first_probe(error: BitrixError, now: float) -> float:
    """As the portal named it, within bounds: what is a block by hand is none that ends in seconds (bitrix24.md 6.3)."""
    if error.retry_at is None:
        return now + FIRST_PAUSE
    least = FIRST_PAUSE if error.error_class is ErrorClass.PORTAL else SHORTEST_PAUSE
    return now + min(LONGEST_PAUSE, max(least, error.retry_at - now))


def pause(probes: int) -> float:
    """Seconds until the next probe, after so many of them."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(probes, _DOUBLED))


def probed(state: State, now: float) -> State:
    """After somebody took the probe that was due."""
    return replace(state, probe_at=now + pause(state.probes + 1), probes=state.probes + 1)


def failed(state: State, error: BitrixError, now: float) -> State:
    """After a call that ended in an error that `shuts`: at once if the portal said it, or after some in a row."""
    if error.error_class is ErrorClass.PORTAL:
        return replace(state, code=error.code, status=error.status) if state.code else _opened(error, now)
    if state.code:
        return state
    # Either may be the earlier one: they come from threads and processes whose clocks differ.
    in_time = state.failures > 0 and abs(now - state.since) < WITHIN
    failures, since = (state.failures + 1, min(now, state.since)) if in_time else (1, now)
    return _opened(error, now) if failures >= IN_A_ROW else State(failures=failures, since=since)


def answered(state: State, entered: State) -> State:
    """After an answer to a call that was let through in the state `entered`.

    It closes the circuit if the call was its latest probe; a call that began before it opened says nothing of now.
    """
    return State() if (bool(state.code), state.probes) == (bool(entered.code), entered.probes) else state
