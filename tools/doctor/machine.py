"""This machine: the interpreters, the environments of Python packages, a container engine, and who holds a port."""

import os
import shutil
import socket
import subprocess  # our own commands  # nosec B404
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from local.program import StartError, read_port
from tools.container_engine import engine
from tools.doctor.findings import Code, Finding, finding
from tools.environment import ROOT
from tools.python_environment import OUTDATED, READY

COMMANDS: Final[Mapping[str, str]] = {
    ".venv": "make test",
    ".venv-run": "make run",
    ".venv-sam": "make build",
    ".venv-checkov": "make check",
    ".venv-bench": "make bench",
    ".venv-contract": "make e2e",
    ".venv-supply": "make sbom",
    ".venv-node": "make docs",
}
"""Each environment of the Makefile, with a command that makes it. One that is not there is made when it is needed."""

PORTS: Final[Mapping[str, int]] = {"API_PORT": 3000, "API_HTTPS_PORT": 3443, "PORTAL_PORT": 3010}
_SECONDS: Final = 10
_LISTENING: Final = "0A"
"""The state of a listening socket in /proc/net/tcp (Linux, proc_net_tcp.txt)."""


def environments(root: Path) -> Iterator[Finding]:
    """Environments that are there and not whole: half-made, or of an interpreter that is gone."""
    for name, command in COMMANDS.items():
        folder = root / name
        if folder.exists() and not _whole(folder):
            yield finding(
                Code.ENVIRONMENT_BROKEN, f"{name} is not whole, or its interpreter no longer starts", command=command
            )


def _whole(folder: Path) -> bool:
    """Whether the environment's own interpreter finds it ready, as `tools/make-environment` asks."""
    command = [str(folder / "bin/python"), "-I", str(ROOT / "tools/python_environment.py"), "--check", str(folder)]
    try:
        status = subprocess.run(command, capture_output=True, check=False, timeout=_SECONDS).returncode  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return False
    # An outdated one is brought up to date by the next command that uses it.
    return status in (READY, OUTDATED)


def python_of_functions(root: Path) -> str | None:
    """The interpreter that builds the functions, or None where none is found in time."""
    command = [str(root / "layers/find-python"), "3.13"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None


def ports(environ: Mapping[str, str], proc: Path = Path("/proc")) -> Iterator[Finding]:
    """The ports of `make run` that another program has, while no run is up."""
    for variable, usual in PORTS.items():
        try:
            port = read_port(variable, environ.get(variable) or str(usual))
        except StartError:
            continue  # the run itself reports it
        if port and _is_taken(port):
            yield finding(
                Code.PORT_BUSY, f"Port {port} ({variable}) is taken by {holder(port, proc)}", variable=variable
            )


def _is_taken(port: int) -> bool:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def holder(port: int, proc: Path = Path("/proc")) -> str:
    """The program that listens on a port, as far as this user may see it."""
    inodes = {f"socket:[{inode}]" for inode in _listening(port, proc)}
    for process in sorted(proc.glob("[0-9]*"), key=lambda each: int(each.name)):
        if inodes & set(_sockets(process)):
            return f"{_command(process)} (process {process.name})"
    return "a program of another user, or one that is not shown here"


def _listening(port: int, proc: Path) -> Iterator[str]:
    for name in ("net/tcp", "net/tcp6"):
        try:
            lines = (proc / name).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            columns = line.split()
            if columns[3] == _LISTENING and int(columns[1].rpartition(":")[2], 16) == port:
                yield columns[9]


def _sockets(process: Path) -> Iterator[str]:
    try:
        opened = list((process / "fd").iterdir())
    except OSError:
        return
    for each in opened:
        try:
            yield os.readlink(each)  # noqa: PTH115 - the target is no path
        except OSError:
            continue


def _command(process: Path) -> str:
    """The name of a program; never its arguments, which may contain a secret."""
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return "a program"


def facts(environ: Mapping[str, str], root: Path) -> dict[str, Any]:
    """What is here, wrong or not."""
    sam = next(root.glob(".venv-sam/lib/python*/site-packages/aws_sam_cli-*.dist-info"), None)
    return {
        "python_of_functions": python_of_functions(root),
        "environments": [name for name in COMMANDS if (root / name).exists()],
        "sam": sam.name.removesuffix(".dist-info").rpartition("-")[2] if sam else None,
        "container_engine": engine(environ),
    }


def shown_engine(found: str | None) -> str:
    """The same in words."""
    if found:
        return f"a container engine at {found}"
    client = (
        "Docker's or Podman's client is installed, but " if shutil.which("docker") or shutil.which("podman") else ""
    )
    return f"{client}no container engine answers (make invoke needs one)"
