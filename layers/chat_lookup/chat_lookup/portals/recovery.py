"""A closed portal that is open again: the record that is published, and the port that queues it.

The process that opens the portal queues the record; the worker publishes it as `portal.recovered` (docs/events.md).
"""

import hashlib
import json
from typing import Final, NamedTuple, Protocol

from chat_lookup.portals.portal import Portal

BLOCKED: Final = "blocked"
UNREACHABLE: Final = "unreachable"
"""Besides the states of the record: how a portal with an open circuit was closed (docs/runbook.md)."""
_VERSION: Final = 1
_KIND: Final = "portal.recovered"


class Recovery(NamedTuple):
    """`state` is how the portal was closed, `code` the portal's code that led to it, empty if there was none."""

    event_id: str
    """32 hexadecimal digits, the same for all processes that found this recovery."""
    member_id: str
    domain: str
    state: str
    code: str
    recovered_at: float

    def to_json(self) -> str:
        """The queue message."""
        return json.dumps({"version": _VERSION, "kind": _KIND, **self._asdict()}, separators=(",", ":"))


class Recoveries(Protocol):
    """Receives the portals that are open again. Never raises."""

    def report(self, portal: Portal, state: str, code: str) -> None:
        """`portal` is the record as it was closed."""
        ...


def recovery_of(portal: Portal, state: str, code: str, now: float) -> Recovery:
    """The record to queue. A circuit stores no moment of closing: the current second replaces it."""
    closed = portal.closed_at or int(now)
    identity = hashlib.sha256(f"{_KIND}:{portal.member_id}:{state}:{closed:.6f}".encode()).hexdigest()[:32]
    return Recovery(identity, portal.member_id, portal.domain, state, code.strip("-"), now)


def recovery_in(message: str) -> Recovery | None:
    """The recovery in a queue message; None for any other message."""
    if _KIND not in message:
        return None
    try:
        given = json.loads(message)
    except (ValueError, RecursionError):
        return None
    if not isinstance(given, dict) or (given.pop("kind", None), given.pop("version", None)) != (_KIND, _VERSION):
        return None
    try:
        return Recovery(**given)
    except TypeError:
        return None
