"""A chat as the portal stores it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

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
