"""Every metric of the table is counted in the code, by its own dimensions, and no other metric is (design 7)."""

import ast
import importlib
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import chat_lookup
from chat_lookup.observability.metrics import METHODS, METRICS

LAYER = Path(chat_lookup.__file__).parent
COUNTING = {"count", "count_at_once"}


def calls() -> Iterator[tuple[str, frozenset[str]]]:
    """Each call that counts a metric, in any module: the metric's name, and the dimensions that it gives."""
    for path in sorted(LAYER.rglob("*.py")):
        text = path.read_text("utf-8")
        if not any(f".{name}(" in text for name in COUNTING):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in COUNTING:
                yield from counted(path, node)


def counted(path: Path, call: ast.Call) -> Iterator[tuple[str, frozenset[str]]]:
    name = value_of(path, call.args[0]) if call.args else None
    if isinstance(name, str) and name.isidentifier():
        given = [keyword.arg for keyword in call.keywords if keyword.arg is not None]
        # A dimension whose name is a word of the language comes in a dict: **{"class": …}.
        spread = [ast.literal_eval(key) for each in call.keywords if isinstance(each.value, ast.Dict)
                  for key in each.value.keys if key is not None]  # fmt: skip
        yield name, frozenset([*given, *spread])


def value_of(path: Path, node: ast.expr) -> object:
    if isinstance(node, ast.Name):
        module = ".".join(("chat_lookup", *path.relative_to(LAYER).with_suffix("").parts))
        return getattr(importlib.import_module(module), node.id, None)
    return node.value if isinstance(node, ast.Constant) else None


@pytest.fixture(scope="module")
def in_the_code() -> dict[str, set[frozenset[str]]]:
    """The sets of dimensions with which each metric is counted."""
    found: dict[str, set[frozenset[str]]] = defaultdict(set)
    for name, dimensions in calls():
        found[name].add(dimensions)
    return found


@pytest.mark.parametrize("name", METRICS)
def test_metric_is_counted_by_its_dimensions(name: str, in_the_code: dict[str, set[frozenset[str]]]) -> None:
    dimensions = frozenset(metric.dimension for metric in METRICS[name] if metric.dimension)

    assert in_the_code[name] == {dimensions}


def test_only_metrics_of_the_table_are_counted(in_the_code: dict[str, set[frozenset[str]]]) -> None:
    assert in_the_code.keys() == METRICS.keys()


METHOD = re.compile(r"(?:im|imbot|imopenlines|tasks|event|app)(?:\.[a-z\d]+)+", re.IGNORECASE)


def test_each_method_that_the_service_calls_is_a_value_of_the_metrics_dimension() -> None:
    # `bitrix24/` names families of methods too, in the table of errors.
    sources = [path for path in LAYER.rglob("*.py") if path.parent.name != "bitrix24"]
    named = {
        node.value.lower()
        for path in sources
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and METHOD.fullmatch(node.value)
    }

    assert named
    assert named - {method.lower() for method in METHODS} == set()
