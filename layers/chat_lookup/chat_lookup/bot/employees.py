"""Who is an employee of the portal: the bot answers only them (no guests, clients of open lines, bots)."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Final, NamedTuple

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.calls.portal_calls import PortalCalls
from chat_lookup.clock import DAY, Clock, Deadline
from chat_lookup.dynamodb import Table, number, read_number, read_whole, text
from chat_lookup.errors import ChatLookupError, PortalBusy, StoreUnavailable
from chat_lookup.events.model import EventUser
from chat_lookup.observability.aws_failures import FAILED
from chat_lookup.portals.portal import Portal
from chat_lookup.ttl_cache import Memory

METHOD: Final = "im.user.get"
KEPT: Final = DAY
"""Seconds for which a portal's reply is used."""

_OUTSIDERS: Final = ("bot", "connector", "extranet", "network")
"""Flags of `im.user.get`: a user with one of them is no employee (im-user-get.md)."""
_EMPLOYEES: Final = ("employee", "user")
"""The `type` of employees: as objects have it (entities.md), and as this method's page shows it (bitrix24.md 10.6).
Guests by e-mail and of collaborations have no flag, but a type of their own."""
_BY_MAIL: Final = "email"
"""`external_auth_id` of guests by e-mail, whatever their type is."""


class _Known(NamedTuple):
    """What a portal replied about a user, and when (Unix time)."""

    employee: bool
    asked_at: float


class People:
    """Asks portals about users, and stores only whether a user is an employee: neither a name nor anything else."""

    def __init__(self, calls: PortalCalls, table: Table, clock: Clock) -> None:
        self._calls = calls
        self._table = table
        self._clock = clock
        self._memory: Memory[str, _Known] = Memory(clock, seconds=KEPT, limit=10_000)

    def is_employee(self, portal: Portal, user: EventUser, deadline: Deadline) -> bool:
        """Whether the user is an employee, by the event itself or else by the portal's reply.

        False, too, where the portal's reply lacks it. Raises `PortalBusy` where it could not be asked in time.
        """
        if user.employee is not None:
            return user.employee
        if not portal.grants("im"):
            return False
        # With the generation, as cached chats have it: after an uninstallation no former reply is used.
        key = f"PERSON#{portal.member_id}#{portal.generation}#{user.user_id}"
        known = self._known(key)
        if known is None or not 0 <= self._clock.now() - known.asked_at < KEPT:
            employee = self._asked(portal, user.user_id, deadline)
            if employee is None:
                return False
            known = _Known(employee, self._clock.now())
            self._memory.put(key, known)
            # The portal's reply is used, whether or not the cache takes it.
            with suppress(*FAILED):
                self._keep(key, known)
        return known.employee

    def _asked(self, portal: Portal, user_id: int, deadline: Deadline) -> bool | None:
        """The portal's reply; None where it gives none."""
        try:
            return _employed(self._calls.call(portal, METHOD, {"ID": user_id}, deadline).result, user_id)
        except (PortalBusy, StoreUnavailable):
            raise
        except (BitrixError, ChatLookupError):
            return None

    def _known(self, key: str) -> _Known | None:
        """What is remembered or cached of a user; None, too, where the cache cannot be read."""
        try:
            return self._memory.recall(key, lambda: self._kept(key))
        except FAILED:
            return None

    def _kept(self, key: str) -> _Known | None:
        item = self._table.get({"pk": text(key)})
        if not item:
            return None
        return _Known(read_whole(item, "employee") == 1, read_number(item, "asked_at") or 0.0)

    def _keep(self, key: str, known: _Known) -> None:
        self._table.put(
            {
                "pk": text(key),
                "employee": number(int(known.employee)),
                "asked_at": number(known.asked_at),
                "expires_at": number(int(known.asked_at + KEPT)),
            }
        )


def _employed(result: object, user_id: int) -> bool:
    """Whether this describes an employee. Not if something is missing or cannot be read: silence is safe."""
    if not isinstance(result, Mapping) or str(result.get("id")) != str(user_id):
        return False
    outside = any(not _is_false(result.get(flag)) for flag in _OUTSIDERS)
    inactive = "active" in result and _is_false(result["active"])
    by_type = result.get("type", "employee") in _EMPLOYEES and result.get("external_auth_id") != _BY_MAIL
    return not outside and not inactive and by_type


def _is_false(value: object) -> bool:
    """PHP's forms of false in JSON; `None` is neither true nor false."""
    return value is False or value in (0, "0", "N")
