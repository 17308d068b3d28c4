"""Environments are made once, brought up to date, and made anew after whatever ended their making.

An interpreter of the tests stands in for Python: it makes folders and notes what it is asked to install, and ends the
making, at the step and in the way that its variables name. tests/processes has the real one.
"""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.processes import programs
from tests.support.repository import ROOT

INTERPRETER = """#!/bin/sh
case "$*" in
  *" --check "*) exec {python} "$@" ;;
  *ensurepip*) step=ensurepip ;;
  *" venv "*) step=venv; for folder; do :; done; mkdir -p "$folder/bin" "$folder/lib/python3/site-packages" ;;
  *) step=pip; folder="$(dirname "$0")/.."; echo "Collecting $*"; echo "$*" >> "$folder/half-installed" ;;
esac
if [ "$step" = "${{END_AT:-}}" ]; then
  case "$END_BY" in
    failure) echo "${{WORDS:-ERROR: the disk is full}}"; exit 1 ;;
    KILL) kill -s KILL "$PPID"; exit ;;
    *) kill -s "$END_BY" "$PPID"; exec sleep 20 ;;
  esac
fi
case "$step" in
  venv) echo venv >> "$folder/../made"; cp "$0" "$folder/bin/python" ;;
  pip) echo pip >> "$folder/../made"; mv "$folder/half-installed" "$folder/installed" ;;
esac
"""
MAKE = """
import sys
from tools import python_environment
sys.executable = sys.argv.pop(1)
python_environment._BETWEEN_LINES_S = 0.001
sys.exit(python_environment.main(sys.argv[1:]))
"""
STEPS = ("ensurepip", "venv", "pip")


@dataclass
class Scene:
    """A folder with requirements, and the interpreter."""

    folder: Path

    @property
    def environment(self) -> Path:
        return self.folder / ".venv-x"

    @property
    def command(self) -> list[str]:
        words = (str(self.environment), "--no-compile", str(self.folder / "x.txt"), str(self.folder / "x.pth"))
        return [sys.executable, "-c", MAKE, str(self.folder / "python"), *words]

    def make(self, **variables: str) -> "subprocess.CompletedProcess[str]":
        return programs.run(self.command, cwd=ROOT, env=os.environ | variables, timeout=30)

    def took(self) -> list[str]:
        """Returns the steps since the last call."""
        made = self.folder / "made"
        steps = made.read_text().split() if made.exists() else []
        made.unlink(missing_ok=True)
        return steps

    @property
    def is_whole(self) -> bool:
        names = ("bin/.ready", "bin/python", "installed", "lib/python3/site-packages/x.pth")
        return all((self.environment / name).exists() for name in names)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    interpreter = tmp_path / "python"
    interpreter.write_text(INTERPRETER.format(python=sys.executable))
    interpreter.chmod(0o700)
    (tmp_path / "x.txt").write_text("-r base.txt\nsix==1.17.0\n")
    (tmp_path / "base.txt").write_text("idna==3.20\n")
    (tmp_path / "x.pth").write_text("# nothing\n")
    return Scene(tmp_path)


@pytest.fixture
def made(scene: Scene) -> Scene:
    done = scene.make()
    assert (done.returncode, done.stdout, scene.took()) == (0, "", ["venv", "pip"]), done.stderr
    return scene


def test_environment_is_made_with_a_line_for_each_pause_and_a_second_time_nothing_is_done(made: Scene) -> None:
    assert made.is_whole
    assert "--no-compile" in (made.environment / "installed").read_text()
    again = made.make()
    assert (again.returncode, again.stdout, again.stderr, made.took()) == (0, "", "", [])


def test_latest_line_of_what_runs_is_shown_while_it_runs(scene: Scene) -> None:
    lines = scene.make().stderr.splitlines()
    assert lines[0].endswith(f".venv-x with Python 3.{sys.version_info[1]}, once")
    assert lines[-1].endswith(".venv-x is ready, after 0 s")
    assert any(line.startswith("    0 s: Collecting ") or line.endswith(": pip install") for line in lines)


@pytest.mark.parametrize("how", ["KILL", "INT", "failure"])
@pytest.mark.parametrize("step", STEPS)
def test_environment_whose_making_ended_at_any_step_is_made_anew_by_the_same_command(
    scene: Scene, step: str, how: str
) -> None:
    ended = scene.make(END_AT=step, END_BY=how)
    assert ended.returncode != 0
    assert "Traceback" not in ended.stderr
    assert not scene.environment.joinpath("bin/.ready").exists()
    scene.took()

    again = scene.make()
    assert (again.returncode, scene.took()) == (0, ["venv", "pip"]), again.stderr
    assert scene.is_whole


