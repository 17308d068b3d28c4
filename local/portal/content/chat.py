"""A chat as the portal stores it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

# The kind of a chat follows from what it belongs to; all others are plain chats (samples of im.dialog.get).
_TYPES: Mapping[str, str] = {
    "CRM": "crm",
    "LINES": "lines",
    "LIVECHAT": "livechat",
    "SONET_GROUP": "sonetGroup",
    "TASKS": "tasks",
    "TASKS_TASK": "tasksTask",
    "CALENDAR": "calendar",
    "CALL": "call",
    "MAIL": "mail",
    "VIDEOCONF": "videoconf",
    "ANNOUNCEMENT": "announcement",
}
PINK: Final = "PINK"
# The colours that a chat may have, by their names in methods (im-chat-add.md); the samples show some of the values.
COLOURS: Final[Mapping[str, str]] = {
    "RED": "#df532d",
    "GREEN": "#64a513",
    "MINT": "#4ba984",
    "LIGHT_BLUE": "#4ba5c3",
    "DARK_BLUE": "#3e99ce",
    "PURPLE": "#8474c8",
    "AQUA": "#1eb4aa",
    PINK: "#f76187",
    "LIME": "#58cc47",
    "BROWN": "#ab7761",
    "AZURE": "#29619b",
    "KHAKI": "#728f7a",
    "SAND": "#ba9c7b",
    "MARENGO": "#556574",
    "GRAY": "#909090",
    "GRAPHITE": "#5e5f5e",
}
_MESSAGE_TYPES: Mapping[str, str] = {"lines": "L", "open": "O", "private": "P"}


@dataclass(frozen=True, slots=True)
class Chat:
    """`created_at` is Unix time; an unbound chat has an empty entity."""

    id: int
    title: str
    owner_id: int
    members: frozenset[int]
    entity_type: str = ""
    entity_id: str = ""
    entity_data_1: str = ""
    entity_data_2: str = ""
    entity_data_3: str = ""
    open_to_all: bool = False
    private: bool = False
    created_at: float = 0.0
    description: str = ""
    colour: str = PINK

    @property
    def type(self) -> str:
        plain = "private" if self.private else "open" if self.open_to_all else "chat"
        return _TYPES.get(self.entity_type, plain)

    @property
    def message_type(self) -> str:
        return _MESSAGE_TYPES.get(self.type, "C")

    def dialog_id(self, member_id: int) -> str:
        """The chat's dialog id for a member: for a personal chat the id of the other one (bitrix24.md 5.6)."""
        others = self.members - {member_id}
        return str(min(others)) if self.private and others else f"chat{self.id}"

    def with_member(self, user_id: int) -> "Chat":
        return replace(self, members=self.members | {user_id})
