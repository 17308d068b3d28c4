"""The options and the results of a look-up."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from chat_lookup.bitrix24.results import ChatDetails
from chat_lookup.entity import EntityRef


class Method(StrEnum):
    """The values of `method=`."""

    AUTO = "auto"
    IM = "im"
    IMBOT = "imbot"


class ChatReply(NamedTuple):
    """The portal's reply: the chat's id or None, and the method that replied last."""

    chat_id: int | None
    method: str


@dataclass(frozen=True, slots=True)
class Options:
    """How to look up. `expand` adds the chat's details; `fresh` calls the portal whatever is cached.

    With `user_token`, a portal user's own access token, the answer is bound to what that user may see. A stored answer
    serves if the chosen method gave it, unless `any_method`: Bitrix24's own format names no method in its answers.
    """

    method: Method = Method.AUTO
    bot_id: int | None = None
    expand: bool = False
    fresh: bool = False
    user_token: str | None = field(default=None, repr=False)
    any_method: bool = False


class Found(NamedTuple):
    """A chat, and where the answer came from: `source` is portal, cache, event or stale."""

    ref: EntityRef | None
    chat_id: int
    source: str
    method: str
    age_seconds: int
    chat: ChatDetails | None = None
    expanded: bool = False
