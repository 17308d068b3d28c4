from pathlib import Path

import pytest

from tests.unit.tools.lookup.command_line import CommandLine


@pytest.fixture
def lookup(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CommandLine:
    """`./lookup`, whose keys are kept in the folder of the test."""
    return CommandLine(capsys, monkeypatch, environ={"XDG_CONFIG_HOME": str(tmp_path / "config")})
