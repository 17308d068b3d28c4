"""What happens in a chat, as one bot receives it."""

from collections.abc import Mapping
from dataclasses import dataclass

from local.portal.content.chat import Chat
from local.portal.content.content import Bot, Command, User
from local.portal.content.messages import ChatMessage


@dataclass(frozen=True, slots=True)
class Joining:
    """The bot was added to the chat; or the user opened the personal one."""


@dataclass(frozen=True, slots=True)
class Speaking:
    """The user wrote; `mentioned` are the bots that the text names."""

    message: ChatMessage
    mentioned: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Commanding:
    """The user gave the bot a command, with `params` behind it."""

    message: ChatMessage
    command: Command
    params: str


@dataclass(frozen=True, slots=True)
class Editing:
    """The author changed a message; `message` has the new text."""

    message: ChatMessage
    mentioned: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Deleting:
    """A message was deleted."""

    message: ChatMessage


@dataclass(frozen=True, slots=True)
class Reacting:
    """The user put a reaction to the bot's message, or took it away; `change` is `add` or `delete`."""

    message: ChatMessage
    reaction: str
    change: str


@dataclass(frozen=True, slots=True)
class Opening:
    """The user opened the personal chat by a link that has a context, which is the link's and not the chat's."""

    context: Mapping[str, object]


Action = Joining | Speaking | Commanding | Editing | Deleting | Reacting | Opening


@dataclass(frozen=True, slots=True)
class Scene:
    """One action of a user in a chat. `language` is the portal's (bitrix24.md 9, row 24). `outsiders`: whether a member
    of the chat is from outside the company; `bots` are the bots in it."""

    bot: Bot
    chat: Chat
    user: User
    action: Action
    language: str
    outsiders: bool
    bots: tuple[int, ...]

    @property
    def dialog_id(self) -> str:
        """The chat's dialog id for the bot."""
        return self.chat.dialog_id(self.bot.id)
