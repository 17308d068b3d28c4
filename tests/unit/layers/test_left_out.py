"""What the layer leaves out of the packages is imported by no function, and by nothing that stays."""

import ast
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest

from layers.trim import LEFT_OUT, lines
from tests.support.stores.cut_data import LISTS
from tests.unit.layout.test_import_budget import HANDLERS, loaded_by

SITE: Final = next(Path(each) for each in sys.path if (Path(each) / "aws_lambda_powertools").is_dir())
NAMES: Final = lines(LISTS / LEFT_OUT)
GONE: Final = tuple(name.removesuffix(".py").replace("/", ".") for name in NAMES)
PACKAGES: Final = sorted({name.partition("/")[0] for name in NAMES} | {"botocore", "jmespath"})
"""All that are in the layer and have folders."""

OF_OTHER_USES: Final = frozenset(
    {
        # In a browser.
        ("urllib3/__init__.py", "urllib3.contrib.emscripten"),
        # Where pyOpenSSL is installed beside it.
        ("botocore/httpsession.py", "urllib3.contrib.pyopenssl"),
        # On Windows.
        ("dateutil/tz/tz.py", "dateutil.tz.win"),
        # For HTTP/2, which is switched on by a call.
        ("urllib3/http2/__init__.py", "urllib3.http2.connection"),
        # Where awscrt is installed beside it.
        ("botocore/auth.py", "botocore.crt.auth"),
        # For time zones by name, where the system has none, and for those that a calendar's file describes.
        ("dateutil/tz/tz.py", "dateutil.zoneinfo"),
        ("dateutil/tz/tz.py", "dateutil.rrule"),
        # For users who give Powertools models of their own.
        ("aws_lambda_powertools/shared/functions.py", "aws_lambda_powertools.event_handler.openapi.compat"),
    }
)
"""By file that stays: what it imports from what is left out, where none of our functions comes."""


def is_gone(module: str) -> bool:
    return any(module == each or module.startswith(f"{each}.") for each in GONE)


def imports(tree: ast.AST, package: Sequence[str]) -> Iterator[str]:
    """What a module of this package imports, but for type checkers only."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            around = package[: len(package) + 1 - node.level] if node.level else ()
            module = ".".join([*around, *filter(None, [node.module])])
            within = [f"{module}.{each.name}" for each in node.names]
            yield from [each for each in within if each in GONE] or [module]
        yield from imports(node, package)


def test_every_name_that_is_left_out_is_a_part_of_an_installed_package() -> None:
    assert [name for name in NAMES if not (SITE / name).exists()] == []


@pytest.mark.parametrize("handler", HANDLERS)
def test_ready_function_has_loaded_nothing_that_is_left_out(handler: str) -> None:
    assert {module for module in loaded_by(handler).ready if is_gone(module)} == set()


def test_what_stays_of_the_packages_imports_nothing_that_is_left_out() -> None:
    files = {path.relative_to(SITE) for package in PACKAGES for path in (SITE / package).rglob("*.py")}
    found = {
        (file.as_posix(), module)
        for file in files
        if not is_gone(".".join(file.with_suffix("").parts))
        for module in imports(ast.parse((SITE / file).read_text("utf-8")), file.parent.parts)
        if is_gone(module)
    }
    assert found == OF_OTHER_USES
