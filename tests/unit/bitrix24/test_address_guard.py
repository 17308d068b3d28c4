"""Which addresses may be called."""

import socket
import threading

import pytest

from chat_lookup.bitrix24.address_guard import AddressRefused, Gate, is_public


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_address_is_accepted(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",  # noqa: S104
        "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1",
        "::", "::1", "fe80::1", "fe80::1%2", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "ff0e::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::7f00:1", "2002:7f00:1::", "2002:a00:1::", "2001:0:7f00:1::1", "2001:db8::1",
    ],
)  # fmt: skip
def test_private_address_in_any_notation_is_refused(address: str) -> None:
    assert not is_public(address)


def _resolver(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    def resolve(host: str, port: int, *_: object) -> list[object]:
        del host
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


def test_only_the_public_addresses_of_a_host_are_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    _resolver(monkeypatch, "10.0.0.1", "8.8.8.8", "127.0.0.1", "8.8.8.8", "2606:4700::1111")

    assert Gate().admitted("example.bitrix24.com", 443, 1) == ["8.8.8.8", "2606:4700::1111"]


def test_host_without_a_public_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    _resolver(monkeypatch, "10.0.0.1", "::1")

    with pytest.raises(AddressRefused):
        Gate().admitted("example.bitrix24.com", 443, 1)


def test_exempt_host_must_match_in_host_and_port(monkeypatch: pytest.MonkeyPatch) -> None:
    _resolver(monkeypatch, "10.0.0.1")
    gate = Gate(frozenset({"Portal.local:3010", "[::1]:3010"}))

    assert gate.admitted("portal.LOCAL", 3010, 1) == ["10.0.0.1"]
    assert gate.admitted("::1", 3010, 1) == ["10.0.0.1"]
    for host, port in (("portal.local", 3011), ("other.portal.local", 3010), ("portal.local.", 3010)):
        with pytest.raises(AddressRefused):
            gate.admitted(host, port, 1)


def test_resolution_ends_at_the_timeout_when_the_name_server_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def resolve(*_: object) -> list[object]:
        released.wait(60)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    try:
        with pytest.raises(TimeoutError):
            Gate().admitted("example.bitrix24.com", 443, 0.05)
    finally:
        released.set()


@pytest.mark.parametrize("fault", [socket.gaierror(-2, "unknown"), UnicodeError("label too long")])
def test_host_that_does_not_resolve_is_an_os_error(monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    def resolve(*_: object) -> list[object]:
        raise fault

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(OSError, match=r"unknown|not a host name"):
        Gate().admitted("example.bitrix24.com", 443, 1)
