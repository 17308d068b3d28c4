"""The client calls only permitted addresses, and only hosts with a valid certificate for their name."""

import logging
import socket

import pytest

from chat_lookup.bitrix24.client import Bitrix24Client
from chat_lookup.bitrix24.errors import BitrixError, ErrorClass
from chat_lookup.clock import SystemClock
from tests.support.portals.scripted_portal import (
    ScriptedPortal,
    authority,
    client_of,
    no_name_server_knows,
    result,
    scripted,
    soon,
)


def _call(client: Bitrix24Client, portal: ScriptedPortal, host: str = "127.0.0.1") -> object:
    return client.call(portal.endpoint(host), "im.chat.get", {}, soon()).result


def _error(client: Bitrix24Client, portal: ScriptedPortal, host: str = "127.0.0.1") -> BitrixError:
    with pytest.raises(BitrixError) as caught:
        _call(client, portal, host)
    return caught.value


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "127.1", "[::1]", "[::ffff:127.0.0.1]"])
def test_private_address_in_any_notation_is_refused_before_a_connection(host: str) -> None:
    with scripted(result(1)) as portal:
        client = Bitrix24Client(SystemClock(), ca_pem=authority().ca_pem)
        error = _error(client, portal, host)

    assert (error.metric_code, error.error_class) == ("ADDRESS_REFUSED", ErrorClass.CONFIG)
    assert portal.connections == 0


def test_local_host_exception_permits_only_its_own_port() -> None:
    with scripted(result(1)) as portal, scripted(result(2)) as other:
        client = client_of(portal)

        assert _call(client, portal) == 1
        assert _error(client, other).metric_code == "ADDRESS_REFUSED"
    assert other.connections == 0


def test_checked_address_is_the_one_that_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    resolved = []
    resolve = socket.getaddrinfo

    def rebinding(host: str, *args: object, **options: object) -> object:
        if host != "localhost":
            return resolve(host, *args, **options)  # type: ignore[arg-type]  # passed on unchanged
        resolved.append(host)
        if len(resolved) > 1:
            raise socket.gaierror(socket.EAI_NONAME, "resolved a second time")
        return resolve("127.0.0.1", *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    with scripted(result(1), names=["localhost"]) as portal:
        assert _call(client_of(portal), portal, "localhost") == 1

    assert resolved == ["localhost"]


def test_unreachable_address_leaves_time_for_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve = socket.getaddrinfo

    def two(host: str, *args: object, **options: object) -> object:
        if host != "localhost":
            return resolve(host, *args, **options)  # type: ignore[arg-type]  # passed on unchanged
        return [
            *resolve("127.0.0.2", *args, **options),  # type: ignore[arg-type]
            *resolve("127.0.0.1", *args, **options),  # type: ignore[arg-type]
        ]

    monkeypatch.setattr(socket, "getaddrinfo", two)
    with scripted(result(1), names=["localhost"]) as portal:  # listens on 127.0.0.1 only
        assert _call(client_of(portal), portal, "localhost") == 1


def test_unknown_host_raises_a_transport_error(monkeypatch: pytest.MonkeyPatch) -> None:
    no_name_server_knows(monkeypatch)
    with scripted(result(1)) as portal:
        error = _error(client_of(portal), portal, "nowhere.invalid")

    assert (error.metric_code, error.description, error.unreached) == ("TRANSPORT", "dns", True)


def test_certificate_for_another_name_raises_a_transport_error() -> None:
    with scripted(result(1), names=["example.bitrix24.com"]) as portal:
        error = _error(client_of(portal), portal)

    assert (error.metric_code, error.error_class, error.description) == ("TRANSPORT", ErrorClass.RETRY, "tls")
    assert portal.requests == []


def test_authority_that_is_not_configured_is_not_trusted() -> None:
    with scripted(result(1)) as portal:
        client = Bitrix24Client(SystemClock(), local_hosts=frozenset({f"127.0.0.1:{portal.port}"}))
        error = _error(client, portal)

    assert (error.metric_code, error.description) == ("TRANSPORT", "tls")
    assert portal.requests == []


def test_text_without_certificate_is_refused_with_a_fixed_message() -> None:
    with scripted(result(1)) as portal, pytest.raises(ValueError, match="the CA text holds no certificate"):
        _call(Bitrix24Client(SystemClock(), ca_pem="no certificate"), portal)


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted(result(1)) as portal, scripted(result(2), tls=False) as proxy:
        for name in ("https_proxy", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")

        assert _call(client_of(portal), portal) == 1
    assert proxy.connections == 0


def test_urllib3_logs_nothing_at_any_level(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), scripted(result(1)) as portal:
        _call(client_of(portal), portal)

    assert [record for record in caplog.records if record.name.startswith("urllib3")] == []
