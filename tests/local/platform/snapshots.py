"""What a portal stores, as a value that can be compared."""

import dataclasses
from collections.abc import Mapping
from typing import Any


def snapshot(value: Any) -> object:
    """Everything in an object, down to its secrets, whatever its `repr` shows."""
    if dataclasses.is_dataclass(value):
        return [(each.name, snapshot(getattr(value, each.name))) for each in dataclasses.fields(value)]
    if isinstance(value, Mapping):
        return [(repr(name), snapshot(item)) for name, item in value.items()]
    if isinstance(value, (list, tuple)):
        return [snapshot(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted(map(repr, value))
    return snapshot(vars(value)) if hasattr(value, "__dict__") else repr(value)
