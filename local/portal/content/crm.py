"""Objects of the CRM: leads, deals, contacts, companies and others, with the contacts and the company they name."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

FIXED_TYPES: Final[Mapping[str, int]] = {
    "LEAD": 1,
    "DEAL": 2,
    "CONTACT": 3,
    "COMPANY": 4,
    "QUOTE": 7,
    "SMART_INVOICE": 31,
}
"""The types of every portal that `crm.item.*` serves (bitrix24.md 10.1); to these come dynamic ones."""

_NAMES: Final = {number: name for name, number in FIXED_TYPES.items()}
_DYNAMIC: Final = re.compile(r"DYNAMIC_([1-9][0-9]{0,8})")
_PAIR: Final = re.compile(r"([A-Z_0-9]+)\|([1-9][0-9]{0,14})")


def type_number(name: str) -> int | None:
    """The number of a type by its name in any case; None for no type of the CRM."""
    found = _DYNAMIC.fullmatch(name.upper())
    return int(found[1]) if found else FIXED_TYPES.get(name.upper())


def type_name(number: int) -> str:
    return _NAMES.get(number, f"DYNAMIC_{number}")


class CrmKey(NamedTuple):
    """What names an object: the number of its type, and its id in that type."""

    type: int
    id: int

    @property
    def type_name(self) -> str:
        return type_name(self.type)

    @property
    def pair(self) -> str:
        """The entity id of its discussion, and one pair of a line's `entity_data_2`."""
        return f"{self.type_name}|{self.id}"

    @classmethod
    def of_pair(cls, pair: str) -> "CrmKey | None":
        """The object that a chat's entity id names, None if it names none."""
        found = _PAIR.fullmatch(pair)
        number = type_number(found[1]) if found else None
        return cls(number, int(found[2])) if found and number else None


@dataclass(frozen=True, slots=True)
class CrmObject:
    """One object. `readable`: whether callers may read it; its discussion is found all the same (bitrix24.md 1.1)."""

    key: CrmKey
    title: str
    contact_ids: tuple[int, ...] = ()
    company_id: int = 0
    readable: bool = True
    created_at: float = 0.0
    phone: str = field(init=False, repr=False)
    mail: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # Invented ones (the telephone's are reserved for that), different in each object, so that a test can look for
        # them in all that the service lets out.
        object.__setattr__(self, "phone", f"+1555{self.key.type:03}01{self.key.id % 100_000:05}")
        object.__setattr__(self, "mail", f"{self.key.type_name}-{self.key.id}@client.example".lower())


class CrmObjects:
    """The objects by their keys. The caller must hold the portal's lock."""

    def __init__(self) -> None:
        self._by_key: dict[CrmKey, CrmObject] = {}

    def __iter__(self) -> Iterator[CrmObject]:
        return iter(self._by_key.values())

    def put(self, item: CrmObject) -> None:
        """Adds an object, or replaces the one with its key; the clients that it names become objects, too."""
        self._by_key[item.key] = item
        for contact in item.contact_ids:
            self.ensure(CrmKey(FIXED_TYPES["CONTACT"], contact), item.created_at)
        if item.company_id:
            self.ensure(CrmKey(FIXED_TYPES["COMPANY"], item.company_id), item.created_at)

    def ensure(self, key: CrmKey, now: float) -> None:
        """Adds a plain object unless there is one: what a chat is bound to exists."""
        if key not in self._by_key:
            self.put(CrmObject(key, f"{key.type_name.replace('_', ' ').capitalize()} #{key.id}", created_at=now))

    def get(self, key: CrmKey) -> CrmObject | None:
        return self._by_key.get(key)

    def remove(self, key: CrmKey) -> bool:
        """Whether there was one."""
        return self._by_key.pop(key, None) is not None

    def has_type(self, number: int) -> bool:
        """A dynamic type exists where an object of it does."""
        return number in _NAMES or any(key.type == number for key in self._by_key)

    def of_type(self, number: int) -> list[CrmObject]:
        """In the order of their ids."""
        return sorted((item for item in self if item.key.type == number), key=lambda item: item.key.id)
