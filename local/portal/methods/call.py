"""One call of one method: the grant, the parameters, and what the method may read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from local.portal.behaviour.shape import Shape
from local.portal.content.chat import Chat
from local.portal.content.content import Bot, Content, User
from local.portal.oauth.grant import Grant
from local.portal.protocol import php


class Events(Protocol):
    """Events that methods cause: each is written at once, under the portal's lock, and sent after it is released."""

    def tested(self, grant: Grant, query: Mapping[str, object]) -> None:
        """An application tests its handlers (bitrix24.md 10.6)."""

    def chat_added(self, chat: Chat, owner: User, text: str) -> None:
        """A chat was made, with bots as its members perhaps, and with a first message of its owner if there is one."""

    def bot_removed(self, bot: Bot, grant: Grant) -> None:
        """A bot is about to be removed, which is the last event that it gets (bitrix24.md 5.7)."""


@dataclass(frozen=True, slots=True)
class Offered:
    """A method as the portal lists it: its documented spelling, and its scope."""

    name: str
    scope: str


@dataclass(frozen=True, slots=True)
class Page:
    """The result of a method that lists, which has `total` and perhaps `next` beside it (bitrix24.md 2.5)."""

    items: Sequence[object] | Mapping[str, object]
    total: int
    next: int | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """`params` as received; `catalogue` has the portal's methods by their names in lower case."""

    grant: Grant
    content: Content
    params: Mapping[str, object] = field(repr=False)
    shape: Shape
    catalogue: Mapping[str, Offered]
    now: float
    events: Events

    def param(self, name: str) -> object:
        """A parameter by its name in any case (bitrix24.md 1.1), None if it is missing.

        Of several that differ in case only, the last one counts, as in PHP's `array_change_key_case`.
        """
        return {key.lower(): value for key, value in self.params.items()}.get(name.lower())

    def text(self, name: str) -> str:
        """The same as PHP casts it to a string; missing, null and arrays are empty."""
        return php.text(self.param(name))

    def array(self, name: str) -> dict[str, object]:
        """The same as an array by its keys; anything else is an empty one."""
        return php.entries(self.param(name))


@dataclass(frozen=True, slots=True)
class Method:
    """`run` returns the result as JSON, or a page of it, or raises Refused."""

    name: str
    scope: str
    run: Callable[[Call], object]
