"""The names in the architecture and the glossary are there, and the drawn arrows are those that the rooms have."""

import importlib
import re
from types import ModuleType
from typing import Final

import pytest

from tests.support.repository import PACKAGE, ROOT
from tests.unit.layout.test_rooms import MAY_IMPORT

ARCHITECTURE: Final = (ROOT / "docs/architecture.md").read_text("utf-8")
GLOSSARY: Final = (ROOT / "docs/glossary.md").read_text("utf-8")
GROUND: Final = frozenset(path.stem for path in PACKAGE.glob("*.py")) - {"__init__"}
NAME: Final = re.compile(
    rf"\b(?<![./#])(?:{'|'.join([*MAY_IMPORT, *GROUND, 'functions'])})\.[a-z_0-9]+(?:\.[A-Za-z_0-9]+)*"
)
"""A module, or something in it, by its path in the package: `lookup.find.Lookup.find`."""
FILES: Final = (".md", ".py", ".yaml", ".html")


def named(text: str) -> list[str]:
    return sorted({each for each in NAME.findall(text) if not each.endswith(FILES)})


def module_of(parts: list[str]) -> tuple[ModuleType, list[str]]:
    """The longest module that a path names, and what is left of the path."""
    for end in range(len(parts), 0, -1):
        prefix = [] if parts[0] == "functions" else ["chat_lookup"]
        try:
            return importlib.import_module(".".join([*prefix, *parts[:end]])), parts[end:]
        except ModuleNotFoundError:
            continue
    raise AssertionError(f"{'.'.join(parts)} names no module")


@pytest.mark.parametrize("name", named(ARCHITECTURE) + named(GLOSSARY))
def test_name_in_the_documents_is_there(name: str) -> None:
    found, rest = module_of(name.split("."))
    for part in rest:
        found = getattr(found, part)


def test_drawn_arrows_are_those_of_the_rooms() -> None:
    arrows = re.findall(r"^    ([a-z0-9 &]+?) (?:-->|-\.->) ([a-z0-9 &]+)$", ARCHITECTURE, re.MULTILINE)
    pairs = {(each, to) for left, right in arrows for each in left.split(" & ") for to in right.split(" & ")}
    assert pairs == {(room, each) for room, targets in MAY_IMPORT.items() for each in targets}


def test_each_room_has_its_row() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", ARCHITECTURE, re.MULTILINE)) >= MAY_IMPORT.keys()