def test_failure_is_reported_with_its_cause_and_where_the_rest_is(scene: Scene) -> None:
    failed = scene.make(END_AT="pip", END_BY="failure")
    assert failed.returncode == 1
    assert f"{scene.environment} could not be made: the disk is full\n" in failed.stderr
    assert "The same command tries again" in failed.stderr
    assert "the disk is full" in scene.folder.joinpath(".venv-x.log").read_text()
    assert scene.make().returncode == 0
    assert not scene.folder.joinpath(".venv-x.log").exists()


def test_words_of_the_package_index_reach_the_terminal_without_its_commands(scene: Scene) -> None:
    words = "WARNING: yanked: \x1b]0;title\x07\x9b31m\u202e[x]"
    failed = scene.make(END_AT="pip", END_BY="failure", WORDS=words)
    assert [line for line in failed.stderr.splitlines() if not line.isprintable()] == []
    assert "yanked" in failed.stderr


UNREACHED = (
    "  WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError('<x>: "
    "Failed to establish a new connection: [Errno -3] Temporary failure in name resolution')': /simple/six/\n"
)
SLOW = (
    "  WARNING: Retrying (Retry(total=0)) after connection broken by "
    """'ReadTimeoutError("Pool(host='x', port=443): Read timed out. (read timeout=15)")': /packages/73/six.whl\n"""
)


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (f"{UNREACHED}ERROR: No matching distribution found for six==1.17.0", "Temporary failure in name resolution"),
        (
            f"{SLOW}ERROR: Could not install packages due to an OSError: Max retries",
            "Read timed out. (read timeout=15)",
        ),
        (
            "pip._vendor.urllib3.exceptions.ReadTimeoutError: Pool(host='x', port=443): Read timed out.",
            "Read timed out.",
        ),
    ],
    ids=["no index", "no file", "in the middle of a file"],
)
def test_connection_that_broke_is_reported_as_such_and_not_as_a_missing_package(
    scene: Scene, words: str, cause: str
) -> None:
    failed = scene.make(END_AT="pip", END_BY="failure", WORDS=words)
    _, made_known, reason = failed.stderr.partition(".venv-x could not be made: ")
    assert reason.startswith(f"no connection to the package index: {cause}\n")
    # Before it, on a busy machine, there may be a line of progress with pip's own last words.
    assert "six" not in made_known + reason


def test_interpreter_without_ensurepip_is_reported_with_its_cure_and_nothing_is_made(scene: Scene) -> None:
    failed = scene.make(END_AT="ensurepip", END_BY="failure")
    assert failed.returncode == 1
    assert "apt install python3." in failed.stderr
    assert not scene.environment.exists()


def test_changed_requirements_are_installed_into_the_environment_that_is_there(made: Scene) -> None:
    for file in ("x.txt", "base.txt", "x.pth"):
        with (made.folder / file).open("a") as changed:
            changed.write("# and more\n")
        assert (made.make().returncode, made.took()) == (0, ["pip"])
        assert made.is_whole
    assert (made.make().returncode, made.took()) == (0, [])


def test_environment_of_the_commands_before_is_brought_up_to_date(made: Scene) -> None:
    (made.environment / "bin/.ready").write_text("")
    assert (made.make().returncode, made.took()) == (0, ["pip"])


def without_interpreter(made: Scene) -> None:
    (made.environment / "bin/python").unlink()


def interpreter_of_no_file(made: Scene) -> None:
    without_interpreter(made)
    (made.environment / "bin/python").symlink_to("/nowhere/python3.13")


def another_version(made: Scene) -> None:
    ready = made.environment / "bin/.ready"
    ready.write_text(ready.read_text().replace("Python 3.", "Python 3.1"))


def moved_folder(made: Scene) -> None:
    made.environment.rename(made.folder / ".venv-other")
    (made.folder / ".venv-other").rename(made.environment)
    ready = made.environment / "bin/.ready"
    ready.write_text(ready.read_text().replace(str(made.folder), "/before"))


def file_in_its_place(made: Scene) -> None:
    made.environment.rename(made.folder / ".venv-other")
    made.environment.write_text("")


def environment_of_another_clone(made: Scene) -> None:
    """A link, whose target may be in use."""
    made.environment.rename(made.folder / ".venv-other")
    made.environment.symlink_to(made.folder / ".venv-other")


