"""Why there was no connection to a portal: each cause by itself, in the error, in its detail and in the log."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chat_lookup.bitrix24.client import Bitrix24Client, Endpoint
from chat_lookup.bitrix24.errors import BitrixError, NoConnection
from chat_lookup.clock import Deadline, SystemClock
from chat_lookup.install.page_texts import page_text
from chat_lookup.languages import Language
from chat_lookup.portals.failures import for_caller
from local.net.certificates import LOCAL_NAMES, Authority
from tests.support.fakes import ManualClock
from tests.support.portals.scripted_portal import ScriptedPortal, authority, client_of, result, scripted, soon

IN_2020 = 1_600_000_000.0


def client(port: int, ca_pem: str | None = None) -> Bitrix24Client:
    hosts = frozenset({f"127.0.0.1:{port}"})
    return Bitrix24Client(SystemClock(), local_hosts=hosts, ca_pem=authority().ca_pem if ca_pem is None else ca_pem)


def resolving(monkeypatch: pytest.MonkeyPatch, answer: Callable[[], object]) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: answer())


def fail(errno: int) -> object:
    raise socket.gaierror(errno, "as a resolver reports it")


@contextmanager
def portal_of(context_of: Authority, names: tuple[str, ...] = LOCAL_NAMES) -> Iterator[ScriptedPortal]:
    portal = ScriptedPortal([result(1)], context_of.server_context(names))
    try:
        yield portal
    finally:
        portal.stop()


def error_of(called: Bitrix24Client, port: int, deadline: Deadline | None = None) -> BitrixError:
    endpoint = Endpoint.from_webhook(f"https://127.0.0.1:{port}/rest/1/5ecretc0de5ecret/")
    with pytest.raises(BitrixError) as raised:
        called.call(endpoint, "profile", {}, deadline or soon())
    return raised.value


def assert_cause(error: BitrixError, cause: NoConnection) -> None:
    assert (error.connection, error.host.partition(":")[0]) == (cause, "127.0.0.1")
    for_callers = for_caller(error, 0.0)
    assert (for_callers.status, for_callers.cause) == (503, cause)
    assert error.host in for_callers.detail
    assert "5ecret" not in f"{for_callers.detail} {error!r} {vars(error)}"


def test_unknown_host_and_silent_name_server_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    for errno, cause in (
        (socket.EAI_NONAME, NoConnection.UNKNOWN_HOST),
        (socket.EAI_AGAIN, NoConnection.NO_NAME_SERVER),
        (socket.EAI_FAIL, NoConnection.NO_NAME_SERVER),
    ):
        with monkeypatch.context() as patch:
            resolving(patch, lambda errno=errno: fail(errno))  # type: ignore[misc]  # the loop's value
            assert_cause(error_of(client(443), 443), cause)


def test_code_in_the_place_of_the_host_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, lambda: fail(socket.EAI_NONAME))
    endpoint = Endpoint.from_webhook("https://5ecretc0de5ecret.invalid/rest/1/5ecretc0de5ecret/")
    with pytest.raises(BitrixError) as raised:
        client(443).call(endpoint, "profile", {}, soon())
    assert raised.value.host == "***.invalid"
    assert "5ecret" not in for_caller(raised.value, 0.0).detail


def test_refused_connection_is_named() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert_cause(error_of(client(port), port), NoConnection.REFUSED)


def test_address_without_a_way_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", lambda *_: fail_with(OSError(101, "Network is unreachable")))
    assert_cause(error_of(client(443), 443), NoConnection.NO_WAY)


def test_connection_that_takes_too_long_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", lambda *_: fail_with(TimeoutError()))
    assert_cause(error_of(client(443), 443), NoConnection.TIMED_OUT)


def fail_with(error: OSError) -> None:
    raise error


def test_certificates_differ(tmp_path: Path) -> None:
    past = Authority(tmp_path / "past", ManualClock(IN_2020))
    for context_of, names, trusted, cause in (
        (authority(), LOCAL_NAMES, "", NoConnection.NOT_TRUSTED),
        (Authority(tmp_path / "another"), LOCAL_NAMES, None, NoConnection.NOT_TRUSTED),
        (authority(), ("portal.example",), None, NoConnection.OTHER_HOST),
        (past, LOCAL_NAMES, past.ca_pem, NoConnection.NOT_VALID_NOW),
    ):
        with portal_of(context_of, names) as portal:
            error = error_of(client(portal.port, trusted), portal.port)
        assert_cause(error, cause)
        assert error.description == "tls"
        assert for_caller(error, 0.0).retry_after == 300


def test_port_without_tls_is_named() -> None:
    def plain(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=plain, args=(listener,), daemon=True).start()
        port = listener.getsockname()[1]
        assert_cause(error_of(client(port), port), NoConnection.NO_TLS)


def test_portal_that_was_reached_has_no_such_cause() -> None:
    with scripted(result(1)) as portal:
        called = client_of(portal)
        endpoint = Endpoint.from_webhook(f"https://127.0.0.1:{portal.port}/rest/1/5ecretc0de5ecret/")
        assert called.call(endpoint, "profile", {}, soon()).result == 1
    late = BitrixError("TIMEOUT", description="no answer in time", host="acme.bitrix24.com")
    assert for_caller(late, 0.0).detail == "The portal did not answer in time"


@pytest.mark.parametrize("cause", NoConnection)
def test_each_cause_has_a_detail_and_a_sentence_on_the_page(cause: NoConnection) -> None:
    general = {page_text("internal-error", language) for language in Language}
    details = for_caller(BitrixError("TRANSPORT", host="b24.acme.example", connection=cause), 0.0).detail
    assert "b24.acme.example" in details
    assert "{" not in details
    sentences = {page_text(cause, language) for language in Language}
    assert len(sentences) == len(Language)
    assert not sentences & general
