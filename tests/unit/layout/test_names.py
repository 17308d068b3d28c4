"""One meaning per word: no two classes of one name in the package, and the plain words of docs/glossary.md."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.support.repository import PACKAGE, ROOT

TYPE_VARIABLES: Final = {"TypeVar", "ParamSpec"}
AVOIDED: Final = frozenset((Path(__file__).parent / "avoided_words.txt").read_text("utf-8").split())
"""Words of a story. Code names its actor (the caller, the process, the worker) and what a program does."""
MOST: Final = 10
"""Occurrences of each in all that people read here: values that are stored or logged keep theirs."""
READ: Final = (".py", ".yaml", ".json", ".md", ".mk", ".toml", ".sh")


def test_no_class_or_alias_of_the_package_has_the_name_of_another() -> None:
    names = Counter(name for path in PACKAGE.rglob("*.py") for name in types_of(ast.parse(path.read_text("utf-8"))))
    assert {name for name, times in names.items() if times > 1} == set()


def types_of(module: ast.Module) -> Iterator[str]:
    """The classes and type aliases at the top of a module; type variables belong to their functions."""
    for node in module.body:
        match node:
            case ast.ClassDef(name=name):
                yield name
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=value)
            ):
                is_variable = isinstance(value, ast.Call) and ast.unparse(value.func) in TYPE_VARIABLES
                if re.fullmatch(r"[A-Z][A-Za-z]*[a-z][A-Za-z]*", name) and not is_variable:
                    yield name


def test_words_of_a_story_are_rare_in_names_and_sentences() -> None:
    found: Counter[str] = Counter()
    for folder in ("layers", "functions", "local", "tests", "tools", "benchmarks"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in READ and path.is_file():
                found.update(words_of(path))
    found.update(words_of(ROOT / "template.yaml"))
    assert {word: times for word, times in found.items() if times > MOST} == {}


def words_of(path: Path) -> Iterator[str]:
    """The avoided words of a file, those inside of names included."""
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", path.read_text("utf-8"))
    yield from (word.lower() for word in words if word.lower() in AVOIDED)
