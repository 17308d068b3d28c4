"""Objects of a portal that may have chats: callers' names of them, and the platform's (bitrix24.md 1.20, 10.1)."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from chat_lookup.entity import EntityRef
from chat_lookup.errors import InvalidRequest

_CRM_TYPES: Final[Mapping[str, int]] = {
    "LEAD": 1,
    "DEAL": 2,
    "CONTACT": 3,
    "COMPANY": 4,
    "QUOTE": 7,
    "SMART_INVOICE": 31,
}
"""The numbers that `crm.item.get` takes."""
_KIND_OF_NUMBER: Final = {number: kind for kind, number in _CRM_TYPES.items()}
_WITH_LINES: Final = frozenset({"LEAD", "DEAL", "CONTACT", "COMPANY"})
"""What open lines know."""
BY_NUMBER: Final[Mapping[str, str]] = {"TASK": "TASK", "GROUP": "SONET_GROUP"}
"""Kinds whose id is the number alone. TASK is for both generations of the task's card, which `lookup.plan` tries."""
_DYNAMIC: Final = r"DYNAMIC_([1-9][0-9]{0,8})"
_NUMBER: Final = r"[1-9][0-9]{0,14}"
TYPES: Final = "lead, deal, contact, company, quote, smart_invoice, dynamic_<number of the type>, task or group"


class PortalObject(NamedTuple):
    """An object by the platform's name of its kind: DEAL, DYNAMIC_128, TASK, SONET_GROUP and others."""

    kind: str
    number: int

    @property
    def name(self) -> str:
        """How answers name it: `DEAL|1663`."""
        return f"{self.kind}|{self.number}"

    @property
    def ref(self) -> EntityRef:
        """The pair of its discussion. With TASK both generations of the task's card are meant."""
        if self.kind in BY_NUMBER.values():
            return EntityRef(self.kind, str(self.number))
        return EntityRef("CRM", self.name)

    @property
    def names(self) -> tuple[EntityRef, ...]:
        """The pairs that its discussion may have: a smart invoice has two, a task one for each form of its card."""
        if self.kind == "TASK":
            return tuple(EntityRef(each, str(self.number)) for each in ("TASKS_TASK", "TASKS"))
        if self.kind == "SMART_INVOICE":
            return (self.ref, EntityRef("CRM", f"DYNAMIC_31|{self.number}"))
        return (self.ref,)

    @property
    def crm_type(self) -> int | None:
        """The number of its type in the CRM; None for what is not of the CRM."""
        dynamic = re.fullmatch(_DYNAMIC, self.kind)
        return int(dynamic[1]) if dynamic else _CRM_TYPES.get(self.kind)

    @property
    def has_lines(self) -> bool:
        """Whether open lines can be bound to it."""
        return self.kind in _WITH_LINES


def object_named(kind: str, number: int) -> PortalObject:
    """The object that a caller names, the type in any case. Raises `InvalidRequest` for an unknown type."""
    # Capitals of other alphabets' letters are not its name: "\u017f" would be an S.
    upper = kind.upper() if kind.isascii() else ""
    dynamic = re.fullmatch(_DYNAMIC, upper)
    if dynamic is not None:
        upper = _KIND_OF_NUMBER.get(int(dynamic[1]), upper)
    elif upper not in _CRM_TYPES and upper not in BY_NUMBER:
        raise InvalidRequest(f"The type of an object is {TYPES}")
    return PortalObject(BY_NUMBER.get(upper, upper), number)


def object_of(ref: EntityRef) -> PortalObject | None:
    """The object that a pair is the discussion of; None for a pair of another kind."""
    kind, _, number = (
        ref.entity_id.rpartition("|") if ref.entity_type == "CRM" else (ref.entity_type, "", ref.entity_id)
    )
    kind = {"TASKS_TASK": "TASK", "TASKS": "TASK", "SONET_GROUP": "GROUP"}.get(kind, kind)
    if not re.fullmatch(_NUMBER, number):
        return None
    try:
        return object_named(kind, int(number))
    except InvalidRequest:
        return None
