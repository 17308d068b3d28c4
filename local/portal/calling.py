"""One call of one method: who calls, with what, and what the method may see."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from local.portal import php
from local.portal.content import Content

Shape = Literal["object", "int"]

BASIC = "basic"  # the scope that everybody has


@dataclass(frozen=True, slots=True)
class Grant:
    """What a credential allows. `account` is whose operating time a call uses up."""

    account: str
    user_id: int
    scopes: frozenset[str]

    def allows(self, scope: str) -> bool:
        return scope == BASIC or scope in self.scopes


@dataclass(frozen=True, slots=True)
class Call:
    """`params` as they came; `result_shape` says how a look-up answers; `catalogue` is every method's scope."""

    grant: Grant
    content: Content
    params: Mapping[str, object] = field(repr=False)
    result_shape: Shape
    catalogue: Mapping[str, str]
    now: float

    def param(self, name: str) -> object:
        """A parameter by its name in any case (bitrix24.md 1.1), None if it is missing."""
        folded = name.lower()
        return next((value for key, value in self.params.items() if key.lower() == folded), None)

    def text(self, name: str) -> str:
        """The same as PHP casts it to a string; missing, null and arrays are empty."""
        return php.text(self.param(name))


@dataclass(frozen=True, slots=True)
class Method:
    """`run` gives the result as JSON, or raises Refused."""

    name: str
    scope: str
    run: Callable[[Call], object]
