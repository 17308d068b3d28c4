"""`make portal` as its user sees it: a process with an output, a file and an exit status."""

import signal
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import urllib3

from local.portal.alone import line, main
from local.portal.server import Passed
from tests.support.make_verb import make
from tests.support.processes.run import Running, staying
from tests.support.repository import ROOT

COMMAND: Final = (sys.executable, "-m", "local.portal")
PAIR: Final = {"ENTITY_TYPE": "CRM", "ENTITY_ID": "DEAL|1663"}


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with staying(tmp_path_factory.mktemp("portal"), COMMAND, "portal.json") as running:
        yield running


def asked(portal: Running, url: str, body: Any) -> Any:
    with urllib3.PoolManager(retries=False, timeout=20, ca_certs=portal.facts["ca_file"]) as http:
        return http.request("POST", url, json=body).json()


def refused(capsys: pytest.CaptureFixture[str], **settings: str) -> str:
    """What a portal that cannot start reports."""
    assert main({"PORTAL_PORT": "0", **settings}, 0.0) == 1
    return capsys.readouterr().err


def test_portal_answers_at_the_addresses_in_its_file_to_a_client_that_trusts_the_authority(portal: Running) -> None:
    assert set(portal.facts) == {"portal_url", "webhook_url", "control_url", "portal_page_url", "ca_file"}
    assert asked(portal, portal.facts["webhook_url"] + "im.chat.get", PAIR)["result"] == {"ID": 1437}
    assert asked(portal, portal.facts["control_url"] + "/clock", {"advance_s": 0})
    assert stat.S_IMODE((portal.state_dir / "portal.json").stat().st_mode) == 0o600


def test_each_request_is_one_line_without_the_webhooks_code(portal: Running) -> None:
    asked(portal, portal.facts["webhook_url"] + "im.chat.get.json", PAIR)
    asked(portal, portal.facts["portal_url"] + "/rest/no.such.method", {})
    output = portal.output_file.read_text()
    assert " POST /rest/1/***/im.chat.get.json 200 ok " in output
    assert " POST /rest/no.such.method 401 NO_AUTH_FOUND " in output
    assert portal.facts["webhook_url"].split("/")[-2] not in output
    assert "ready after" in output


def test_example_of_the_document_works_as_printed(portal: Running) -> None:
    example = (ROOT / "docs/local-portal.md").read_text().partition("```python\n")[2].partition("```")[0]
    at_this_portal = example.replace(".local/portal.json", str(portal.state_dir / "portal.json"))
    names: dict[str, Any] = {}
    exec(at_this_portal, names)  # noqa: S102 - text of this repository
    names["test_client_finds_the_chat_of_an_order"]()


def test_second_portal_in_one_folder_is_refused_and_takes_nothing_away(
    portal: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    why = refused(capsys, STATE_DIR=str(portal.state_dir))
    choose = "stop it, or choose another folder: make portal STATE_DIR=path\n"
    assert why == f"Another run uses STATE_DIR={portal.state_dir}: {choose}"
    assert portal.facts


def test_taken_port_is_reported_with_the_variable_that_chooses_another(
    portal: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = portal.facts["portal_url"].rpartition(":")[2]
    why = f"Cannot listen on 127.0.0.1, port {taken}: Address already in use. Choose another with PORTAL_PORT"
    assert refused(capsys, STATE_DIR=str(tmp_path), PORTAL_PORT=taken) == f"{why} (0 takes a free one).\n"


def test_portal_is_quiet_if_asked_and_a_signal_ends_it_with_its_file(tmp_path: Path) -> None:
    with staying(tmp_path, COMMAND, "portal.json", QUIET="1") as running:
        asked(running, running.facts["webhook_url"] + "profile", {})
        assert running.stop(signal.SIGTERM) == 0
    assert running.output_file.read_text().endswith("Press Ctrl-C to stop.\n\nStopped.\n")
    assert not (tmp_path / "portal.json").exists()


def test_make_portal_runs_this_program_in_the_environment_of_make_run() -> None:
    portal, whole = (make("--dry-run", verb).stdout for verb in ("portal", "run"))
    assert portal == whole.replace(" -m local\n", " -m local.portal\n") != whole


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/rest/1/5ecret/profile", "/rest/1/***/profile"),
        ("/rest/api/1/5ecret/tasks.task.get", "/rest/api/1/***/tasks.task.get"),
        ("/rest//im.chat.get", "/rest//im.chat.get"),
        ("/rest/1/5ecret\nforged 200", "/rest/1/***"),
        ("/a\nb", "/a%0Ab"),
    ],
)
def test_line_of_a_request_has_neither_a_webhooks_code_nor_a_line_break(path: str, shown: str) -> None:
    assert line(Passed("GET", path, None, None, 3.6)).partition(" ")[2] == f"GET {shown} cut ok 4 ms"
