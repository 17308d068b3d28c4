"""A secret that is given to `./lookup` shows nowhere: no process's words or environment, no file, no error."""

import contextlib
import io
import json
import os
import pty
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.processes import programs
from tests.support.repository import ROOT
from tools.lookup.app import main

SECRETS: Final = (
    "https://acme.example/rest/1/zq7secretcode7zq/",
    "zq8-token-of-the-bot-8zq",
    "zq9-application-9zq-token",
)
FRAGMENTS: Final = ("zq7secretcode7zq", "zq8-token", "zq9-application")
PATIENCE_S: Final = 30.0


@dataclass
class Held:
    """Lambda's address: a request is held until the test has looked, then answered as the test wants."""

    answer: Callable[[BaseHTTPRequestHandler], None]
    arrived: threading.Event = field(default_factory=threading.Event)
    looked: threading.Event = field(default_factory=threading.Event)
    bodies: list[bytes] = field(default_factory=list)


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Held]:
    """The server, with a `run.json` of it in the folder of the test."""
    state = Held(answered(b'{"domain": "acme.example"}'))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            state.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            state.arrived.set()
            state.looked.wait(PATIENCE_S)
            state.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        (tmp_path / "run.json").write_text(json.dumps({"aws_endpoint_url": f"http://127.0.0.1:{server.server_port}"}))
        yield state
        state.looked.set()
        server.shutdown()


def answered(body: bytes, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Callable[[Any], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in (*headers, ("Content-Length", str(len(body)))):
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def cut_off(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.shutdown(2)


def shown(text: str) -> list[str]:
    return [each for each in FRAGMENTS if each in text]


def in_processes() -> list[str]:
    """The secrets in the words and environments of all processes that can be read."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            with contextlib.suppress(OSError):
                found += shown((path / name).read_bytes().decode(errors="replace"))
    return found


def in_files(folder: Path, but: Path) -> list[str]:
    paths = [path for path in folder.rglob("*") if path.is_file() and path != but]
    return [found for path in paths for found in shown(path.read_bytes().decode(errors="replace"))]


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="this system has no /proc")
def test_secrets_from_a_file_and_the_terminal_are_in_no_other_process_and_no_file(held: Held, tmp_path: Path) -> None:
    file = tmp_path / "webhook"
    file.touch(0o600)
    file.write_text(SECRETS[0])
    words = ["--env", "local", "--member-id", "m", "--secret-file", f"webhook_url={file}", "--ask", "bot_token"]
    words += ["--ask", "application_token"]
    command = [sys.executable, "-P", "-m", "tools.lookup", "admin", "portal.add_webhook", *words]
    environ = {"STATE_DIR": str(tmp_path), "HOME": str(tmp_path), "PYTHONPATH": f"{ROOT}:{ROOT}/layers/chat_lookup"}
    terminal, theirs = pty.openpty()
    with programs.started(command, cwd=tmp_path, env=environ, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        screen = ""
        for name, secret in (("bot_token", SECRETS[1]), ("application_token", SECRETS[2])):
            screen += until(terminal, f"{name}: ")
            os.write(terminal, f"{secret}\n".encode())
        assert held.arrived.wait(PATIENCE_S)
        assert in_processes() == []
        held.looked.set()
        screen += until(terminal, "acme.example")
        assert process.wait(PATIENCE_S) == 0
    os.close(terminal)
    assert shown(screen) == []
    assert in_files(tmp_path, but=file) == []
    sent = json.loads(held.bodies[0])
    assert (sent["webhook_url"], sent["bot_token"], sent["application_token"]) == SECRETS


def until(terminal: int, words: str) -> str:
    """What the program shows up to some words. They come, or the program ends and reading fails."""
    text = ""
    while words not in text:
        text += os.read(terminal, 4096).decode()
    return text


REFUSAL: Final = b'{"errorType": "InvalidRequest", "errorMessage": "bot_id is no number"}'
FAILURES: Final = {
    "refused": answered(REFUSAL, 200, (("X-Amz-Function-Error", "Unhandled"),)),
    "forbidden": answered(b'{"Message": "no"}', 403, (("x-amzn-ErrorType", "AccessDeniedException"),)),
    "broken": answered(b"<html>", 500),
    "no JSON": answered(b"<html>"),
    "cut off": cut_off,
}


@pytest.mark.parametrize("failure", FAILURES)
def test_secret_from_standard_input_is_in_no_error(
    held: Held, failure: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    held.answer = FAILURES[failure]
    held.looked.set()
    monkeypatch.setattr(sys, "stdin", io.StringIO(SECRETS[0]))
    words = ["admin", "portal.add_webhook", "--env", "local", "--secret-file", "webhook_url=-", "--json"]
    assert main(words, {"STATE_DIR": str(tmp_path)}) == 1
    output, errors = capsys.readouterr()
    assert json.loads(output).keys() == {"error"}
    assert (shown(output + errors), errors.count("\n")) == ([], 1)
    assert SECRETS[0] in held.bodies[0].decode()
    assert len(held.bodies) == 1
