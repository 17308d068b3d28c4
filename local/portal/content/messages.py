"""What was written in chats, by users and by bots."""

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

MOST: Final = 100_000  # then the oldest are dropped: a portal may run for days
_FIRST_ID: Final = 100_001  # above the ids that the documents' samples use
LONGEST_TEXT: Final = 20_000
_CUT_OFF: Final = " (...)"
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """`at` is Unix time. Of a bot's message, `method` is the one that added it, and `answer_to` the message with the
    command that it answers. `commands` are those given in a user's message: their bots may answer it anywhere
    (command-answer.md). `decoration` is what a bot put below its message, by the parameter.
    """

    id: int
    at: float
    chat_id: int
    author_id: int
    text: str
    method: str = ""
    answer_to: int | None = None
    commands: frozenset[int] = frozenset()
    decoration: Mapping[str, object] = field(default_factory=dict)


class ChatMessages:
    """The messages by their ids, oldest first. The caller must hold the portal's lock."""

    def __init__(self) -> None:
        self._by_id: dict[int, ChatMessage] = {}
        self._ids = itertools.count(_FIRST_ID)

    def next_id(self) -> int:
        """An id that no message has or had, not even before `clear`."""
        return next(self._ids)

    def put(self, message: ChatMessage) -> None:
        self._by_id[message.id] = message
        if len(self._by_id) > MOST:
            del self._by_id[next(iter(self._by_id))]

    def get(self, message_id: str) -> ChatMessage | None:
        """The message with an id as a parameter gives it."""
        return self._by_id.get(int(message_id)) if _NUMBER.fullmatch(message_id) else None

    def remove(self, message: ChatMessage) -> None:
        del self._by_id[message.id]

    def of_bots(self) -> list[ChatMessage]:
        return [message for message in self._by_id.values() if message.method]

    def remove_chat(self, chat_id: int) -> None:
        self._by_id = {number: each for number, each in self._by_id.items() if each.chat_id != chat_id}

    def clear(self) -> None:
        self._by_id.clear()


def cut(text: str) -> str:
    """A text as it is stored: a text that is too long is cut off (chat-message-send.md)."""
    return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + _CUT_OFF
