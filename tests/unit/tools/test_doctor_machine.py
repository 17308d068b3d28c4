"""What this machine has, whatever its variables and files contain: who holds a port, a container engine, a Python."""

import os
import socket
from pathlib import Path

import pytest

from tools.container_engine import engine
from tools.doctor.machine import PORTS, holder, ports, python_of_functions

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


@pytest.mark.parametrize("given", ["65536", "9" * 5000, "-1", "\u0663\u0660", "x"])
@pytest.mark.parametrize("variable", PORTS)
def test_port_that_a_run_would_refuse_is_not_examined(variable: str, given: str) -> None:
    others = dict.fromkeys(PORTS, "0")
    assert list(ports({**others, variable: given})) == []


@pytest.mark.parametrize("given", ["tcp://127.0.0.1:99999", "tcp://127.0.0.1:port", "tcp://[::1"])
def test_address_of_an_engine_that_is_none_is_no_engine(given: str) -> None:
    assert engine({"DOCKER_HOST": given}, ()) is None


def test_engine_behind_a_tunnel_is_left_to_its_own_client() -> None:
    assert engine({"DOCKER_HOST": "ssh://user@build.example"}, ()) == "ssh://user@build.example"


@pytest.mark.parametrize("script", ["#!/bin/sh\nexit 1\n", "#!/bin/sh\nexec sleep 60\n", None])
def test_python_that_is_not_found_in_time_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None
) -> None:
    monkeypatch.setattr("tools.doctor.machine._SECONDS", 0.2)
    (tmp_path / "layers").mkdir()
    if script:
        (tmp_path / "layers/find-python").write_text(script)
        (tmp_path / "layers/find-python").chmod(0o755)
    assert python_of_functions(tmp_path) is None
