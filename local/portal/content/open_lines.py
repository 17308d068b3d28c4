"""Open lines: conversations of customers with operators through a connector (bitrix24.md 10.1)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from local.portal.content.crm import FIXED_TYPES, CrmKey

ACCEPTED: Final = 10
CLOSED: Final = 60
STATUSES: Final = (0, 5, ACCEPTED, 20, 25, 40, 50, CLOSED, 65, 69, 75)
_CLOSING: Final = 50
_FIRST_ID: Final = 1001
_BOUND_TYPES: Final = ("LEAD", "COMPANY", "CONTACT", "DEAL")  # in the order of `entity_data_2`
TYPES: Final = frozenset(FIXED_TYPES[name] for name in _BOUND_TYPES)
"""The numbers of the only types that open lines know."""

_TITLES: Final[Mapping[str, str]] = {
    "livechat": "Live Chat",
    "telegrambot": "Telegram",
    "whatsappbytwilio": "WhatsApp",
    "viber": "Viber",
    "facebook": "Facebook",
    "network": "Bitrix24.Network",
}


@dataclass(frozen=True, slots=True)
class Session:
    """One conversation in a line's chat; a chat has one after the other. `operator_id` is 0 while no operator has it.

    `chat_id` is None where the conversation was removed and only its trace in the CRM is left.
    """

    id: int
    chat_id: int | None
    connector: str
    status: int
    operator_id: int
    bound_to: tuple[CrmKey, ...]
    created_at: float

    @property
    def connector_title(self) -> str:
        return _TITLES.get(self.connector, self.connector)

    @property
    def active(self) -> bool:
        """Accepted and not closing: a conversation that no operator accepted yet is not active (by the source)."""
        return self.chat_id is not None and ACCEPTED <= self.status < _CLOSING

    @property
    def data_1(self) -> str:
        """The line's `entity_data_1`, ten parts."""
        crm = f"Y|{self.bound_to[0].pair}" if self.bound_to else "N|NONE|0"
        waits = "N" if self.active else "Y"
        return f"{crm}|N|{waits}|{self.id}|{int(self.created_at)}|0|0|0"

    @property
    def data_2(self) -> str:
        """The line's `entity_data_2`: of each type the lowest id, 0 for none."""
        return "|".join(f"{name}|{self._lowest(FIXED_TYPES[name])}" for name in _BOUND_TYPES)

    def _lowest(self, number: int) -> int:
        return min((key.id for key in self.bound_to if key.type == number), default=0)


class OpenLines:
    """The sessions in the order of their changes. The caller must hold the portal's lock."""

    def __init__(self) -> None:
        self._by_id: dict[int, Session] = {}

    def __iter__(self) -> Iterator[Session]:
        return iter(self._by_id.values())

    def next_id(self) -> int:
        return max(self._by_id, default=_FIRST_ID - 1) + 1

    def put(self, session: Session) -> None:
        """Adds a session, or replaces the one with its id: it is the one that was changed last."""
        self._by_id.pop(session.id, None)
        self._by_id[session.id] = session

    def get(self, session_id: int) -> Session | None:
        return self._by_id.get(session_id)

    def of_chat(self, chat_id: int) -> Session | None:
        """The chat's last session."""
        return max((each for each in self if each.chat_id == chat_id), key=lambda each: each.id, default=None)

    def bound_to(self, key: CrmKey) -> list[Session]:
        """The sessions of an object, changed last first."""
        return [session for session in reversed(self._by_id.values()) if key in session.bound_to]

    def remove_chat(self, chat_id: int) -> None:
        """What the CRM has of a removed conversation stays, without its chat (bitrix24.md 10.1)."""
        for session in [session for session in self if session.chat_id == chat_id]:
            self._by_id[session.id] = replace(session, chat_id=None)
