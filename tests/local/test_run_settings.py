"""Settings with which a run cannot start: one line that names the variable and what to do; nothing is taken away."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local.program import StartError
from local.run import read, run


@pytest.mark.parametrize("content", ["", " \n", "\n\n"])
def test_empty_webhook_file_is_refused(content: str, tmp_path: Path) -> None:
    file = tmp_path / "webhook"
    file.write_text(content)
    file.chmod(0o600)
    with pytest.raises(StartError, match=f"^WEBHOOK_FILE={file} is empty: write the inbound webhook's URL into it$"):
        read({"WEBHOOK_FILE": str(file)})


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610])
def test_webhook_file_that_others_can_use_is_refused_without_its_url(mode: int, tmp_path: Path) -> None:
    file = tmp_path / "webhook"
    file.write_text("https://portal.example/rest/1/c0d3c0d3c0d3c0d3/")
    file.chmod(mode)
    with pytest.raises(StartError, match=f"can be read by other users, .*: chmod 600 {file}$") as raised:
        read({"WEBHOOK_FILE": str(file)})
    assert "c0d3" not in str(raised.value)


def test_folder_that_others_can_write_to_is_refused(tmp_path: Path) -> None:
    """They could lay an authority there before the run does, or a link in the place of its log."""
    for mode in (0o777, 0o1777, 0o702):
        tmp_path.chmod(mode)
        with pytest.raises(
            StartError, match=f"^STATE_DIR={tmp_path} gets keys, and other users can write there; choose another folder"
        ):
            run(read({"STATE_DIR": str(tmp_path)}))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "reason"), [("a file", "File exists|Not a directory"), ("a file/below", "Not a dir")])
def test_unusable_folder_is_refused(name: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "a file").write_text("")
    options = read({"STATE_DIR": str(tmp_path / name)})
    with pytest.raises(StartError, match=f"^STATE_DIR=.* cannot be used: ({reason}).*; choose another folder"):
        run(options)


def test_folder_of_the_kernel_is_refused() -> None:
    with pytest.raises(StartError, match=r"^STATE_DIR=/proc/run cannot be used: .*; choose another folder"):
        run(read({"STATE_DIR": "/proc/run"}))


def test_second_run_in_one_folder_is_refused_and_takes_nothing_away(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    with _running_in(tmp_path), pytest.raises(StartError, match=f"^Another run uses STATE_DIR={tmp_path}: stop it, or"):
        run(read({"STATE_DIR": str(tmp_path)}))
    assert (tmp_path / "run.json").read_text() == "{}"


@contextmanager
def _running_in(folder: Path) -> Iterator[None]:
    """The lock of another run; it belongs to the open file, so that one process can play both."""
    with (folder / "run.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
