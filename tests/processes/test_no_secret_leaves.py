"""Canary secrets: the webhook's code and the API key are in no log line, metric, error body or traceback (design 7)."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.processes.module import run_module
from tests.support.processes.run import once

STEPS = {
    "planted_in_requests": {"200", "400", "401", "404", "405"},
    "planted_in_events": {"InvalidRequest", "PortalNotInstalled", "PortalUnavailable", "PortalMisconfigured"},
    "quoted_by_the_portal": {"503", "PortalBlocked", "400", "PortalRefused", "PortalUnavailable"},
    "no_answer_in_time": {"PortalUnavailable"},
    "broken_settings": {"500", "ServiceMisconfigured"},
    "stores_that_fail": {"500", "503", "StoreUnavailable"},
}
"""Outcomes that each step of the run must have: proof that the faults happened that could print a secret."""


@dataclass(frozen=True)
class Run:
    """All output of the process."""

    status: int
    stdout: str
    stderr: str
    logged: str
    secrets: dict[str, str]

    def outcomes(self, step: str) -> list[str]:
        lines = [line.split() for line in self.stdout.splitlines()]
        return next(words[2:] for words in lines if words[:2] == ["OUTCOMES", step])

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.logged.splitlines()]


@pytest.fixture(scope="module")
def canary_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("canary")
    done = run_module("tests.chaos.canary_run", folder, folder / "secrets.json")
    logged = (folder / "log.jsonl").read_text("utf-8")
    return Run(done.returncode, done.stdout, done.stderr, logged, json.loads((folder / "secrets.json").read_text()))


@pytest.mark.parametrize("step", STEPS)
def test_each_step_has_its_outcomes(canary_run: Run, step: str) -> None:
    assert set(canary_run.outcomes(step)) >= STEPS[step]


def test_run_logs_debug_lines_tracebacks_and_metrics(canary_run: Run) -> None:
    assert "DEBUG:" in canary_run.stderr
    assert "Traceback (most recent call last)" in canary_run.stderr
    assert any("exception" in line for line in canary_run.lines()), "no unexpected error was logged with its traceback"
    assert any("_aws" in line for line in canary_run.lines())
    assert any(line.get("problem") == "portal-unavailable" for line in canary_run.lines())


@pytest.mark.parametrize("output", ["stdout", "stderr", "logged"])
@pytest.mark.parametrize("secret", ["key", "code", "url", "bot token"])
def test_no_secret_is_in_any_output(canary_run: Run, secret: str, output: str) -> None:
    text = getattr(canary_run, output)
    canary = canary_run.secrets[secret]
    assert len(canary) >= 16

    found = [line for line in text.splitlines() if canary in line or canary[:-2] in line]

    assert found == []


def test_refused_start_prints_no_secret(tmp_path: Path) -> None:
    code = "c4naryc0d3c4naryc0d3"
    webhook, authority = tmp_path / "webhook", tmp_path / "ca.pem"
    webhook.write_text(f"https://127.0.0.1:9/rest/1/{code}/\n")
    webhook.chmod(0o600)
    authority.write_text(f"no certificate, but {code}\n")

    done = once(tmp_path / "state", LOG_LEVEL="DEBUG", WEBHOOK_FILE=str(webhook), CA_FILE=str(authority))

    assert done.returncode == 1
    assert "CA_PEM" in done.stderr
    logged = (tmp_path / "state" / "log.jsonl").read_text("utf-8")
    assert code not in done.stdout + done.stderr + logged
