"""Installing once more changes nothing: there is one bot, one set of bindings, one record, one secret."""

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
from tests.support.repository import ROOT

EVENTS: Final = ["ONAPPINSTALL", "ONAPPUNINSTALL", "ONAPPUPDATE"]
PATIENCE_S: Final = 60


@pytest.fixture
def hurried(stage: Stage) -> Stage:
    """The stranger's portal without limits, and without the bots of former tests."""
    stage.tell("/plan", {"rate": 1000, "burst": 10_000})
    return stage


def assert_installed_once(stage: Stage) -> None:
    """What is there of the portal, here and there."""
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
def test_installing_twice_is_installing_once(hurried: Stage, kinds: Sequence[Any]) -> None:
    for kind in kinds:
        assert hurried.contact(kind).status == 200

    assert_installed_once(hurried)


def test_installing_after_an_uninstall_adopts_the_bot(hurried: Stage) -> None:
    assert hurried.contact().status == 200
    bot = hurried.ask("/bots")[-1]["bot_id"]
    hurried.tell("/uninstall", {"client_id": hurried.card.client_id})

    assert hurried.contact().status == 200

    assert_installed_once(hurried)
    assert hurried.ask("/bots")[-1]["bot_id"] == bot


def test_an_update_binds_again_and_takes_the_new_application_token(hurried: Stage) -> None:
    assert hurried.contact().status == 200
    before = hurried.record()

    outcome = hurried.portal.installer.update(hurried.card.client_id)

    assert [sent.answer.status for sent in outcome.sent if sent.answer] == [200]
    assert_installed_once(hurried)
    after = hurried.record()
    assert before is not None
    assert after is not None
    assert before["application_tokens"] != after["application_tokens"]


def test_installing_in_two_processes_at_once_is_installing_once(hurried: Stage, tmp_path: Path) -> None:
    # Somebody clicks twice: two frames, each with tokens of its own, and two processes that know nothing of each other.
    events = [as_event(hurried.message(), hurried.service.stack.addresses.api_https_url) for _ in range(2)]
    for method in ("oauth/token", "profile", "imbot.v2.Bot.register", "imbot.v2.Command.register", "event.get"):
        hurried.answers(method, delay_ms=150)  # none is done before the other one is under way
    with processes(hurried, tmp_path, len(events)) as started:
        for process, event in zip(started, events, strict=True):
            told(process, event)
        statuses = [said(process) for process in started]

    assert statuses == ["200", "200"], [path.read_text() for path in tmp_path.iterdir()]
    assert_installed_once(hurried)
    # And one after the other: what the first one registered, the second one found.
    registering = [method for method in hurried.calls() if method in ("scope", "imbot.v2.Bot.register", "event.get")]
    assert registering == ["scope", "imbot.v2.Bot.register", "event.get"] * 2


def as_event(message: Message, service_url: str) -> dict[str, object]:
    """A message of the portal's as the gateway hands it over."""
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
    """Processes of the install function that stand and wait for their event."""
    clock_file = stage.service.stack.settings.state_dir / "clock"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "layers/chat_lookup")))}
    with ExitStack() as closing:
        started = []
        for number in range(count):
            command = [sys.executable, "-m", "tests.support.portals.install_process", str(clock_file)]
            process = closing.enter_context(
                subprocess.Popen(
                    [*command, str(folder / f"{number}.jsonl")],
                    env=environ,
                    cwd=ROOT,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            closing.callback(process.kill)
            started.append(process)
        assert [said(process) for process in started] == [READY] * count
        yield started


def told(process: "subprocess.Popen[str]", event: object) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps(event) + "\n")
    process.stdin.flush()


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()
