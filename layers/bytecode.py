"""Bytecode for a folder as it will lie in the cloud, without docstrings, which were a twelfth of the zipped layer.

It names its source by hash and is never checked against it: the packager dates every file 1980, so dates would not
match. Lines in tracebacks are those of the source, which stays beside it. As a script:

    bytecode.py FOLDER FOLDER_IN_THE_CLOUD
"""

import ast
import importlib.util
import marshal
import sys
from pathlib import Path

UNCHECKED_HASH = 0b01
"""Flags of the file (PEP 552)."""
_Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def compile_all(folder: Path, place: str) -> None:
    """Write the bytecode of each module below the folder. Raises SyntaxError for one that is none."""
    for path in sorted(folder.rglob("*.py")):
        cached = Path(importlib.util.cache_from_source(str(path)))
        cached.parent.mkdir(exist_ok=True)
        cached.write_bytes(bytecode(path.read_bytes(), f"{place}/{path.relative_to(folder).as_posix()}"))


def bytecode(source: bytes, filename: str) -> bytes:
    """The content of a .pyc file."""
    code = compile(without_docstrings(ast.parse(source, filename)), filename, "exec", dont_inherit=True)
    head = importlib.util.MAGIC_NUMBER + UNCHECKED_HASH.to_bytes(4, "little") + importlib.util.source_hash(source)
    return head + marshal.dumps(code)


def without_docstrings(module: ast.Module) -> ast.Module:
    """The same module, changed in place. A decorated class keeps its own: `dataclass` would write a longer one at each
    start instead."""
    for node in ast.walk(module):
        if isinstance(node, _Documented) and ast.get_docstring(node, clean=False) is not None:
            if isinstance(node, ast.ClassDef) and node.decorator_list:
                continue
            first, *others = node.body
            node.body = others or [ast.copy_location(ast.Pass(), first)]
    return module


if __name__ == "__main__":
    compile_all(Path(sys.argv[1]), sys.argv[2])
