"""Whether a container engine answers where AWS SAM looks for one: DOCKER_HOST or Docker's own socket, then Finch's.

As a program, `python -m tools.container_engine`, it fails with a sentence where none does. It needs no package, so that
`make invoke` can ask before it sets up AWS SAM.
"""

import os
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

_DOCKER: Final = "unix:///var/run/docker.sock"
FINCH: Final = ("unix:///var/run/finch.sock", "unix:///Applications/Finch/lima/data/finch/sock/finch.sock")
"""On Linux, and on macOS."""
_DOCKERS_PORT: Final = 2375
_SECONDS: Final = 1.0


def engine(environ: Mapping[str, str], others: Sequence[str] = FINCH) -> str | None:
    """The address of the first engine that accepts a connection."""
    addresses = (environ.get("DOCKER_HOST") or _DOCKER, *others)
    return next((address for address in addresses if _accepts(address)), None)


def _accepts(address: str) -> bool:
    """Whether a connection is accepted there; assumed of a tunnel, which only the engine's own client can open."""
    try:
        parts = urlsplit(address)
        if parts.scheme == "ssh" and parts.hostname:
            return True
        family = socket.AF_UNIX if parts.scheme == "unix" else socket.AF_INET
        where: Any = parts.path if parts.scheme == "unix" else (parts.hostname, parts.port or _DOCKERS_PORT)
        with socket.socket(family) as tried:
            tried.settimeout(_SECONDS)
            tried.connect(where)
    except (OSError, TypeError, ValueError):
        return False
    return True


def main() -> int:
    if engine(os.environ) is None:
        print("No container engine answers: start Docker (or Finch) first, then make invoke again", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
