"""Parts of tests in containers: a local run that containers can reach, and `sam local` on the built artifact."""

import json
import platform
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import programs
from tests.support.repository import ROOT

HOST = "host.docker.internal"
ARCHITECTURE = "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64"
START_SECONDS = 60
STOP_SECONDS = 20
"""How long `sam` may take to stop its containers, and `make run` to stop its servers."""
INVOKE_SECONDS = 300
SAMPLES = ROOT / "events"
Invoker = Callable[[str, Path], dict[str, Any]]
"""Invokes a function by name with the event of a file; returns its answer."""


@dataclass(frozen=True)
class Stack:
    """What `make run` writes into its state folder when it is ready."""

    state_dir: Path
    run: dict[str, str]

    def control(self, method: str, path: str, body: object = None) -> Any:
        """Call the control of the local portal."""
        request = urllib.request.Request(  # noqa: S310 - an address of the local run
            self.run["control_url"] + path, None if body is None else json.dumps(body).encode(), method=method
        )
        trust = ssl.create_default_context(cafile=self.run["ca_file"])
        with urllib.request.urlopen(request, context=trust, timeout=10) as answer:  # noqa: S310 - as above
            return json.load(answer)

    def published(self, query: str = "") -> list[dict[str, Any]]:
        """Return the entries of the event bus; `?beyond=N` waits for more than N."""
        url = f"{self.run['aws_endpoint_url']}/_published{query}"
        with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - an address of the local run
            entries: list[dict[str, Any]] = json.load(answer)
            return entries

    def lookups(self) -> list[dict[str, Any]]:
        """Return the look-ups that the portal received."""
        return [call for call in self.control("GET", "/calls") if call["method"].endswith(".chat.get")]


def wait_until(ready: Callable[[], bool], process: "subprocess.Popen[str]", log: Path) -> None:
    """Wait until ready; fail with the log if the process ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if ready():
            return
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
        break
    pytest.fail(f"it did not become ready:\n{log.read_text()}")


@dataclass(frozen=True)
class SamLocal:
    """`sam local` on the built artifact, with the stores and the portal of a run on this machine."""

    sam: str
    environment: dict[str, str]
    artifact: Path
    stack: Stack

    def invoke(self, function: str, event: Path) -> dict[str, Any]:
        """Invoke a function with the event of a file; return its answer."""
        command = self._command("invoke", function, "--event", str(event))
        done = programs.run(
            command, cwd=self.artifact, env=self.environment, timeout=INVOKE_SECONDS, patience=STOP_SECONDS
        )
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return answer

    @contextmanager
    def start_api(self, log: Path) -> Iterator[str]:
        """Run the whole API on a free port; yield its address. Containers stay for the next request."""
        port = free_port()
        command = self._command("start-api", "--port", str(port), "--warm-containers", "LAZY")
        with (
            log.open("wb") as output,
            programs.started(
                command, patience=STOP_SECONDS, cwd=self.artifact, env=self.environment, stdout=output, stderr=output
            ) as api,
        ):
            wait_until(lambda: listens(port), api, log)
            yield f"http://127.0.0.1:{port}"
            assert programs.end(api, STOP_SECONDS) == 0, log.read_text()

    def _command(self, *words: str) -> list[str]:
        return [
            self.sam, "local", *words, "--template", str(self.artifact / "template.yaml"),
            "--env-vars", str(self.stack.state_dir / "env.json"),
            "--parameter-overrides", f"Architecture={ARCHITECTURE}",
            "--skip-pull-image", "--add-host", f"{HOST}:host-gateway",
        ]  # fmt: skip


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
