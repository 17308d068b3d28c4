"""What only carries values is a named tuple: making a data class costs a start seven times as much (decision 029)."""

import ast
from collections.abc import Iterator
from typing import Final

from tests.support.repository import PACKAGE

FORMATS: Final = frozenset({"events/model.py"})
"""Their fields are a format: `dataclasses.asdict` writes a tuple inside a record as a list without names."""


def classes() -> Iterator[tuple[str, ast.ClassDef]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                yield path.relative_to(PACKAGE).as_posix(), node


def is_data_class(node: ast.ClassDef) -> bool:
    return any("dataclass" in ast.unparse(each) for each in node.decorator_list)


def is_more_than_a_carrier(node: ast.ClassDef) -> bool:
    """It hides a field from `repr`, checks its values, or can be changed."""
    whole = ast.unparse(node)
    own = {each.name for each in node.body if isinstance(each, ast.FunctionDef)}
    return "repr=False" in whole or bool(own & {"__post_init__", "__repr__"}) or "frozen=True" not in whole


def test_every_data_class_is_more_than_a_carrier() -> None:
    carriers = [
        f"{module}: {node.name}"
        for module, node in classes()
        if is_data_class(node) and module not in FORMATS and not is_more_than_a_carrier(node)
    ]
    assert carriers == []


def test_no_named_tuple_is_empty_as_it_would_be_false() -> None:
    empty = [
        f"{module}: {node.name}"
        for module, node in classes()
        if any("NamedTuple" in ast.unparse(base) for base in node.bases)
        and not any(isinstance(each, ast.AnnAssign) for each in node.body)
    ]
    assert empty == []
