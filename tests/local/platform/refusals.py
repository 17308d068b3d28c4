"""Which places of the portal's methods refuse a call, and which of them a walk reaches."""

import ast
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from local.portal.protocol.errors import Refused
from tests.support.repository import ROOT

METHODS: Final = ROOT / "local" / "portal" / "methods"
Place = tuple[str, int]


def places() -> frozenset[Place]:
    """File and line of each `Refused(…)` in the methods."""
    return frozenset(
        (path.name, node.lineno)
        for path in METHODS.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == Refused.__name__
    )


@contextmanager
def reached() -> Iterator[set[Place]]:
    """Inside, the places that refuse a call are added to the set."""
    found: set[Place] = set()
    usual = Refused.__init__

    def recording(self: Refused, *arguments: Any, **options: Any) -> None:
        caller = sys._getframe(1)
        found.add((Path(caller.f_code.co_filename).name, caller.f_lineno))
        usual(self, *arguments, **options)

    with patch.object(Refused, "__init__", recording):
        yield found
