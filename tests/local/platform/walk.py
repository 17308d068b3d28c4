"""The walk: what the local portal does otherwise than the platform's documentation, method by method.

A difference is a sentence that begins with the method's name. Which of them are accepted, and why, is in
`accepted_differences.py`.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from local.portal.protocol import php
from local.portal.rest import dispatcher
from tests.local.platform import shapes
from tests.local.platform.recorder import recorded
from tests.local.platform.scene import Scene
from tests.local.platform.scenes import scenes_of
from tests.local.platform.schemas import BASIC, Schema, Way, schemas
from tests.local.platform.stage import ALL_SCOPES, Answer, Door, Params

BATCH: Final = "batch"  # no method of a module, and documented as all others are
_CODE: Final = re.compile(r"[A-Za-z0-9_]+")  # one page has a sentence in the place of a code
_OF_ANOTHER_TYPE: Final[Mapping[str, Any]] = {
    "integer": "many", "string": ["text"], "boolean": {"a": "b"}, "object": "text", "array": "text",
}  # fmt: skip


@dataclass(slots=True)
class Walked:
    """One method: its differences, and what was looked at."""

    method: str
    differences: set[str] = field(default_factory=set)
    calls: int = 0
    documented: int = 0
    read: set[str] = field(default_factory=set)
    raised: dict[str, set[int]] = field(default_factory=dict)
    shapes: int = 0

    def note(self, sentence: str) -> None:
        self.differences.add(f"{self.method}: {sentence}")

    def took(self, answer: Answer) -> Answer:
        """Counts a call, and the code and status of its refusal, or the codes in a batch, which have no status."""
        self.calls += 1
        if answer.code:
            self.raised.setdefault(answer.code, set()).update({answer.status} - {0})
        elif self.method == BATCH:
            for error in php.entries(answer.result["result_error"]).values():
                self.raised.setdefault(error["error"], set())  # type: ignore[index]  # an error is an object
        return answer


def served() -> tuple[str, ...]:
    """The documented names of the methods that the portal serves."""
    return tuple(sorted((BATCH, *(method.name for method in dispatcher.METHODS.values()))))


def walk(method: str) -> Walked:
    """Everything about one method."""
    walked, schema, scenes = Walked(method), schemas().get(method), scenes_of(method)
    if schema is None:
        walked.note("is not documented")
    elif not scenes or scenes[0].refused or not scenes[0].sampled:
        walked.note("has no usual call among the scenes")
    else:
        first = scenes[0]
        _scenes(walked, schema, scenes)
        _scopes(walked, schema, first)
        _doors(walked, schema, first)
        _parameters(walked, schema, scenes)
        _required(walked, schema, first)
        _other_types(walked, schema, first)
        codes(walked, schema)
    return walked


def _scenes(walked: Walked, schema: Schema, scenes: tuple[Scene, ...]) -> None:
    """Each call is answered as its scene describes, and each result has the shape of the sample."""
    for scene in scenes:
        answer = walked.took(scene.caller.ask(scene.method, scene.params))
        if answer.code != scene.refused:
            walked.note(f"{scene.refused or 'a result'} expected, {answer.code or 'a result'} came")
        elif scene.sampled and not answer.code and schema.sample is not None:
            walked.shapes += 1
            walked.differences.update(
                f"{walked.method}: {each}"
                for name in sorted({*answer.body, *schema.sample} - {"next"})  # only where there is another page
                for each in _compared(answer.body, schema.sample, name)
            )


def _compared(body: Mapping[str, Any], sample: Mapping[str, Any], name: str) -> Iterator[str]:
    """What differs in one member of the whole answer."""
    if name in body and name in sample:
        yield from shapes.differences(body[name], sample[name], name)
    else:
        yield f"{name} is missing" if name in sample else f"{name} is not in the sample"


def _scopes(walked: Walked, schema: Schema, first: Scene) -> None:
    """Any of the documented scopes suffices, and no other."""
    documented = schema.scopes - {BASIC}

    def refused(scopes: frozenset[str]) -> bool:
        caller = replace(first.caller, scopes=scopes)
        return walked.took(caller.ask(first.method, first.params)).code == "insufficient_scope"

    for scope in sorted(documented):
        if refused(frozenset({scope})):
            walked.note(f"is refused with the scope {scope}")
    for scope in sorted(ALL_SCOPES - documented) if documented else ():
        if not refused(frozenset({scope})):
            walked.note(f"is answered with the scope {scope}")
    if refused(frozenset()) != bool(documented):
        walked.note("is answered without a scope" if documented else "needs a scope, documented is none")


def _doors(walked: Walked, schema: Schema, first: Scene) -> None:
    """One call has one result, whichever way it comes: webhook or application, JSON or form, alone or in a batch, and
    whatever the letter case of the method's name."""
    caller, method, params = first.caller, first.method, first.params
    usual = caller.ask(method, params).result
    ways: list[tuple[str, Answer]] = [
        ("in upper case", caller.ask(method.upper(), params)),
        ("in lower case", caller.ask(method.lower(), params)),
        ("with .json", caller.ask(method + ".json", params)),
        ("as a form", caller.ask_by_form(method, params)),
        ("in a batch", caller.ask_in_batch(method, params)),
    ]
    if schema.application_only:
        refusal = replace(caller, door="webhook").ask(method, params)
        if not walked.took(refusal).code:
            walked.note("is answered to a webhook")
    else:
        other: Door = "application" if caller.door == "webhook" else "webhook"
        ways.append((f"by {other}", replace(caller, door=other).ask(method, params)))
    for way, answer in ways:
        if walked.took(answer).code:
            walked.note(f"{way}: {answer.code}")
        elif answer.result != usual:
            walked.note(f"{way}: another result")


