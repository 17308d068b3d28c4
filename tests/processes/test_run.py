"""`make run` as its user sees it: a process with an output, files and an exit status."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.session import Session

from local.demo_credentials import DEMO_KEY
from local.portal import LocalPortal
from local.shared_clock import SharedClock
from local.template.reader import Template
from tests.support.make_verb import OURS
from tests.support.portals.sample_frame import frame_of
from tests.support.processes import programs
from tests.support.processes.run import Running, environ, once, staying
from tests.support.processes.waiting import until
from tests.support.repository import ROOT

FACTS = {
    "api_url",
    "api_https_url",
    "api_key",
    "portal_url",
    "portal_page_url",
    "webhook_url",
    "control_url",
    "ca_file",
    "member_id",
    "aws_endpoint_url",
}
STARTS = "Starting Bitrix24 Chat Lookup on this machine (the first start takes longer)\n"
LOOK_UP = "/v1/chats?entity_type=CRM&entity_id=DEAL%7C1663"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with staying(tmp_path_factory.mktemp("run")) as running:
        yield running


@pytest.fixture(scope="module")
def another_portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPortal]:
    folder = tmp_path_factory.mktemp("another")
    with LocalPortal(folder, SharedClock(folder / "clock")) as portal:
        (folder / "webhook").write_text(portal.webhook_url + "\n")
        (folder / "webhook").chmod(0o600)
        yield portal


def webhook_file(portal: LocalPortal) -> str:
    return str(portal.ca_file.parents[1] / "webhook")


def test_run_with_once_prints_a_look_up_and_the_bots_answer_and_exits_with_0(tmp_path: Path) -> None:
    run = once(tmp_path)

    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith(STARTS)
    looked_up, talked = run.stdout.split("A user writes to the bot: deal 1663\n")
    assert LOOK_UP in looked_up
    assert '"chat_id":1437' in looked_up
    assert "1437" in talked
    assert not (tmp_path / "run.json").exists()


def test_run_with_once_exits_with_1_if_the_look_up_fails(tmp_path: Path) -> None:
    run = once(tmp_path, ENTITY_ID="DEAL|404")

    assert run.returncode == 1
    assert "chat-not-found" in run.stdout


def test_run_file_has_every_address_and_is_readable_by_its_owner_only(stack: Running) -> None:
    run_file = stack.state_dir / "run.json"

    assert stack.facts.keys() == FACTS
    assert all(stack.facts.values())
    assert stat.S_IMODE(run_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(stack.state_dir.joinpath("log.jsonl").stat().st_mode) == 0o600


def test_curl_line_works_as_printed(stack: Running) -> None:
    (line,) = [line for line in stack.output_file.read_text().splitlines() if line.lstrip().startswith("curl ")]
    answer = programs.run(["bash", "-c", line], timeout=20)

    assert json.loads(answer.stdout)["chat_id"] == 1437


def test_api_answers_over_https_to_a_client_that_trusts_the_authority(stack: Running) -> None:
    answer = stack.get(LOOK_UP, base=stack.facts["api_https_url"], ca_certs=stack.facts["ca_file"])

    assert answer["chat_id"] == 1437


def test_published_event_of_the_question_to_the_bot_can_be_read(stack: Running) -> None:
    published = stack.get("/_published", base=stack.facts["aws_endpoint_url"])

    assert [entry["detail_type"] for entry in published] == ["ONIMBOTV2MESSAGEADD"]
    assert published[0]["detail"]["event_id"]


def test_sample_of_a_frame_installs_the_application_any_number_of_times(stack: Running) -> None:
    sample = json.dumps(frame_of(urlsplit(stack.facts["portal_url"]).netloc))
    url = stack.facts["aws_endpoint_url"]
    client: Any = Session().create_client("lambda", endpoint_url=url, region_name="us-east-1")
    for _ in range(3):
        answer = json.loads(client.invoke(FunctionName="InstallFunction", Payload=sample)["Payload"].read())
        assert (answer["statusCode"], "BX24.installFinish()" in answer["body"]) == (200, True)


def test_output_and_log_contain_neither_webhook_nor_key(stack: Running) -> None:
    code = stack.facts["webhook_url"].rstrip("/").rpartition("/")[2]
    stack.get(LOOK_UP)

    for text in (stack.output_file.read_text(), (stack.state_dir / "log.jsonl").read_text()):
        assert code not in text
        assert stack.facts["api_key"] not in text
    assert DEMO_KEY not in (stack.state_dir / "log.jsonl").read_text()


def test_log_lines_of_the_functions_are_in_the_log_and_not_in_the_output(stack: Running) -> None:
    stack.get("/health")

    assert "_aws" not in stack.output_file.read_text()
    lines = [json.loads(line) for line in (stack.state_dir / "log.jsonl").read_text().splitlines()]
    assert any(line.get("route") == "GET /health" for line in lines)


def test_env_file_has_every_declared_variable(stack: Running) -> None:
    variables = json.loads((stack.state_dir / "env.json").read_text())["Parameters"]

    assert variables.keys() == Template.load(ROOT / "template.yaml").declared()
    assert (variables["PORTAL_TABLE"], variables["CACHE_TABLE"]) == ("PortalTable", "CacheTable")
    assert variables["EVENT_QUEUE_URL"] == stack.facts["aws_endpoint_url"] + "/123456789012/EventQueue"
    assert stack.facts["portal_url"].removeprefix("https://") in variables["LOCAL_HOSTS"].split(",")
    assert "BEGIN CERTIFICATE" in variables["CA_PEM"]


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_run_exits_with_0_on_a_signal_and_deletes_its_files(by: signal.Signals, tmp_path: Path) -> None:
    with staying(tmp_path) as running:
        assert running.stop(by) == 0

        assert not [name for name in ("run.json", "env.json") if (tmp_path / name).exists()]
        assert running.output_file.read_text().endswith("Stopped.\n")


def test_make_run_in_the_background_ends_on_sigterm_with_all_that_it_started(tmp_path: Path) -> None:
    make = ["make", "--no-print-directory", *OURS, "run"]
    # As a shell that is not interactive starts it.
    command = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *make]
    with programs.started(command, cwd=ROOT, env=environ(tmp_path), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert any("Press Ctrl-C to stop." in line for line in process.stdout)
        process.terminate()
        # Ends only when everything that has this output has ended.
        assert process.stdout.read().endswith("Stopped.\n")


@pytest.mark.parametrize("variable", ["API_PORT", "API_HTTPS_PORT", "PORTAL_PORT", "PORTAL_PAGE_PORT"])
def test_taken_port_is_reported_with_the_variable_that_chooses_another(variable: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        run = once(tmp_path, **{variable: port})

    assert (run.returncode, run.stdout) == (1, STARTS)
    assert run.stderr == (
        f"Cannot listen on 127.0.0.1, port {port}: Address already in use."
        f" Choose another with {variable} (0 takes a free one).\n"
    )


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"API_PORT": "many"}, "API_PORT must be a port, 0 to 65535 (0 takes a free one)\n"),
        ({"WEBHOOK_FILE": "nowhere"}, "WEBHOOK_FILE=nowhere cannot be read: No such file or directory\n"),
        ({"BIND": "192.0.2.1"}, "Cannot listen on 192.0.2.1, port 0: Cannot assign requested address."),
        ({"WEBHOOK_URL": "https://portal.example/secret/"}, "The webhook's URL: the address must have the form"),
    ],
)
def test_start_error_is_reported_in_one_line(values: dict[str, str], error: str, tmp_path: Path) -> None:
    run = once(tmp_path, **values)

    assert (run.returncode, run.stdout) == (1, STARTS)
    assert run.stderr.startswith(error)
    assert run.stderr.count("\n") == 1


def test_another_portal_is_used_with_the_webhook_in_a_file(another_portal: LocalPortal, tmp_path: Path) -> None:
    values = {"WEBHOOK_FILE": webhook_file(another_portal), "CA_FILE": str(another_portal.ca_file)}
    with staying(tmp_path, **values) as running:
        assert running.get(LOOK_UP)["chat_id"] == 1437
        assert running.facts["portal_url"] == another_portal.portal_url
        assert running.facts["control_url"] is None
        assert running.facts["webhook_url"] is None
        code = another_portal.webhook_url.rstrip("/").rpartition("/")[2]
        for file in (running.output_file, tmp_path / "log.jsonl", tmp_path / "run.json", tmp_path / "env.json"):
            assert code not in file.read_text()
        # The public demo key opens demo portals only.
        assert running.get(LOOK_UP, {"X-Api-Key": DEMO_KEY})["status"] == 401


def test_missing_chat_counts_as_success_in_another_portal(another_portal: LocalPortal, tmp_path: Path) -> None:
    run = once(
        tmp_path, WEBHOOK_URL=another_portal.webhook_url, CA_FILE=str(another_portal.ca_file), ENTITY_ID="DEAL|404"
    )

    assert run.returncode == 0, run.stderr
    assert "chat-not-found" in run.stdout


def test_portal_with_an_unknown_authority_is_not_trusted(another_portal: LocalPortal, tmp_path: Path) -> None:
    run = once(tmp_path, WEBHOOK_FILE=webhook_file(another_portal))

    assert run.returncode == 1
    host = another_portal.portal_url.removeprefix("https://")
    assert run.stderr.startswith(f"The portal could not be installed: The certificate of {host} is not trusted")
    assert "CA_FILE" in run.stderr
    assert str(tmp_path / "log.jsonl") in run.stderr
    assert another_portal.webhook_url not in run.stderr


def test_webhook_with_a_wrong_code_is_said_to_be_wrong(another_portal: LocalPortal, tmp_path: Path) -> None:
    wrong = another_portal.webhook_url.rstrip("/") + "0/"
    run = once(tmp_path, WEBHOOK_URL=wrong, CA_FILE=str(another_portal.ca_file))

    assert run.returncode == 1
    assert "The portal does not accept the webhook: its code is wrong" in run.stderr
    assert wrong not in run.stderr


def test_host_that_refuses_connections_is_named(another_portal: LocalPortal, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    run = once(tmp_path, WEBHOOK_URL=f"https://{host}/rest/1/5ecretc0de5ecret/", CA_FILE=str(another_portal.ca_file))

    assert run.returncode == 1
    assert f"There is no connection to {host}: it is refused" in run.stderr


def test_portal_uses_the_configured_host_for_containers(tmp_path: Path) -> None:
    with staying(tmp_path, PORTAL_HOST="host.docker.internal") as running:
        variables = json.loads((tmp_path / "env.json").read_text())["Parameters"]

        assert running.facts["portal_url"].startswith("https://host.docker.internal:")
        assert variables["AWS_ENDPOINT_URL"].startswith("http://host.docker.internal:")
        assert running.facts["portal_url"].removeprefix("https://") in variables["LOCAL_HOSTS"].split(",")
        assert running.get(LOOK_UP)["chat_id"] == 1437


def test_first_line_is_printed_before_the_service_is_imported(tmp_path: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "local"]
    with programs.started(
        command, cwd=ROOT, env=environ(tmp_path, ONCE="1"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        before = "".join(iter(process.stdout.readline, STARTS))
        process.terminate()

    assert "local.program" in before
    assert "local.stack" not in before


def test_reader_that_ends_early_ends_the_run_in_one_line(tmp_path: Path) -> None:
    line = f"set -o pipefail; {sys.executable} -m local | head -n 1"
    run = programs.run(["bash", "-c", line], cwd=ROOT, env=environ(tmp_path), timeout=60)

    assert (run.returncode, run.stdout) == (1, STARTS)
    assert run.stderr == "The reader of the output has ended, and so has the run.\n"


def test_requests_are_shown_as_they_pass_and_with_quiet_none(stack: Running, tmp_path: Path) -> None:
    stack.get(LOOK_UP)
    shown = f"GET {LOOK_UP} 200 cache "
    assert shown in stack.output_file.read_text()
    with staying(tmp_path, QUIET="1") as quiet:
        quiet.get(LOOK_UP)
        assert shown not in quiet.output_file.read_text()


@pytest.mark.parametrize("made", ["", "run.lock", "authority/ca.pem", "log.jsonl"])
def test_interruption_before_the_run_is_ready_ends_it_in_one_line(made: str, tmp_path: Path) -> None:
    """While the service is imported, and after each of the files that its start makes."""
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    command = [sys.executable, "-m", "local"]
    with programs.started(command, cwd=ROOT, env=environ(tmp_path), **pipe) as process:
        # Until then the interpreter itself starts, and a signal is not ours.
        until(lambda: caught(process.pid, signal.SIGTERM))
        until((tmp_path / made).exists)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)

    assert process.returncode == 0, output
    assert output.endswith("\nStopped.\n")
    assert "Traceback" not in output


def test_interruption_before_the_interpreter_handles_it_ends_make_run_in_one_line_too(tmp_path: Path) -> None:
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    command = ["make", "--no-print-directory", *OURS, "run"]
    with programs.started(command, cwd=ROOT, env=environ(tmp_path), **pipe) as process:
        until(lambda: (found := child_of(process.pid)) > 0 and is_running(found, [sys.executable, "-m", "local"]))
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        output, _ = process.communicate(timeout=60)

    assert "\nStopped.\n" in output
    assert "Traceback" not in output


def child_of(pid: int) -> int:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[-1]) if children else 0


def is_running(pid: int, command: list[str]) -> bool:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[:-1] == command
    except OSError:  # it has ended: `make` starts others before that one
        return False


def status_of(pid: int) -> str:
    return Path(f"/proc/{pid}/status").read_text()


def caught(pid: int, number: signal.Signals) -> bool:
    """Whether the process has a handler for the signal (proc(5), SigCgt)."""
    mask = int(status_of(pid).partition("SigCgt:")[2].split()[0], 16)
    return bool(mask >> (number - 1) & 1)
