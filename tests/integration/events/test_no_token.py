"""No access token, refresh token or application token of an event leaves: in no message, line, entry or item."""

import json
from dataclasses import dataclass
from typing import Final

import pytest

from local.demo_credentials import DEMO_GRANT
from tests.chaos.events_canary import canary
from tests.support.module_process import run_module

STEPS: Final = {
    "samples": [200],
    "forgeries": [400, 403],
    "live": [200],
    "queue_that_refuses": [200],
    "all_refuses": [503],
    "store_that_fails": [503],
    "worker_that_fails": [200],
}
"""What each step of the day is answered, lest the canary sing in an empty mine."""
LEAVES: Final = ("printed", "complained", "logged", "sent", "published", "stored")


@dataclass(frozen=True)
class Day:
    """All that came out of the process: `texts` by where it came out."""

    texts: dict[str, str]
    tokens: list[str]
    statuses: dict[str, list[int]]
    """What each step was answered."""

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.texts["logged"].splitlines()]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    folder = tmp_path_factory.mktemp("canary")
    done = run_module("tests.chaos.events_canary", folder / "state", folder)
    texts = {name: (folder / name).read_text("utf-8") for name in ("sent", "published", "stored")}
    texts |= {"printed": done.stdout, "complained": done.stderr}
    texts["logged"] = (folder / "state" / "log.jsonl").read_text("utf-8")
    tokens, statuses = (json.loads((folder / f"{name}.json").read_text("utf-8")) for name in ("tokens", "outcomes"))
    return Day(texts, tokens, statuses)


@pytest.mark.parametrize("step", STEPS)
def test_everything_went_as_it_should(day: Day, step: str) -> None:
    assert day.statuses[step] == STEPS[step]


def test_every_place_was_passed(day: Day) -> None:
    for action in ("AmazonSQS.SendMessage ", "AWSEvents.PutEvents ", "/invocations ", "DynamoDB_20120810.UpdateItem "):
        assert action in day.texts["sent"]
    assert "Traceback (most recent call last)" in day.texts["logged"]
    assert any(line.get("message") == "EventsLost" for line in day.lines())
    assert "DEBUG:" in day.texts["complained"]
    # What people wrote is published, but for the token that stood among it.
    assert "deal 1663" in day.texts["published"]
    assert "ONIMBOTV2UNHEARDOF" in day.texts["published"]


def test_tokens_of_every_kind_were_heard(day: Day) -> None:
    assert len(day.tokens) > 100
    assert DEMO_GRANT.application_token in day.tokens
    assert canary("v2-message-add data[bot][auth][access_token]") in day.tokens
    assert canary("v1-message-add-group auth[refresh_token]") in day.tokens
    assert min(map(len, day.tokens)) >= 16


@pytest.mark.parametrize("where", LEAVES)
def test_no_token_leaves(day: Day, where: str) -> None:
    found = [line for line in day.texts[where].splitlines() for token in day.tokens if token[:-2] in line]
    assert found == []
