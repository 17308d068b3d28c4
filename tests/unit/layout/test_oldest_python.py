"""`make run`, `./lookup` and `make test` use the Python of the machine, 3.11 or later: what they use of it is in 3.11.

The stubs of the standard library that mypy has contain the version of each name, so that no old interpreter is needed.
"""

import ast
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Final

import mypy
import pytest

from tests.support.repository import ROOT

OLDEST: Final = (3, 11)
NEWEST: Final = (3, 99)
STUBS: Final = Path(mypy.__file__).parent / "typeshed/stdlib"
SOURCES: Final = ("layers", "functions", "local", "tools", "benchmarks", "tests")
MUTANTS: Final = ROOT / "tests/mutants"
"""No part of `make test`: it watches the interpreter by `sys.monitoring`, which came with 3.12."""


def used(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Each module of the standard library and a name of it that a source uses."""
    nodes = list(ast.walk(tree))
    modules = {
        each.asname or each.name: each.name for node in nodes if isinstance(node, ast.Import) for each in node.names
    }
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node.module, each.name) for each in node.names)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            yield modules[node.value.id], node.attr


@cache
def newer(module: str) -> frozenset[str]:
    """The names that a module of the standard library has in later versions only."""
    path = STUBS / module.replace(".", "/")
    stub = next((each for each in (path.with_suffix(".pyi"), path / "__init__.pyi") if each.exists()), None)
    body = ast.parse(stub.read_text("utf-8")).body if stub else []
    return frozenset(defined(body, NEWEST)) - frozenset(defined(body, OLDEST))


def defined(body: Sequence[ast.stmt], version: tuple[int, ...]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.If):
            yield from defined(node.body if holds(node.test, version) else node.orelse, version)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.ImportFrom | ast.Import):
            yield from (each.asname or each.name for each in node.names)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (each.id for each in targets if isinstance(each, ast.Name))


def holds(condition: ast.expr, version: tuple[int, ...]) -> bool:
    """Whether a condition of a stub holds: about the version, or about this platform."""
    text = ast.unparse(condition)
    return bool(eval(text, {"sys": type("sys", (), {"version_info": version, "platform": sys.platform})}))  # noqa: S307 - mypy's own


def breaches(source: str) -> list[str]:
    return [f"{module}.{name}" for module, name in used(ast.parse(source)) if name in newer(module)]


def test_sources_use_no_name_that_the_oldest_python_lacks() -> None:
    files = [
        path for folder in SOURCES for path in sorted((ROOT / folder).rglob("*.py")) if not path.is_relative_to(MUTANTS)
    ]
    assert {str(path): found for path in files if (found := breaches(path.read_text("utf-8")))} == {}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from itertools import batched, count", ["itertools.batched"]),
        ("import itertools\nitertools.batched([], 2)", ["itertools.batched"]),
        ("from typing import override", ["typing.override"]),
        ("from warnings import deprecated", ["warnings.deprecated"]),
        ("import datetime\ndatetime.UTC", []),
    ],
)
def test_check_finds_newer_names(source: str, found: list[str]) -> None:
    assert breaches(source) == found
