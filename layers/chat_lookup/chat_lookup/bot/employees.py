"""Who is an employee of the portal: the bot answers nobody else (no guests, clients of open lines, bots)."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.calls.portal_calls import PortalCalls
from chat_lookup.clock import Clock, Deadline
from chat_lookup.dynamodb import number, read_number, read_whole, text
from chat_lookup.errors import ChatLookupError, PortalBusy, StoreUnavailable
from chat_lookup.events.model import EventUser
from chat_lookup.observability.aws_failures import FAILED
from chat_lookup.portals.portal import Portal
from chat_lookup.ttl_cache import Memory

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import UniversalAttributeValueTypeDef

METHOD: Final = "im.user.get"
KEPT: Final = 24 * 3600.0
"""Seconds that an answer of the portal's holds."""

_OUTSIDERS: Final = ("bot", "connector", "extranet", "network")
"""Flags of `im.user.get`, each of which makes somebody no employee (im-user-get.md)."""
_EMPLOYEE: Final = "employee"
"""The `type` that newer portals tell besides; guests by e-mail and of collaborations have no flag (entities.md)."""


@dataclass(frozen=True, slots=True)
class _Word:
    """What a portal said of somebody, and when (Unix time)."""

    employee: bool
    asked_at: float


class People:
    """Asks portals who somebody is, and keeps only whether he is an employee: neither a name nor anything else."""

    def __init__(self, calls: PortalCalls, dynamodb: "DynamoDBClient", table: str, clock: Clock) -> None:
        self._calls = calls
        self._dynamodb = dynamodb
        self._table = table
        self._clock = clock
        self._memory: Memory[str, _Word] = Memory(clock, seconds=KEPT, limit=10_000)

    def is_employee(self, portal: Portal, user: EventUser, deadline: Deadline) -> bool:
        """Whether the user is an employee, by the event's own word or else by the portal's.

        False, too, where the portal does not say. Raises `PortalBusy` where it could not be asked in time.
        """
        if user.employee is not None:
            return user.employee
        if not portal.grants("im"):
            return False
        # With the generation, as cached chats have it: after an uninstallation nobody's word holds on.
        key = f"PERSON#{portal.member_id}#{portal.generation}#{user.user_id}"
        word = self._known(key)
        if word is None or not 0 <= self._clock.now() - word.asked_at < KEPT:
            employee = self._asked(portal, user.user_id, deadline)
            if employee is None:
                return False
            word = _Word(employee, self._clock.now())
            self._memory.put(key, word)
            # The portal's word serves, whether or not the cache takes it.
            with suppress(*FAILED):
                self._keep(key, word)
        return word.employee

    def _asked(self, portal: Portal, user_id: int, deadline: Deadline) -> bool | None:
        """The portal's word; None where it gives none."""
        try:
            return _employed(self._calls.call(portal, METHOD, {"ID": user_id}, deadline).result, user_id)
        except (PortalBusy, StoreUnavailable):
            raise
        except (BitrixError, ChatLookupError):
            return None

    def _known(self, key: str) -> _Word | None:
        """What is remembered or cached of somebody; None, too, where the cache cannot be read."""
        try:
            return self._memory.recall(key, lambda: self._kept(key))
        except FAILED:
            return None

    def _kept(self, key: str) -> _Word | None:
        item = self._dynamodb.get_item(TableName=self._table, Key={"pk": text(key)}).get("Item")
        if not item:
            return None
        return _Word(read_whole(item, "employee") == 1, read_number(item, "asked_at") or 0.0)

    def _keep(self, key: str, word: _Word) -> None:
        item: dict[str, UniversalAttributeValueTypeDef] = {
            "pk": text(key),
            "employee": number(int(word.employee)),
            "asked_at": number(word.asked_at),
            "expires_at": number(int(word.asked_at + KEPT)),
        }
        self._dynamodb.put_item(TableName=self._table, Item=item)


def _employed(result: object, user_id: int) -> bool:
    """Whether this describes an employee. What is missing or cannot be read makes him none: silence is safe."""
    if not isinstance(result, Mapping) or str(result.get("id")) != str(user_id):
        return False
    outside = any(not _is_false(result.get(flag)) for flag in _OUTSIDERS)
    inactive = "active" in result and _is_false(result["active"])
    return not outside and not inactive and result.get("type", _EMPLOYEE) == _EMPLOYEE


def _is_false(value: object) -> bool:
    """PHP's ways to say no in JSON; `None` says nothing."""
    return value is False or value in (0, "0", "N")
