"""Ways to damage the portal's methods, one at a time."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

import pytest

from local.portal.methods.call import Call, Method
from local.portal.protocol.errors import Refused
from local.portal.rest import dispatcher

Damage: TypeAlias = Callable[[pytest.MonkeyPatch, str], None]
"""Damages a method by its name."""


class Seeded(NamedTuple):
    """A damage of a method, and the difference that the walk must report, after the method's name."""

    what: str
    method: str
    damage: Damage
    reported: str


def method(change: Callable[[Method], Method]) -> Damage:
    """Another method under the same name."""

    def damage(patch: pytest.MonkeyPatch, name: str) -> None:
        folded = name.lower()
        patch.setitem(dict_of(dispatcher.METHODS), folded, change(dispatcher.METHODS[folded]))

    return damage


def dict_of(table: Mapping[str, Method]) -> dict[str, Method]:
    assert isinstance(table, dict)
    return table


def running(run: Callable[[Method, Call], object]) -> Damage:
    """The same method, run in another way."""
    return method(lambda usual: replace(usual, run=lambda call: run(usual, call)))


def result(change: Callable[[Any], object]) -> Damage:
    """Another result of the same call."""
    return running(lambda usual, call: change(usual.run(call)))


def scope(name: str) -> Damage:
    return method(lambda usual: replace(usual, scope=name))


def ignoring(*path: str) -> Damage:
    """The parameter at the path is not read."""
    return running(lambda usual, call: usual.run(replace(call, params=_without(call.params, path))))


def supposing(**defaults: object) -> Damage:
    """These parameters have a default."""
    return running(lambda usual, call: usual.run(replace(call, params={**defaults, **call.params})))


def refusing(code: str, otherwise: str, status: int | None = None) -> Damage:
    """A refusal with one code has another code, or another status."""

    def run(usual: Method, call: Call) -> object:
        try:
            return usual.run(call)
        except Refused as refused:
            raise Refused(otherwise, status) if refused.code == code else refused from None

    return running(run)


def admitting(code: str, answer: object) -> Damage:
    """A refusal with one code is a result."""

    def run(usual: Method, call: Call) -> object:
        try:
            return usual.run(call)
        except Refused as refused:
            if refused.code == code:
                return answer
            raise

    return running(run)


def refusing_callers(of_application: bool, code: str) -> Damage:
    """One of the two kinds of callers is refused."""

    def run(usual: Method, call: Call) -> object:
        if bool(call.grant.client_id) == of_application:
            raise Refused(code)
        return usual.run(call)

    return running(run)


def _without(value: Any, path: tuple[str, ...]) -> Any:
    """The names that record look-ups stay what they are: hence `str.lower` and no comparison by them."""
    first, *rest = path
    if isinstance(value, list):
        return [_without(each, path) for each in value]
    if not isinstance(value, Mapping):
        return value
    return {
        name: _without(item, tuple(rest)) if str.lower(name) == first.lower() else item
        for name, item in value.items()
        if rest or str.lower(name) != first.lower()
    }