def _parameters(walked: Walked, schema: Schema, scenes: tuple[Scene, ...]) -> None:
    """Each documented parameter is looked up by at least one call, as a scene has it or as null; and where it is, it is
    of consequence for at least one usual call."""
    for scene in scenes:
        whole = scene.params
        for parameter in schema.parameters:
            if not _has(whole, parameter.path):
                whole = _with(whole, parameter.path, None)
        walked.took(scene.caller.ask_with(scene.method, recorded(whole, walked.read)))
    names = {parameter.name for parameter in schema.parameters}
    walked.documented = len(names)
    for name in sorted(names - walked.read):
        walked.note(f"parameter {name} is not read")
    walked.read &= names
    for parameter in schema.parameters:
        if parameter.name in walked.read and not any(_has_effect(scene, parameter.path) for scene in scenes):
            walked.note(f"parameter {parameter.name} has no effect")


def _has_effect(scene: Scene, path: Way) -> bool:
    """Whether a usual call has another outcome without a parameter."""
    if scene.refused or not _has(scene.params, path):
        return False
    ask = scene.caller.outcome
    return ask(scene.method, scene.params) != ask(scene.method, _without(scene.params, path))


def _required(walked: Walked, schema: Schema, first: Scene) -> None:
    """Without a required parameter a call is refused, with a code of the page."""
    for parameter in schema.parameters:
        if not parameter.required:
            continue
        shorter = _without(first.params, parameter.path)
        code = walked.took(first.caller.ask(first.method, shorter)).code
        if not _has(first.params, parameter.path):
            walked.note(f"the usual call lacks the required parameter {parameter.name}")
        elif code not in schema.codes:
            walked.note(f"without {parameter.name}: {code or 'a result'}")


def _other_types(walked: Walked, schema: Schema, first: Scene) -> None:
    """A parameter of another type is refused or ignored, and nothing fails."""
    for parameter in schema.parameters:
        if (value := _OF_ANOTHER_TYPE.get(parameter.base)) is not None:
            params = _with(first.params, parameter.path, value)
            walked.took(first.caller.ask(first.method, params))


def codes(walked: Walked, schema: Schema) -> None:
    """What came is documented, for the method or for all, with its status; and what is documented came."""
    for code, statuses in sorted(walked.raised.items()):
        documented = schema.statuses_of(code)
        if not documented and code not in schema.codes:
            walked.note(" ".join((code, *map(str, sorted(statuses)), "is not documented")))
        for status in sorted(statuses - documented if documented else ()):
            walked.note(f"{code} with the status {status}")
    for code in sorted(schema.codes - walked.raised.keys()):
        if _CODE.fullmatch(code):
            walked.note(f"{code} never comes")


def _with(params: Params, path: Way, value: Any) -> Params:
    """The parameters with this value at the path, in each object of a list. Nothing is put where the way to it is
    missing."""
    edited: Params = _edited(_without(params, path), path, lambda names: {**names, path[-1]: value})
    return edited


def _without(params: Params, path: Way) -> Params:
    """The parameters without the one at the path."""
    edited: Params = _edited(
        params, path, lambda names: {key: item for key, item in names.items() if not _same(key, path[-1])}
    )
    return edited


def _edited(value: Any, path: Way, edit: Callable[[Params], Params]) -> Any:
    """The value with the object changed that has, or would have, the last name of the path."""
    if isinstance(value, list):
        return [_edited(each, path, edit) for each in value]
    if not isinstance(value, Mapping):
        return value
    if len(path) == 1:
        return edit(value)
    return {name: _edited(item, path[1:], edit) if _same(name, path[0]) else item for name, item in value.items()}


def _has(value: Any, path: Way) -> bool:
    """Whether there is a value at the path, of a list in its first object."""
    if isinstance(value, list):
        return bool(value) and _has(value[0], path)
    if not path:
        return True
    found = [item for name, item in value.items() if _same(name, path[0])] if isinstance(value, Mapping) else []
    return bool(found) and _has(found[0], path[1:])


def _same(one: str, other: str) -> bool:
    return one.lower() == other.lower()
