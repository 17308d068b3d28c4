"""The file of addresses is what scripts wait for: a program writes it after all that it prints about its start."""

from contextlib import nullcontext
from pathlib import Path

import pytest

import local.portal.alone
import local.run
from tests.support.service import Service


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """What each program had printed when it wrote a file of this name."""
    found: dict[str, str] = {}

    def write(path: Path, content: object) -> None:
        assert content
        found[path.name] = capsys.readouterr().out

    for program in (local.run, local.portal.alone):
        monkeypatch.setattr(program, "write_private", write)
        monkeypatch.setattr(program, "stay", lambda: None)
    return found


def test_run_writes_it_when_requests_are_shown(
    service: Service, printed: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    functions, site = service.stack.backend.functions, service.stack.addresses.site
    monkeypatch.setattr(functions, "watchers", [])
    monkeypatch.setattr(site, "playground", None)
    monkeypatch.setattr(local.run, "running", lambda _: nullcontext(service.stack))

    assert local.run.run(local.run.read({"STATE_DIR": str(tmp_path)})) == 0

    assert printed.keys() == {"env.json", "run.json"}
    assert "Requests, as they pass" in printed["run.json"]
    assert len(functions.watchers) == 2


def test_portal_writes_it_after_its_introduction(printed: dict[str, str], tmp_path: Path) -> None:
    assert local.portal.alone.main({"STATE_DIR": str(tmp_path), "PORTAL_PORT": "0"}, 0.0) == 0

    assert "Press Ctrl-C to stop." in printed["portal.json"]
