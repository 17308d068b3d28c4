"""A third of a processor: by a control group of either version, else by a program, else not; and it is left behind."""

import shutil
from pathlib import Path

import pytest

from benchmarks.cold_start.share import a_third


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of control groups, on a machine without cpulimit."""
    monkeypatch.setattr(shutil, "which", lambda _: None)
    return tmp_path


def kernel(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Folders get their files when they are made, and lose them when they are removed."""
    make, remove = Path.mkdir, Path.rmdir

    def made(folder: Path) -> None:
        make(folder)
        for name in (*names, "cgroup.procs"):
            (folder / name).touch()

    def removed(folder: Path) -> None:
        for file in folder.iterdir():
            file.unlink()
        remove(folder)

    monkeypatch.setattr(Path, "mkdir", made)
    monkeypatch.setattr(Path, "rmdir", removed)


@pytest.mark.parametrize(
    ("controller", "settings"),
    [
        (".", {"cpu.max": "6666 20000"}),
        ("cpu", {"cpu.cfs_period_us": "20000", "cpu.cfs_quota_us": "6666"}),
    ],
)
def test_group_of_either_version_gets_a_third_and_is_removed(
    controller: str, settings: dict[str, str], groups: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (groups / "cpu").mkdir()
    kernel(monkeypatch, *settings)
    with a_third(groups) as third:
        group = Path(third.command[-1])
        assert group.parent == groups / controller
        assert {name: (group / name).read_text() for name in settings} == settings
        assert third.name == "a third of a processor"
    assert not group.exists()


def test_program_limits_where_no_group_can_be_limited(groups: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    with a_third(groups) as third:
        assert third.command[:2] == ("/usr/bin/cpulimit", "--limit=33")
    assert list(groups.iterdir()) == []


def test_whole_processor_is_named_where_nothing_limits(groups: Path) -> None:
    with a_third(groups) as third:
        assert third.command == ()
        assert third.name.startswith("a whole processor")
