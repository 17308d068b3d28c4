"""Requests that schemathesis generates from docs/openapi.yaml are answered as the contract describes."""

import os
import shutil
from pathlib import Path

import pytest

from tests.e2e.machine import missing
from tests.support.processes import programs
from tests.support.repository import ROOT
from tests.support.service import Service

EXAMPLES = os.environ.get("CONTRACT_EXAMPLES", "25")
"""How many requests of each kind are made of an operation."""
OF_OTHERS = "^/(rest|v1/page|assets)/"
"""Routes in the platform's own format, whose contract is the platform's; and the page's, which need a portal's user."""


@pytest.fixture
def schemathesis() -> str:
    found = os.environ.get("SCHEMATHESIS") or shutil.which("schemathesis", path=str(ROOT / ".venv-contract/bin"))
    if not found:
        missing("there is no schemathesis here; `make e2e` installs it")
    return found


@pytest.mark.timeout(900)
def test_generated_requests_are_answered_by_the_contract(service: Service, schemathesis: str, tmp_path: Path) -> None:
    # Nearly every pair is a miss: at the usual pace most requests would wait.
    service.control("/plan", {"rate": 1000, "burst": 10_000})
    service.admin("portal.set", portal=service.member_id, rate=1000, burst=10_000)
    service.cold_start()

    done = programs.run(
        [
            schemathesis, "run", str(ROOT / "docs/openapi.yaml"),
            "--url", service.api_url, "--header", f"X-Api-Key: {service.api_key}",
            "--header", f"Authorization: Bearer {service.api_key}",
            "--exclude-path-regex", OF_OTHERS,
            "--phases", "examples,coverage,fuzzing", "--max-examples", EXAMPLES, "--seed", "1",
            "--generation-database", "none", "--continue-on-failure", "--no-color",
        ],
        cwd=tmp_path, env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)}, timeout=880,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
