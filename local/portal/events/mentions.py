"""Which bots receive a text in a chat (bitrix24.md 5.4, 9 rows 8 and 16)."""

import re
from collections.abc import Iterator
from typing import Final

from local.portal.content.chat import Chat
from local.portal.content.content import Bot, Command, Content, User
from local.portal.content.messages import ChatMessage

_MENTION: Final = re.compile(r"\[USER=([1-9][0-9]{0,18})\b[^\]]*\].*?\[/USER\]", re.DOTALL)
_COMMAND: Final = re.compile(r"^/(\S+)[^\S\n]*(.*)$", re.MULTILINE)  # each line may be one
_RECEIVE_ALL: Final = ("supervisor", "personal")


def with_mentions(text: str, chat: Chat, content: Content) -> str:
    """The text as the messenger sends it: `@` and the name of a bot in the chat have become a mention in BB code."""
    named = {content.users[bot_id].full_name: bot_id for bot_id in content.bots.keys() & chat.members}
    for name in sorted(named, key=len, reverse=True):  # a name that begins with another name comes first
        mention = f"[USER={named[name]}]{name}[/USER]".replace("\\", r"\\")
        text = re.sub(rf"@{re.escape(name)}(?!\w)", mention, text)
    return text


def mentioned(text: str, content: Content) -> frozenset[int]:
    """The bots that a text names in BB code."""
    return frozenset(map(int, _MENTION.findall(text))) & content.bots.keys()


def receives(bot: Bot, chat: Chat, message: ChatMessage, named: frozenset[int]) -> bool:
    """Whether a bot receives a message: in a personal chat every one; in a group, as a member, those that name it, or
    every one if the bot is of a type that receives all. A bot does not receive its own messages."""
    if bot.id == message.author_id or bot.id not in chat.members:
        return False
    on_the_line = bot.type == "openline" and chat.type == "lines"
    return chat.private or bot.id in named or bot.type in _RECEIVE_ALL or on_the_line


def commands(text: str, chat: Chat, user: User, content: Content) -> Iterator[tuple[Command, str]]:
    """The commands in a text, each with its parameters: common ones anywhere, all others where their bot is a member;
    for users who are not employees only those that support them (command-register.md)."""
    for name, params in _COMMAND.findall(text):
        for command in content.commands.values():
            here = command.common or command.bot_id in chat.members
            admitted = command.extranet or user.kind == "employee"
            if command.name == name and here and admitted and command.bot_id != user.id:
                yield command, params.strip()
