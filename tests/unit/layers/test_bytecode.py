"""The bytecode of the build: what Python itself would write, without docstrings."""

import py_compile
import subprocess
import sys
from pathlib import Path

import pytest

from layers.bytecode import bytecode, compile_all
from tests.support.processes import programs
from tests.support.repository import PACKAGE

DOCUMENTED = '''"""A module."""
from __future__ import annotations

from dataclasses import dataclass


class Failure(Exception):
    """Only documented."""


@dataclass
class Kept:
    """Not replaced by its signature."""

    value: int = 1


def only():
    """Only documented."""


async def waits():
    """Documented."""
    return __doc__


def fails():
    """Documented,
    in two lines."""
    raise Failure
'''


def run(statement: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run a statement beside the module, of which only the bytecode is read."""
    (folder / "documented.py").write_text(DOCUMENTED)
    compile_all(folder, str(folder))
    return programs.run([sys.executable, "-c", statement], cwd=folder, timeout=60)


def test_docstrings_go_except_those_of_decorated_classes(tmp_path: Path) -> None:
    done = run(
        "import documented as d; print([each.__doc__ for each in (d, d.Failure, d.only, d.waits, d.Kept)])", tmp_path
    )
    assert done.stdout == "[None, None, None, None, 'Not replaced by its signature.']\n", done.stderr


def test_lines_of_a_traceback_are_those_of_the_source(tmp_path: Path) -> None:
    done = run("import documented; documented.fails()", tmp_path)
    line = DOCUMENTED.splitlines().index("    raise Failure") + 1
    assert f'documented.py", line {line}, in fails\n    raise Failure' in done.stderr


@pytest.mark.parametrize("source", [b"a = 1\n", "# -*- coding: latin-1 -*-\nname = 'é'\n".encode("latin-1"), b""])
def test_bytecode_of_a_module_without_docstrings_is_what_python_writes(source: bytes, tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_bytes(source)
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(path), str(tmp_path / "module.pyc"), "/opt/module.py", invalidation_mode=mode, doraise=True)
    assert bytecode(source, "/opt/module.py") == (tmp_path / "module.pyc").read_bytes()


def test_module_that_is_none_stops_the_build_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def\n")
    with pytest.raises(SyntaxError) as failed:
        compile_all(tmp_path, "/opt/python")
    assert failed.value.filename == "/opt/python/broken.py"


def test_package_reads_no_docstring() -> None:
    assert [path for path in PACKAGE.rglob("*.py") if "__doc__" in path.read_text("utf-8")] == []
