"""`make smoke` as operators run it: against the service, and against other servers."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from layers.stamp import stamp
from local.net.http_server import HttpServer
from tests.support.make_verb import OURS, make
from tests.support.processes import programs
from tests.support.repository import ROOT
from tests.support.service import Service

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

KEY = "a-key-that-is-printed-nowhere-0123456789"
CHECKS = ("health", "layer", "look-up", "look-up without a key", "event that nothing proves")


def smoke(build: Path, url: str, key: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return make("smoke", f"URL={url}", f"KEY={key}", f"BUILD_DIR={build}", *(f"{k}={v}" for k, v in variables.items()))


def outcomes(run: "subprocess.CompletedProcess[str]") -> dict[str, str]:
    """Return the outcome of each check by its name."""
    lines = (line for line in run.stdout.splitlines() if line.startswith(("ok ", "FAILED ")))
    return {name: outcome for outcome, name in (line.split(":")[0].split(maxsplit=1) for line in lines)}


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """The part of the output of `make build` for these sources that is compared."""
    folder = tmp_path / "build"
    built(folder, stamp())
    return folder


def built(folder: Path, layer: str) -> None:
    (folder / "LookupFunction").mkdir(parents=True, exist_ok=True)
    (folder / "LookupFunction/layer-stamp").write_text(layer + "\n")


@dataclass
class OtherServer:
    """Answers each request with one status and body, and records the requests."""

    status: str
    body: bytes
    headers: list[tuple[str, str]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> list[bytes]:
        self.requests.append(f"{environ['RAW_URI']} {environ.get('HTTP_X_API_KEY', '')}")
        start_response(self.status, [("Content-Type", "text/html"), *self.headers])
        return [self.body]


@contextmanager
def listening(other_server: OtherServer) -> Iterator[str]:
    server = HttpServer(other_server)
    server.start()
    yield server.url()
    server.stop()


# --- smoke ------------------------------------------------------------------------------------------------------------
def test_working_service_passes_every_check(service: Service, build: Path) -> None:
    run = smoke(build, service.api_url, service.api_key, ENTITY_ID="DEAL|1663")

    assert (run.returncode, run.stderr) == (0, "")
    assert outcomes(run) == dict.fromkeys(CHECKS, "ok")
    assert "CRM DEAL|1663 has chat 1437" in run.stdout
    assert [line["reason"] for line in service.metrics() if "reason" in line] == ["unknown_portal"]


@pytest.mark.parametrize("words", [(), ("URL=https://example.com",), ("KEY=key",), ("URL=", "KEY=key")])
def test_smoke_without_an_address_or_a_key_shows_how_it_is_called(words: tuple[str, ...]) -> None:
    run = make("smoke", *words)

    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith("make smoke URL=https://<the service's address> KEY=<a key")


def test_service_with_a_certificate_of_an_authority_of_its_own_is_trusted_with_its_file(
    service: Service, build: Path
) -> None:
    stack = service.stack.addresses
    trusting = smoke(build, stack.api_https_url, service.api_key, CA_FILE=str(stack.ca_file))
    assert (trusting.returncode, outcomes(trusting)) == (0, dict.fromkeys(CHECKS, "ok")), trusting.stdout

    distrusting = smoke(build, stack.api_https_url, service.api_key)
    assert outcomes(distrusting) == {"health": "FAILED"}
    assert "certificate" in distrusting.stdout
    assert "CA_FILE=" in distrusting.stdout


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_authority_that_cannot_be_read_is_reported_in_one_line(content: str | None, tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    if content:
        file.write_text(content)
    run = smoke(tmp_path, "https://example.com", KEY, CA_FILE=str(file))

    assert run.returncode == 2
    assert run.stderr.startswith(f"CA_FILE={file} is no certificate that can be read: ")


def test_smoke_line_of_the_documents_works_as_printed(service: Service, tmp_path: Path) -> None:
    (line,) = re.findall(r"^KEY=.* make smoke .*$", (ROOT / "docs/deploying.md").read_text("utf-8"), re.MULTILINE)
    here = line.replace("make ", f"make {' '.join(OURS)} ")
    key = tmp_path / ".config/bitrix24-chat-lookup/dev.key"
    key.parent.mkdir(parents=True)
    key.write_text(service.api_key + "\n")
    environ = {"PATH": os.environ["PATH"], "API_URL": service.api_url, "HOME": str(tmp_path)}
    run = programs.run(["bash", "-euc", here], cwd=ROOT, env=environ, timeout=60)

    assert outcomes(run)["look-up"] == "ok", run.stdout + run.stderr


def test_look_up_check_passes_for_a_pair_without_chat(service: Service, build: Path) -> None:
    run = smoke(build, service.api_url + "/", service.api_key, ENTITY_ID="DEAL|404")

    assert run.returncode == 0, run.stdout
    assert "CRM DEAL|404 has no chat" in run.stdout
    assert len(service.calls("im.chat.get")) == 1


def test_cached_answer_does_not_hide_a_failing_portal(service: Service, build: Path) -> None:
    service.look_up("CRM", "DEAL|1663")
    service.control("/faults", {"method": "im.chat.get", "error": "INTERNAL_SERVER_ERROR", "times": 20})
    run = smoke(build, service.api_url, service.api_key, ENTITY_ID="DEAL|1663")

    assert run.returncode != 0
    assert outcomes(run) == dict.fromkeys(CHECKS, "ok") | {"look-up": "FAILED"}
    assert "503 urn:bitrix24-chat-lookup:problem:portal-unavailable" in run.stdout


def test_layer_that_differs_from_the_build_fails_only_the_layer_check(service: Service, build: Path) -> None:
    built(build, "0" * 64)
    run = smoke(build, service.api_url, service.api_key)

    assert run.returncode != 0
    assert outcomes(run) == dict.fromkeys(CHECKS, "ok") | {"layer": "FAILED"}
    assert "0" * 64 in run.stdout
    assert stamp() in run.stdout


def test_layer_check_without_a_build_passes_and_reports_it(service: Service, tmp_path: Path) -> None:
    run = smoke(tmp_path, service.api_url, service.api_key)

    assert run.returncode == 0, run.stdout
    assert "layer: nothing is built here" in run.stdout


def test_wrong_key_fails_the_look_up_and_is_not_printed(service: Service, build: Path) -> None:
    run = smoke(build, service.api_url, KEY)

    assert run.returncode != 0
    assert outcomes(run) == dict.fromkeys(CHECKS, "ok") | {"look-up": "FAILED"}
    assert "401 urn:bitrix24-chat-lookup:problem:key-rejected" in run.stdout
    assert KEY not in run.stdout + run.stderr


def test_error_code_of_a_failing_portal_is_printed(service: Service, build: Path) -> None:
    service.control("/faults", {"method": "im.chat.get", "error": "ACCESS_DENIED", "times": 5})
    run = smoke(build, service.api_url, service.api_key)

    assert outcomes(run)["look-up"] == "FAILED"
    assert "ACCESS_DENIED" in run.stdout


def test_smoke_ends_at_once_at_a_closed_port(build: Path) -> None:
    with listening(OtherServer("200 OK", b"")) as url:
        pass
    run = smoke(build, url, KEY)

    assert run.returncode != 0
    assert outcomes(run) == {"health": "FAILED"}
    assert "no answer" in run.stdout


@pytest.mark.parametrize(
    "other_server",
    [
        OtherServer("200 OK", b"<html>\x1b[2Jwelcome</html>"),
        OtherServer("200 OK", b'{"status":"ok"}'),
        OtherServer("302 Found", b"", [("Location", "/elsewhere")]),
        OtherServer("503 Service Unavailable", json.dumps({"status": "ok", "layer": "0" * 64}).encode()),
    ],
    ids=["a page", "health of another kind", "a redirect", "an error"],
)
def test_server_without_a_valid_health_answer_is_sent_no_key(other_server: OtherServer, build: Path) -> None:
    with listening(other_server) as url:
        run = smoke(build, url, KEY)

    assert run.returncode != 0
    assert outcomes(run) == {"health": "FAILED"}
    assert other_server.requests == ["/health "]
    assert "\x1b" not in run.stdout


def test_key_echoed_by_the_server_is_not_printed(build: Path) -> None:
    echo = OtherServer("200 OK", json.dumps({"status": "ok", "layer": stamp(), "detail": f"hello {KEY}"}).encode())
    with listening(echo) as url:
        run = smoke(build, url, KEY)

    assert any(KEY in request for request in echo.requests)
    assert outcomes(run)["look-up"] == outcomes(run)["look-up without a key"] == "FAILED"
    assert KEY not in run.stdout + run.stderr


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"URL": "http://chats.example.com", "KEY": KEY}, "URL"),
        ({"URL": "https://chats.example.com/v1/chats", "KEY": KEY}, "URL"),
        ({"URL": f"https://{KEY}@chats.example.com", "KEY": KEY}, "URL"),
        ({"URL": "https://chats.example.com", "KEY": f"{KEY}\r\nHost: other"}, "KEY"),
    ],
)
def test_invalid_variable_is_refused_by_name_before_anything_is_sent(variables: dict[str, str], named: str) -> None:
    run = make("smoke", **variables)

    assert run.returncode != 0
    assert run.stderr.startswith(f"{named} must be")
    assert KEY not in run.stdout + run.stderr


def test_key_is_on_no_command_line_that_make_prints() -> None:
    run = make("--dry-run", "smoke", "URL=https://chats.example.com", f"KEY={KEY}")

    assert "tools.smoke" in run.stdout
    assert KEY not in run.stdout + run.stderr
