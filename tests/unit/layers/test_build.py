"""The parts of the layer's build: its stamp, the service models that it keeps, the interpreter that it finds."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from layers.stamp import LAYERS, SETTINGS, settings_stamp, sources, stamp
from layers.trim import Operations
from tests.support.processes import programs
from tests.support.repository import PACKAGE

SERVICES = Operations.read(LAYERS / "chat_lookup").services
FIND_PYTHON = LAYERS / "find-python"
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the layer's sources in another folder."""
    return Path(shutil.copytree(LAYERS, tmp_path / "layers", ignore=shutil.ignore_patterns("__pycache__")))


def test_stamp_does_not_depend_on_the_folder_of_the_sources(copied: Path) -> None:
    assert stamp(copied) == stamp()


@pytest.mark.parametrize("name", ["chat_lookup/chat_lookup/errors.py", "chat_lookup/requirements.txt", "build.mk"])
def test_change_of_any_input_of_the_layer_changes_the_stamp(copied: Path, name: str) -> None:
    with (copied / name).open("a") as source:
        source.write("# changed\n")
    assert stamp(copied) != stamp()


def test_moved_module_changes_the_stamp(copied: Path) -> None:
    package = copied / "chat_lookup" / "chat_lookup"
    (package / "errors.py").rename(package / "faults.py")
    assert stamp(copied) != stamp()


def test_files_left_by_interpreters_and_editors_are_no_sources(copied: Path) -> None:
    package = copied / "chat_lookup" / "chat_lookup"
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "errors.cpython-313.pyc").write_bytes(b"bytecode")
    (package / ".errors.py.swp").write_bytes(b"editor")
    (package / "errors.py.orig").write_bytes(b"merge")
    assert stamp(copied) == stamp()


def test_stamp_covers_every_file_that_makes_the_build() -> None:
    names = {path.relative_to(LAYERS).as_posix() for path in sources(LAYERS)}
    assert names >= {
        "build.mk", "function.mk", "find-python", "stamp.py", "chat_lookup/Makefile", "chat_lookup/botocore-data.txt",
        "trim.py", "bytecode.py", "chat_lookup/left-out.txt",
        "chat_lookup/requirements.txt", "chat_lookup/chat_lookup/bootstrap/aws_clients.py",
        "chat_lookup/chat_lookup/py.typed",
    }  # fmt: skip


@pytest.mark.parametrize("name", SETTINGS)
def test_changed_setting_changes_the_stamp_of_the_settings(tmp_path: Path, name: str) -> None:
    for each in SETTINGS:
        shutil.copy(LAYERS.parent / each, tmp_path / each)
    assert settings_stamp(tmp_path) == settings_stamp()
    with (tmp_path / name).open("a") as settings:
        settings.write("# changed\n")
    assert settings_stamp(tmp_path) != settings_stamp()


def test_changed_alarm_publishes_no_function(tmp_path: Path) -> None:
    for each in (*SETTINGS, "monitoring/template.yaml"):
        (tmp_path / each).parent.mkdir(exist_ok=True)
        shutil.copy(LAYERS.parent / each, tmp_path / each)
    (tmp_path / "monitoring" / "template.yaml").write_text("# changed\n")
    assert settings_stamp(tmp_path) == settings_stamp()


def test_stamp_of_the_settings_exists_without_a_file_of_parameters(tmp_path: Path) -> None:
    shutil.copy(LAYERS.parent / "template.yaml", tmp_path / "template.yaml")
    assert settings_stamp(tmp_path) not in ("", settings_stamp())


def test_layer_keeps_the_models_of_the_services_that_the_package_uses_and_no_others() -> None:
    source = (PACKAGE / "bootstrap" / "aws_clients.py").read_text("utf-8")
    assert sorted(SERVICES) == sorted(re.findall(r"\b_client\(\"([a-z]+)\"", source))
    assert source.count("create_client(") == 1, "only _client makes clients"


def find_python(*versions: str, path: Path, pyenv: Path) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": str(path), "PYENV_ROOT": str(pyenv), "HOME": str(pyenv)}
    return programs.run([FIND_PYTHON, *versions], env=environment, timeout=60)


def executable(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script)
    path.chmod(0o755)
    return path


def test_interpreter_that_cannot_run_is_skipped(tmp_path: Path) -> None:
    executable(tmp_path / "bin" / f"python{VERSION}", "#!/bin/sh\necho 'not selected' >&2\nexit 127\n")
    executable(
        tmp_path / "pyenv/versions" / f"{VERSION}.99" / "bin/python3", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n'
    )
    found = find_python(VERSION, path=tmp_path / "bin", pyenv=tmp_path / "pyenv")
    assert (found.returncode, found.stdout.strip()) == (0, sys.executable)


def test_first_available_version_of_the_requested_ones_is_used(tmp_path: Path) -> None:
    executable(tmp_path / "bin" / f"python{VERSION}", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    found = find_python("3.99", VERSION, path=tmp_path / "bin", pyenv=tmp_path)
    assert (found.returncode, found.stdout.strip()) == (0, sys.executable)


def test_missing_version_is_reported(tmp_path: Path) -> None:
    found = find_python("3.99", path=tmp_path, pyenv=tmp_path)
    assert found.returncode == 1
    assert "no Python 3.99" in found.stderr
    assert found.stdout == ""
