"""A repeated installation leaves one bot, one set of bindings, one record and one secret."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from local.portal.events.outgoing import Message
from tests.support.portals.install_process import READY
from tests.support.portals.unknown_portal import INSTALL, Stage
from tests.support.processes.programs import started
from tests.support.repository import ROOT

EVENTS: Final = ["ONAPPINSTALL", "ONAPPUNINSTALL", "ONAPPUPDATE"]
PATIENCE_S: Final = 60


@pytest.fixture
def unlimited(stage: Stage) -> Stage:
    """The unknown portal without rate limits, and without the bots of former tests."""
    stage.tell("/plan", {"rate": 1000, "burst": 10_000})
    return stage


def assert_installed_once(stage: Stage) -> None:
    """Check what the portal has registered and what the stores hold of it."""
    own = [bot for bot in stage.ask("/bots") if bot["client_id"] == stage.card.client_id]
    assert len(own) == 1
    assert len(own[0]["commands"]) == 1
    (installation,) = stage.ask("/installs")
    assert sorted(binding["event"] for binding in installation["bindings"]) == EVENTS
    assert len({binding["handler"] for binding in installation["bindings"]}) == 1

    member_id = stage.portal.member_id
    items = [json.loads(item) for item in stage.kept().items]
    of_portal = [item for item in items if item["pk"]["S"] == f"PORTAL#{member_id}"]
    assert [item["sk"]["S"] for item in of_portal] == ["RECORD"]
    named = [item for item in items if item["pk"]["S"].startswith("DOMAIN#") and item["member_id"]["S"] == member_id]
    assert len(named) == 1
    assert [item for item in items if item["pk"]["S"].startswith("INSTALL#")] == []
    (record,) = of_portal
    assert record["bot_id"] == {"N": str(own[0]["bot_id"])}
    assert record["command_id"] == {"N": str(own[0]["commands"][0]["command_id"])}
    assert record["application_tokens"] == {"SS": [installation["application_token_sha256"]]}
    assert secrets_of(stage) == {record["secret_arn"]["S"]}


def secrets_of(stage: Stage) -> set[str]:
    """The ARNs of secrets that hold tokens of the portal."""
    found = set()
    for page in stage.secrets.get_paginator("list_secrets").paginate():
        for secret in page["SecretList"]:
            text = stage.secrets.get_secret_value(SecretId=secret["ARN"])["SecretString"]
            if json.loads(text).get("member_id") == stage.portal.member_id:
                found.add(secret["ARN"])
    return found


@pytest.mark.parametrize("kinds", [("interface", "interface"), ("event", "event"), ("interface", "event")])
def test_second_installation_changes_nothing(unlimited: Stage, kinds: Sequence[Any]) -> None:
    for kind in kinds:
        assert unlimited.contact(kind).status == 200

    assert_installed_once(unlimited)


def test_installation_after_uninstall_adopts_the_bot(unlimited: Stage) -> None:
    assert unlimited.contact().status == 200
    bot = unlimited.ask("/bots")[-1]["bot_id"]
    unlimited.tell("/uninstall", {"client_id": unlimited.card.client_id})

    assert unlimited.contact().status == 200

    assert_installed_once(unlimited)
    assert unlimited.ask("/bots")[-1]["bot_id"] == bot


def test_update_binds_events_again_and_stores_the_new_application_token(unlimited: Stage) -> None:
    assert unlimited.contact().status == 200
    before = unlimited.record()

    outcome = unlimited.portal.installer.update(unlimited.card.client_id)

    assert [sent.answer.status for sent in outcome.sent if sent.answer] == [200]
    assert_installed_once(unlimited)
    after = unlimited.record()
    assert before is not None
    assert after is not None
    assert before["application_tokens"] != after["application_tokens"]


def test_two_processes_installing_at_once_install_once(unlimited: Stage, tmp_path: Path) -> None:
    # A double click: two frames, each with its own tokens, and two processes that share no memory.
    events = [as_event(unlimited.message(), unlimited.service.stack.addresses.api_https_url) for _ in range(2)]
    for method in ("oauth/token", "profile", "imbot.v2.Bot.register", "imbot.v2.Command.register", "event.get"):
        unlimited.answers(method, delay_ms=150)  # the slow portal makes the two installations overlap
    with processes(unlimited, tmp_path, len(events)) as started:
        for process, event in zip(started, events, strict=True):
            write_event(process, event)
        statuses = [read_line(process) for process in started]

    assert statuses == ["200", "200"], [path.read_text() for path in tmp_path.iterdir()]
    assert_installed_once(unlimited)
    # And one after the other: the second process finds what the first one registered.
    registering = [method for method in unlimited.calls() if method in ("scope", "imbot.v2.Bot.register", "event.get")]
    assert registering == ["scope", "imbot.v2.Bot.register", "event.get"] * 2


def as_event(message: Message, service_url: str) -> dict[str, object]:
    """Return a message of the portal as the gateway passes it on."""
    url = urlsplit(message.url)
    return {
        "version": "2.0",
        "routeKey": f"{message.verb} {INSTALL}",
        "rawPath": url.path,
        "rawQueryString": url.query,
        "headers": {"content-type": message.content_type},
        "requestContext": {
            "domainName": urlsplit(service_url).netloc,
            "requestId": "twice",
            "http": {"method": message.verb, "path": url.path, "sourceIp": "192.0.2.1"},
        },
        "body": base64.b64encode(message.body.encode()).decode(),
        "isBase64Encoded": True,
    }


@contextmanager
def processes(stage: Stage, folder: Path, count: int) -> Iterator[list["subprocess.Popen[str]"]]:
    """Start processes of the install function that wait for their event."""
    clock_file = stage.service.stack.settings.state_dir / "clock"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "layers/chat_lookup")))}
    with ExitStack() as closing:
        running = []
        for number in range(count):
            command = [sys.executable, "-m", "tests.support.portals.install_process", str(clock_file)]
            command.append(str(folder / f"{number}.jsonl"))
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            running.append(closing.enter_context(started(command, env=environ, cwd=ROOT, **pipes)))
        assert [read_line(process) for process in running] == [READY] * count
        yield running


def write_event(process: "subprocess.Popen[str]", event: object) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps(event) + "\n")
    process.stdin.flush()


def read_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()
