"""The states of a portal's circuit breaker: when it opens, for how long, what closes it. Pure transitions."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from chat_lookup.bitrix24.error_table import HTTP_5XX, NOT_JSON, TIMEOUT, TRANSPORT
from chat_lookup.bitrix24.errors import BitrixError, ErrorClass

FIRST_PAUSE: Final = 30.0
LONGEST_PAUSE: Final = 600.0
"""Seconds until the first probe, and at most between two of them; each pause is twice the one before."""
SHORTEST_PAUSE: Final = 10.0
"""Seconds until the first probe of a portal that named a time for it (`Retry-After`), at least."""
IN_A_ROW: Final = 5
WITHIN: Final = 60.0
"""After so many calls in a row without a reply, begun within so many seconds, the portal counts as down."""
_SHUTTING: Final[Mapping[ErrorClass, frozenset[str]]] = {
    ErrorClass.PORTAL: frozenset({"OVERLOAD_LIMIT", "PORTAL_DELETED"}),
    ErrorClass.RETRY: frozenset({TRANSPORT, TIMEOUT, HTTP_5XX, NOT_JSON}),
}
"""Codes that refuse all calls (others of their class concern one method, or one grant); and names of ours for failures
in which no portal replied, or something else in its place."""
_PLAN: Final = "ACCESS_DENIED"
_OPEN_TO_ALL: Final = frozenset({"im.chat.get", "imbot.chat.get", "batch", "scope", "profile", "method.get"})
"""Of these the code means that the plan does not include REST (bitrix24.md 7.1)."""
_DOUBLED: Final = 10


class State(NamedTuple):
    """`code` opened the circuit, with HTTP's `status`; an empty code means closed. `connection` is why there was none
    to `host`, if that was it.

    Open: the next probe is due at `probe_at` (Unix time), after `probes` of them. Closed: `failures` calls in a row
    had no reply, the first of them at `since`.
    """

    code: str = ""
    status: int = 0
    probe_at: float = 0.0
    probes: int = 0
    failures: int = 0
    since: float = 0.0
    host: str = ""
    connection: str = ""

    def holds_back(self, now: float) -> bool:
        """Whether no call is allowed: open, and no probe due. A moment far beyond any pause is a wrong clock's."""
        return bool(self.code) and now < self.probe_at <= now + 2 * LONGEST_PAUSE


def shuts(method: str, error: BitrixError) -> bool:
    """Whether a method's error means that the portal refuses all calls. Any other error is a reply: the portal is open.

    ACCESS_DENIED does for methods that are open to every user: else one user's refusal could stop all calls.
    """
    plan = error.metric_code == _PLAN and error.error_class is ErrorClass.PORTAL and method in _OPEN_TO_ALL
    return error.metric_code in _SHUTTING.get(error.error_class, ()) or plan


def _opened(error: BitrixError, now: float) -> State:
    return State(
        code=error.code,
        status=error.status,
        probe_at=_first_probe(error, now),
        host=error.host if error.connection else "",
        connection=error.connection or "",
    )


def _first_probe(error: BitrixError, now: float) -> float:
    """The moment that the portal named, within bounds: a block by hand does not end in seconds (bitrix24.md 6.3)."""
    if error.retry_at is None:
        return now + FIRST_PAUSE
    least = FIRST_PAUSE if error.error_class is ErrorClass.PORTAL else SHORTEST_PAUSE
    return now + min(LONGEST_PAUSE, max(least, error.retry_at - now))


def pause(probes: int) -> float:
    """Seconds until the next probe, after so many of them."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(probes, _DOUBLED))


def probed(state: State, now: float) -> State:
    """The state after a caller took the probe that was due."""
    return state._replace(probe_at=now + pause(state.probes + 1), probes=state.probes + 1)


def failed(state: State, error: BitrixError, now: float) -> State:
    """The state after an error that `shuts`: open at once on a portal's own code, else after some in a row."""
    if error.error_class is ErrorClass.PORTAL:
        return state._replace(code=error.code, status=error.status) if state.code else _opened(error, now)
    if state.code:
        return state
    # Either moment may be the earlier one: threads and processes have different clocks.
    in_time = state.failures > 0 and abs(now - state.since) < WITHIN
    failures, since = (state.failures + 1, min(now, state.since)) if in_time else (1, now)
    return _opened(error, now) if failures >= IN_A_ROW else State(failures=failures, since=since)


def answered(state: State, entered: State) -> State:
    """The state after a reply to a call that began in the state `entered`.

    The circuit closes if the call was its latest probe; a call that began before it opened changes nothing.
    """
    return State() if (bool(state.code), state.probes) == (bool(entered.code), entered.probes) else state
