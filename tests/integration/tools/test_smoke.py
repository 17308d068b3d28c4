"""`make deploy` and `make smoke` as operators meet them: against a service, and against all that is none."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from layers.stamp import stamp
from local.net.http_server import HttpServer
from tests.support.repository import ROOT
from tests.support.service import Service

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

KEY = "a-key-that-nobody-may-read-0123456789"
CHECKS = ("health", "layer", "look-up", "look-up without a key", "event that nothing proves")
# The environment that pytest runs in stands for the one that `make` would set up.
READY = f"{sys.prefix}/bin/.ready"


def make(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "--no-print-directory", f"VENV={sys.prefix}", f"--old-file={READY}", *words]
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME")}
    return subprocess.run(
        command, cwd=ROOT, env=kept | environ, capture_output=True, text=True, timeout=60, check=False
    )


def smoke(build: Path, url: str, key: str, **said: str) -> subprocess.CompletedProcess[str]:
    return make("smoke", f"URL={url}", f"KEY={key}", f"BUILD_DIR={build}", *(f"{k}={v}" for k, v in said.items()))


def outcomes(run: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """What became of each check, by its name."""
    lines = (line for line in run.stdout.splitlines() if line.startswith(("ok ", "FAILED ")))
    return {name: outcome for outcome, name in (line.split(":")[0].split(maxsplit=1) for line in lines)}


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """What `make build` leaves of these sources, as far as it is compared."""
    folder = tmp_path / "build"
    built(folder, stamp())
    return folder


def built(folder: Path, layer: str) -> None:
    (folder / "LookupFunction").mkdir(parents=True, exist_ok=True)
    (folder / "LookupFunction/layer-stamp").write_text(layer + "\n")


@dataclass
class Stranger:
    """Answers everything with one status and body, and remembers what it was sent."""

    status: str
    body: bytes
    headers: list[tuple[str, str]] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> list[bytes]:
        self.heard.append(f"{environ['RAW_URI']} {environ.get('HTTP_X_API_KEY', '')}")
        start_response(self.status, [("Content-Type", "text/html"), *self.headers])
        return [self.body]


@contextmanager
def listening(stranger: Stranger) -> Iterator[str]:
    server = HttpServer(stranger)
    server.start()
    yield server.url()
    server.stop()


# --- smoke ------------------------------------------------------------------------------------------------------------
def test_a_service_that_works_passes_every_check(service: Service, build: Path) -> None:
    run = smoke(build, service.api_url, service.api_key, ENTITY_ID="DEAL|1663")

    assert (run.returncode, run.stderr) == (0, "")
    assert outcomes(run) == dict.fromkeys(CHECKS, "ok")
    assert "CRM DEAL|1663 has chat 1437" in run.stdout
    assert [line["reason"] for line in service.metrics() if "reason" in line] == ["unknown_portal"]


def test_the_line_of_the_readme_works_as_it_is_printed(service: Service) -> None:
    (line,) = re.findall(r"^make smoke .*$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    here = line.replace("make ", f"make VENV={sys.prefix} --old-file={READY} ")
    environ = {"PATH": os.environ["PATH"], "API_URL": service.api_url, "API_KEY": service.api_key}
    run = subprocess.run(["bash", "-euc", here], cwd=ROOT, env=environ, capture_output=True, text=True, check=False)

    assert outcomes(run)["look-up"] == "ok", run.stdout + run.stderr


def test_a_pair_that_has_no_chat_shows_as_well_that_the_service_works(service: Service, build: Path) -> None:
    run = smoke(build, service.api_url + "/", service.api_key, ENTITY_ID="DEAL|404")

    assert run.returncode == 0, run.stdout
    assert "CRM DEAL|404 has no chat" in run.stdout
    assert len(service.calls("im.chat.get")) == 1


def test_an_answer_in_the_cache_does_not_hide_a_portal_that_fails(service: Service, build: Path) -> None:
    service.look_up("CRM", "DEAL|1663")
    service.control("/faults", {"method": "im.chat.get", "error": "INTERNAL_SERVER_ERROR", "times": 20})
    run = smoke(build, service.api_url, service.api_key, ENTITY_ID="DEAL|1663")

    assert run.returncode != 0
    assert outcomes(run) == dict.fromkeys(CHECKS, "ok") | {"look-up": "FAILED"}
    assert "503 urn:bitrix24-chat-lookup:problem:portal-unavailable" in run.stdout


def test_another_layer_than_the_one_built_here_fails_and_nothing_else_does(service: Service, build: Path) -> None:
    built(build, "0" * 64)
    run = smoke(build, service.api_url, service.api_key)

    assert run.returncode != 0
    assert outcomes(run) == dict.fromkeys(CHECKS, "ok") | {"layer": "FAILED"}
    assert "0" * 64 in run.stdout
    assert stamp() in run.stdout


def test_where_nothing_is_built_the_layer_is_compared_with_nothing_and_that_is_said(
    service: Service, tmp_path: Path
) -> None:
    run = smoke(tmp_path, service.api_url, service.api_key)

    assert run.returncode == 0, run.stdout
    assert "layer: nothing is built here" in run.stdout


def test_a_wrong_key_fails_the_look_up_with_the_problem_and_is_shown_nowhere(service: Service, build: Path) -> None:
    run = smoke(build, service.api_url, KEY)

    assert run.returncode != 0
    assert outcomes(run) == dict.fromkeys(CHECKS, "ok") | {"look-up": "FAILED"}
    assert "401 urn:bitrix24-chat-lookup:problem:key-rejected" in run.stdout
    assert KEY not in run.stdout + run.stderr


def test_a_portal_that_fails_is_told_by_its_code(service: Service, build: Path) -> None:
    service.control("/faults", {"method": "im.chat.get", "error": "ACCESS_DENIED", "times": 5})
    run = smoke(build, service.api_url, service.api_key)

    assert outcomes(run)["look-up"] == "FAILED"
    assert "ACCESS_DENIED" in run.stdout


def test_where_nothing_listens_it_ends_at_once(build: Path) -> None:
    with listening(Stranger("200 OK", b"")) as url:
        pass
    run = smoke(build, url, KEY)

    assert run.returncode != 0
    assert outcomes(run) == {"health": "FAILED"}
    assert "no answer" in run.stdout


@pytest.mark.parametrize(
    "stranger",
    [
        Stranger("200 OK", b"<html>\x1b[2Jwelcome</html>"),
        Stranger("200 OK", b'{"status":"ok"}'),
        Stranger("302 Found", b"", [("Location", "/elsewhere")]),
        Stranger("503 Service Unavailable", json.dumps({"status": "ok", "layer": "0" * 64}).encode()),
    ],
    ids=["a page", "health of another kind", "a redirect", "an error"],
)
def test_what_does_not_answer_as_the_service_is_sent_no_key(stranger: Stranger, build: Path) -> None:
    with listening(stranger) as url:
        run = smoke(build, url, KEY)

    assert run.returncode != 0
    assert outcomes(run) == {"health": "FAILED"}
    assert stranger.heard == ["/health "]
    assert "\x1b" not in run.stdout


def test_a_server_that_sends_the_key_back_does_not_get_it_printed(build: Path) -> None:
    echo = Stranger("200 OK", json.dumps({"status": "ok", "layer": stamp(), "detail": f"hello {KEY}"}).encode())
    with listening(echo) as url:
        run = smoke(build, url, KEY)

    assert any(KEY in heard for heard in echo.heard)
    assert outcomes(run)["look-up"] == outcomes(run)["look-up without a key"] == "FAILED"
    assert KEY not in run.stdout + run.stderr


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"URL": "", "KEY": KEY}, "URL"),
        ({"URL": "http://chats.example.com", "KEY": KEY}, "URL"),
        ({"URL": "https://chats.example.com/v1/chats", "KEY": KEY}, "URL"),
        ({"URL": f"https://{KEY}@chats.example.com", "KEY": KEY}, "URL"),
        ({"URL": "https://chats.example.com", "KEY": ""}, "KEY"),
        ({"URL": "https://chats.example.com", "KEY": f"{KEY}\r\nHost: other"}, "KEY"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name_before_anything_is_sent(said: dict[str, str], named: str) -> None:
    run = make("smoke", **said)

    assert run.returncode != 0
    assert run.stderr.startswith(f"{named} must be")
    assert KEY not in run.stdout + run.stderr


def test_the_key_is_on_no_command_line_that_make_writes() -> None:
    run = make("--dry-run", "smoke", "URL=https://chats.example.com", f"KEY={KEY}")

    assert "tools.smoke" in run.stdout
    assert KEY not in run.stdout + run.stderr


# --- deploy -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("words", [(), ("ENV=",), ("ENV=production",), ("ENV=dev prod",), ("ENV=dev;true",)])
def test_a_deployment_without_a_known_environment_ends_before_anything_is_built(words: tuple[str, ...]) -> None:
    run = make("deploy", *words, "SAM=false", "SAM_VENV=/nowhere")

    assert run.returncode != 0
    assert "make deploy ENV=dev|staging|prod" in run.stderr
    assert run.stdout == ""


@pytest.fixture
def sam(tmp_path: Path) -> Path:
    """Stands for `sam`, which would need an account: writes down what it is called with."""
    script = tmp_path / "sam"
    script.write_text(
        f'#!/bin/sh\necho "$* region=$AWS_DEFAULT_REGION metadata=$AWS_EC2_METADATA_DISABLED" >> {tmp_path}/calls\n'
    )
    script.chmod(0o700)
    return script


@pytest.mark.parametrize("env", ["dev", "staging", "prod"])
def test_a_deployment_builds_and_deploys_by_the_settings_of_its_environment(sam: Path, env: str) -> None:
    run = make("deploy", f"ENV={env}", f"SAM={sam}", f"SAM_VENV={sys.prefix}", AWS_DEFAULT_REGION="eu-central-1")

    assert run.returncode == 0, run.stderr
    build, deploy = (sam.parent / "calls").read_text().splitlines()
    assert build.startswith(f"build --config-env {env} ")
    assert deploy.startswith(f"deploy --config-env {env} ")
    assert deploy.endswith("region=eu-central-1 metadata=")
    assert "make smoke URL=" in run.stdout


def test_a_deployment_takes_region_and_account_from_the_operators_own_profile(sam: Path) -> None:
    make("deploy", "ENV=dev", f"SAM={sam}", f"SAM_VENV={sys.prefix}")

    assert (sam.parent / "calls").read_text().splitlines()[1].endswith("region= metadata=")
