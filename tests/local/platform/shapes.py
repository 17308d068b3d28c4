"""Whether an answer has the shape of a sample: the same members, of the same JSON types."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

_NAMES: Final[Mapping[type, str]] = {bool: "boolean", int: "number", float: "number", str: "string"}


def differences(answer: Any, sample: Any, path: str) -> Iterator[str]:
    """What differs, each with its path.

    null fits anything, and in a sample an empty array or object fits every array and object: PHP has one kind of both.
    All members of an array are like the sample's first one; objects whose names are numbers are arrays (bitrix24.md
    2.6).
    """
    if answer is None or sample is None or (sample in ([], {}) and isinstance(answer, (list, Mapping))):
        return
    if _is_array(answer) and _is_array(sample):
        for member in _members(answer) if sample else ():
            yield from differences(member, _members(sample)[0], path + "[]")
    elif isinstance(answer, Mapping) and isinstance(sample, Mapping):
        for name in sorted({*answer, *sample}):
            if name not in answer:
                yield f"{path}.{name} is missing"
            elif name not in sample:
                yield f"{path}.{name} is not in the sample"
            else:
                yield from differences(answer[name], sample[name], f"{path}.{name}")
    elif _kind(answer) != _kind(sample):
        yield f"{path} is {_kind(answer)}, in the sample {_kind(sample)}"


def _is_array(value: Any) -> bool:
    return isinstance(value, list) or (isinstance(value, Mapping) and all(name.isdigit() for name in value))


def _members(array: Any) -> list[Any]:
    return array if isinstance(array, list) else list(array.values())


def _kind(value: Any) -> str:
    if _is_array(value):
        return "array"
    return "object" if isinstance(value, Mapping) else _NAMES[type(value)]
