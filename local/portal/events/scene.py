"""What happens in a chat, as one bot hears of it."""

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


Deed = Joining | Speaking | Commanding


@dataclass(frozen=True, slots=True)
class Scene:
    """One deed of a user in a chat. `language` is the portal's (bitrix24.md 9, row 24). `outsiders`: whether anybody in
    the chat is from outside the company; `bots` are those in it."""

    bot: Bot
    chat: Chat
    user: User
    deed: Deed
    language: str
    outsiders: bool
    bots: tuple[int, ...]

    @property
    def dialog_id(self) -> str:
        """What the bot calls the chat."""
        return self.chat.dialog_id(self.bot.id)
