"""Who holds a port, by real files of /proc."""

import os
import socket
from pathlib import Path

import pytest

from tools.doctor.machine import holder

ROW = "  0: 0100007F:{port:04X} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000     0        0 {inode} 1"


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A process that listens on port 3000, and one whose files another user may not see."""
    (tmp_path / "net").mkdir()
    rows = [ROW.format(port=3000, state="0A", inode=77), ROW.format(port=3443, state="01", inode=78)]
    (tmp_path / "net/tcp").write_text("\n".join(["  sl  local_address ...", *rows]))
    (tmp_path / "41/fd").mkdir(parents=True)
    (tmp_path / "7").mkdir()
    (tmp_path / "41/comm").write_text("node\n")
    for number, target in (("3", "socket:[77]"), ("4", "socket:[78]"), ("5", "/dev/null")):
        (tmp_path / "41/fd" / number).symlink_to(target)
    return tmp_path


def test_program_that_listens_is_named(proc: Path) -> None:
    assert holder(3000, proc) == "node (process 41)"


@pytest.mark.parametrize("port", [3443, 3010])
def test_port_without_a_listener_that_can_be_seen_has_no_name(proc: Path, port: int) -> None:
    assert holder(port, proc).startswith("a program of another user")


def test_own_process_is_found_by_the_real_files() -> None:
    if not Path("/proc/net/tcp").exists():
        pytest.skip("this system has no /proc")
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert holder(server.getsockname()[1]).endswith(f"(process {os.getpid()})")
