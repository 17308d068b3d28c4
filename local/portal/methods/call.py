"""One call of one method: who calls, with what, and what the method may see."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from local.portal.content.content import Content
from local.portal.oauth.installations import Context
from local.portal.protocol import php

BASIC = "basic"  # the scope that everybody has


@dataclass(frozen=True, slots=True)
class Shape:
    """Where the documents contradict each other, or portals differ.

    `result`: what a look-up answers. `bot_api`: a portal of `v1` knows no `imbot.v2` yet. `oauth_post`: whether the
    authorisation server admits POST beside the documented GET. `frame`: an `old` portal's frame POST lacks the three
    fields that are documented only since 2026-08-20 (bitrix24.md 4.1). `bindings`: whether event handlers `vanish` or
    `stay` when the application is updated (event-bind.md, its English and its newer Russian page).
    `entity_id_in_events`: whether chats in the events of v2 name their entity's id, which samples leave out and
    entities.md lists (bitrix24.md 5.9). `auth_in_events`: with `brief`, v2's `auth` beside `data` is as the events page
    shows it, domain and application token only (bitrix24.md 9, row 18).
    """

    result: Literal["object", "int"] = "object"
    bot_api: Literal["v2", "v1"] = "v2"
    oauth_post: bool = True
    frame: Literal["new", "old"] = "new"
    bindings: Literal["vanish", "stay"] = "vanish"
    entity_id_in_events: bool = False
    auth_in_events: Literal["full", "brief"] = "full"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a credential allows. `account` is whose operating time a call uses up; a webhook has no `context`."""

    account: str
    user_id: int
    scopes: frozenset[str]
    context: Context | None = None

    @property
    def client_id(self) -> str:
        """The application's, empty for a webhook."""
        return self.context.client_id if self.context else ""

    def allows(self, scope: str) -> bool:
        """Whether a method's scope is granted; of several ones, between blanks, any will do."""
        return scope == BASIC or not self.scopes.isdisjoint(scope.split())


@dataclass(frozen=True, slots=True)
class Call:
    """`params` as they came; `catalogue` is every method's scope."""

    grant: Grant
    content: Content
    params: Mapping[str, object] = field(repr=False)
    shape: Shape
    catalogue: Mapping[str, str]
    now: float

    def param(self, name: str) -> object:
        """A parameter by its name in any case (bitrix24.md 1.1), None if it is missing.

        Of several that differ in case only the last one counts, as PHP's `array_change_key_case` has it.
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
    """`run` gives the result as JSON, or raises Refused."""

    name: str
    scope: str
    run: Callable[[Call], object]
