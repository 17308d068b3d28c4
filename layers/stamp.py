"""The stamps in each function's folder: the layer's and the settings'. Whatever changes one changes every function.

`/health` answers that of the layer. As a script it prints one of them, `layer` or `settings`, of the sources around it.
"""

import hashlib
import sys
from pathlib import Path

LAYERS = Path(__file__).resolve().parent
KINDS = frozenset({".py", ".typed", ".txt", ".mk", ""})
"""Suffixes of what is built or builds; none is that of Makefile and find-python. Editors' leftovers do not count."""

SETTINGS = ("template.yaml", "samconfig.toml")
"""Beside the folder of layers."""


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


def settings_stamp(root: Path = LAYERS.parent) -> str:
    """SHA-256, in hexadecimal, over the template and the parameters by environment; one that is missing is empty."""
    whole = hashlib.sha256()
    for path in (root / name for name in SETTINGS):
        whole.update(hashlib.sha256(path.read_bytes() if path.is_file() else b"").digest())
    return whole.hexdigest()


STAMPS = {"layer": stamp, "settings": settings_stamp}

if __name__ == "__main__":
    sys.stdout.write(STAMPS[sys.argv[1]]() + "\n")
