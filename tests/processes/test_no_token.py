"""No access, refresh or application token of an event is in a queue message, log line, published entry or item."""

import json
from dataclasses import dataclass
from typing import Final

import pytest

from local.demo_credentials import DEMO_GRANT
from tests.chaos.events_canary import canary
from tests.support.processes.module import run_module

STEPS: Final = {
    "samples": [200],
    "forgeries": [400, 403],
    "live": [200],
    "queue_that_refuses": [200],
    "all_refuses": [503],
    "store_that_fails": [503],
    "worker_that_fails": [200],
}
"""Statuses of each step of the run: proof that each step ran, without which no canary could appear."""
OUTPUTS: Final = ("stdout", "stderr", "logged", "sent", "published", "stored")


@dataclass(frozen=True)
class Run:
    """All output of the process: `texts` by where it appeared."""

    texts: dict[str, str]
    tokens: list[str]
    statuses: dict[str, list[int]]
    """The statuses of the answers of each step."""

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.texts["logged"].splitlines()]


@pytest.fixture(scope="module")
def canary_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("canary")
    done = run_module("tests.chaos.events_canary", folder / "state", folder)
    texts = {name: (folder / name).read_text("utf-8") for name in ("sent", "published", "stored")}
    texts |= {"stdout": done.stdout, "stderr": done.stderr}
    texts["logged"] = (folder / "state" / "log.jsonl").read_text("utf-8")
    tokens, statuses = (json.loads((folder / f"{name}.json").read_text("utf-8")) for name in ("tokens", "outcomes"))
    return Run(texts, tokens, statuses)


@pytest.mark.parametrize("step", STEPS)
def test_each_step_gets_its_statuses(canary_run: Run, step: str) -> None:
    assert canary_run.statuses[step] == STEPS[step]


def test_run_reaches_every_output(canary_run: Run) -> None:
    for action in ("AmazonSQS.SendMessage ", "AWSEvents.PutEvents ", "/invocations ", "DynamoDB_20120810.UpdateItem "):
        assert action in canary_run.texts["sent"]
    assert "Traceback (most recent call last)" in canary_run.texts["logged"]
    assert any(line.get("message") == "EventsLost" for line in canary_run.lines())
    assert "DEBUG:" in canary_run.texts["stderr"]
    # Texts of users are published, except for the token within them.
    assert "deal 1663" in canary_run.texts["published"]
    assert "ONIMBOTV2UNHEARDOF" in canary_run.texts["published"]


def test_run_receives_tokens_of_every_kind(canary_run: Run) -> None:
    assert len(canary_run.tokens) > 100
    assert DEMO_GRANT.application_token in canary_run.tokens
    assert canary("v2-message-add data[bot][auth][access_token]") in canary_run.tokens
    assert canary("v1-message-add-group auth[refresh_token]") in canary_run.tokens
    assert min(map(len, canary_run.tokens)) >= 16


@pytest.mark.parametrize("where", OUTPUTS)
def test_no_token_is_in_any_output(canary_run: Run, where: str) -> None:
    found = [line for line in canary_run.texts[where].splitlines() for token in canary_run.tokens if token[:-2] in line]
    assert found == []
