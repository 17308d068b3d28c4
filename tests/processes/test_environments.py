"""Environments with the real interpreter, venv and pip, and an index that is a folder with one package."""

import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Final

import pytest

from chat_lookup.clock import SystemClock
from tests.support.processes import programs
from tests.support.processes.run import environ
from tests.support.repository import ROOT

LONGEST_S: Final = 200.0
PACKAGE: Final = "tiny"
IMPORTED: Final = f"import {PACKAGE}; print({PACKAGE}.__name__)"


class Clone:
    """A folder with `.venv-x`, as a clone of the project has it."""

    def __init__(self, folder: Path) -> None:
        self.environment = folder / ".venv-x"
        (folder / "x.txt").write_text(f"{PACKAGE}==1.0\n")
        self.command = [str(ROOT / "tools/make-environment"), str(self.environment), str(folder / "x.txt")]
        self.variables = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheel(folder).parent)}

    def make(self, **variables: str) -> "subprocess.CompletedProcess[str]":
        return programs.run(self.command, env=self.variables | variables, timeout=LONGEST_S)

    def begun(self) -> int:
        """When venv began; 0 before that. Its first file is this one."""
        file = self.environment / "pyvenv.cfg"
        try:
            return file.stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def imports(self) -> str:
        return programs.run([self.environment / "bin/python", "-c", IMPORTED], timeout=LONGEST_S).stdout.strip()


def wheel(folder: Path) -> Path:
    """A package of one empty module."""
    path = folder / "index" / f"{PACKAGE}-1.0-py3-none-any.whl"
    path.parent.mkdir()
    about = f"{PACKAGE}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{PACKAGE}.py", "")
        archive.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: 1.0\n")
        archive.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{about}/RECORD", "")
    return path


pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


MOMENTS: Final = {
    "pyvenv.cfg": signal.SIGINT,
    "bin/python": signal.SIGKILL,
    "lib/*/site-packages/pip": signal.SIGKILL,
    "bin/pip": signal.SIGINT,
}
"""What appears one after the other, and how the command is ended then."""


def test_environment_interrupted_again_and_again_is_whole_in_the_end(clone: Clone) -> None:
    for made, number in MOMENTS.items():
        former = clone.begun()
        with programs.started(clone.command, env=clone.variables, stderr=subprocess.PIPE) as process:
            while clone.begun() in (0, former) or not any(clone.environment.glob(made)):
                assert process.poll() is None
                SystemClock().sleep(0.005)
            os.killpg(process.pid, number)  # as a terminal does
            errors = process.communicate(timeout=LONGEST_S)[1]
        assert "Traceback" not in errors
        assert ("Stopped before" in errors) == (number == signal.SIGINT)
        assert not clone.environment.joinpath("bin/.ready").exists()

    failed = clone.make(PIP_FIND_LINKS="/nowhere")
    assert failed.returncode == 1
    assert f"No matching distribution found for {PACKAGE}==1.0" in failed.stderr

    assert clone.make().returncode == 0
    assert clone.imports() == PACKAGE


def test_two_commands_at_once_make_one_environment(clone: Clone) -> None:
    with (
        programs.started(clone.command, env=clone.variables, stderr=subprocess.PIPE) as first,
        programs.started(clone.command, env=clone.variables, stderr=subprocess.PIPE) as second,
    ):
        errors = [process.communicate(timeout=LONGEST_S)[1] for process in (first, second)]
        assert [first.returncode, second.returncode] == [0, 0]
    assert sum("Setting up" in text for text in errors) == 1
    assert clone.imports() == PACKAGE


def without_pip(clone: Clone) -> None:
    (pip,) = clone.environment.glob("lib/*/site-packages/pip")
    shutil.rmtree(pip)


def under_another_name(clone: Clone) -> None:
    """Its programs begin with the path that it had."""
    before = clone.environment.with_name(".venv-y")
    clone.environment.rename(before)
    clone.environment = before
    clone.command[1] = str(before)


def test_environment_that_cannot_work_any_more_is_made_anew(clone: Clone) -> None:
    assert clone.make().returncode == 0
    for spoil in (without_pip, under_another_name):
        spoil(clone)
        again = clone.make()
        assert (again.returncode, clone.imports()) == (0, PACKAGE)
        assert "Setting up" in again.stderr
        assert clone.make().stderr == ""


# --- what is in the environment of `make run` -------------------------------------------------------------------------
ONLY_PINNED = """
import importlib.metadata, pkgutil, re, runpy, sys
from pathlib import Path

def pinned(file):
    for line in file.read_text().splitlines():
        if line.startswith("-r "):
            yield from pinned(file.parent / line[3:])
        elif "==" in line:
            yield re.sub("[-_.]+", "-", line.split("==")[0]).lower()

allowed = set(pinned(Path("requirements/run.txt")))
refused = {
    module for module, names in importlib.metadata.packages_distributions().items()
    if not {re.sub("[-_.]+", "-", name).lower() for name in names} & allowed
}

class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in refused:
            raise ModuleNotFoundError(f"{name} is not in requirements/run.txt", name=name)

sys.meta_path.insert(0, Refusing())
import tools
for module in pkgutil.walk_packages(tools.__path__, "tools."):
    if not module.name.endswith("__main__"):
        __import__(module.name)
sys.argv = ["local"]
runpy.run_module("local", run_name="__main__", alter_sys=True)
"""


def test_make_run_and_the_tools_import_nothing_that_their_requirements_lack(tmp_path: Path) -> None:
    run = programs.run(
        [sys.executable, "-c", ONLY_PINNED], cwd=ROOT, env=environ(tmp_path, ONCE="1"), timeout=LONGEST_S
    )
    assert run.returncode == 0, run.stderr
    assert '"chat_id":1437' in run.stdout
