"""The whole API of the artifact in containers, by `sam local start-api`, as callers and portals use it."""

import base64
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import urllib3

from tests.docs.test_readme import README, commands
from tests.e2e.containers import SAMPLES, SamLocal, Stack
from tests.support.processes import programs
from tests.support.repository import ROOT

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

BOT_EVENTS = sorted(path.stem for path in SAMPLES.glob("bot-*.json"))
SECTIONS = ("See it run", "Put it before an SDK")
CURLS = [command for section in SECTIONS for command in commands(section) if "http://" in command]
PAIR = "entity_type=CRM&entity_id=DEAL%7C1663"
BITRIX24_PATHS = ("/bitrix24/install", "/bitrix24/app", "/bitrix24/events")


@dataclass(frozen=True)
class Api:
    """The URL of the API, and the run that it uses."""

    url: str
    stack: Stack

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> urllib3.BaseHTTPResponse:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return urllib3.request(method, self.url + path, headers=sent, body=body, timeout=120, retries=False)

    def run_command(self, command: str) -> Any:
        """Run a command of the README with the address and key of this API; return its output."""
        here = command.replace("http://127.0.0.1:3000", self.url)
        here = here.replace(".local/run.json", str(self.stack.state_dir / "run.json"))
        done = programs.run(["bash", "-euc", here], timeout=120)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def api(docker: None, sam_local: SamLocal, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:  # noqa: ARG001 - needs an engine
    with sam_local.start_api(tmp_path_factory.mktemp("start-api") / "log") as url:
        yield Api(url, sam_local.stack)


def test_every_curl_line_of_the_readme_returns_the_chat(api: Api) -> None:
    native, wire_format = (api.run_command(command) for command in CURLS)
    assert README.count("curl -s") - README.count('curl -s "$control') == len(CURLS)
    assert (native["entity_id"], native["chat_id"]) == ("DEAL|1663", 1437)
    assert wire_format["result"] == {"ID": 1437}


@pytest.mark.parametrize("name", BOT_EVENTS)
def test_event_of_each_kind_is_accepted_queued_and_published(api: Api, name: str) -> None:
    sample = json.loads((SAMPLES / f"{name}.json").read_text())
    before = len(api.stack.published())
    answer = api.request(
        "POST",
        "/bitrix24/events",
        base64.b64decode(sample["body"]),
        Content_Type=sample["headers"]["content-type"],
    )
    assert (answer.status, answer.json()) == (200, {"status": "success"})
    assert len(api.stack.published(f"?beyond={before}")) == before + 1


def test_event_with_a_forged_token_is_refused_and_not_queued(api: Api) -> None:
    before = len(api.stack.published())
    answer = api.request("POST", "/bitrix24/events", b"event=ONIMBOTV2MESSAGEADD&auth[application_token]=forged")
    assert (answer.status, answer.json()["type"].rpartition(":")[2]) == (403, "event-rejected")
    assert len(api.stack.published()) == before


@pytest.mark.parametrize("path", BITRIX24_PATHS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_probe_of_a_bitrix24_address_is_answered(api: Api, method: str, path: str) -> None:
    assert api.request(method, path).status == 200


def test_batch_with_a_bearer_key_is_answered(api: Api) -> None:
    pairs = [{"entity_type": "CRM", "entity_id": each} for each in ("DEAL|1663", "DEAL|404")]
    body = json.dumps({"lookups": pairs}).encode()
    bearer = f"Bearer {api.stack.run['api_key']}"
    answer = api.request("POST", "/v1/chats/batch", body, Authorization=bearer, Content_Type="application/json")
    assert [each["chat_id"] for each in answer.json()["results"]] == [1437, None]


def test_reverse_look_up_returns_the_entity(api: Api) -> None:
    answer = api.request("GET", "/v1/chats/1437", X_Api_Key=api.stack.run["api_key"])
    assert (answer.status, answer.json()["entity_id"]) == (200, "DEAL|1663")


def test_delete_is_answered_without_a_body(api: Api) -> None:
    answer = api.request("DELETE", f"/v1/chats?{PAIR}", X_Api_Key=api.stack.run["api_key"])
    assert (answer.status, answer.data) == (204, b"")


def test_unknown_route_and_verb_are_answered_with_a_problem(api: Api) -> None:
    nowhere, verb = api.request("GET", "/v2/chats"), api.request("PUT", f"/v1/chats?{PAIR}")
    assert (nowhere.status, nowhere.json()["type"].rpartition(":")[2]) == (404, "route-not-found")
    assert (verb.status, verb.headers["allow"]) == (405, "DELETE, GET")


def test_smoke_passes_with_the_layer_of_the_artifact(api: Api, artifact: Path) -> None:
    variables = {"URL": api.url, "KEY": api.stack.run["api_key"], "BUILD_DIR": str(artifact)}
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "layers/chat_lookup"), **variables}
    command = [sys.executable, "-m", "tools.smoke"]
    done = programs.run(command, cwd=ROOT, env=environment, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "layer: the one that is built here" in done.stdout
