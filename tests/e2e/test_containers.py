"""The built functions in Lambda's containers, against the portal and the stores of `make run` on this machine."""

import base64
import json
import os
import platform
import signal
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from local.run import DEFAULTS
from tests.e2e.machine import ROOT, missing

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

HOST = "host.docker.internal"
ARCHITECTURE = "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64"
START_SECONDS = 60
SAMPLES = ROOT / "events"
PORTAL_OF_SAMPLES = f"{HOST}:{DEFAULTS['PORTAL_PORT']}"
DEAL = {"entity_type": "CRM", "entity_id": "DEAL|1663"}
CHAT_ID = 1437


@pytest.fixture(scope="module", autouse=True)
def docker() -> None:
    """A Docker engine answers."""
    try:
        answers = subprocess.run(["docker", "info"], capture_output=True, timeout=20, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        answers = False
    if not answers:
        missing("no Docker engine answers")


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


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A local run of our own, which containers can reach."""
    state_dir = tmp_path_factory.mktemp("state")
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "layers/chat_lookup"), "STATE_DIR": str(state_dir),
        "BIND": "0.0.0.0", "PORTAL_HOST": HOST,  # noqa: S104 - containers reach this machine by its bridge
        "API_PORT": "0", "API_HTTPS_PORT": "0", "PORTAL_PORT": "0",
    }  # fmt: skip
    command = [sys.executable, "-m", "local.run"]
    log = state_dir / "run.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output) as run,
    ):
        try:
            yield Stack(state_dir, wait_for(state_dir / "run.json", run, log))
        finally:
            run.send_signal(signal.SIGINT)
            assert run.wait(20) == 0, log.read_text()


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


@pytest.fixture(scope="module")
def invoke(sam: str, sam_environment: dict[str, str], artifact: Path, stack: Stack) -> Invoker:
    return Invoker(sam, sam_environment, artifact, stack)


@pytest.fixture(autouse=True)
def nothing_known(stack: Stack, invoke: Invoker) -> None:
    """Each test starts with an empty cache and an empty list of calls."""
    invoke("AdminFunction", SAMPLES / "admin-cache-purge.json")
    stack.control("POST", "/reset", {})


def test_a_direct_look_up_in_a_container_asks_the_portal_once_and_then_the_cache(stack: Stack, invoke: Invoker) -> None:
    first = invoke("DirectFunction", SAMPLES / "direct-lookup.json")
    second = invoke("DirectFunction", SAMPLES / "direct-lookup-platform-spelling.json")
    assert [{key: answer[key] for key in (*DEAL, "chat_id", "source")} for answer in (first, second)] == [
        {**DEAL, "chat_id": CHAT_ID, "source": "portal"},
        {**DEAL, "chat_id": CHAT_ID, "source": "cache"},
    ]
    (call,) = stack.lookups()
    assert call["params"] | {"ENTITY_TYPE": "CRM", "ENTITY_ID": "DEAL|1663"} == call["params"]


def test_a_look_up_over_http_in_a_container_is_answered_with_the_chat_that_the_portal_holds(
    stack: Stack, invoke: Invoker
) -> None:
    answer = invoke("LookupFunction", SAMPLES / "lookup-http.json")
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"])["chat_id"] == CHAT_ID
    assert len(stack.lookups()) == 1


def test_health_in_a_container_tells_the_layer_that_it_runs_with(artifact: Path, invoke: Invoker) -> None:
    answer = invoke("LookupFunction", SAMPLES / "health-http.json")
    stamp = (artifact / "LookupFunction/layer-stamp").read_text().strip()
    assert json.loads(answer["body"]) == {"status": "ok", "layer": stamp}


def frame(stack: Stack, folder: Path) -> Path:
    """The sample of an installation, said by the portal of this run, which has a port of its own."""
    event = json.loads((SAMPLES / "install-frame.json").read_text())
    there, here = (quote(domain, safe="") for domain in (PORTAL_OF_SAMPLES, urlsplit(stack.run["portal_url"]).netloc))
    form = base64.b64decode(event["body"]).decode()
    assert there in event["rawQueryString"]
    assert there in form
    event["rawQueryString"] = event["rawQueryString"].replace(there, here)
    event["body"] = base64.b64encode(form.replace(there, here).encode()).decode()
    path = folder / "install-frame.json"
    path.write_text(json.dumps(event))
    return path


def test_an_installation_in_a_container_answers_the_page_that_finishes_it_and_look_ups_go_on(
    stack: Stack, invoke: Invoker, tmp_path: Path
) -> None:
    answer = invoke("InstallFunction", frame(stack, tmp_path))
    assert answer["statusCode"] == 200, answer["body"]
    assert answer["headers"]["content-type"].startswith("text/html")
    assert "BX24.installFinish()" in answer["body"]
    assert invoke("DirectFunction", SAMPLES / "direct-lookup.json")["source"] == "portal"


def test_the_keepalive_in_a_container_leaves_tokens_alone_that_serve_for_months(invoke: Invoker) -> None:
    assert set(invoke("KeepaliveFunction", SAMPLES / "keepalive.json").values()) == {0}