@pytest.mark.parametrize(
    "spoil",
    [
        without_interpreter,
        interpreter_of_no_file,
        another_version,
        moved_folder,
        file_in_its_place,
        environment_of_another_clone,
    ],
)
def test_environment_that_cannot_work_any_more_is_made_anew(made: Scene, spoil: Callable[[Scene], None]) -> None:
    spoil(made)
    assert (made.make().returncode, made.took()) == (0, ["venv", "pip"])
    assert made.is_whole
    assert not made.environment.is_symlink()


def test_target_of_a_link_is_left_as_it_is(made: Scene) -> None:
    environment_of_another_clone(made)
    with (made.folder / "x.txt").open("a") as changed:
        changed.write("# and more\n")
    ready = made.folder / ".venv-other/bin/.ready"
    before = ready.read_text().replace(".venv-x", ".venv-other")
    ready.write_text(before)
    assert (made.make().returncode, made.took()) == (0, ["venv", "pip"])
    assert ready.read_text() == before


def test_two_processes_at_once_make_one_environment(scene: Scene) -> None:
    with scene.folder.joinpath(".venv-x.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with (
            programs.started(scene.command, cwd=ROOT, stderr=subprocess.PIPE) as first,
            programs.started(scene.command, cwd=ROOT, stderr=subprocess.PIPE) as second,
        ):
            for process in (first, second):
                assert process.stderr is not None
                assert process.stderr.readline().startswith(f"Another process makes {scene.environment}")
            fcntl.flock(lock, fcntl.LOCK_UN)
            for process in (first, second):
                process.communicate(timeout=20)
            assert [first.returncode, second.returncode] == [0, 0]
    assert scene.took() == ["venv", "pip"]
    assert scene.is_whole


def test_waiting_for_another_process_ends_on_a_signal(scene: Scene) -> None:
    with scene.folder.joinpath(".venv-x.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with programs.started(scene.command, cwd=ROOT, stderr=subprocess.PIPE) as process:
            assert process.stderr is not None
            process.stderr.readline()
            process.send_signal(signal.SIGINT)
            assert "Stopped before " in process.communicate(timeout=20)[1]
            assert process.returncode == 130


HELD_BACK = """
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
os.kill(os.getpid(), signal.SIGINT)
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_signal_that_was_held_back_while_the_interpreter_began_ends_it_in_one_line(scene: Scene) -> None:
    done = programs.run([sys.executable, "-c", HELD_BACK, *scene.command], cwd=ROOT, timeout=20)
    assert (done.returncode, done.stderr.count("\n")) == (130, 1)
    assert done.stderr.startswith("Stopped before ")


AT_THE_END = """
import signal, sys
from tools import python_environment
sys.executable = sys.argv.pop(1)
show = python_environment.show

def interrupted(text):
    show(text)
    if "could not be made" in text or " is ready" in text:
        signal.raise_signal(signal.SIGINT)

python_environment.show = interrupted
status = python_environment.main(sys.argv[1:])
signal.raise_signal(signal.SIGINT)
sys.exit(status)
"""


@pytest.mark.parametrize(
    ("variables", "status", "last"),
    [({}, 130, "Stopped before"), ({"END_AT": "pip", "END_BY": "failure"}, 1, "could not be made: the disk is full")],
)
def test_signal_at_the_end_is_no_traceback(scene: Scene, variables: dict[str, str], status: int, last: str) -> None:
    command = [word if word != MAKE else AT_THE_END for word in scene.command]
    done = programs.run(command, cwd=ROOT, env=os.environ | variables, timeout=30)
    assert (done.returncode, "Traceback" in done.stderr) == (status, False)
    assert last in done.stderr


@pytest.mark.parametrize(
    ("place", "error"),
    [
        ("/proc/.venv-x", "cannot be made: "),
        ("/nowhere/.venv-x", "cannot be made: No such file or directory: /nowhere/.venv-x.lock"),
        ("documents", "its name has to begin with .venv"),
    ],
)
def test_folder_where_no_environment_can_be_is_reported_in_one_line(scene: Scene, place: str, error: str) -> None:
    (scene.folder / "documents").mkdir()
    command = [word.replace(str(scene.environment), str(scene.folder / place)) for word in scene.command]
    done = programs.run(command, cwd=ROOT, timeout=20)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert error in done.stderr
    assert (scene.folder / "documents").is_dir()
