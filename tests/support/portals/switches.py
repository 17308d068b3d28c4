"""The switches of a local portal (`POST /shape`), all of them: a portal that tests share is as usual before each test,
and a new switch is not forgotten."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final, get_args, get_type_hints

from local.portal.behaviour.shape import Shape

AS_USUAL: Final[Mapping[str, Any]] = asdict(Shape())
"""As a new portal has them."""
OTHERWISE: Final[Mapping[str, Any]] = {
    name: next(value for value in get_args(get_type_hints(Shape)[name]) or (True, False) if value != usual)
    for name, usual in AS_USUAL.items()
}
"""Each with another value."""
