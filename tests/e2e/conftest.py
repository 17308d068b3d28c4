"""The artifact of `sam build`, built once for all tests of this folder."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Protocol

import pytest

from tests.e2e.containers import HOST, STOP_SECONDS, Invoker, SamLocal, Stack, wait_until
from tests.e2e.machine import missing
from tests.support.processes import programs
from tests.support.repository import ROOT

LONGEST_BUILD_S = 600
SOURCES = ("template.yaml", "monitoring", "samconfig.toml", "functions", "layers")


class Build(Protocol):
    """Runs plain `sam build` from one folder into another, with this umask and environment."""

    def __call__(self, source: Path, target: Path, *, umask: int = -1, **environment: str) -> Path: ...


@pytest.fixture(scope="session")
def sam() -> str:
    """The path of AWS SAM's command line."""
    found = os.environ.get("SAM") or shutil.which(
        "sam", path=f"{ROOT / '.venv-sam/bin'}{os.pathsep}{os.environ['PATH']}"
    )
    if not found:
        missing("there is no `sam` here; `make e2e` installs it")
    return found


@pytest.fixture(scope="session")
def sam_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """No telemetry, no account, no profile (HOME is fresh): with credentials SAM would call AWS for their owner."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path_factory.mktemp("home")),
        "PYENV_ROOT": os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv")),
        "SAM_CLI_TELEMETRY": "0",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    } | {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "DOCKER_"))}


@pytest.fixture(scope="session")
def build(sam: str, sam_environment: dict[str, str]) -> Build:
    def run(source: Path, target: Path, *, umask: int = -1, **environment: str) -> Path:
        command = [sam, "build", "--build-dir", str(target)]
        variables = sam_environment | environment
        done = programs.run(command, cwd=source, env=variables, umask=umask, timeout=LONGEST_BUILD_S)
        assert done.returncode == 0, done.stderr
        return target

    return run


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources as in a clean clone, unaffected by edits during the run."""
    folder = tmp_path_factory.mktemp("clone")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="session")
def artifact(build: Build, source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the built template, functions and layer."""
    return build(source, tmp_path_factory.mktemp("artifact") / "build")


@cache
def an_engine_answers() -> bool:
    try:
        return programs.run(["docker", "info"], timeout=20).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def pytest_report_header() -> list[str]:
    """Before the first build: what will be skipped, and why."""
    left_out = "containers: no Docker engine answers, so the tests that run functions in containers are skipped"
    return [] if an_engine_answers() else [left_out]


@pytest.fixture(scope="session")
def docker() -> None:
    """A Docker engine answers."""
    if not an_engine_answers():
        missing("no Docker engine answers")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A separate local run, which containers can reach."""
    state_dir = tmp_path_factory.mktemp("state")
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "layers/chat_lookup"), "STATE_DIR": str(state_dir),
        "BIND": "0.0.0.0", "PORTAL_HOST": HOST,  # noqa: S104 - containers reach this machine by its bridge
        "API_PORT": "0", "API_HTTPS_PORT": "0", "PORTAL_PORT": "0",
    }  # fmt: skip
    command = [sys.executable, "-m", "local"]
    log = state_dir / "run.log"
    with (
        log.open("wb") as output,
        programs.started(command, cwd=ROOT, env=environment, stdout=output, stderr=output) as run,
    ):
        run_file = state_dir / "run.json"
        wait_until(run_file.exists, run, log)
        yield Stack(state_dir, json.loads(run_file.read_text()))
        assert programs.end(run, STOP_SECONDS) == 0, log.read_text()


@pytest.fixture(scope="session")
def sam_local(docker: None, sam: str, sam_environment: dict[str, str], artifact: Path, stack: Stack) -> SamLocal:  # noqa: ARG001 - needs an engine
    return SamLocal(sam, sam_environment, artifact, stack)


@pytest.fixture(scope="session")
def invoke(sam_local: SamLocal) -> Invoker:
    return sam_local.invoke
