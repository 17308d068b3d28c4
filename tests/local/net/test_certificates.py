"""The authority of a local run: accepted by strict clients, stored, renewed, its keys secret."""

import socket
import ssl
import stat
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509

from local.net.certificates import Authority
from local.net.http_server import HttpServer

DAY = 86_400.0


@dataclass
class FixedClock:
    """A clock for certificates that are created at another time."""

    at: float

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


def hello(_: object, start_response: object) -> Iterable[bytes]:
    assert callable(start_response)
    start_response("200 OK", [])
    return [b"hello"]


def strict(ca_pem: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=ca_pem)
    context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def shake_hands(server: HttpServer, client: ssl.SSLContext, name: str) -> dict[str, object]:
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection,
        client.wrap_socket(connection, server_hostname=name) as secured,
    ):
        return dict(secured.getpeercert() or {})


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.mark.parametrize("name", ["127.0.0.1", "::1", "localhost", "host.docker.internal"])
def test_strict_client_accepts_every_local_name(authority: Authority, name: str) -> None:
    server = HttpServer(hello, ssl_context=authority.server_context())
    server.start()
    try:
        assert shake_hands(server, strict(authority.ca_pem), name)
    finally:
        server.stop()


def test_another_name_and_another_authority_are_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority", names=("portal.example",))
    server = HttpServer(hello, ssl_context=authority.server_context())
    server.start()
    try:
        assert shake_hands(server, strict(authority.ca_pem), "portal.example")
        with pytest.raises(ssl.SSLCertVerificationError):
            shake_hands(server, strict(authority.ca_pem), "localhost")
        foreign = Authority(tmp_path / "another", names=("portal.example",))
        with pytest.raises(ssl.SSLCertVerificationError):
            shake_hands(server, strict(foreign.ca_pem), "portal.example")
    finally:
        server.stop()


def test_authority_is_created_once_and_its_certificates_are_reused(tmp_path: Path) -> None:
    first = Authority(tmp_path)
    first.server_context()
    files = {path: path.read_bytes() for path in tmp_path.iterdir()}
    second = Authority(tmp_path)
    second.server_context()
    assert second.ca_pem == first.ca_pem == second.ca_file.read_text()
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == files


def test_keys_are_readable_by_their_owner_only(authority: Authority) -> None:
    authority.server_context()
    secret = [path for path in authority.ca_file.parent.iterdir() if b"PRIVATE KEY" in path.read_bytes()]
    assert len(secret) == 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in secret} == {0o600}
    assert b"PRIVATE KEY" not in authority.ca_file.read_bytes()


def test_certificates_that_are_about_to_expire_are_renewed(tmp_path: Path) -> None:
    clock = FixedClock(1_700_000_000.0)
    first = Authority(tmp_path, clock)
    first.server_context()
    servers = set(tmp_path.glob("server-*"))
    clock.sleep(330 * DAY)
    same = Authority(tmp_path, clock)
    same.server_context()
    assert same.ca_pem == first.ca_pem
    assert set(tmp_path.glob("server-*")) == servers
    clock.sleep(10 * DAY)
    renewed = Authority(tmp_path, clock)
    renewed.server_context()
    assert renewed.ca_pem != first.ca_pem
    assert set(tmp_path.glob("server-*")) > servers


def test_authority_lives_a_year_and_no_certificate_outlives_it(tmp_path: Path) -> None:
    Authority(tmp_path).server_context()
    made = [x509.load_pem_x509_certificate(path.read_bytes()) for path in tmp_path.glob("*.pem")]
    ends = {each.not_valid_after_utc for each in made}
    assert len(made) == 3
    assert len(ends) == 1
    assert (ends.pop() - made[0].not_valid_before_utc).days <= 366


@pytest.mark.parametrize("name", ["bank.example", "portal.test.example", "10.0.0.1", "128.0.0.1", "::2"])
def test_authority_cannot_sign_for_a_name_that_is_not_its_own(tmp_path: Path, name: str) -> None:
    authority = Authority(tmp_path, names=("localhost", "portal.test"))
    server = HttpServer(hello, ssl_context=authority.server_context((name,)))
    server.start()
    try:
        with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
            shake_hands(server, strict(authority.ca_pem), name)
    finally:
        server.stop()


def test_authority_of_a_former_run_is_replaced_unless_it_permits_all_names_of_this_one(tmp_path: Path) -> None:
    wide = Authority(tmp_path, names=("localhost", "portal.example"))
    assert Authority(tmp_path).ca_pem == wide.ca_pem
    assert Authority(tmp_path, names=("portal.example",)).ca_pem == wide.ca_pem
    assert Authority(tmp_path, names=("another.example", "192.0.2.7")).ca_pem != wide.ca_pem


def test_damaged_key_is_replaced(tmp_path: Path) -> None:
    first = Authority(tmp_path)
    (tmp_path / "ca-key.pem").write_text("damaged")
    assert Authority(tmp_path).ca_pem != first.ca_pem


def test_concurrent_runs_use_one_authority(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as runs:
        made = list(runs.map(lambda _: Authority(tmp_path).ca_pem, range(8)))
    assert len(set(made)) == 1
