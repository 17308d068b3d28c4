"""What is in the portal: users, bots and chats."""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

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
_FIRST_FREE_ID = 3001  # above the ids that the documents' samples use


@dataclass(frozen=True, slots=True)
class User:
    id: int
    name: str
    last_name: str = ""
    admin: bool = False

    @property
    def full_name(self) -> str:
        return f"{self.name} {self.last_name}".strip()


@dataclass(frozen=True, slots=True)
class Bot:
    """A bot is a user, too: `id` is its user id. `token` proves its owner where a webhook calls."""

    id: int
    code: str
    token: str = field(repr=False)


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


class Content:
    """Users, bots and chats by their ids, chats also by their pair. Whoever uses it holds the portal's lock."""

    def __init__(self) -> None:
        self.users: dict[int, User] = {}
        self.bots: dict[int, Bot] = {}
        self.chats: dict[int, Chat] = {}
        self._by_pair: dict[tuple[str, str], list[int]] = {}
        self._ids = itertools.count(_FIRST_FREE_ID)

    def free_id(self) -> int:
        """An id that no chat, user or bot has."""
        return next(number for number in self._ids if number not in self.chats and number not in self.users)

    def add_user(self, user: User) -> None:
        self.users[user.id] = user

    def add_bot(self, bot: Bot, name: str) -> None:
        self.bots[bot.id] = bot
        self.add_user(User(bot.id, name))

    def put_chat(self, chat: Chat) -> None:
        """Adds a chat, or puts it in the place of the one with its id. Members who are nobody yet become users."""
        if former := self.chats.get(chat.id):
            self._by_pair[former.entity_type, former.entity_id].remove(chat.id)
        self.chats[chat.id] = chat
        self._by_pair.setdefault((chat.entity_type, chat.entity_id), []).append(chat.id)
        for member in chat.members - self.users.keys():
            self.add_user(User(member, "User", str(member)))

    def bound_to(self, entity_type: str, entity_id: str) -> Chat | None:
        """The chat that carries exactly this pair; the youngest, if several do (bitrix24.md 1.1: unspecified)."""
        ids = self._by_pair.get((entity_type, entity_id))
        return self.chats[ids[-1]] if ids else None

    def first_bound_to(self, entity_type: str, entity_id: str) -> Chat | None:
        """The oldest chat with this pair: a group's alias keeps to it when a second one is made by mistake."""
        ids = self._by_pair.get((entity_type, entity_id))
        return self.chats[ids[0]] if ids else None

    def known(self, ids: Iterable[int]) -> frozenset[int]:
        """Those of the ids that are users."""
        return frozenset(ids) & self.users.keys()
