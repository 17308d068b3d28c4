"""The portal's content: users, bots with their commands, chats with their messages, open lines, the CRM, handlers."""

import itertools
import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from local.portal.content.chat import Chat
from local.portal.content.crm import CrmKey, CrmObjects
from local.portal.content.messages import ChatMessages
from local.portal.content.open_lines import OpenLines, Session

UserKind = Literal["employee", "extranet", "collaber", "email", "connector", "guest", "bot"]
USER_KINDS: Final[tuple[UserKind, ...]] = (
    "employee", "extranet", "collaber", "email", "connector", "guest", "bot",
)  # fmt: skip

_FIRST_FREE_ID: Final = 3001  # above the ids that the documents' samples use
_LONGEST_APPLICATION_TOKEN: Final = 50
_DIALOG: Final = re.compile(r"(chat)?([1-9][0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class User:
    """A `connector` user is the customer at the other end of an open line, a `guest` one from outside the portal, a
    `collaber` one who was invited into a collab, an `email` one who is reached by mail only (entities.md)."""

    id: int
    name: str
    last_name: str = ""
    admin: bool = False
    active: bool = True
    work_position: str = ""
    kind: UserKind = "employee"

    @property
    def full_name(self) -> str:
        return f"{self.name} {self.last_name}".strip()


@dataclass(frozen=True, slots=True)
class Bot:
    """A bot is a user, too: `id` is its user id, and the user has its name.

    It belongs to the application `client_id`; where a webhook registered it, to the caller that has `token`. `api` is
    the API that registered it, and so the form of its events (bitrix24.md 5.8); `handlers` are the addresses by the
    event's name.
    """

    id: int
    code: str
    token: str = field(default="", repr=False)
    client_id: str = ""
    api: Literal["v1", "v2"] = "v2"
    type: str = "bot"
    event_mode: str = "fetch"
    handlers: Mapping[str, str] = field(default_factory=dict)
    hidden: bool = False
    reactions: bool = True
    openline: bool = False
    background: str | None = None

    @property
    def owner(self) -> str:
        """The code of its owner: the application's id, or `custom` and the token of a webhook's bot (by the source)."""
        return self.client_id or f"custom{self.token}"

    @property
    def application_token(self) -> str:
        """The application token of a webhook's bot, which is its own (bitrix24.md 5.3)."""
        return self.owner[:_LONGEST_APPLICATION_TOKEN]


@dataclass(frozen=True, slots=True)
class Command:
    """A bot's command, without its slash; titles and hints by language."""

    id: int
    bot_id: int
    name: str
    titles: Mapping[str, str]
    hints: Mapping[str, str]
    common: bool = False
    hidden: bool = False
    extranet: bool = False


@dataclass(frozen=True, slots=True)
class Binding:
    """One handler of an application's event (bitrix24.md 1.15). `auth_type` is the user whose token the event carries,
    0 for the user who acted."""

    number: int
    event: str
    handler: str
    auth_type: int = 0
    offline: bool = False


class Content:
    """Users, bots and chats by their ids, chats also by their pair. The caller must hold the portal's lock."""

    def __init__(self) -> None:
        self.users: dict[int, User] = {}
        self.bots: dict[int, Bot] = {}
        self.commands: dict[int, Command] = {}
        self.bindings: dict[str, list[Binding]] = {}
        self.chats: dict[int, Chat] = {}
        self.messages = ChatMessages()
        self.subscriptions: dict[str, tuple[str, ...]] = {}
        """The addresses that get the events of v2: the bots of one owner have theirs together."""
        self.lines = OpenLines()
        self.crm = CrmObjects()
        self._by_pair: dict[tuple[str, str], list[int]] = {}
        self._personal: dict[frozenset[int], int] = {}
        self._ids = itertools.count(_FIRST_FREE_ID)
        self._numbers = itertools.count(1)

    def copy(self) -> "Content":
        """What is here now, for later. Messages are the same in both, and no id is given out by both."""
        shared = (self.messages, self._ids, self._numbers)
        return deepcopy(self, {id(each): each for each in shared})

    def free_id(self) -> int:
        """An id that no chat, user or bot has."""
        return next(number for number in self._ids if number not in self.chats and number not in self.users)

    def next_number(self) -> int:
        """A number for commands and bindings, which are counted apart from the ids."""
        return next(self._numbers)

    def add_user(self, user: User) -> None:
        self.users[user.id] = user

    def add_bot(self, bot: Bot, name: str, last_name: str = "", work_position: str = "") -> None:
        """Adds a bot, or replaces the one with its id."""
        former = self.bots.get(bot.id)
        if former and former.owner != bot.owner:
            self.subscriptions[bot.owner] = self.subscriptions.pop(former.owner, ())
        self.bots[bot.id] = bot
        self._subscribe(bot)
        self.add_user(User(bot.id, name, last_name, work_position=work_position, kind="bot"))

    def remove_bot(self, bot: Bot) -> None:
        """Its user stays, as every user does, but is no longer active."""
        self._subscribe(replace(bot, handlers={}))
        del self.bots[bot.id]
        self.commands = {number: each for number, each in self.commands.items() if each.bot_id != bot.id}
        self.add_user(replace(self.users[bot.id], active=False))

    def commands_of(self, bot: Bot) -> list[Command]:
        return [command for command in self.commands.values() if command.bot_id == bot.id]

    def handlers_of(self, client_id: str, event: str) -> list[Binding]:
        """The handlers of an application's event: its bots (number 0) and its bindings, each address once."""
        bots = [bot for bot in self.bots.values() if bot.client_id == client_id]
        of_bots = [Binding(0, event, url) for bot in bots for url in self.addresses_of(bot, event)]
        bound = [each for each in self.bindings.get(client_id, []) if each.event == event and not each.offline]
        return list({each.handler: each for each in (*of_bots, *bound)}.values())

    def addresses_of(self, bot: Bot, event: str) -> tuple[str, ...]:
        """Where an event of a bot is sent: to its own handler, and in v2 to all addresses of its owner's bots."""
        own = bot.handlers.get(event)
        if own is None:
            return ()
        return self.subscriptions[bot.owner] if bot.api == "v2" else (own,)

    def _subscribe(self, bot: Bot) -> None:
        """Adds a bot's address to its owner's. The former ones end only where it is the owner's only bot: beside other
        bots they keep receiving, whichever bot an event is for (bot-update.md, "Managing Event Subscriptions")."""
        if bot.api == "v1":
            return
        alone = not any(other.owner == bot.owner and other.id != bot.id for other in self.bots.values())
        kept = () if alone else self.subscriptions.get(bot.owner, ())
        self.subscriptions[bot.owner] = tuple(dict.fromkeys((*kept, *bot.handlers.values())))

    def forget_handlers(self, client_id: str) -> None:
        """An application's handlers vanish with it; its bots stay, but get no more events (bitrix24.md 9, 14)."""
        self.bindings.pop(client_id, None)
        self.subscriptions.pop(client_id, None)
        for bot in [bot for bot in self.bots.values() if bot.client_id == client_id]:
            self.bots[bot.id] = replace(bot, handlers={})

    def put_chat(self, chat: Chat) -> None:
        """Adds a chat, or replaces the one with its id and keeps its age if the pair stays. Members who are not users
        yet become users."""
        former, pair = self.chats.get(chat.id), (chat.entity_type, chat.entity_id)
        if former is None or (former.entity_type, former.entity_id) != pair:
            if former:
                self._by_pair[former.entity_type, former.entity_id].remove(chat.id)
            self._by_pair.setdefault(pair, []).append(chat.id)
        self.chats[chat.id] = chat
        key = CrmKey.of_pair(chat.entity_id) if chat.entity_type == "CRM" else None
        if key:
            self.crm.ensure(key, chat.created_at)
        if chat.private:
            self._personal[chat.members] = chat.id
        for member in chat.members - self.users.keys():
            self.add_user(User(member, "User", str(member)))

    def put_session(self, session: Session) -> None:
        """Adds a session of an open line, or replaces the one with its id; its chat shows it from then on."""
        self.lines.put(session)
        for key in session.bound_to:
            self.crm.ensure(key, session.created_at)
        chat = self.chats[session.chat_id] if session.chat_id else None
        if chat:
            data_1, data_2 = session.data_1, session.data_2
            self.put_chat(
                replace(
                    chat, owner_id=session.operator_id, entity_data_1=data_1, entity_data_2=data_2, entity_data_3="N"
                )
            )

    def remove_chat(self, chat_id: int) -> bool:
        """Removes a chat with its messages; whether there was one."""
        chat = self.chats.pop(chat_id, None)
        if chat is None:
            return False
        self._by_pair[chat.entity_type, chat.entity_id].remove(chat_id)
        self._personal = {members: number for members, number in self._personal.items() if number != chat_id}
        self.messages.remove_chat(chat_id)
        self.lines.remove_chat(chat_id)
        return True

    def personal_chat(self, user_id: int, bot_id: int, now: float) -> Chat:
        """The chat of a user with a bot, created now if they have none."""
        members = frozenset({user_id, bot_id})
        if members not in self._personal:
            title = self.users[user_id].full_name
            self.put_chat(Chat(self.free_id(), title, user_id, members, private=True, created_at=now))
        return self.chats[self._personal[members]]

    def dialog(self, dialog_id: str, member_id: int) -> Chat | None:
        """The chat with this dialog id for a member: `chat<id>`, or the id of the other one in a personal chat."""
        found = _DIALOG.fullmatch(dialog_id)
        if found is None:
            return None
        number = int(found[2])
        chat_id = number if found[1] else self._personal.get(frozenset({number, member_id}))
        chat = self.chats.get(chat_id) if chat_id else None
        return chat if chat and member_id in chat.members else None

    def bound_to(self, entity_type: str, entity_id: str) -> Chat | None:
        """The chat that has exactly this pair; the youngest, if several do (bitrix24.md 1.1: unspecified)."""
        ids = self._by_pair.get((entity_type, entity_id))
        return self.chats[ids[-1]] if ids else None

    def all_bound_to(self, entity_type: str, entity_id: str, *, any_case: bool = False) -> list[Chat]:
        """The chats that have this pair, oldest first; with `any_case` those that differ from it in case, too."""
        pair = (entity_type, entity_id)
        if not any_case:
            return [self.chats[chat_id] for chat_id in self._by_pair.get(pair, [])]
        folded = tuple(map(str.casefold, pair))
        found = [ids for each, ids in self._by_pair.items() if tuple(map(str.casefold, each)) == folded]
        return [self.chats[chat_id] for chat_id in sorted(itertools.chain.from_iterable(found))]

    def first_bound_to(self, entity_type: str, entity_id: str) -> Chat | None:
        """The oldest chat with this pair: a group's alias keeps to it when a second one is made by mistake."""
        ids = self._by_pair.get((entity_type, entity_id))
        return self.chats[ids[0]] if ids else None

    def known(self, ids: Iterable[int]) -> frozenset[int]:
        """Those of the ids that are users."""
        return frozenset(ids) & self.users.keys()
