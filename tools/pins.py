"""`make pins`: writes the hashes of all files that the build of the layer may install.

The build accepts pure wheels only, so each pin has the hash of its pure wheel, and of nothing else: a file that the
registry adds or replaces later is refused. Versions are chosen in requirements.txt; this program changes none.
"""

import hashlib
import re
import subprocess  # for commands of its own wording only  # nosec B404
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

LAYER: Final = Path(__file__).resolve().parent.parent / "layers" / "chat_lookup"
PINNED: Final = LAYER / "requirements.txt"
HASHED: Final = LAYER / "requirements-hashed.txt"
_PURE: Final = (
    "--only-binary", ":all:", "--implementation", "py", "--abi", "none", "--platform", "any",
    "--python-version", "3.13",
)  # fmt: skip
"""As in layers/chat_lookup/Makefile."""

_HEADER: Final = "# Written by `make pins`, from requirements.txt: the build installs files with these hashes only.\n"
_PIN: Final = re.compile(r"([A-Za-z0-9._-]+)==\S+")


def pins(text: str) -> list[str]:
    """Each `name==version` of a file of requirements, in order."""
    lines = (line.split("#")[0].split("--hash")[0].strip(" \\") for line in text.splitlines())
    return [line for line in lines if _PIN.fullmatch(line)]


def hashed(pinned: Sequence[str], hashes: Mapping[str, Sequence[str]]) -> str:
    """The text of the file; `hashes` by normalized name. Raises KeyError for a pin without a file."""
    lines = [
        " \\\n".join([pin, *(f"    --hash=sha256:{each}" for each in sorted(hashes[normalized(pin.split("==")[0])]))])
        for pin in pinned
    ]
    return _HEADER + "\n".join(lines) + "\n"


def normalized(name: str) -> str:
    """One spelling for each package (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def downloaded(folder: Path) -> dict[str, list[str]]:
    """The hashes of the wheels in a folder, by the name of their package."""
    found: dict[str, list[str]] = {}
    for wheel in sorted(folder.glob("*.whl")):
        found.setdefault(normalized(wheel.name.split("-")[0]), []).append(
            hashlib.sha256(wheel.read_bytes()).hexdigest()
        )
    return found


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += [*_PURE, "--dest", folder, "--requirement", str(PINNED)]
        status = subprocess.run(command, check=False).returncode  # noqa: S603 - our words
        if status:
            return status
        HASHED.write_text(hashed(pins(PINNED.read_text("utf-8")), downloaded(Path(folder))), "utf-8")
    print(f"{HASHED.relative_to(LAYER.parent.parent)}: look at the difference before you commit it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
