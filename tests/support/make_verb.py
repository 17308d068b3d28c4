"""`make` as an operator runs it, with the environment of pytest in place of the one that it would set up."""

import os
import subprocess
import sys
from typing import Final

from tests.support.processes import programs
from tests.support.repository import ROOT

READY: Final = f"{sys.prefix}/bin/.ready"
OURS: Final = (f"RUN_VENV={sys.prefix}", f"--old-file={READY}")
"""Options by which `make` takes the environment of pytest for that of `make run` and of the tools."""


def make(*words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    command = ["make", "--no-print-directory", *OURS, *words]
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME")}
    return programs.run(command, cwd=ROOT, env=kept | environ, timeout=110)
