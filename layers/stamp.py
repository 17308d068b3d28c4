"""The layer's stamp: one hash over everything that shapes the layer.

It is written into each function's folder, so that a changed layer changes every function, and `/health` answers it.
As a script it prints the stamp of the layer beside it.
"""

import hashlib
import sys
from pathlib import Path

LAYERS = Path(__file__).resolve().parent
KINDS = frozenset({".py", ".typed", ".txt", ".mk", ""})
"""Suffixes of what is built or builds; none is that of Makefile and find-python. Editors' leftovers do not count."""


def stamp(folder: Path = LAYERS) -> str:
    """SHA-256, in hexadecimal, over paths and contents of all sources under `folder`, wherever that lies."""
    whole = hashlib.sha256()
    for path in sorted(sources(folder), key=lambda each: each.relative_to(folder).as_posix()):
        content = hashlib.sha256(path.read_bytes()).digest()
        whole.update(path.relative_to(folder).as_posix().encode() + b"\0" + content)
    return whole.hexdigest()


def sources(folder: Path) -> list[Path]:
    """The files under `folder` that shape the layer, in no order."""
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and path.suffix in KINDS and not path.name.startswith(".") and "__pycache__" not in path.parts
    ]


if __name__ == "__main__":
    sys.stdout.write(stamp() + "\n")
