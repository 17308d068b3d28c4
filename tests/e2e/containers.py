"""What tests in containers need: a local run that they can reach, and `sam local invoke` on the built artifact."""

import json
import platform
import ssl
import subprocess
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.machine import ROOT

HOST = "host.docker.internal"
ARCHITECTURE = "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64"
START_SECONDS = 60
SAMPLES = ROOT / "events"


@dataclass(frozen=True)
class Stack:
    """What `make run` writes into its state folder when all is ready."""

    state_dir: Path
    run: dict[str, str]

    def control(self, method: str, path: str, body: object = None) -> Any:
        """Ask the control of the local portal."""
        request = urllib.request.Request(  # noqa: S310 - an address of our own
            self.run["control_url"] + path, None if body is None else json.dumps(body).encode(), method=method
        )
        trust = ssl.create_default_context(cafile=self.run["ca_file"])
        with urllib.request.urlopen(request, context=trust, timeout=10) as answer:  # noqa: S310 - as above
            return json.load(answer)

    def lookups(self) -> list[dict[str, Any]]:
        """The look-ups that reached the portal."""
        return [call for call in self.control("GET", "/calls") if call["method"].endswith(".chat.get")]


def wait_for(path: Path, run: "subprocess.Popen[bytes]", log: Path) -> dict[str, str]:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if path.exists():
            found: dict[str, str] = json.loads(path.read_text())
            return found
        try:
            run.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
        break
    pytest.fail(f"the local run did not get ready:\n{log.read_text()}")


@dataclass(frozen=True)
class Invoker:
    """`sam local invoke` on the built artifact."""

    sam: str
    environment: dict[str, str]
    artifact: Path
    stack: Stack

    def __call__(self, function: str, event: Path) -> dict[str, Any]:
        command = [
            self.sam, "local", "invoke", function, "--template", str(self.artifact / "template.yaml"),
            "--event", str(event), "--env-vars", str(self.stack.state_dir / "env.json"),
            "--parameter-overrides", f"Architecture={ARCHITECTURE}",
            "--skip-pull-image", "--add-host", f"{HOST}:host-gateway",
        ]  # fmt: skip
        done = subprocess.run(
            command, cwd=self.artifact, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return answer
