"""One call of one method: the grant, the parameters, and what the method may read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from local.portal.behaviour.shape import Shape
from local.portal.content.content import Content
from local.portal.oauth.grant import Grant
from local.portal.protocol import php


@dataclass(frozen=True, slots=True)
class Call:
    """`params` as received; `catalogue` maps each method to its scope."""

    grant: Grant
    content: Content
    params: Mapping[str, object] = field(repr=False)
    shape: Shape
    catalogue: Mapping[str, str]
    now: float

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
    """`run` returns the result as JSON, or raises Refused."""

    name: str
    scope: str
    run: Callable[[Call], object]
